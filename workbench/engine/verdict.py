"""What is known about a model file that was opened in a child process before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from workbench.errors import EngineError, WorkbenchError


@dataclass(frozen=True, slots=True)
class Verdict:
    """``code`` is None for a file that may be loaded, else the code of the error it causes."""

    code: str | None = None
    message: str = ""
    hint: str | None = None

    def raise_if_rejected(self) -> None:
        if self.code is not None:
            raise error_of(self.code, self.message, self.hint)


def error_of(code: str, message: str, hint: str | None) -> WorkbenchError:
    """The error that another process, or another run of the program, named by its code."""
    kinds = {kind.code: kind for kind in _below(WorkbenchError)}
    return kinds.get(code, EngineError)(message, hint=hint)


def _below(kind: type[WorkbenchError]) -> Iterator[type[WorkbenchError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


class VerdictStore(Protocol):
    """Keeps verdicts by an opaque key, from any thread."""

    def get(self, key: str) -> Verdict | None: ...

    def put(self, key: str, verdict: Verdict) -> None: ...


class RememberedVerdicts:
    """For as long as the process lives."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Verdict] = {}
        self._lock = threading.Lock()  # guards _verdicts

    def get(self, key: str) -> Verdict | None:
        with self._lock:
            return self._verdicts.get(key)

    def put(self, key: str, verdict: Verdict) -> None:
        with self._lock:
            self._verdicts[key] = verdict
