"""The journal of a download: what it says survives, and what is spoilt in it says nothing."""

from __future__ import annotations

import random
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import Cancelled
from workbench.hub import journal
from workbench.hub.journal import Identity, Journal, Record
from workbench.hub.locks import DownloadedElsewhereError, Lock
from workbench.hub.part import Part, discard, journal_path, known, lock_path, part_path
from workbench.jobs import CancelToken

PIECE = 1 << 12
IDENTITY = Identity(10 * PIECE + 5, "a" * 64, "owner/name", "b" * 40, "m.gguf")


def written(path: Path) -> Path:
    with closing(Journal(path, Record(IDENTITY, PIECE))) as opened:
        opened.named('"v1"')
        opened.finished([(3, 33), (0, 11)])
        opened.finished([(7, 77)])
        opened.dropped(3)
        opened.begun(5, 100, 55)
        opened.begun(4, 7, 44)
        opened.finished([(4, 45)])
        opened.begun(3, 9, 33)
        opened.dropped(3)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = journal.read(written(tmp_path / "j"))
    assert found == Record(IDENTITY, PIECE, '"v1"', {0: 11, 7: 77, 4: 45}, begun={5: (100, 55)})
    assert found.piece_count == 11
    assert found.span(10) == (10 * PIECE, 10 * PIECE + 5)
    assert found.done_bytes == 3 * PIECE + 100


def test_opening_again_keeps_what_is_known(tmp_path: Path) -> None:
    path = written(tmp_path / "j")
    found = journal.read(path)
    assert found is not None
    Journal(path, found).close()
    assert journal.read(path) == found


def test_no_journal_is_none(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "j") is None


@given(cut=st.integers(0, 400))
def test_a_torn_one_says_what_is_left_of_it(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = written(tmp_path_factory.mktemp("torn") / "j")
    text = path.read_bytes()[:cut]
    path.write_bytes(text)
    found = journal.read(path)
    if found is not None:
        assert found.identity == IDENTITY
        assert set(found.pieces.items()) <= {(0, 11), (3, 33), (4, 45), (7, 77)}
        assert set(found.begun.items()) <= {(3, (9, 33)), (4, (7, 44)), (5, (100, 55))}
    else:
        assert cut < text.find(b"\n") or b"\n" not in text


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_spoilt_byte_makes_no_piece_up(tmp_path_factory: pytest.TempPathFactory, place: int, value: int) -> None:
    path = written(tmp_path_factory.mktemp("spoilt") / "j")
    text = bytearray(path.read_bytes())
    text[place % len(text)] = value
    path.write_bytes(text)
    found = journal.read(path)
    if found is not None:
        assert set(found.pieces.items()) <= {(0, 11), (3, 33), (4, 45), (7, 77)}
        assert set(found.begun.items()) <= {(3, (9, 33)), (4, (7, 44)), (5, (100, 55))}


@pytest.mark.parametrize("size", [0, 1, 100, 100_000])
def test_noise_is_no_journal(tmp_path: Path, size: int) -> None:
    (tmp_path / "j").write_bytes(random.Random(size).randbytes(size))
    assert journal.read(tmp_path / "j") is None


# --- parts -----------------------------------------------------------------------------------


def test_bytes_come_back_and_pieces_are_remembered(tmp_path: Path) -> None:
    final = tmp_path / "sub" / "m.gguf"
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        part.write(2 * PIECE, b"x" * PIECE, CancelToken())
        part.finish(2, 22)
        assert not part.differs(2 * PIECE, b"x" * PIECE)
        assert part.differs(2 * PIECE, b"y" * PIECE)
    with closing(Part(final, IDENTITY, piece_bytes=2 * PIECE)) as part:
        assert part.record.piece_bytes == PIECE, "the size of its pieces is its own"
        assert part.missing == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]


def test_a_piece_that_is_left_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        part.write(2 * PIECE, b"abc", CancelToken())
        part.keep(2, 3, zlib.crc32(b"abc"))
        part.write(5 * PIECE, b"def", CancelToken())
        part.keep(5, 3, zlib.crc32(b"xyz"))
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        assert part.record.done_bytes == 6
        assert part.begun(2) == (3, zlib.crc32(b"abc"))
        assert part.begun(5) == (0, 0), "other bytes lie there"
        assert part.begun(7) == (0, 0)
        assert part.record.done_bytes == 3
        part.start_over(None)
        assert part.begun(2) == (0, 0)
    part.keep(2, 3, 0)
    assert known(final) == Record(IDENTITY, PIECE), "a part that is closed says nothing more"


def test_what_was_begun_beyond_the_end_of_the_file_is_not_there(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        part.write(2 * PIECE, b"abc", CancelToken())
        part.keep(2, 3, zlib.crc32(b"abc"))
    with part_path(final).open("r+b") as file:
        file.truncate(2 * PIECE + 2)
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        assert part.record.done_bytes == 0


def test_pieces_beyond_the_end_of_the_file_are_missing(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        part.write(0, b"x" * 3 * PIECE, CancelToken())
        for piece in range(3):
            part.finish(piece, 1)
    with part_path(final).open("r+b") as file:
        file.truncate(2 * PIECE + 1)
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        assert part.missing[0] == 2


def test_nobody_writes_to_a_part_that_was_left(tmp_path: Path) -> None:
    part = Part(tmp_path / "m.gguf", IDENTITY, piece_bytes=PIECE)
    part.close()
    stop = CancelToken()
    with pytest.raises(Cancelled):
        part.write(0, b"late", stop)
    assert stop.cancelled
    assert part.path.read_bytes() == b""


def test_a_part_is_held_by_one(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    with closing(Part(final, IDENTITY)):
        with pytest.raises(DownloadedElsewhereError, match="already, by process"):
            Part(final, IDENTITY)
        with pytest.raises(DownloadedElsewhereError):
            discard(final)
    assert known(final) is not None
    discard(final)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_a_dead_process_left_holds_nobody_up(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    lock_path(final).write_text("1")
    Part(final, IDENTITY).close()
    assert not lock_path(final).exists()


def test_a_lock_that_was_removed_under_its_holder_is_still_one_for_two(tmp_path: Path) -> None:
    first = Lock(tmp_path / "l", what="m")
    first.release()
    second = Lock(tmp_path / "l", what="m")
    with pytest.raises(DownloadedElsewhereError):
        Lock(tmp_path / "l", what="m")
    second.release()


def test_starting_over_forgets_every_piece(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        part.write(0, b"x" * PIECE, CancelToken())
        part.finish(0, 1)
        part.start_over('"v2"')
        assert part.missing == list(range(11))
    found = journal.read(journal_path(final))
    assert found is not None
    assert (found.etag, found.pieces) == ('"v2"', {})


def test_a_verified_part_is_so_until_a_byte_is_written(tmp_path: Path) -> None:
    final = tmp_path / "m.gguf"
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        assert not part.is_verified
        part.write(0, b"x" * PIECE, CancelToken())
        part.finish(0, 1)
        part.verified()
        assert part.is_verified
    with closing(Part(final, IDENTITY, piece_bytes=PIECE)) as part:
        assert part.is_verified
        part.write(PIECE, b"y", CancelToken())
        assert not part.is_verified
