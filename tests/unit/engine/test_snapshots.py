"""States of one conversation: bounded, the oldest dropped first."""

from __future__ import annotations

from workbench.engine.snapshots import Snapshots


def test_the_longest_that_is_short_enough_is_found() -> None:
    snapshots = Snapshots()
    for length in (64, 256, 128):
        snapshots.put(length, bytearray(length))
    assert snapshots.longest(200) == 128
    assert snapshots.longest(63) == 0
    assert snapshots.get(128) == bytearray(128)


def test_the_oldest_is_dropped_when_there_are_too_many_or_too_much() -> None:
    few, small = Snapshots(count=2), Snapshots(size_bytes=100)
    for snapshots in (few, small):
        for length in (64, 128, 192):
            snapshots.put(length, bytearray(50))
    assert list(few) == [128, 192]
    assert (list(small), small.held_bytes) == ([128, 192], 100)


def test_one_that_is_too_large_by_itself_drops_no_other() -> None:
    snapshots = Snapshots(size_bytes=100)
    snapshots.put(64, bytearray(90))
    snapshots.put(128, bytearray(101))
    assert list(snapshots) == [64]


def test_what_lies_beyond_a_new_branch_is_forgotten() -> None:
    snapshots = Snapshots()
    for length in (64, 128, 192):
        snapshots.put(length, bytearray(1))
    snapshots.forget_beyond(128)
    assert list(snapshots) == [64, 128]


def test_a_large_model_keeps_one_state_where_memory_allows_and_no_more_than_a_share_of_what_is_free() -> None:
    roomy, tight = Snapshots.within(1 << 34), Snapshots.within(1 << 28)
    for snapshots in (roomy, tight):
        for length in (64, 128):
            snapshots.put(length, bytearray(100 << 20))
    assert list(roomy) == [128]
    assert list(tight) == []
    tight.put(64, bytearray(10 << 20))
    tight.put(128, bytearray(10 << 20))
    assert list(tight) == [128]
    assert tight.held_bytes <= tight.most_bytes == int(0.05 * (1 << 28))
