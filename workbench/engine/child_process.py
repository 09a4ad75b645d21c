"""A child process with a pipe each way: lines to it, lines from it, and the last of what it wrote to stderr."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import workbench
from workbench.words import said

LAST_LINES = 20
LONGEST_TOLD_BYTES = 4096

# A line without an end is cut there, not collected until memory is full.
LONGEST_LINE_BYTES = 1 << 20

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|HUGGING_FACE|_PROXY$", re.IGNORECASE)
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s@]+@")
_FAULT = re.compile(r"[\w.]+(Error|Exception)\b")  # the last line of a Python traceback
_FOLDERS = re.compile(r"\S*/(?=[\w.-]+:\d+: )")  # of the machine that compiled a failed assertion


def program(flag: str) -> list[str]:
    """This same program, started with ``flag``."""
    if getattr(sys, "frozen", False):
        return [sys.executable, flag]
    # -P: nothing is imported from the folder the program happens to be started in.
    return [sys.executable, "-P", "-m", "workbench", flag]


def environment() -> dict[str, str]:
    """The parent's, without tokens, passwords and proxies, and able to import this very package."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _SECRET.search(name) and not _PASSWORD_IN_ADDRESS.search(value)
    }
    package = Path(workbench.__file__).resolve().parent.parent
    path = os.pathsep.join(filter(None, (str(package), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "GGML_NO_BACKTRACE": "1"}


def reason_of(status: int, last_lines: Sequence[str]) -> str:
    """Why a process ended: the failed assertion, if one was printed, else the signal or the exit status."""
    for line in reversed(last_lines):
        if "GGML_ASSERT" in line or "what():" in line or "ggml_abort" in line:
            return _FOLDERS.sub("", line.strip())
    if status < 0:
        return signal.Signals(-status).name
    fault = next((line.strip() for line in reversed(last_lines) if _FAULT.match(line)), None)
    return (
        said("exit status {status}: {fault}", status=status, fault=fault)
        if fault
        else said("exit status {status}", status=status)
    )


def was_killed(status: int) -> bool:
    """Ended from outside, most likely by the system for lack of memory."""
    return os.name == "posix" and status == -signal.SIGKILL


class ChildProcess:
    """Each line that it writes is handed to ``on_line``, on a thread of its own; an empty one is the end.

    Whoever starts it calls ``close``.  Raises OSError where no process can be started.
    """

    def __init__(
        self, command: Sequence[str], on_line: Callable[[bytes], None], *, longest_line_bytes: int = LONGEST_LINE_BYTES
    ) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for the parent to handle
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin, self._stdout, self._stderr = self._process.stdin, self._process.stdout, self._process.stderr
        self._sending = threading.Lock()  # guards _stdin: a line is written whole
        self._last: deque[bytes] = deque(maxlen=LAST_LINES)
        # They do not keep the program from ending: with the program the pipes are closed, and the child ends.
        self._readers = [
            threading.Thread(
                target=_read, args=(self._stdout, on_line, longest_line_bytes), name="child-reader", daemon=True
            ),
            threading.Thread(
                target=_read, args=(self._stderr, self._last.append, LONGEST_TOLD_BYTES), name="child-says", daemon=True
            ),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, line: bytes) -> None:
        """Nothing happens when it has ended already; whoever waits for its answer learns it."""
        with self._sending, contextlib.suppress(OSError, ValueError):
            self._stdin.write(line + b"\n")
            self._stdin.flush()

    def kill(self) -> None:
        """From any thread; ``ended`` tells when it is gone."""
        self._process.kill()

    def ended(self, *, grace_s: float = 0.0) -> int:
        """Its exit status; one that still runs after the grace is ended first.  Any thread but a reader's."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self._process.kill()
        status = self._process.wait()
        for reader in self._readers:
            reader.join()
        return status

    def last_lines(self) -> list[str]:
        """What it wrote to stderr last; all of it once it has ended."""
        return [line.decode("utf-8", errors="replace").rstrip() for line in list(self._last) if line]

    def close(self) -> None:
        """End it, whatever it is doing.  Harmless when repeated."""
        self.ended()
        with self._sending, contextlib.suppress(OSError):  # unsent bytes for a process that is gone
            self._stdin.close()
        self._stdout.close()
        self._stderr.close()


def _read(pipe: IO[bytes], take: Callable[[bytes], None], longest_bytes: int) -> None:
    while line := pipe.readline(longest_bytes):
        take(line)
    take(b"")
