"""Keeps the computer awake while something long runs that nobody watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from workbench.words import said

log = logging.getLogger(__name__)

Keep: TypeAlias = Callable[[], "AbstractContextManager[str | None]"]
"""Enters the system's "stay awake"; gives what stands against it in plain words, None where it holds."""


class Awake:
    """Asked again while it holds, it holds on; the screen may go dark.  Used from one thread.

    The system is asked on a thread of its own: it may take its time, and must be let go where it was asked.
    ``problem`` says why the computer cannot be kept awake, None while it can or nobody knows yet.
    """

    def __init__(self, keep: Keep | None = None) -> None:
        self._keep = keep or _running
        self._thread: threading.Thread | None = None
        self._release = threading.Event()
        self.problem: str | None = None

    @property
    def held(self) -> bool:
        return self._thread is not None

    def hold(self) -> None:
        if self._thread is not None:
            return
        self._release = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(self._release,), name="awake", daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._release.set()
            thread.join(_PATIENCE_S)

    def _hold(self, release: threading.Event) -> None:
        try:
            with self._keep() as problem:
                self.problem = problem
                if problem is not None:
                    log.info("the computer is not kept awake: %s", problem)
                release.wait()
        except Exception:  # border: another program's bus may fail in any way, and no run ends for it
            log.warning("the computer could not be kept awake", exc_info=True)
            self.problem = said("The system does not answer.")


_PATIENCE_S = 1.0  # a bus that hangs must not hold up the end of the program


def _running() -> AbstractContextManager[str | None]:
    return _Running()


class _Running(AbstractContextManager["str | None"]):
    """wakepy's: the idle timer does not suspend the system; a closed lid still may."""

    def __enter__(self) -> str | None:
        # Here, not above: it looks for the system's bus when it is imported.
        from wakepy import keep

        self._mode = keep.running(on_fail="pass")
        self._mode.__enter__()
        return None if self._mode.active else said("This system offers no way to stay awake.")

    def __exit__(self, *_: object) -> None:
        self._mode.__exit__(None, None, None)
