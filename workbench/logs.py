"""Logging set-up: a rotating private file without secrets, and a record of native crashes."""

from __future__ import annotations

import faulthandler
import logging
import os
import re
import sys
import time
from collections import deque
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from workbench.paths import Paths
from workbench.words import said

log = logging.getLogger(__name__)

NATIVE_LOGGER = "llama.cpp"
"""llama.cpp's own lines come through this logger."""

FILE_BYTES = 5 * 2**20
FILES = 5
TAIL_BYTES = 512 * 1024

_SECRETS = (
    (re.compile(r"\bhf_\w{20,}"), "hf_[redacted]"),
    (re.compile(r"\b(Bearer)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 [redacted]"),
    (re.compile(r"\b(Signature|X-Amz-[\w-]+|Policy|Key-Pair-Id)=[^&\s\"'<>]+", re.IGNORECASE), r"\1=[redacted]"),
    # An index or a proxy may be named with its password.
    (re.compile(r"(?<=://)[^/\s@]+@"), "[redacted]@"),
)


def redact(text: str) -> str:
    """The text without tokens, signed addresses and passwords."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Logs:
    """Logging as it was set up; closing it puts everything back as it was.

    ``problem`` says why nothing is written to disk, where that is so.
    """

    def __init__(self, paths: Paths, level: str, *, to_stderr: bool) -> None:
        self.problem: str | None = None
        self._crashes: TextIOWrapper | None = None
        self._handlers: list[logging.Handler] = []
        self._levels: dict[str | None, int] = {}
        # Other libraries' chatter is of no use; ours, and the engine's, is.
        for name, wanted in ((None, "WARNING"), ("workbench", level.upper()), (NATIVE_LOGGER, level.upper())):
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.setLevel(wanted)
        if to_stderr:
            handler = logging.StreamHandler()
            handler.setLevel(logging.WARNING)
            self._add(handler, "%(levelname)s: %(message)s")
        try:
            paths.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._add(_PrivateFile(paths.log), "%(asctime)s %(levelname)s %(name)s [%(threadName)s] %(message)s")
            self._record_crashes(paths.logs)
        except OSError as error:
            self._go_on_without(paths, error)

    def close(self) -> None:
        """Harmless when repeated."""
        if self._crashes is not None:
            faulthandler.disable()
            self._crashes.close()
            self._crashes = None
        while self._handlers:
            handler = self._handlers.pop()
            logging.getLogger().removeHandler(handler)
            handler.close()
        while self._levels:
            name, level = self._levels.popitem()
            logging.getLogger(name).setLevel(level)

    __call__ = close

    def __enter__(self) -> Logs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _add(self, handler: logging.Handler, line: str) -> None:
        handler.setFormatter(_Redacting(line))
        logging.getLogger().addHandler(handler)
        self._handlers.append(handler)

    def _record_crashes(self, folder: Path) -> None:
        crashes = _crash_file(folder)
        if crashes.exists() and crashes.stat().st_size > 0:
            crashes.replace(_previous_crash_file(folder))
            log.warning("an earlier run ended in a native crash: see %s", _previous_crash_file(folder).name)
        if faulthandler.is_enabled():
            return  # somebody asked for it elsewhere, with PYTHONFAULTHANDLER for instance
        self._crashes = _open_private(crashes)
        faulthandler.enable(self._crashes)

    def _go_on_without(self, paths: Paths, error: OSError) -> None:
        why = error.strerror
        self.problem = said("No log is kept: {folder} cannot be written ({why}).", folder=paths.logs, why=why)
        # Without any handler Python would print every warning.
        self._add(logging.NullHandler(), "")
        # A windowed program has no stderr.
        if sys.stderr is not None:
            print(self.problem, file=sys.stderr)


_active: Logs | None = None


def setup(paths: Paths, level: str = "info", *, to_stderr: bool = False) -> Logs:
    """Log to ``paths.log`` from ``level`` on, and with ``to_stderr`` warnings there too; close it at the end.

    A folder that cannot be written does not stop the program.  A second set-up replaces the first.
    """
    global _active  # noqa: PLW0603 - logging itself is one per process
    if _active is not None:
        _active.close()
    _active = Logs(paths, level, to_stderr=to_stderr)
    return _active


def diagnostics_tail(paths: Paths, lines: int = 200) -> str:
    """The last lines of the log and of the last crash, fit to be shown to others: no secrets, no home folder."""
    wanted: deque[str] = deque(maxlen=lines)
    for path in (paths.log.with_name(f"{paths.log.name}.1"), paths.log):
        wanted.extend(_last_lines(path))
    for path in (_previous_crash_file(paths.logs), _crash_file(paths.logs)):
        if crash := _last_lines(path)[-lines:]:
            wanted = deque([*wanted, f"--- {path.name} ---", *crash])
    return redact("\n".join(wanted)).replace(str(Path.home()), "~")


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return file.read(TAIL_BYTES).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"({path.name} cannot be read: {error.strerror})"]


def _crash_file(folder: Path) -> Path:
    return folder / "crash.log"


def _previous_crash_file(folder: Path) -> Path:
    return folder / "crash-previous.log"


def _open_private(path: Path) -> TextIOWrapper:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")


class _PrivateFile(RotatingFileHandler):
    """Readable by the user alone; shared by a window and a terminal that run at once."""

    def __init__(self, path: Path) -> None:
        self._complained = False
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A full disk is said once, not with a traceback for every line; a bad log call still is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
        elif not self._complained and sys.stderr is not None:
            self._complained = True
            print(f"The log cannot be written: {sys.exc_info()[1]}", file=sys.stderr)

    def _open(self) -> TextIOWrapper:
        return _open_private(Path(self.baseFilename))

    def doRollover(self) -> None:  # noqa: N802 - the library's name
        try:
            super().doRollover()
        except OSError:
            # Windows renames no file that the other process has open: go on in this one.
            if self.stream is None:
                self.stream = self._open()


class _Redacting(logging.Formatter):
    """Works on the finished line, so that tracebacks are covered too."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
