"""The one switch of the network: while it is off nothing asks, and what was asking stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import Cancelled, HubError, OfflineError
from workbench.hub.either import Either
from workbench.jobs import CancelToken, Task
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection
    from workbench.hub.failures import Patience

E = TypeVar("E")
R = TypeVar("R")

SWITCH_ON = said("Switch offline mode off (“Offline” in the window, or `workbench offline off`)")
BACK_ON = said("{how}, then try again.", how=SWITCH_ON)


class Switch:
    """Any thread.  ``look`` is called where the network is about to be used, and again and again while it is: should
    another process have turned the switch, it turns this one."""

    LOOK_S = 1.0

    def __init__(self, *, offline: bool, look: Callable[[], object] = lambda: None) -> None:
        self.look = look
        self._lock = threading.Lock()  # guards all below
        self._offline = offline
        self._stop = CancelToken()
        self._looked_at = time.monotonic()

    @property
    def offline(self) -> bool:
        with self._lock:
            return self._offline

    def turn(self, *, offline: bool) -> bool:
        """True when it stood otherwise.  Off breaks off whatever is waited for under it."""
        with self._lock:
            turned, self._offline = self._offline != offline, offline
            if turned and offline:
                self._stop.cancel()
            elif turned:
                self._stop = CancelToken()
        return turned

    def refuse(self, what: str) -> None:
        """Raises OfflineError while it is off; ``what`` finishes the sentence "… needs the network"."""
        self.look()
        if self.offline:
            raise OfflineError(said("{what} needs the network, which is switched off.", what=what), hint=BACK_ON)

    def under(self, what: str, task: Task[E, R]) -> Task[E, R]:
        """The task, which raises OfflineError where the switch is off, or is turned off meanwhile."""

        def guarded(cancel: CancelToken) -> Generator[E, None, R]:
            cancel.raise_if_cancelled()
            self.refuse(what)
            stop = self._stopping()
            try:
                return (yield from task(Either(cancel, stop)))
            except (Cancelled, HubError) as error:
                if cancel.cancelled or not stop.cancelled:
                    raise
                raise OfflineError(
                    said("{what} was broken off: the network was switched off.", what=what), hint=BACK_ON
                ) from error

        return guarded

    def connecting(
        self, endpoint: str, *, token: Callable[[], str | None], patience: Patience | None = None
    ) -> Callable[[CancelToken], Connection]:
        """The way to a hub.  What it gives raises OfflineError, before any socket, while the switch is off."""

        def connect(cancel: CancelToken) -> Connection:
            self.look()
            stop = self._stopping()
            self.refuse(said("The model hub"))
            # Imported late: the network's libraries take a moment that only those wait for who use it.
            from workbench.hub.connection import Connection

            return Connection(endpoint, patience=patience, token=token(), cancel=Either(cancel, stop))

        return connect

    def look_at_times(self) -> None:
        """For whoever asks many times a second."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at < self.LOOK_S:
                return
            self._looked_at = now
        self.look()

    def _stopping(self) -> CancelToken:
        with self._lock:
            return _Watchful(self._stop, self)


class _Watchful(CancelToken):
    """What the switch stops, which asks at times whether it was turned elsewhere."""

    def __init__(self, stop: CancelToken, switch: Switch) -> None:
        super().__init__()
        self._stop = stop
        self._switch = switch

    @property
    def cancelled(self) -> bool:
        self._switch.look_at_times()
        return self._stop.cancelled

    def wait(self, timeout_s: float) -> bool:
        return self._stop.wait(timeout_s)
