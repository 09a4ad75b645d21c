"""An entry takes over what the hub says, with the hub as its source, and keeps what the hub did not speak of."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import gguf
import numpy as np
import pytest

from workbench.errors import ModelNotFoundError
from workbench.hub import catalogue
from workbench.hub.catalogue import Catalogue
from workbench.hub.entries import Entry
from workbench.hub.refreshing import quantisation_in, refresh
from workbench.hub.remote import RemoteListing
from workbench.hub.repository import RemoteFile, Repository
from workbench.models.describe import describe
from workbench.models.file import ModelFile, Origin
from workbench.paths import resources

SHIPPED = Catalogue.load(resources())
GGUF = "bartowski/Llama-3.2-1B-Instruct-GGUF"
NOW = "2026-11-23T09:00:00+00:00"
COMMIT = "a" * 40


@pytest.fixture
def entry() -> Entry:
    found = SHIPPED.entry("llama-3.2-1b-instruct")
    assert found is not None
    return found


def a_repository(name: str, *files: RemoteFile, gated: bool = False) -> Repository:
    return Repository(name, "main", COMMIT, gated, files)


def a_file(path: str, size_bytes: int | None, sha256: str | None = None) -> RemoteFile:
    return RemoteFile(path, size_bytes, sha256, sha256 or "")


def test_the_original_repository_brings_its_gate_and_commit(entry: Entry) -> None:
    fresh = refresh(entry, a_repository("meta-llama/llama-3.2-1b-instruct", gated=False), asked_at=NOW)
    assert entry.gated is True
    assert fresh.gated is False
    assert (fresh.original_commit, fresh.asked_at) == (COMMIT, NOW)
    (source,) = fresh.gate.sources
    assert (source.kind, source.read) == ("hub", datetime.date(2026, 11, 23))
    assert fresh.files == entry.files


def test_a_repository_of_files_brings_sizes_hashes_and_commit(entry: Entry) -> None:
    found = a_repository(
        GGUF,
        a_file("Llama-3.2-1B-Instruct-Q4_K_M.gguf", 807_694_465, "b" * 64),
        a_file("Llama-3.2-1B-Instruct-Q8_0.gguf", 1_321_083_008, "c" * 64),
        a_file("README.md", 5),
    )
    fresh = refresh(entry, found, asked_at=NOW)
    assert [(file.quantisation, file.size.size_bytes, file.sha256, file.size.rounded) for file in fresh.files[1:]] == [
        ("Q4_K_M", 807_694_465, "b" * 64, None),
        ("Q8_0", 1_321_083_008, "c" * 64, None),
    ]
    repository = fresh.gguf_repositories[0]
    assert (repository.commit, repository.gated, repository.asked_at) == (COMMIT, False, NOW)
    assert fresh.gguf_repositories[1:] == entry.gguf_repositories[1:]
    # The listed file of the same name gave way; the Q4_0 nobody spoke of stays.
    assert fresh.files[0].name == "Llama-3.2-1B-Instruct-Q4_0"
    assert fresh.gate == entry.gate


def test_asking_again_replaces_what_the_hub_said_before(entry: Entry) -> None:
    once = refresh(entry, a_repository(GGUF, a_file("a-Q4_0.gguf", 1), a_file("a-Q8_0.gguf", 2)), asked_at=NOW)
    twice = refresh(once, a_repository(GGUF, a_file("a-Q4_0.gguf", 3)), asked_at=NOW)
    assert [(file.name, file.size.size_bytes) for file in twice.files if file.repository == GGUF] == [
        ("a-Q4_0.gguf", 3)
    ]


def test_parts_are_one_file_and_an_incomplete_or_unmeasured_one_is_none(entry: Entry) -> None:
    found = a_repository(
        GGUF,
        a_file("big-Q8_0-00002-of-00002.gguf", 20, "d" * 64),
        a_file("big-Q8_0-00001-of-00002.gguf", 10, "e" * 64),
        a_file("lost-Q8_0-00001-of-00003.gguf", 10),
        a_file("sizeless-Q8_0.gguf", None),
        a_file("../evil-Q8_0.gguf", 10),
    )
    (file,) = [file for file in refresh(entry, found, asked_at=NOW).files if file.repository == GGUF]
    assert (file.name, file.size.size_bytes, file.sha256) == ("big-Q8_0-00001-of-00002.gguf", 30, None)


def test_companions_are_told_from_models(entry: Entry) -> None:
    names = ["mmproj-F16.gguf", "x-mmproj.gguf", "x-imatrix.gguf", "mtp-x.gguf", "x-Q4_0.gguf"]
    fresh = refresh(entry, a_repository(GGUF, *(a_file(name, 1) for name in names)), asked_at=NOW)
    assert [file.name for file in fresh.files if file.repository == GGUF and not file.companion] == ["x-Q4_0.gguf"]


def test_a_listing_brings_what_the_headers_say(entry: Entry, tmp_path: Path) -> None:
    listing = RemoteListing(GGUF, COMMIT, (a_model(tmp_path),), (), 100)
    fresh = refresh(entry, listing, asked_at=NOW)
    (file,) = [file for file in fresh.files if file.repository == GGUF]
    assert (file.name, file.quantisation, file.sha256) == ("folder/named-anyhow.gguf", "Q8_0", "f" * 64)
    assert fresh.asked_at == NOW
    kept = refresh(entry, dataclasses.replace(listing, kept_at="2026-01-02T03:04:05+00:00"), asked_at=NOW)
    assert kept.asked_at == "2026-01-02T03:04:05+00:00"
    assert kept.files[-1].sources[0].read == datetime.date(2026, 1, 2)


def test_a_strange_repository_is_refused_with_those_that_are_meant(entry: Entry) -> None:
    with pytest.raises(ModelNotFoundError, match="none of the repositories") as caught:
        refresh(entry, a_repository("someone/else"), asked_at=NOW)
    assert caught.value.hint is not None
    assert GGUF in caught.value.hint


def test_a_refreshed_entry_can_be_kept_as_a_catalogue_of_one_s_own(entry: Entry) -> None:
    fresh = refresh(entry, a_repository(GGUF, a_file("a-Q4_0.gguf", 1, "b" * 64)), asked_at=NOW)
    data = catalogue.write([fresh], title="Asked", dated=datetime.date(2026, 11, 23))
    kept = SHIPPED.with_file(catalogue.read(data, "asked.json"), file="asked.json").entry(entry.id)
    assert kept is not None
    assert kept.files == fresh.files
    assert kept.gguf_repositories == fresh.gguf_repositories
    replaced = SHIPPED.with_entry(fresh).entry(entry.id)
    assert replaced == fresh


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("Mistral-7B-Instruct-v0.3.Q4_K_M.gguf", "Q4_K_M"),
        ("google_gemma-3-4b-it-Q4_K_L.gguf", "Q4_K_L"),
        ("Name.i1-IQ2_M.gguf", "IQ2_M"),
        ("gemma-4-E4B-it-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("gemma-4-26B-A4B-it-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("gemma-4-E2B_q4_0-it.gguf", "Q4_0"),
        ("gemma-3-27b-it-q4_0.gguf", "Q4_0"),
        ("Muse-Glimmer-30B-KQuant-17GB-Q4_K_M.gguf", "Q4_K_M"),
        ("UD-IQ1_M/Llama-4-Maverick-17B-128E-Instruct-UD-IQ1_M-00002-of-00003.gguf", "UD-IQ1_M"),
        ("Ministral-3-14B-Instruct-2512-BF16.gguf", "BF16"),
        ("Q4_K_M/model.gguf", None),
        ("just-a-model.gguf", None),
    ],
)
def test_the_quantisation_is_read_from_the_names_publishers_use(path: str, expected: str | None) -> None:
    assert quantisation_in(path) == expected


def a_model(folder: Path) -> ModelFile:
    """A tiny GGUF whose header says Q8_0, described as one of the hub."""
    path = folder / "named-anyhow.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(128)
    writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    origin = Origin(GGUF, COMMIT, "folder/named-anyhow.gguf")
    return dataclasses.replace(describe(path), origin=origin, sha256="f" * 64)
