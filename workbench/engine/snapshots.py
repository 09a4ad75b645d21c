"""A bounded store of states by how many tokens they stand for."""

from __future__ import annotations

from collections.abc import Iterator

COUNT = 8
SIZE_BYTES = 64 * 1024 * 1024
SHARE_OF_FREE = 0.05


class Snapshots:
    """States of one conversation; the oldest is dropped first, and one that is too large is not taken.

    All together take ``size_bytes`` at most; one by itself may take ``largest_bytes`` where that is more.
    """

    def __init__(self, *, count: int = COUNT, size_bytes: int = SIZE_BYTES, largest_bytes: int = 0) -> None:
        self._count = count
        self._size_bytes = size_bytes
        self.most_bytes = max(size_bytes, largest_bytes)
        self._states: dict[int, bytearray] = {}  # by length, the oldest first

    @classmethod
    def within(cls, free_bytes: int) -> Snapshots:
        """No more than a share of what is free, which no plan counts: little, or one state of a large model."""
        share = int(SHARE_OF_FREE * free_bytes)
        return cls(size_bytes=min(SIZE_BYTES, share), largest_bytes=share)

    def __iter__(self) -> Iterator[int]:
        return iter(self._states)

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self._states.values()))

    def put(self, length: int, state: bytearray) -> None:
        self._states.pop(length, None)
        if len(state) > self.most_bytes:
            return
        self._states[length] = state
        while len(self._states) > self._count or (self.held_bytes > self._size_bytes and len(self._states) > 1):
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
