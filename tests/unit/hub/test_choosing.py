"""What people write for a model of the hub, and which one of its files they mean."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.unit.models.described_models import model
from workbench.errors import ModelNotFoundError
from workbench.hub import choosing
from workbench.hub.catalogue import Catalogue
from workbench.hub.choosing import Asked
from workbench.hub.remote import RemoteListing
from workbench.models.file import ModelFile, Origin
from workbench.paths import resources

COMMIT = "0" * 40


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(resources())


def remote(path: str, quantisation: str, parts: int = 0) -> ModelFile:
    """A model of the hub by its path in the repository; of a split one the first part's."""
    base = Path("/models/owner/name")
    names = [path.replace("00001", f"{number:05d}") for number in range(1, parts + 1)]
    return dataclasses.replace(
        model(quantisation=quantisation),
        path=base / path,
        parts=tuple(base / name for name in names),
        origin=Origin("owner/name", COMMIT, path),
    )


def listing(*files: ModelFile) -> RemoteListing:
    return RemoteListing("owner/name", COMMIT, files, (), 0)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("owner/name", Asked("owner/name")),
        (" owner/name ", Asked("owner/name")),
        ("owner/name:Q4_K_M", Asked("owner/name", "Q4_K_M")),
        ("owner/name:sub/a.gguf", Asked("owner/name", "sub/a.gguf")),
        ("owner/name/a.gguf", Asked("owner/name", "a.gguf")),
        ("owner/name/sub/a.gguf", Asked("owner/name", "sub/a.gguf")),
        ("gemma-3-1b-it", Asked("gemma-3-1b-it")),
        ("gemma-3-1b-it:Q8_0", Asked("gemma-3-1b-it", "Q8_0")),
        ("hf.co/owner/name:Q8_0", Asked("hf.co/owner/name", "Q8_0")),
        ("https://huggingface.co/owner/name", Asked("https://huggingface.co/owner/name")),
        ("https://huggingface.co/owner/name:Q8_0", Asked("https://huggingface.co/owner/name", "Q8_0")),
        ("http://127.0.0.1:80/owner/name", Asked("http://127.0.0.1:80/owner/name")),
        (
            "https://huggingface.co/owner/name/blob/main/a%20b.gguf?download=true",
            Asked("https://huggingface.co/owner/name/blob/main/a%20b.gguf?download=true", "a b.gguf"),
        ),
        (
            "https://huggingface.co/owner/name/tree/main",
            Asked("https://huggingface.co/owner/name/tree/main"),
        ),
    ],
)
def test_a_name_and_what_of_it_is_wanted_are_told_apart(text, asked):
    assert choosing.parse(text) == asked


def test_a_path_of_a_file_is_no_repository():
    assert choosing.names_repository(Asked("owner/name"))
    assert choosing.names_repository(Asked("https://huggingface.co/owner/name"))
    assert not choosing.names_repository(Asked("folder/model.gguf"))
    assert not choosing.names_repository(Asked("gemma-3-1b-it"))


def test_a_file_is_meant_by_path_name_stem_or_quantisation_in_any_case():
    large, small = remote("sub/tiny-F16.gguf", "F16"), remote("tiny-UD-Q4_K_XL.gguf", "Q4_K_M")
    for wanted in ("sub/tiny-F16.gguf", "tiny-f16.gguf", "TINY-F16", "f16"):
        assert choosing.chosen(listing(large, small), wanted) is large
    for wanted in ("UD-Q4_K_XL", "q4_k_m"):
        assert choosing.chosen(listing(large, small), wanted) is small


def test_a_split_model_is_meant_by_any_of_its_parts_and_by_their_common_name():
    split = remote("Q8_0/big-Q8_0-00001-of-00003.gguf", "Q8_0", parts=3)
    for wanted in ("Q8_0/big-Q8_0-00001-of-00003.gguf", "big-Q8_0-00002-of-00003.gguf", "big-Q8_0", "q8_0"):
        assert choosing.chosen(listing(split, remote("a-F16.gguf", "F16")), wanted) is split


def test_a_quantisation_that_two_models_have_is_no_answer():
    two = listing(remote("a-Q8_0.gguf", "Q8_0"), remote("b-Q8_0.gguf", "Q8_0"))
    with pytest.raises(ModelNotFoundError) as caught:
        choosing.chosen(two, "Q8_0")
    assert caught.value.hint is not None
    assert "a-Q8_0.gguf, b-Q8_0.gguf" in caught.value.hint


def test_what_is_not_there_is_answered_with_what_is():
    with pytest.raises(ModelNotFoundError) as caught:
        choosing.chosen(listing(remote("a-Q8_0.gguf", "Q8_0")), "Q2_K")
    assert "Q8_0" in (caught.value.hint or "")
    with pytest.raises(ModelNotFoundError):
        choosing.chosen(listing(), "Q2_K")


def test_the_name_of_a_file_means_this_file_again():
    file = remote("sub/tiny-F16.gguf", "F16")
    asked = choosing.parse(choosing.name_of(file))
    assert asked.wanted is not None
    assert choosing.chosen(listing(remote("tiny-F16.gguf", "F16"), file), asked.wanted) is file


def test_an_entry_leads_to_a_repository_that_is_open_to_all(catalogue):
    first, *others = choosing.repositories_of(Asked("Gemma-3-1B-it"), catalogue)
    assert first == "ggml-org/gemma-3-1b-it-GGUF"
    assert others, "and to those that come next, should it be gone"
    official = choosing.repositories_of(Asked("ministral-3-3b-instruct-2512"), catalogue)[0]
    assert official.startswith("mistralai/"), "the publisher's own comes first where it asks for nothing"
    assert choosing.repositories_of(Asked("owner/name"), catalogue) == ("owner/name",)


def test_an_entry_without_files_and_a_name_that_is_none_are_refused_with_a_way_on(catalogue):
    for name in ("mistral-large-4", "gemma-3-1b"):
        with pytest.raises(ModelNotFoundError) as caught:
            choosing.repositories_of(Asked(name), catalogue)
        assert caught.value.hint


def test_words_are_looked_for_where_they_begin_and_written_as_people_write_them(catalogue):
    found = [entry.id for entry in choosing.matching(catalogue, "gemma 1b")]
    assert "gemma-3-1b-it" in found
    assert "gemma-4-31b-it" not in found
    assert "gemma-3-1b-it" in [entry.id for entry in choosing.matching(catalogue, "GEMMA3")]
    assert choosing.matching(catalogue, "zebra") == ()
