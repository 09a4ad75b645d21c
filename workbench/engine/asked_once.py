"""A question to a child process that is asked once: what it answered, or why it could not, holds from then on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from workbench.errors import WorkbenchError

T = TypeVar("T")


class AskedOnce(Generic[T]):
    """Any thread: one asks, the others wait for it.  Raises the WorkbenchError that the question ended in."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()  # guards _answer
        self._answer: T | WorkbenchError | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._answer is None:
                try:
                    self._answer = self._ask()
                except WorkbenchError as error:
                    self._answer = error
            if isinstance(self._answer, WorkbenchError):
                raise self._answer
            return self._answer
