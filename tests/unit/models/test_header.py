"""The header scan: the same facts as the reference reader, and a clear refusal of everything else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import gguf
import pytest

from tests.unit.models.gguf_files import (
    MERGES,
    VOCABULARY,
    list_entry,
    number_entry,
    start,
    string,
    tensor_entry,
    u32,
    u64,
    write_model,
)
from workbench.errors import BadGgufError, ModelFileError
from workbench.models.ggml_types import FILE_TYPES, TENSOR_TYPES
from workbench.models.header import Array, HeaderIncomplete, read_header, scan


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(
        tmp_path_factory.mktemp("gguf") / "small.gguf",
        text={"general.name": "Small", "tokenizer.chat_template": "{{ messages }}\n"},
        flags={"workbench.synthetic": True},
        lists={"llama.numbers": [3, 1, 2], "llama.choices": [True, False]},
    )


def test_tensors_are_those_of_the_reference_reader(small: Path) -> None:
    header, reference = read_header(small), gguf.GGUFReader(small)
    assert [
        (t.name, t.shape, t.type_id, header.data_offset_bytes + t.offset_bytes, t.size_bytes) for t in header.tensors
    ] == [
        (t.name, tuple(map(int, t.shape)), int(t.tensor_type), int(t.data_offset), int(t.n_bytes))
        for t in reference.tensors
    ]
    assert header.data_offset_bytes == reference.data_offset
    assert (header.alignment, header.version) == (reference.alignment, 3)


def test_metadata_are_those_of_the_reference_reader(small: Path) -> None:
    header, reference = read_header(small), gguf.GGUFReader(small)
    fields = {key: field for key, field in reference.fields.items() if not key.startswith("GGUF.")}
    assert list(header.metadata) == list(fields)
    for key, value in header.metadata.items():
        if not isinstance(value, Array):
            assert value == fields[key].contents()
        elif value.values is not None:
            assert list(value.values) == pytest.approx(fields[key].contents())


def test_lists_of_texts_keep_their_length_alone(small: Path) -> None:
    header = read_header(small)
    assert header.metadata["tokenizer.ggml.tokens"] == Array(8, len(VOCABULARY), None)
    assert header.count("tokenizer.ggml.merges") == len(MERGES)
    assert header.metadata["llama.choices"] == Array(7, 2, (True, False))


def test_typed_reads_give_none_for_another_type(small: Path) -> None:
    header = read_header(small)
    assert header.text("general.name") == "Small"
    assert header.text("llama.block_count") is None
    assert header.integer("general.name") is None
    assert header.integer("workbench.synthetic") is None
    assert header.flag("workbench.synthetic")
    assert not header.flag("llama.block_count")
    assert header.count("general.name") == 0


def test_long_lists_of_numbers_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "long.gguf"
    path.write_bytes(start(keys=2) + list_entry("a", 4, 5000, bytes(20_000)) + number_entry("b", 7))
    header = read_header(path)
    assert header.metadata == {"a": Array(4, 5000, None), "b": 7}


def test_a_vocabulary_of_262144_words_is_passed_over(gemma_path: Path) -> None:
    header = read_header(gemma_path)
    assert header.metadata["tokenizer.ggml.tokens"] == Array(8, 262_144, None)
    assert header.metadata["tokenizer.ggml.scores"] == Array(6, 262_144, None)
    begin, end = header.tokenizer_span or (0, 0)
    assert begin < 4096
    assert end - begin > 6_000_000
    assert 0 < header.end_bytes - end < 20_000, "what differs between quantisations is small"


def test_a_list_of_texts_longer_than_one_read_is_followed_across_reads(tmp_path: Path) -> None:
    path = tmp_path / "long.gguf"
    texts = b"".join(string("x" * (index % 50)) for index in range(100_000))
    path.write_bytes(start(keys=2) + list_entry("a", 8, 100_000, texts) + number_entry("b", 7))
    assert len(texts) > 3 << 20
    assert read_header(path).metadata == {"a": Array(8, 100_000, None), "b": 7}


def test_equal_headers_have_equal_hashes_whatever_the_weights(small: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    content = bytearray(small.read_bytes())
    content[-1] ^= 0xFF
    copy.write_bytes(content)
    assert read_header(copy) == read_header(small)
    renamed = write_model(tmp_path / "other.gguf", text={"general.name": "Other"})
    assert read_header(renamed) != read_header(small)


def test_the_type_tables_agree_with_the_reference() -> None:
    for kind, (elements, size) in gguf.GGML_QUANT_SIZES.items():
        ours = TENSOR_TYPES[kind.value]
        assert (ours.name, ours.block_elements, ours.block_bytes) == (kind.name, elements, size)
    for file_type in gguf.LlamaFileType:
        if file_type is not gguf.LlamaFileType.GUESSED:
            expected = file_type.name.removeprefix("MOSTLY_").removeprefix("ALL_")
            assert FILE_TYPES[file_type.value] == expected


# --- the first bytes alone -------------------------------------------------------------------


def test_the_first_bytes_give_the_same_header_as_the_file(small: Path) -> None:
    header, content = read_header(small), small.read_bytes()
    for first in (content[: header.end_bytes], bytearray(content), memoryview(content)[: header.end_bytes + 1]):
        scanned = scan(first, name="x", file_size_bytes=len(content))
        assert scanned == header
        assert (scanned.metadata, scanned.tensors) == (header.metadata, header.tensors)
        assert scanned.tokenizer_span == header.tokenizer_span


def test_a_header_that_goes_on_says_how_much_more_it_needs_at_least(small: Path) -> None:
    header, content = read_header(small), small.read_bytes()
    for length in range(header.end_bytes):
        with pytest.raises(HeaderIncomplete) as caught:
            scan(content[:length], name="x", file_size_bytes=len(content))
        assert length < caught.value.needed_bytes <= header.end_bytes


def test_the_need_grows_with_the_counts_that_are_already_known(small: Path) -> None:
    with pytest.raises(HeaderIncomplete) as caught:
        scan(start(keys=1) + list_entry("a", 8, 1000), name="x", file_size_bytes=1 << 20)
    assert caught.value.needed_bytes == 24 + 9 + 16 + 8 * 1000
    with pytest.raises(HeaderIncomplete) as caught:
        scan(start(keys=3, tensors=10), name="x", file_size_bytes=1 << 20)
    assert caught.value.needed_bytes == 24 + 8 + 2 * 14 + 10 * 25


def test_a_need_beyond_the_file_is_a_file_cut_short(small: Path) -> None:
    with pytest.raises(BadGgufError, match="ends at 200 bytes, inside its own header"):
        scan(start(tensors=10), name="x", file_size_bytes=200)
    content = small.read_bytes()
    with pytest.raises(BadGgufError, match=f"ends at {len(content) - 999} bytes but its header promises"):
        scan(content, name="x", file_size_bytes=len(content) - 999)


def test_bytes_beyond_the_size_of_the_file_count_for_nothing(small: Path) -> None:
    with pytest.raises(BadGgufError, match="ends at 500 bytes, inside its own header"):
        scan(small.read_bytes(), name="x", file_size_bytes=500)


def test_a_refusal_does_not_wait_for_more_bytes() -> None:
    with pytest.raises(BadGgufError, match="not a GGUF"):
        scan(b"PK\3\4" + bytes(40), name="x", file_size_bytes=1 << 30)
    with pytest.raises(BadGgufError, match="16 MiB"):
        scan(start(keys=1) + list_entry("a", 8, 2, u64(1 << 40)), name="x", file_size_bytes=1 << 50)
    with pytest.raises(BadGgufError, match="64 MiB"):
        scan(start(keys=1) + list_entry("a", 10, 9 << 20), name="x", file_size_bytes=1 << 40)


def test_the_tokenizer_span_is_the_bytes_of_its_consecutive_entries() -> None:
    before, after = number_entry("general.a", 1), number_entry("general.b", 2)
    tokenizer = list_entry("tokenizer.ggml.tokens", 8, 2, string("a") + string("bc")) + number_entry("tokenizer.x", 3)
    content = start(keys=5) + before + tokenizer + after + number_entry("tokenizer.y", 4)
    header = scan(content, name="x", file_size_bytes=len(content))
    assert header.tokenizer_span is not None
    begin, end = header.tokenizer_span
    assert content[begin:end] == tokenizer
    assert header.end_bytes == len(content)
    without = start(keys=1) + before
    assert scan(without, name="x", file_size_bytes=len(without)).tokenizer_span is None


def test_the_tensor_list_ends_before_its_padding(small: Path) -> None:
    header, content = read_header(small), small.read_bytes()
    assert header.end_bytes <= header.data_offset_bytes < header.end_bytes + header.alignment
    assert not any(content[header.end_bytes : header.data_offset_bytes])


# --- paths that cannot be read ---------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"There is no file .*gone\.gguf"):
        read_header(tmp_path / "gone.gguf")


def test_a_folder_is_called_a_folder(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(ModelFileError, match="models is a folder"):
        read_header(tmp_path / "models")


def test_a_socket_is_refused_without_being_opened(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.gguf"))
        with pytest.raises(ModelFileError, match="not an ordinary file"):
            read_header(tmp_path / "s.gguf")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_without_a_writer_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.gguf")
    with pytest.raises(ModelFileError, match="not an ordinary file"):
        read_header(tmp_path / "p.gguf")


def test_a_loop_of_links_and_an_impossible_path_are_errors_with_a_reason(tmp_path: Path) -> None:
    link = tmp_path / "loop.gguf"
    link.symlink_to(link)
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_header(link)
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_header(Path("a\0b"))


# --- files that are something else -----------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"Dear diary,\ntoday", r'is not a GGUF file \(it starts with "Dear diary,"\)'),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), r"it starts with 89 50 4e 47"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"tjgg" + bytes(40), "from before GGUF"),
        (start(version=1), "version 1"),
        (b"GGUF" + (3).to_bytes(4, "big") + bytes(16), "big-endian"),
        (start(version=9), "version 9"),
    ],
)
def test_a_file_that_is_something_else_is_called_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(content)
    with pytest.raises(BadGgufError, match=said) as caught:
        read_header(path)
    assert caught.value.hint


def test_a_missing_end_of_the_weights_is_told_in_bytes(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "part.gguf"
    whole = small.read_bytes()
    path.write_bytes(whole[:-1000])
    with pytest.raises(BadGgufError, match=f"ends at {len(whole) - 1000} bytes but its header promises") as caught:
        read_header(path)
    assert "only 9" in caught.value.message
    assert "incomplete" in caught.value.message


def test_a_missing_end_of_the_header_is_told_too(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "part.gguf"
    path.write_bytes(small.read_bytes()[:500])
    with pytest.raises(BadGgufError, match="ends at 500 bytes, inside its own header"):
        read_header(path)


@pytest.mark.parametrize("type_id", [8, 4], ids=["texts", "numbers"])
def test_a_file_that_ends_in_a_list_is_incomplete_rather_than_damaged(tmp_path: Path, type_id: int) -> None:
    path = tmp_path / "part.gguf"
    path.write_bytes(start(keys=1) + list_entry("tokenizer.x", type_id, 50_000, bytes(400)))
    with pytest.raises(BadGgufError, match=f"ends at {path.stat().st_size} bytes, inside its own header"):
        read_header(path)


# --- hostile files ---------------------------------------------------------------------------

_HUGE = (1 << 64) - 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (start(tensors=_HUGE), "promises"),
        (start(keys=_HUGE), "promises"),
        (start(keys=1) + u64(_HUGE), "a text of"),
        (start(keys=1) + string("a") + u32(8) + u64(1 << 40), "a text of"),
        (start(keys=1) + string("a") + u32(99), "unknown type 99"),
        (start(keys=1) + list_entry("a", 8, _HUGE), "a list of"),
        (start(keys=1) + list_entry("a", 8, 2, u64(1 << 40) + bytes(64)), "a text of more than 16 MiB"),
        (start(keys=1) + list_entry("a", 8, 2, u64(_HUGE) + bytes(64)), "a text of more than 16 MiB"),
        (start(keys=1) + list_entry("", 4, 1, u32(1)), "has no name"),
        (start(keys=1) + string("general.alignment") + u32(10) + u64(32), "alignment"),
        (start(keys=1) + list_entry("a", 10, _HUGE), "promises"),
        (start(keys=1) + list_entry("a", 9, 1), "unknown type 9"),
        (start(keys=2) + number_entry("a", 1) * 2, "comes twice"),
        (start(keys=1) + number_entry("general.alignment", 0), "alignment"),
        (start(keys=1) + number_entry("general.alignment", 48), "alignment"),
        (start(keys=1) + number_entry("general.alignment", 1 << 31), "alignment"),
        (start(keys=1) + string("general.alignment") + u32(8) + string("32"), "alignment"),
        (start(keys=1) + string("general.alignment") + u32(7) + b"\1", "alignment"),
        (start(tensors=1) + tensor_entry("a", (1, 1, 1, 1, 1)), "5 dimensions"),
        (start(tensors=1) + tensor_entry("a", (0,)), "impossible size"),
        (start(tensors=1) + tensor_entry("a", (1 << 40, 1 << 40)), "impossible size"),
        (start(tensors=1) + tensor_entry("a", type_id=31), "type 31"),
        (start(tensors=1) + tensor_entry("a", (33,), type_id=2), "no multiple"),
        (start(tensors=1) + tensor_entry("a", offset=64) + bytes(400), "not where it should be"),
        (start(tensors=1) + tensor_entry("a", offset=_HUGE), "not where it should be"),
        (start(tensors=1) + tensor_entry("a" * 64), "name of 64 letters"),
        (start(tensors=1) + tensor_entry(""), "name of 0 letters"),
        (start(tensors=2) + tensor_entry("a") + tensor_entry("a", offset=128), "comes twice"),
        (start(tensors=1) + tensor_entry("a", (1 << 40,)), "promises"),
    ],
)
def test_a_hostile_header_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "hostile.gguf"
    path.write_bytes(content)
    with pytest.raises(BadGgufError, match=said):
        read_header(path)


@pytest.mark.parametrize("layers", [0, 513])
def test_an_impossible_number_of_layers_is_refused(tmp_path: Path, layers: int) -> None:
    path = tmp_path / "layers.gguf"
    architecture = string("general.architecture") + u32(8) + string("llama")
    path.write_bytes(start(keys=2) + architecture + number_entry("llama.block_count", layers))
    with pytest.raises(BadGgufError, match=f"{layers} layers"):
        read_header(path)


def test_a_header_beyond_its_limit_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gguf"
    with path.open("wb") as file:
        file.write(start(keys=1) + list_entry("a", 10, 9 << 20))
        file.truncate(200 << 20)
    with pytest.raises(BadGgufError, match="longer than 64 MiB"):
        read_header(path)


def test_messages_hold_no_control_characters_of_a_hostile_name(tmp_path: Path) -> None:
    path = tmp_path / "bidi.gguf"
    path.write_bytes(start(tensors=1) + tensor_entry("a\u202egpj\x1b[31m", type_id=31))
    with pytest.raises(BadGgufError) as caught:
        read_header(path)
    assert caught.value.message.isprintable()
