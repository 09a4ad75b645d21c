"""Breaks off what a connection waits for, as soon as somebody cancels."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import Any

from workbench.jobs import CancelToken

POLL_S = 0.1


class Breaker:
    """Shuts the sockets of one HTTP client when ``cancel`` is set.  Close it.

    ``trace`` is for the client's extension of that name.  A connection that is still being made is not broken
    off: that has a time-out of its own.
    """

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()  # guards _sockets: the client's thread adds, ours shuts
        self._thread = threading.Thread(target=self._watch, name="hub-breaker", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        return self._cancel.cancelled

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember each new socket; one that TLS has wrapped takes the place of its own."""
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        made = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets = [*(one for one in self._sockets if one.fileno() >= 0), made]

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(POLL_S):
            if self._cancel.cancelled:
                with self._lock:
                    for one in self._sockets:
                        # Not the method of a TLS socket, which would unwrap it under its reader's feet.
                        with contextlib.suppress(OSError):  # closed already
                            socket.socket.shutdown(one, socket.SHUT_RDWR)
