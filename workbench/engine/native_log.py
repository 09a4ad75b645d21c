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

# A debug line that tells where a layer goes; nothing else does where the breakdown cannot be read.
_ASSIGNED = b"assigned to device"

_BUFFER = re.compile(r"(?P<name>\S+)\s+(?P<kind>model|KV|RS|compute|output) buffer size\s*=\s*(?P<mib>[0-9.]+) MiB")
_CACHE = re.compile(r"^llama_(kv_cache|memory_recurrent): size =\s*(?P<mib>[0-9.]+) MiB")
_LAYER = re.compile(r"load_tensors: layer\s+(?P<layer>\d+) assigned to device (?P<device>[^,]+)")


@dataclass(frozen=True, slots=True)
class Announced:
    """One buffer as llama.cpp printed it, to a hundredth of a MiB.

    ``kind`` is "model", "KV", "RS" (recurrent state), "compute" or "output"; ``name`` the buffer type's.
    """

    name: str
    kind: str
    size_bytes: int


class NativeLog:
    """Takes llama.cpp's lines from any thread."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=KEPT_LINES)
        self._mine = threading.local()

    def take(self, level: int, text: bytes) -> None:
        """Called by llama.cpp; must not raise.  Debug lines and progress dots are dropped."""
        severity = _LEVELS.get(level)
        collected: list[str] | None = getattr(self._mine, "lines", None)
        if severity is None:
            if collected is not None and _ASSIGNED in text:
                collected.append(text.decode("utf-8", errors="replace").rstrip())
            return
        line = text.decode("utf-8", errors="replace").rstrip()
        if not line:
            return
        self._recent.append(line)
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


def announced(lines: Sequence[str]) -> tuple[Announced, ...]:
    """The buffers that a load or a new context announced."""
    found = filter(None, map(_BUFFER.search, lines))
    return tuple(Announced(match["name"], match["kind"], _bytes(match["mib"])) for match in found)


def cache_bytes(lines: Sequence[str]) -> tuple[int, ...]:
    """The sizes of a new context's caches, which are right even where none was allocated."""
    return tuple(_bytes(match["mib"]) for match in filter(None, map(_CACHE.search, lines)))


def layer_devices(lines: Sequence[str]) -> dict[int, str]:
    """Where each layer of a load goes, by llama.cpp's device names; the output layer is the last."""
    return {int(match["layer"]): match["device"] for match in filter(None, map(_LAYER.search, lines))}


def _bytes(mebibytes: str) -> int:
    return round(float(mebibytes) * 2**20)
