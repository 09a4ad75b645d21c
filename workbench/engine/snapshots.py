"""A bounded store of states by how many tokens they stand for."""

from __future__ import annotations

from collections.abc import Iterator

COUNT = 8
SIZE_BYTES = 512 * 1024 * 1024


class Snapshots:
    """States of one conversation; the oldest is dropped first, and one that is too large is not taken."""

    def __init__(self, *, count: int = COUNT, size_bytes: int = SIZE_BYTES) -> None:
        self._count = count
        self._size_bytes = size_bytes
        self._states: dict[int, bytearray] = {}  # by length, the oldest first

    def __iter__(self) -> Iterator[int]:
        return iter(self._states)

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self._states.values()))

    def put(self, length: int, state: bytearray) -> None:
        self._states.pop(length, None)
        if len(state) > self._size_bytes:
            return
        self._states[length] = state
        while len(self._states) > self._count or self.held_bytes > self._size_bytes:
            del self._states[next(iter(self._states))]

    def longest(self, most: int) -> int:
        """The length of the longest state of at most ``most`` tokens, 0 without one."""
        return max((length for length in self._states if length <= most), default=0)

    def get(self, length: int) -> bytearray | None:
        return self._states.get(length)

    def forget_beyond(self, length: int) -> None:
        """States of more tokens belong to a prompt that is no longer there."""
        for beyond in [one for one in self._states if one > length]:
            del self._states[beyond]
