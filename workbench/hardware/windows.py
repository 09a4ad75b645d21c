"""What Windows says of processor and memory, asked through ctypes; written from Microsoft's documentation, not
tried on Windows.

Reading is apart from asking, and tested with bytes laid out as documented.
"""

from __future__ import annotations

import ctypes
import logging
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

log = logging.getLogger(__name__)

# winnt.h, enumeration LOGICAL_PROCESSOR_RELATIONSHIP: RelationProcessorCore, RelationCache, RelationAll.
_CORE, _CACHE, _ALL = 0, 2, 0xFFFF
_HEADER = struct.Struct("<II")  # Relationship, Size
_GROUP_AFFINITY = struct.Struct("<QH6x")  # Mask, Group, Reserved[3]

# sysinfoapi.h: MEMORYSTATUSEX, after dwLength and dwMemoryLoad: physical, page file and virtual, total and available
_MEMORY_STATUS = struct.Struct("<II7Q")


@dataclass(frozen=True, slots=True)
class Core:
    """A physical core; ``logical`` numbers count on through the processor groups, 64 in each.  A higher
    ``efficiency_class`` is a faster core; all have 0 where there is one kind only."""

    efficiency_class: int
    logical: frozenset[int]


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """``commit_available_bytes`` is what programs may still promise themselves: memory and page file together."""

    total_bytes: int
    available_bytes: int
    commit_available_bytes: int


def cores_from(relations: bytes) -> tuple[Core, ...]:
    """Of SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX records; 64-bit Windows."""
    found = []
    for kind, record in _records(relations):
        if kind != _CORE or len(record) < 32:
            continue
        efficiency_class, groups = record[9], int.from_bytes(record[30:32], "little")
        logical: set[int] = set()
        for index in range(groups):
            at = 32 + index * _GROUP_AFFINITY.size
            if at + _GROUP_AFFINITY.size > len(record):
                break
            mask, group = _GROUP_AFFINITY.unpack_from(record, at)
            logical.update(group * 64 + bit for bit in range(64) if mask >> bit & 1)
        found.append(Core(efficiency_class, frozenset(logical)))
    return tuple(found)


def level_3_cache_bytes(relations: bytes) -> int:
    """All level 3 caches together; 0 when there is none."""
    # CACHE_RELATIONSHIP: Level and Associativity (a byte each), LineSize (2 bytes), CacheSize (4 bytes)
    caches = (record for kind, record in _records(relations) if kind == _CACHE and len(record) >= 16)
    return sum(int.from_bytes(record[12:16], "little") for record in caches if record[8] == 3)


def memory_from(status: bytes) -> MemoryStatus | None:
    """Of a MEMORYSTATUSEX that GlobalMemoryStatusEx filled."""
    if len(status) < _MEMORY_STATUS.size:
        return None
    _, _, total, available, _, commit_available, *_ = _MEMORY_STATUS.unpack_from(status)
    return MemoryStatus(total, available, commit_available)


def _records(relations: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(relations):
        kind, size = _HEADER.unpack_from(relations, at)
        if size < _HEADER.size or at + size > len(relations):
            log.debug("Windows' list of processors ends within a record")
            return
        yield kind, relations[at : at + size]
        at += size


if sys.platform == "win32":

    def processor_relations() -> bytes:
        """What GetLogicalProcessorInformationEx(RelationAll) returns; empty when it fails."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        size = ctypes.c_ulong(0)
        kernel32.GetLogicalProcessorInformationEx(_ALL, None, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        if not kernel32.GetLogicalProcessorInformationEx(_ALL, buffer, ctypes.byref(size)):
            log.debug("GetLogicalProcessorInformationEx: error %d", ctypes.get_last_error())
            return b""
        return buffer.raw[: size.value]

    def memory_status() -> MemoryStatus | None:
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        buffer = ctypes.create_string_buffer(_MEMORY_STATUS.pack(_MEMORY_STATUS.size, *[0] * 8), _MEMORY_STATUS.size)
        if not kernel32.GlobalMemoryStatusEx(buffer):
            log.debug("GlobalMemoryStatusEx: error %d", ctypes.get_last_error())
            return None
        return memory_from(buffer.raw)

    def processor_name() -> str | None:
        import winreg

        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError as error:
            log.debug("the registry does not name the processor: %s", error)
            return None

else:

    def processor_relations() -> bytes:
        """Nothing: this is not Windows."""
        return b""

    def memory_status() -> MemoryStatus | None:
        """Nothing: this is not Windows."""
        return None

    def processor_name() -> str | None:
        """Nothing: this is not Windows."""
        return None
