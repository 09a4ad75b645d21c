"""Headers that lie: whatever the bytes, an answer or a clear refusal, in little memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.models.gguf_files import (
    list_entry,
    number_entry,
    split_model,
    start,
    string,
    tensor_entry,
    u32,
    u64,
    write_model,
)
from workbench.errors import ModelFileError
from workbench.models.describe import describe
from workbench.models.header import Header, HeaderIncomplete, read_header, scan
from workbench.models.split import joined

_HUGE = (1 << 64) - 1
_MIB = 1 << 20
_FUZZ = settings(max_examples=250, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Numbers that break readers: signs, wrap-arounds, and just beyond every limit of ours.
numbers = st.sampled_from(
    [0, 1, 2, 3, 4, 5, 31, 32, 33, 255, 4097, 1 << 16, (1 << 16) + 1, 1 << 31, (1 << 32) - 1, 1 << 62, 1 << 63, _HUGE]
) | st.integers(0, _HUGE)
small_numbers = st.integers(0, 14) | st.sampled_from([39, 1 << 16, (1 << 32) - 1])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(
        tmp_path_factory.mktemp("gguf") / "small.gguf",
        text={"general.name": "Small", "tokenizer.chat_template": "{{ messages }}\n"},
        flags={"workbench.synthetic": True},
        lists={"llama.numbers": [3, 1, 2], "llama.choices": [True, False]},
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants") / "mutant.gguf"


@contextmanager
def in_memory(at_most_bytes: int) -> Iterator[None]:
    """The block never has more than so much beside what was there before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        assert tracemalloc.get_traced_memory()[1] - before <= at_most_bytes
    finally:
        tracemalloc.stop()


def outcome(read: Callable[[], Header]) -> Header | HeaderIncomplete | None:
    """The header, or that it goes on, or None for a refusal in words fit to be shown; else the test fails."""
    try:
        return read()
    except HeaderIncomplete as incomplete:
        return incomplete
    except ModelFileError as error:
        refusal = error
    assert refusal.message.isprintable()
    assert refusal.hint
    return None


def stands_for_itself(header: Header, file_size_bytes: int) -> None:
    """What an accepted header says can be relied on."""
    assert header.end_bytes <= file_size_bytes
    assert len({tensor.name for tensor in header.tensors}) == len(header.tensors)
    expected = 0
    for tensor in header.tensors:
        assert tensor.offset_bytes == expected
        assert header.data_offset_bytes + tensor.offset_bytes + tensor.size_bytes <= file_size_bytes
        expected = -(-(expected + tensor.size_bytes) // header.alignment) * header.alignment
    if header.tokenizer_span:
        begin, end = header.tokenizer_span
        assert 24 <= begin < end <= header.end_bytes


# --- mutants of sound files ------------------------------------------------------------------


def mutate(content: bytearray, last: int, choose: random.Random) -> None:
    """Some bytes changed, put in, or taken out within the first ``last``."""
    for _ in range(choose.randint(1, 4)):
        position = choose.randrange(last)
        new = choose.choice(
            [
                u64(choose.choice([_HUGE, 0, 1, 1 << 63, 1 << 40, choose.getrandbits(64)])),
                u32(choose.choice([0, 1, 5, 9, 31, 1 << 31])),
                bytes([content[position] ^ 1 << choose.randrange(8)]),
                choose.randbytes(choose.randint(1, 8)),
            ]
        )
        taken = choose.choice([len(new)] * 6 + [0, 2 * len(new)])
        content[position : position + taken] = new


@_FUZZ
@given(seed=st.integers(0, 1 << 40), cut=st.none() | st.floats(0, 1))
def test_a_mutant_of_a_small_file_is_read_or_refused_in_little_memory(
    small: Path, scratch: Path, seed: int, cut: float | None
) -> None:
    content = bytearray(small.read_bytes())
    mutate(content, read_header(small).end_bytes, random.Random(seed))
    if cut is not None:
        del content[int(cut * len(content)) :]
    scratch.write_bytes(content)
    with in_memory(4 * _MIB):
        header = outcome(lambda: read_header(scratch))
    if header is not None:
        assert isinstance(header, Header)
        stands_for_itself(header, len(content))
    outcome(lambda: describe(scratch).header)


@_FUZZ
@given(seed=st.integers(0, 1 << 40))
def test_first_bytes_and_whole_file_are_judged_alike(small: Path, scratch: Path, seed: int) -> None:
    choose = random.Random(seed)
    content = bytearray(small.read_bytes())
    mutate(content, read_header(small).end_bytes, choose)
    scratch.write_bytes(content)
    whole = outcome(lambda: read_header(scratch))
    have = choose.randrange(200)
    while isinstance(scanned := scanned_from(content, have), HeaderIncomplete):
        assert have < scanned.needed_bytes <= len(content)
        have = scanned.needed_bytes
    assert scanned == whole


def scanned_from(content: bytearray, have: int) -> Header | HeaderIncomplete | None:
    return outcome(lambda: scan(content[:have], name="mutant.gguf", file_size_bytes=len(content)))


@pytest.mark.parametrize("which", ["smollm2_path", "mistral_path"])
def test_a_mutant_of_a_real_header_is_read_or_refused(which: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(which)
    header = read_header(path)
    with path.open("rb") as file:
        sound = file.read(header.end_bytes)
    begin, end = header.tokenizer_span or (0, 0)
    choose, accepted = random.Random(1), 0
    for attempt in range(120):
        content = bytearray(sound)
        # Half of them outside the vocabulary, where every byte has a meaning.
        if attempt % 2:
            outside = bytearray(sound[end:])
            mutate(outside, len(outside), choose)
            content[end:] = outside
        else:
            mutate(content, len(content) if attempt % 4 else begin, choose)
        found = outcome(lambda: scan(content, name="x", file_size_bytes=path.stat().st_size))  # noqa: B023 - at once
        if isinstance(found, HeaderIncomplete):
            assert len(content) < found.needed_bytes <= path.stat().st_size
        elif found is not None:
            accepted += 1
            stands_for_itself(found, path.stat().st_size)
    assert 0 < accepted < 120


def test_a_real_header_cut_anywhere_is_incomplete_and_a_file_cut_there_is_damaged(
    smollm2_path: Path, scratch: Path
) -> None:
    header = read_header(smollm2_path)
    with smollm2_path.open("rb") as file:
        content = file.read(header.end_bytes)
    size = smollm2_path.stat().st_size
    choose = random.Random(2)
    begin, end = header.tokenizer_span or (0, 0)
    cuts = [*range(64), begin, begin + 1, end - 1, end, len(content) - 1]
    cuts += [choose.randrange(len(content)) for _ in range(30)]
    for cut in cuts:
        with pytest.raises(HeaderIncomplete) as caught:
            scan(memoryview(content)[:cut], name="x", file_size_bytes=size)
        assert cut < caught.value.needed_bytes <= len(content)
        scratch.write_bytes(content[:cut])
        with pytest.raises(ModelFileError):
            read_header(scratch)


def test_parts_that_lie_about_themselves_are_joined_or_refused(small: Path, tmp_path: Path) -> None:
    parts = split_model(small, tmp_path / "parts", (3, 2, 2))
    sound = [part.read_bytes() for part in parts]
    choose, refused = random.Random(3), 0
    for _ in range(150):
        index = choose.randrange(3)
        content = bytearray(sound[index])
        mutate(content, read_header_end(sound[index]), choose)
        parts[index].write_bytes(content)
        refused += outcome(lambda: describe(parts[choose.randrange(3)]).header) is None
        headers = [header for part in parts if isinstance(header := outcome_of(part), Header)]
        if headers:
            outcome(lambda: joined(headers))  # noqa: B023 - at once
        parts[index].write_bytes(sound[index])
    assert 75 < refused <= 150
    assert describe(parts[0]).parts == parts


def outcome_of(path: Path) -> Header | HeaderIncomplete | None:
    return outcome(lambda: read_header(path))


def read_header_end(content: bytes) -> int:
    return scan(content, name="x", file_size_bytes=len(content)).end_bytes


# --- headers made of lies --------------------------------------------------------------------

keys = st.sampled_from(
    [
        "",
        "a",
        "a",
        "general.alignment",
        "general.architecture",
        "x.block_count",
        "split.count",
        "tokenizer.a",
        "k" * 70000,
    ]
)
values = st.one_of(
    st.builds(lambda type_id, body: u32(type_id) + body, small_numbers, st.binary(max_size=12)),
    st.builds(lambda length, body: u32(8) + u64(length) + body, numbers, st.binary(max_size=12)),
    st.builds(
        lambda type_id, count, body: u32(9) + u32(type_id) + u64(count) + body,
        small_numbers,
        numbers,
        st.binary(max_size=40),
    ),
    st.integers(1, 2000).map(lambda depth: (u32(9) + u32(9) + u64(1)) * depth),
)
tensors = st.builds(
    lambda name, shape, type_id, offset: tensor_entry(name, shape, type_id, offset),
    st.sampled_from(["", "t", "t", "u", "n" * 64, "blk.0.x", "é" * 40]),
    st.lists(numbers, max_size=6),
    small_numbers,
    st.sampled_from([0, 32, 128, 1, _HUGE]),
)


@st.composite
def lying_headers(draw: st.DrawFn) -> bytes:
    entries = draw(st.lists(st.tuples(keys, values), max_size=5))
    listed = draw(st.lists(tensors, max_size=4))
    honest = draw(st.booleans())
    key_count = len(entries) if honest else draw(numbers)
    tensor_count = len(listed) if honest else draw(numbers)
    return (
        start(tensors=tensor_count, keys=key_count)
        + b"".join(string(key) + value for key, value in entries)
        + b"".join(listed)
        + draw(st.binary(max_size=64))
    )


@_FUZZ
@given(content=lying_headers(), size=st.none() | numbers)
def test_a_lying_header_is_refused_read_or_incomplete_in_little_memory(content: bytes, size: int | None) -> None:
    size = len(content) if size is None else size
    with in_memory(_MIB + 4 * len(content)):
        header = outcome(lambda: scan(content, name="x", file_size_bytes=size))
    if isinstance(header, HeaderIncomplete):
        assert len(content) < header.needed_bytes <= size
    elif header is not None:
        stands_for_itself(header, size)


@pytest.mark.parametrize(
    "content",
    [
        start(keys=14_000) + b"".join(list_entry(f"k{n}", 0, 4096, b"\1" * 4096) for n in range(14_000)),
        start(keys=3) + b"".join(string(f"k{n}") + u32(8) + u64(15 * _MIB) + bytes(15 * _MIB) for n in range(3)),
        start(keys=60_000) + b"".join(number_entry(f"k{n}", n) for n in range(60_000)),
        start(keys=1) + list_entry("a", 8, _MIB, bytes(8 * _MIB)),
        start(tensors=20_000) + b"".join(tensor_entry(f"t{n}", (32,), 0, 128 * n) for n in range(20_000)),
    ],
    ids=["lists", "texts", "entries", "empty texts", "tensors"],
)
def test_the_largest_headers_stay_within_bounds(content: bytes) -> None:
    with in_memory(96 * _MIB):
        assert scan(content, name="x", file_size_bytes=1 << 40).end_bytes == len(content)


# --- what is accepted, others accept too -----------------------------------------------------


def accepted_mutants(small: Path, folder: Path, seed: int, wanted: int) -> list[Path]:
    choose, accepted = random.Random(seed), []
    sound = small.read_bytes()
    last = read_header(small).end_bytes
    while len(accepted) < wanted:
        content = bytearray(sound)
        mutate(content, last, choose)
        path = folder / f"mutant{len(accepted)}.gguf"
        path.write_bytes(content)
        if outcome_of(path) is not None:
            accepted.append(path)
    return accepted


_LLAMA_CPP_READS = """
import ctypes, json, sys
from llama_cpp.llama_cpp import _lib
class Params(ctypes.Structure):
    _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p)]
_lib.gguf_init_from_file.restype = ctypes.c_void_p
_lib.gguf_init_from_file.argtypes = [ctypes.c_char_p, Params]
paths = json.load(sys.stdin)
print(json.dumps([path for path in paths if not _lib.gguf_init_from_file(path.encode(), Params(True, None))]))
"""


def test_llama_cpp_reads_every_header_that_is_accepted(small: Path, tmp_path: Path) -> None:
    mutants = accepted_mutants(small, tmp_path, 4, 150)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(start(tensors=1) + tensor_entry("a", offset=64) + bytes(400))
    child = subprocess.run(
        [sys.executable, "-c", _LLAMA_CPP_READS],
        input=json.dumps([str(path) for path in [*mutants, damaged]]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    assert json.loads(child.stdout.splitlines()[-1]) == [str(damaged)]


def test_the_reference_reader_agrees_about_sane_files(small: Path, tmp_path: Path) -> None:
    sane = [
        small,
        write_model(tmp_path / "tied.gguf", tied=True, layers=1, numbers={"general.alignment": 64}),
        *split_model(small, tmp_path / "parts", (3, 0, 4)),
    ]
    for path in sane:
        header, reference = read_header(path), gguf.GGUFReader(path)
        assert [tensor.name for tensor in header.tensors] == [tensor.name for tensor in reference.tensors]
        assert set(header.metadata) == {key for key in reference.fields if not key.startswith("GGUF.")}
        if header.tensors:
            assert header.data_offset_bytes == reference.data_offset
