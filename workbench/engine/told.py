"""One long request to a child process, with the stages it reaches told as they come."""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from workbench.engine.child import Child, ChildCrashedError, ChildGarbledError, ChildTimeoutError, Report
from workbench.engine.verdict import error_of
from workbench.errors import EngineCrashedError, QuantiseError, WorkbenchError
from workbench.jobs import CancelToken
from workbench.words import said

E = TypeVar("E")

POLL_S = 0.05

_COUNTED = re.compile(r"\w+ (\d+)/(\d+)")


class _Same(Mapping[str, float]):
    """One dead-line for whatever stage."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    def __getitem__(self, stage: str) -> float:
        return self._limit_s

    def __iter__(self) -> Iterator[str]:
        return iter(("",))

    def __len__(self) -> int:
        return 1


def told(
    child: Child,
    operation: str,
    request: Mapping[str, object],
    cancel: CancelToken,
    *,
    stage_s: float,
    event: Callable[[int, int], E],
) -> Generator[E, None, Report]:
    """An event of how much of how much is done, each time that changes, then the report.

    ``stage_s`` is each stage's dead-line.

    An abandoned generator leaves the child for its owner to close.  Raises what ``Child.ask`` does.
    """
    abandoned = CancelToken()
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="child") as pool:
        future = pool.submit(child.ask, operation, request, abandoned, stage_s=_Same(stage_s))
        try:
            stage = child.stage
            while not concurrent.futures.wait([future], timeout=POLL_S).done:
                if cancel.cancelled:
                    abandoned.cancel()
                elif child.stage != stage:
                    stage = child.stage
                    if counted := _COUNTED.fullmatch(stage):
                        yield event(int(counted[1]), int(counted[2]))
            return future.result()
        finally:
            abandoned.cancel()


def failed(what: str, path: Path, error: ChildCrashedError | ChildTimeoutError | ChildGarbledError) -> WorkbenchError:
    """``what`` was being done with the file when the child did not answer."""
    if isinstance(error, ChildCrashedError) and not error.was_killed:
        return EngineCrashedError(
            said(
                "{file} crashes llama.cpp while it is {what} ({reason}).",
                file=path.name,
                what=what,
                reason=error.reason,
            ),
            hint=said("The file is damaged or made for another version; only the process that did the work was lost."),
        )
    reason = said("it was ended by the system") if isinstance(error, ChildCrashedError) else error
    return QuantiseError(
        said("{file} could not be {what}: {reason}.", file=path.name, what=what, reason=reason),
        hint=said("There may be too little memory, or the disk is very busy: close other programs and try again."),
    )


def checked(report: Report) -> Mapping[str, object]:
    """The result in a report; raises the error that is in it instead."""
    if "error" in report:
        failure = report["error"]
        raise error_of(failure["code"], failure["message"], failure["hint"])
    result: Mapping[str, object] = report["result"]
    return result
