"""Models in several files: found from any part, joined into one header, refused when they do not belong together."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from tests.unit.models.gguf_files import MERGES, VOCABULARY, split_model, write_model
from workbench.errors import BadGgufError, ModelFileError
from workbench.models.describe import describe
from workbench.models.header import Array, Header, read_header
from workbench.models.split import PartName, joined, name_of, part_name, stem_of


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_model(tmp_path / "whole" / "Tiny.gguf", text={"general.name": "Tiny"})


@pytest.fixture
def parts(whole: Path, tmp_path: Path) -> tuple[Path, ...]:
    return split_model(whole, tmp_path / "parts", (3, 2, 2))


def headers(parts: tuple[Path, ...]) -> list[Header]:
    return [read_header(part) for part in parts]


def refusal(path: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        describe(path)
    assert caught.value.hint
    return caught.value


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m-00001-of-00003.gguf", PartName("m", 1, 3)),
        ("Q4/a-b-00002-of-00010.gguf", PartName("Q4/a-b", 2, 10)),
        ("m-00001-of-00002-00002-of-00002.gguf", PartName("m-00001-of-00002", 2, 2)),
        ("m-00004-of-00003.gguf", None),
        ("m-00000-of-00003.gguf", None),
        ("m-1-of-3.gguf", None),
        ("m-00001-of-00003.GGUF", None),
        ("m-000001-of-000003.gguf", None),
        ("m-00001-of-99999.gguf", None),
        ("-00001-of-00003.gguf", None),
        ("m.gguf", None),
    ],
)
def test_part_names_are_those_of_llama_cpp(name: str, expected: PartName | None) -> None:
    assert part_name(name) == expected
    if expected:
        assert name_of(expected.prefix, expected.number, expected.count) == name
        assert expected.siblings[expected.number - 1] == name
        assert len(set(expected.siblings)) == expected.count


def test_a_stem_leaves_the_number_of_the_part_out() -> None:
    assert stem_of(Path("x/Big-Q4_K_M-00002-of-00003.gguf")) == "Big-Q4_K_M"
    assert stem_of(Path("x/Big-Q4_K_M.gguf")) == "Big-Q4_K_M"


# --- whole models ----------------------------------------------------------------------------


def test_a_split_model_is_the_same_model_from_any_of_its_parts(whole: Path, parts: tuple[Path, ...]) -> None:
    expected = describe(whole)
    for part in parts:
        model = describe(part)
        assert (model.path, model.parts, model.files) == (parts[0], parts, parts)
        assert model.size_bytes == sum(path.stat().st_size for path in parts)
        assert (model.name, model.title, model.quantisation) == ("Tiny", "Tiny", "F16")
        assert (model.parameter_count, model.bits_per_weight) == (expected.parameter_count, expected.bits_per_weight)
        assert model.sha256 is None


def test_the_joined_header_has_every_tensor_where_its_part_has_it(whole: Path, parts: tuple[Path, ...]) -> None:
    header = joined(headers(parts))
    reference = read_header(whole)
    assert [(t.name, t.shape, t.size_bytes) for t in header.tensors] == [
        (t.name, t.shape, t.size_bytes) for t in reference.tensors
    ]
    assert [tensor.part for tensor in header.tensors] == [0, 0, 0, 1, 1, 2, 2]
    assert header.metadata == reference.metadata
    whole_bytes = whole.read_bytes()
    for joined_tensor, tensor in zip(header.tensors, reference.tensors, strict=True):
        part = parts[joined_tensor.part]
        begin = read_header(part).data_offset_bytes + joined_tensor.offset_bytes
        original = reference.data_offset_bytes + tensor.offset_bytes
        assert (
            part.read_bytes()[begin : begin + tensor.size_bytes] == whole_bytes[original : original + tensor.size_bytes]
        )


def test_a_first_part_may_hold_no_weights_at_all(whole: Path, tmp_path: Path) -> None:
    parts = split_model(whole, tmp_path / "parts", (0, 7))
    assert describe(parts[1]).parameter_count == describe(whole).parameter_count


def test_the_joined_hash_changes_with_every_part(whole: Path, parts: tuple[Path, ...], tmp_path: Path) -> None:
    first = joined(headers(parts)).sha256
    assert joined(headers(parts)).sha256 == first
    others = headers(split_model(whole, tmp_path / "other", (3, 1, 3)))
    assert joined(others).sha256 != first
    assert read_header(whole).sha256 != first


def test_a_whole_model_is_joined_to_itself(whole: Path) -> None:
    header = read_header(whole)
    assert joined([header]) is header


def test_parts_behind_links_are_found_beside_the_links(parts: tuple[Path, ...], tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for number, part in enumerate(parts):
        blob = part.rename(tmp_path / f"blob{number}")
        (snapshot / part.name).symlink_to(blob)
    assert describe(snapshot / parts[1].name).path == snapshot / parts[0].name


# --- what does not belong together -----------------------------------------------------------


def test_a_missing_part_is_named_in_the_same_words_from_every_other_part(parts: tuple[Path, ...]) -> None:
    parts[1].unlink()
    error = refusal(parts[0])
    assert error.message == "Tiny-00002-of-00003.gguf is missing: Tiny is split into 3 parts."
    assert refusal(parts[2]).message == error.message
    parts[2].unlink()
    assert refusal(parts[0]).message.startswith("Tiny-00002-of-00003.gguf and 1 more are missing")


@pytest.mark.parametrize("name", ["Tiny.gguf", "Tiny-00001-of-00003.gguf", "Tiny-00002-of-00004.gguf", "2.gguf"])
def test_a_part_under_another_name_is_told_its_own(parts: tuple[Path, ...], tmp_path: Path, name: str) -> None:
    (tmp_path / "renamed").mkdir()
    path = parts[1].rename(tmp_path / "renamed" / name)
    error = refusal(path)
    assert error.message == f"{name} is part 2 of 3 of a split model, but its name says otherwise."
    assert "-00002-of-00003.gguf" in (error.hint or "")


def test_an_absurd_number_of_parts_is_refused_before_they_are_looked_for(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m-00001-of-60000.gguf", numbers={"split.count": 60_000, "split.no": 0})
    assert refusal(path).message == "m-00001-of-60000.gguf says its model is split into 60000 parts."


def test_a_damaged_part_is_named(parts: tuple[Path, ...]) -> None:
    content = parts[2].read_bytes()
    parts[2].write_bytes(content[:-200])
    with pytest.raises(BadGgufError, match=r"Tiny-00003-of-00003\.gguf ends at"):
        describe(parts[0])


def test_parts_of_two_uploads_are_refused_by_their_tensors(
    whole: Path, parts: tuple[Path, ...], tmp_path: Path
) -> None:
    other = split_model(whole, tmp_path / "other", (2, 3, 2))
    shutil.copy(other[1], parts[1])
    assert refusal(parts[0]).message == "Parts 1 and 2 of Tiny both hold 'blk.0.attn_q.weight'."
    other = split_model(whole, tmp_path / "other", (4, 1, 2))
    shutil.copy(other[1], parts[1])
    assert refusal(parts[0]).message == "Tiny promises 7 tensors, but its parts hold 6."


def test_parts_of_another_model_are_refused_by_its_numbers(parts: tuple[Path, ...], tmp_path: Path) -> None:
    bigger = write_model(tmp_path / "bigger" / "Tiny.gguf", layers=3)
    shutil.copy(split_model(bigger, tmp_path / "other", (3, 3, 3))[1], parts[1])
    assert "disagrees with the first part" in refusal(parts[2]).message


def test_a_part_in_the_place_of_another_is_refused(parts: tuple[Path, ...]) -> None:
    one, two, three = headers(parts)
    with pytest.raises(ModelFileError, match="Part 2 of Tiny says it is part 3"):
        joined([one, three, two], name="Tiny")
    with pytest.raises(ModelFileError, match="says it has 3 parts, but there are 2"):
        joined([one, two])
    with pytest.raises(ModelFileError, match="says it is no part"):
        joined([one, dataclasses.replace(two, metadata={}), three])


def test_a_later_part_that_names_another_model_is_refused(parts: tuple[Path, ...]) -> None:
    one, two, three = headers(parts)

    def with_metadata(**more: object) -> list[Header]:
        added = {key.replace("__", "."): value for key, value in more.items()}
        return [one, dataclasses.replace(two, metadata={**two.metadata, **added}), three]  # type: ignore[dict-item]  # as read

    assert joined(with_metadata(general__architecture="llama")).tensors
    with pytest.raises(ModelFileError, match="another architecture"):
        joined(with_metadata(general__architecture="gemma3"))
    assert joined(with_metadata(tokenizer__ggml__tokens=Array(8, len(VOCABULARY)))).tensors
    with pytest.raises(ModelFileError, match="another tokenizer"):
        joined(with_metadata(tokenizer__ggml__merges=Array(8, len(MERGES) + 1)))
