"""What a child process takes upon itself: limits, and to go before its parent."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # Linux, prctl(2)


def limit(name: str, value: int) -> None:
    """A limit of this process, where the system has such limits; RLIMIT_AS may be raised again."""
    try:
        import resource
    except ImportError:  # Windows
        return
    kind = getattr(resource, name)
    _, hard = resource.getrlimit(kind)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard if name == "RLIMIT_AS" else soft))


def first_to_go() -> None:
    """Linux ends the process with the highest score when memory runs out: this one before its parent."""
    with contextlib.suppress(OSError):  # other systems, and containers that forbid it, choose for themselves
        Path("/proc/self/oom_score_adj").write_text("1000")


def die_with_starter() -> None:
    """Linux ends this process with the thread that started it.

    Elsewhere, and where that thread was gone already, the end of stdin does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
