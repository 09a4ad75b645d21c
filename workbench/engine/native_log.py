"""The lines llama.cpp logs: kept for error messages, read for sizes, passed on to Python's logging."""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

log = logging.getLogger("llama.cpp")

KEPT_LINES = 200

_INFO, _WARN, _ERROR = 2, 3, 4

# One level lower than llama.cpp's own: what matters to the user is raised as an error besides.
_LEVELS = {_INFO: logging.DEBUG, _WARN: logging.INFO, _ERROR: logging.WARNING}

_BUFFER = re.compile(r"(?P<kind>model|KV|RS|compute|output) buffer size\s*=\s*(?P<mib>[0-9.]+) MiB")


@dataclass(frozen=True, slots=True)
class BufferSizes:
    """Bytes as llama.cpp printed them (to a hundredth of a MiB); None where it said nothing.

    ``weights`` counts a file's mapped part and its repacked copies; ``compute`` includes the output buffer.
    """

    weights: int | None
    kv: int | None
    compute: int | None


class NativeLog:
    """Takes llama.cpp's lines from any thread."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=KEPT_LINES)
        self._mine = threading.local()

    def take(self, level: int, text: bytes) -> None:
        """Called by llama.cpp; must not raise.  Debug lines and progress dots are dropped."""
        severity = _LEVELS.get(level)
        if severity is None:
            return
        line = text.decode("utf-8", errors="replace").rstrip()
        if not line:
            return
        self._recent.append(line)
        collected: list[str] | None = getattr(self._mine, "lines", None)
        if collected is not None:
            collected.append(line)
        log.log(severity, "%s", line)

    def recent(self, count: int = 20) -> list[str]:
        return list(self._recent)[-count:]

    @contextmanager
    def collected(self) -> Iterator[list[str]]:
        """The lines logged on this thread inside the block."""
        lines: list[str] = []
        self._mine.lines = lines
        try:
            yield lines
        finally:
            self._mine.lines = None


def buffer_sizes(lines: Sequence[str]) -> BufferSizes:
    """Add up the buffers that a load or a new context announced."""
    sums: dict[str, int] = {}
    for line in lines:
        if found := _BUFFER.search(line):
            kind = {"model": "weights", "KV": "kv", "RS": "kv"}.get(found["kind"], "compute")
            sums[kind] = sums.get(kind, 0) + round(float(found["mib"]) * 2**20)
    return BufferSizes(sums.get("weights"), sums.get("kv"), sums.get("compute"))
