"""How bytes are paced, failures waited out, pieces handed out, and a growing file hashed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback_hub import Faults
from tests.unit.hub.downloading import FILE, HASTY, MANNERS, PIECE, REPOSITORY, SIZE, Bench, bench_in
from workbench.errors import Cancelled, DiskFullError, HubError
from workbench.hub.backoff import Backoff
from workbench.hub.board import Board, OtherVersionError
from workbench.hub.disk import FileTooLargeError, FolderError, check_room, free_bytes, writing
from workbench.hub.either import Either
from workbench.hub.failures import Interrupted, Patience
from workbench.hub.hashing import Follower
from workbench.hub.journal import Identity
from workbench.hub.pace import LOWEST_CAP_BYTES_PER_S, Bucket, Speed
from workbench.hub.part import Part
from workbench.hub.transfer import Phase
from workbench.jobs import CancelToken


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


# --- pace ------------------------------------------------------------------------------------


def test_a_limit_holds_over_any_second_whoever_takes(clock: Clock) -> None:
    bucket = Bucket(1 << 20, clock=clock)
    taken, began = 0, clock.now
    for _ in range(100):
        clock.now += bucket.spend(64 << 10)
        taken += 64 << 10
    assert taken / (clock.now - began) == pytest.approx(1 << 20)


def test_what_was_not_used_long_ago_is_gone(clock: Clock) -> None:
    bucket = Bucket(1 << 20, clock=clock)
    clock.now += 3600
    assert bucket.spend(1 << 20) == pytest.approx(0.75)


def test_without_a_limit_nothing_waits_and_a_new_one_counts_at_once(clock: Clock) -> None:
    bucket = Bucket(None, clock=clock)
    assert bucket.spend(1 << 40) == 0
    bucket.limit(1 << 20)
    assert bucket.spend(1 << 20) == pytest.approx(1)
    bucket.limit(None)
    assert bucket.spend(1 << 40) == 0


def test_a_limit_that_would_look_like_a_broken_line_is_raised(clock: Clock) -> None:
    assert Bucket(1, clock=clock).spend(LOWEST_CAP_BYTES_PER_S) == pytest.approx(1)


def test_waiting_for_the_limit_is_cancelled() -> None:
    stop = CancelToken()
    stop.cancel()
    with pytest.raises(Cancelled):
        Bucket(LOWEST_CAP_BYTES_PER_S).take(1 << 30, stop)


def test_speed_is_the_mean_of_the_last_seconds_and_falls_to_nothing(clock: Clock) -> None:
    speed = Speed(window_s=5, clock=clock)
    for second in range(1, 11):
        clock.now += 1
        found = speed.now(second * 1000)
    assert found == pytest.approx(1000)
    falling = []
    for _ in range(6):
        clock.now += 1
        falling.append(speed.now(10_000))
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == 0


# --- failures --------------------------------------------------------------------------------

PATIENT = Patience(first_wait_s=8, longest_wait_s=60)


def failure(*, wait_s: float = 0) -> HubError:
    error = HubError("out of order", hint="wait")
    error.__cause__ = Interrupted(error, wait_s=wait_s)
    return error


def test_each_wait_is_longer_than_the_one_before_and_none_too_long() -> None:
    backoff = Backoff(PATIENT, tries=None, longest_asked_s=10)
    waits = []
    for turn in range(6):
        backoff.failed(failure(), turn)
        waits.append(backoff.left_s)
    assert waits[0] < waits[1] < waits[2]
    assert 7 < waits[0] < 10
    assert waits[-1] <= 60


def test_what_several_connections_meet_at_once_counts_once() -> None:
    backoff = Backoff(PATIENT, tries=2, longest_asked_s=10)
    for _ in range(5):
        backoff.failed(failure(), 0)
    with pytest.raises(HubError, match="out of order"):
        backoff.failed(failure(), 1)


def test_progress_makes_the_next_failure_a_first_one() -> None:
    backoff = Backoff(replace(PATIENT, first_wait_s=0.001), tries=2, longest_asked_s=10)
    for turn in range(9):
        backoff.failed(failure(), turn)
        backoff.progressed()
    assert backoff.left_s < 1


def test_a_wait_that_is_asked_for_is_kept_and_one_too_long_is_not() -> None:
    backoff = Backoff(PATIENT, tries=None, longest_asked_s=100)
    backoff.failed(failure(wait_s=99), 0)
    assert backoff.left_s > 98
    with pytest.raises(HubError):
        backoff.failed(failure(wait_s=101), 1)


def test_a_failure_that_does_not_pass_is_raised_at_once() -> None:
    with pytest.raises(HubError, match="no"):
        Backoff(PATIENT, tries=None, longest_asked_s=10).failed(HubError("no", hint="never"), 0)


def test_whoever_waits_is_cancelled() -> None:
    backoff = Backoff(PATIENT, tries=None, longest_asked_s=10)
    backoff.failed(failure(), 0)
    stop, other = CancelToken(), CancelToken()
    other.cancel()
    with pytest.raises(Cancelled):
        backoff.turn(Either(stop, other))
    assert backoff.waits_s is None, "nobody waits any more"


# --- pieces ----------------------------------------------------------------------------------


def board(missing: list[int], etag: str | None = None) -> Board:
    return Board("m.gguf", missing, etag, Backoff(PATIENT, tries=None, longest_asked_s=10))


def test_pieces_are_handed_out_in_order_and_come_back() -> None:
    given = board([1, 4, 7])
    assert [given.take(), given.take()] == [1, 4]
    given.missing(0)
    assert [given.take(), given.take(), given.take()] == [0, 7, None]
    for piece in (0, 1, 4, 7):
        assert not given.is_complete
        given.finished(piece)
    assert given.is_complete


def test_one_connection_goes_first_and_the_others_follow_where_they_are_of_use() -> None:
    given = board(list(range(10)))
    assert given.wanted(3, 0) == 1
    assert given.wanted(3, 1) == 0
    assert given.identify('"v1"', sequential=False)
    assert given.wanted(3, 1) == 2
    given.identify('"v1"', sequential=True)
    assert given.wanted(3, 1) == 0, "each would fetch everything"


def test_an_answer_of_another_version_is_refused() -> None:
    given = board([0], etag='"v1"')
    with pytest.raises(OtherVersionError) as caught:
        given.identify('"v2"', sequential=False)
    assert (caught.value.etag, caught.value.code) == ('"v2"', "file_changed")


# --- hashing ---------------------------------------------------------------------------------


def test_a_growing_file_is_hashed_as_far_as_it_goes_and_a_spoilt_piece_dropped(tmp_path: Path) -> None:
    content = [bytes([number]) * PIECE for number in range(3)]
    whole = hashlib.sha256(b"".join(content)).hexdigest()
    identity = Identity(3 * PIECE, whole, "owner/name", "c" * 40, "m")
    with closing(Part(tmp_path / "m", identity, piece_bytes=PIECE)) as part, Follower(part) as follower:
        assert follower.follow(9) == (False, None)
        for number in (0, 2):
            part.write(number * PIECE, content[number], CancelToken())
            part.finish(number, zlib.crc32(content[number]))
        assert follower.follow(9) == (True, None)
        assert follower.position == PIECE
        part.write(PIECE, b"spoilt", CancelToken())
        part.finish(1, zlib.crc32(content[1]))
        assert follower.follow(9) == (True, 1)
        assert part.missing == [1]
        part.write(PIECE, content[1], CancelToken())
        part.finish(1, zlib.crc32(content[1]))
        while not follower.is_finished:
            follower.follow(9)
        assert follower.sha256 == whole


# --- the disk --------------------------------------------------------------------------------


def test_room_is_what_is_left_above_the_floor(tmp_path: Path) -> None:
    check_room(lambda _: 100, tmp_path, 60, 40)
    with pytest.raises(DiskFullError, match="are free on the disk") as caught:
        check_room(lambda _: 100, tmp_path, 61, 40)
    assert caught.value.hint
    assert free_bytes(tmp_path / "not" / "there" / "yet") > 0


@pytest.mark.parametrize(
    ("number", "kind"), [(28, DiskFullError), (122, DiskFullError), (27, FileTooLargeError), (13, FolderError)]
)
def test_what_the_system_says_is_said_in_words(tmp_path: Path, number: int, kind: type[HubError]) -> None:
    with pytest.raises(kind) as caught, writing(tmp_path):
        raise OSError(number, "as the system says")
    assert caught.value.hint


# --- what is told ----------------------------------------------------------------------------


def test_a_stall_is_waited_out_and_told(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(stalls=1))
    patience = replace(HASTY, read_s=0.2, first_wait_s=0.1, longest_wait_s=1)
    bench.fetch(wanted, patience=patience, manners=replace(MANNERS, connections=1))
    (first, *_) = [state for state in bench.states if state.phase is Phase.WAITING]
    assert first.error is not None
    assert (first.error.code, first.eta_s) == ("stalled", None)
    assert first.waits_s is not None
    bench.assert_right()


def test_a_hub_that_ignores_ranges_is_read_once_from_front_to_back(bench: Bench) -> None:
    bench.fetch(bench.publish(faults=Faults(ignores_range=True)))
    assert bench.hub.sent_bytes(FILE) == SIZE
    bench.assert_right()


def test_a_link_that_drops_every_few_bytes_still_arrives(bench: Bench) -> None:
    bench.fetch(bench.publish(faults=Faults(cuts=9999, cut_after_bytes=40_000)))
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) == SIZE


def test_the_number_of_connections_is_settable(bench: Bench) -> None:
    for connections in (1, 4):
        bench.hub.forget()
        wanted = bench.publish(f"{connections}.gguf", faults=Faults(step_s=0.002), seed=connections)
        bench.fetch(wanted, manners=replace(MANNERS, connections=connections))
        asked = bench.hub.requests(origin="cdn")
        assert len({one.client for one in asked}) == connections
        assert {one.repository for one in asked} == {REPOSITORY}
