"""One way into a child process, where whatever is untrusted happens first.

The child is this same program with a hidden flag.  It reads JSON requests from stdin, a line each, and answers
with JSON lines on stdout: ``{"id": …, "stage": …}`` while it works, then ``{"id": …, "result": …}`` or
``{"id": …, "error": …}``.  When its stdin closes it ends, so it cannot outlive the program; it also ends when no
request has come for the ``idle_s`` of the last one.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from workbench.engine.child_process import ChildProcess, program, reason_of, was_killed
from workbench.errors import EngineCrashedError
from workbench.jobs import CancelToken
from workbench.words import said, unpacked

if TYPE_CHECKING:
    from workbench.engine.child_operations import Operations
    from workbench.hardware.facts import Survey

FLAG = "--child"

POLL_S = 0.02
START_S = 60.0  # a cold disk may take long to bring the interpreter and the engine
STAGE_S = 60.0
ENDING_S = 5.0

Report: TypeAlias = dict[str, Any]


class ChildTimeoutError(Exception):
    """The child did not finish a stage within its dead-line, and was ended."""

    def __init__(self, stage: str, limit_s: float) -> None:
        super().__init__(said("{stage} took longer than {limit_s:g} s", stage=stage, limit_s=limit_s))
        self.stage = stage
        self.limit_s = limit_s


class ChildCrashedError(Exception):
    """The child ended without an answer; ``last_lines`` are what it wrote to stderr."""

    def __init__(self, status: int, stage: str, last_lines: list[str]) -> None:
        super().__init__(said("the child ended in {stage} with status {status}", stage=stage, status=status))
        self.status = status
        self.stage = stage
        self.last_lines = last_lines

    @property
    def reason(self) -> str:
        """The failed assertion, if one was printed, else the signal or exit status."""
        return reason_of(self.status, self.last_lines)

    @property
    def was_killed(self) -> bool:
        """Ended from outside, most likely by the system for lack of memory."""
        return was_killed(self.status)


class ChildGarbledError(Exception):
    """The child wrote something else than its protocol says."""

    def __init__(self, line: bytes) -> None:
        super().__init__(said("the child wrote {line!r}", line=line[:80]))


def survey() -> Survey:
    """Ask llama.cpp for its build and devices.  Raises EngineCrashedError."""
    try:
        report = call("survey", {}, CancelToken())
    except (ChildCrashedError, ChildTimeoutError, ChildGarbledError) as error:
        raise EngineCrashedError(
            said("llama.cpp could not look at this machine's devices."),
            hint=said(
                "The engine ended while it looked: {error}. A damaged graphics driver is the usual cause.", error=error
            ),
        ) from error
    return survey_from(report["result"])


def survey_from(result: Mapping[str, Any]) -> Survey:
    from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Survey

    build = result["build"]
    devices = [Device(**{**device, "kind": DeviceKind(device["kind"])}) for device in result["devices"]]
    return Survey(EngineBuild(build["version"], tuple(build["backends"]), tuple(build["cpu_features"])), tuple(devices))


# --- the parent's side -----------------------------------------------------------------------


def call(
    operation: str,
    request: Mapping[str, object],
    cancel: CancelToken,
    *,
    stage_s: Mapping[str, float] | None = None,
) -> Report:
    """The answer to one request, of a child that is gone when this returns, however it returns.

    The arguments and errors are those of ``Child.ask``.
    """
    with Child() as child:
        return child.ask(operation, request, cancel, stage_s=stage_s)


class Child:
    """A running child process that answers requests, one at a time.  Whoever starts it ends it."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._process = ChildProcess(command(), self._lines.put)
        self._ids = itertools.count(1)
        self.stage = "start"

    def ask(
        self,
        operation: str,
        request: Mapping[str, object],
        cancel: CancelToken,
        *,
        stage_s: Mapping[str, float] | None = None,
    ) -> Report:
        """The child's last report on this request: a mapping with ``result`` or ``error``.

        ``stage_s`` are dead-lines of single stages.  Raises Cancelled, after which the child goes on working and
        may be asked again or closed, and ChildTimeoutError, ChildCrashedError and ChildGarbledError, after which
        it can only be closed.
        """
        number = next(self._ids)
        self._process.send(json.dumps({"id": number, "operation": operation, **request}).encode())
        limits = stage_s or {}
        limit_s, since = START_S if number == 1 else limits.get(self.stage, STAGE_S), time.monotonic()
        while True:
            cancel.raise_if_cancelled()
            try:
                line = self._lines.get(timeout=POLL_S)
            except queue.Empty:
                if time.monotonic() - since > limit_s:
                    raise ChildTimeoutError(self.stage, limit_s) from None
                continue
            if not line:
                # Its end of the pipe is closed, so it is ending by itself: its own status tells why.
                status = self._process.ended(grace_s=ENDING_S)
                raise ChildCrashedError(status, self.stage, self._process.last_lines())
            report = _report(line)
            if report["id"] != number:  # of a request that was cancelled
                continue
            if "stage" not in report:
                return report
            self.stage, since = report["stage"], time.monotonic()
            limit_s = limits.get(self.stage, STAGE_S)

    @property
    def running(self) -> bool:
        """Whether it can still be asked: a child also ends by itself, or is ended by the system."""
        return self._process.running

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._process.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _report(line: bytes) -> Report:
    try:
        report = json.loads(line, object_hook=unpacked)
    except ValueError as error:
        raise ChildGarbledError(line) from error
    if not isinstance(report, dict) or not isinstance(report.get("id"), int):
        raise ChildGarbledError(line)
    return report


def command() -> list[str]:
    return program(FLAG)


# --- the child's side ------------------------------------------------------------------------


def serve() -> int:
    """Answer requests until no more come and return the exit status; ``__main__`` calls it before anything else."""
    from workbench.engine import child_operations

    answers = private_stdout()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    operations = child_operations.Operations()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, requests, operations), daemon=True).start()

    def tell(number: int, report: Report) -> None:
        answers.write(json.dumps({"id": number, **report}).encode() + b"\n")
        answers.flush()

    idle_s: float | None = None
    while True:
        try:
            request = json.loads(requests.get(timeout=idle_s))
        except queue.Empty:
            return 0
        number, idle_s = request["id"], request.get("idle_s")
        tell(number, operations.answer(request, _staged(tell, number)))


def _staged(tell: Callable[[int, Report], None], number: int) -> Callable[[str], None]:
    return lambda stage: tell(number, {"stage": stage})


def private_stdout() -> BinaryIO:
    """The pipe to the parent; what native code prints to stdout goes to stderr from now on."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "wb")


def _read_requests(stdin: BinaryIO, requests: queue.SimpleQueue[bytes], operations: Operations) -> None:
    """Ends the process with its stdin, even while native code works: nobody is there to hear the answer."""
    for line in stdin:
        requests.put(line)
    operations.abandon()
    os._exit(0)
