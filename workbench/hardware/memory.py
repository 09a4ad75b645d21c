"""Main memory: what this process may take of it, and how pressed the system is.

Linux is tried here; macOS and Windows are written from their documentation and untried.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import psutil

from workbench.hardware import apple, linux, windows
from workbench.hardware.apple import Moment
from workbench.hardware.cgroups import Limits, limits_now
from workbench.hardware.facts import Memory
from workbench.hardware.windows import MemoryStatus
from workbench.words import said


def read_memory(limits: Limits) -> tuple[Memory, tuple[str, ...]]:
    """Memory now, and notes in plain words."""
    system = psutil.virtual_memory()
    memory = memory_within(limits, system.total, system.available)
    if sys.platform == "darwin":
        return memory_of_mac(memory, apple.moment())
    if sys.platform == "win32":
        return memory_of_windows(memory, windows.memory_status(), psutil.swap_memory().free)
    return replace(memory, swap_free_bytes=linux.swap_free_bytes(), pressure=linux.pressure()), ()


def available_bytes() -> int:
    """What this process may take now."""
    return read_memory(limits_now())[0].available_bytes


def memory_within(limits: Limits, total_bytes: int, available_bytes: int) -> Memory:
    """The machine's memory as far as a cgroup lets this process have it."""
    limit = limits.memory_bytes if limits.memory_bytes is not None and limits.memory_bytes < total_bytes else None
    room = available_bytes if limits.memory_room_bytes is None else min(available_bytes, limits.memory_room_bytes)
    return Memory(total_bytes, room, limit)


def memory_of_mac(memory: Memory, moment: Moment) -> tuple[Memory, tuple[str, ...]]:
    """``memory`` is psutil's answer; its "available" counts pages that would have to be compressed first."""
    notes = []
    if moment.gpu_limit_bytes is not None:
        notes.append(
            said(
                "The GPU's share of memory was set by hand to {limit:.1f} GB (iogpu.wired_limit_mb)",
                limit=moment.gpu_limit_bytes / 1e9,
            )
        )
    available = memory.available_bytes if moment.available_bytes is None else moment.available_bytes
    return (
        replace(
            memory,
            available_bytes=min(available, memory.total_bytes),
            swap_free_bytes=moment.swap_free_bytes,
            pressure=moment.pressure,
        ),
        tuple(notes),
    )


def memory_of_windows(
    memory: Memory, status: MemoryStatus | None, swap_free_bytes: int
) -> tuple[Memory, tuple[str, ...]]:
    """``status`` is None when Windows did not answer: then psutil's figures stand."""
    if status is None:
        return replace(memory, swap_free_bytes=swap_free_bytes), ()
    notes = []
    if status.commit_available_bytes < status.available_bytes:
        notes.append(
            said(
                "Windows promises programs only {available:.1f} GB more, less than is free: a "
                "larger page file would let them use all of it",
                available=status.commit_available_bytes / 1e9,
            )
        )
    return (
        replace(
            memory,
            available_bytes=min(memory.available_bytes, status.available_bytes),
            commit_available_bytes=status.commit_available_bytes,
            swap_free_bytes=swap_free_bytes,
        ),
        tuple(notes),
    )
