"""One way into a short-lived child process, where whatever is untrusted happens first.

The child is this same program with a hidden flag.  It reads one JSON request from stdin and answers with
JSON lines on stdout: ``{"stage": …}`` while it works, then ``{"result": …}`` or ``{"error": …}``.  When
its stdin closes it ends, so it cannot outlive the program.
"""

from __future__ import annotations

import io
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import workbench
from workbench.errors import EngineCrashedError
from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Survey
from workbench.jobs import CancelToken

FLAG = "--child"

POLL_S = 0.02
START_S = 60.0  # a cold disk may take long to bring the interpreter and the engine
STAGE_S = 60.0

_FOLDERS = re.compile(r"\S*/(?=[\w.-]+:\d+: )")  # of the machine that compiled a failed assertion

Report: TypeAlias = dict[str, Any]


class ChildTimeoutError(Exception):
    """The child did not finish a stage within its dead-line, and was ended."""

    def __init__(self, stage: str, limit_s: float) -> None:
        super().__init__(f"{stage} took longer than {limit_s:g} s")
        self.stage = stage
        self.limit_s = limit_s


class ChildCrashedError(Exception):
    """The child ended without an answer; ``last_lines`` are what it wrote to stderr."""

    def __init__(self, status: int, stage: str, last_lines: list[str]) -> None:
        super().__init__(f"the child ended in {stage} with status {status}")
        self.status = status
        self.stage = stage
        self.last_lines = last_lines

    @property
    def reason(self) -> str:
        """The failed assertion, if one was printed, else the signal or exit status."""
        for line in reversed(self.last_lines):
            if "GGML_ASSERT" in line or "what():" in line or "ggml_abort" in line:
                return _FOLDERS.sub("", line.strip())
        if self.status < 0:
            return signal.Signals(-self.status).name
        return f"exit status {self.status}"

    @property
    def was_killed(self) -> bool:
        """Ended from outside, most likely by the system for lack of memory."""
        return os.name == "posix" and self.status == -signal.SIGKILL


def survey() -> Survey:
    """Ask llama.cpp for its build and devices.  Raises EngineCrashedError."""
    try:
        report = call("survey", {}, CancelToken())
    except (ChildCrashedError, ChildTimeoutError) as error:
        raise EngineCrashedError(
            "llama.cpp could not look at this machine's devices.",
            hint=f"The engine ended while it looked: {error}. A damaged graphics driver is the usual cause.",
        ) from error
    return survey_from(report["result"])


def survey_from(result: Mapping[str, Any]) -> Survey:
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
    """The child's last report: a mapping with ``result`` or ``error``.

    ``stage_s`` are dead-lines of single stages.  Raises Cancelled, ChildTimeoutError, ChildCrashedError;
    the child is gone when this returns, however it returns.
    """
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for the parent to handle
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        assert process.stdin is not None
        assert process.stdout is not None
        reader = threading.Thread(target=_read_lines, args=(process.stdout, lines), name="child-reader")
        reader.start()
        try:
            _send(process.stdin, {"operation": operation, **request})
            report, stage = _await_report(lines, cancel, stage_s or {})
        finally:
            process.kill()
            status = process.wait()
            reader.join()
            process.stdin.close()
            process.stdout.close()
        if report is None:
            raise ChildCrashedError(status, stage, _tail(stderr))
        return report


def command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, FLAG]
    # -P: nothing is imported from the folder the program happens to be started in.
    return [sys.executable, "-P", "-m", "workbench", FLAG]


def environment() -> dict[str, str]:
    """The parent's, without access tokens, and able to import this very package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_TOKEN", "HUGGING_FACE"))}
    package = Path(workbench.__file__).resolve().parent.parent
    path = os.pathsep.join(filter(None, (str(package), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "GGML_NO_BACKTRACE": "1"}


def _send(stdin: Any, request: Mapping[str, object]) -> None:
    try:
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
    except BrokenPipeError:
        return  # it has ended already; reading says so


def _read_lines(stdout: Any, lines: queue.SimpleQueue[bytes]) -> None:
    for line in stdout:
        lines.put(line)
    lines.put(b"")


def _await_report(
    lines: queue.SimpleQueue[bytes], cancel: CancelToken, stage_s: Mapping[str, float]
) -> tuple[Report | None, str]:
    """The report (None when the child ended without) and the stage it was in."""
    stage, limit_s, since = "start", START_S, time.monotonic()
    while True:
        cancel.raise_if_cancelled()
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            if time.monotonic() - since > limit_s:
                raise ChildTimeoutError(stage, limit_s) from None
            continue
        if not line:
            return None, stage
        report: Report = json.loads(line)
        if "stage" not in report:
            return report, stage
        stage, since = report["stage"], time.monotonic()
        limit_s = stage_s.get(stage, STAGE_S)


def _tail(stderr: BinaryIO) -> list[str]:
    size = stderr.seek(0, io.SEEK_END)
    stderr.seek(max(0, size - 4096))
    return stderr.read().decode("utf-8", errors="replace").splitlines()[-20:]


# --- the child's side ------------------------------------------------------------------------


def serve() -> int:
    """Answer one request and return the exit status; ``__main__`` calls it before anything else."""
    from workbench.engine import child_operations

    answers = _private_stdout()
    requests = sys.stdin.buffer
    line = requests.readline()
    if not line:
        return 0
    threading.Thread(target=_end_with_parent, args=(requests,), daemon=True).start()

    def tell(report: Report) -> None:
        answers.write(json.dumps(report).encode() + b"\n")
        answers.flush()

    tell(child_operations.answer(json.loads(line), _staged(tell)))
    return 0


def _staged(tell: Callable[[Report], None]) -> Callable[[str], None]:
    return lambda stage: tell({"stage": stage})


def _private_stdout() -> BinaryIO:
    """The pipe to the parent; what native code prints to stdout goes to stderr from now on."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "wb")


def _end_with_parent(stdin: BinaryIO) -> None:
    stdin.read()
    os._exit(0)
