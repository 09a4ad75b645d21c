"""One model of each family for this machine, and the file that stands for it on the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback_hub import LoopbackHub
from tests.unit.models.gguf_files import write_model
from workbench.errors import ModelNotFoundError
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hardware.facts import Hardware
from workbench.hub.catalogue import Catalogue
from workbench.hub.choosing import PassedOver
from workbench.hub.entries import Entry
from workbench.hub.remote import HeadProgress, Hub, RemoteListing
from workbench.hub.suggesting import QUANTISATION, file_of, listing_with, suggested
from workbench.hub.switch import Switch
from workbench.jobs import Task, run
from workbench.models.file import Family
from workbench.paths import resources


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.load(resources())


def with_memory(free_bytes: int) -> Hardware:
    return replace(LAPTOP_WITHOUT_GPU, memory=replace(LAPTOP_WITHOUT_GPU.memory, available_bytes=free_bytes))


def test_one_model_of_each_family_fits_beside_the_others(shipped: Catalogue) -> None:
    found = suggested(shipped, LAPTOP_WITHOUT_GPU)
    assert [each.entry.family for each in found.models] == [Family.LLAMA, Family.MISTRAL, Family.GEMMA]
    assert found.together
    assert found.needs_bytes <= LAPTOP_WITHOUT_GPU.memory.available_bytes


def test_a_small_machine_gets_the_smallest_which_take_turns(shipped: Catalogue) -> None:
    found = suggested(shipped, with_memory(3_500_000_000))
    assert len(found.models) == 3
    assert not found.together
    assert found.too_large == ()


def test_of_a_tiny_machine_it_is_said_what_does_not_fit_even_alone(shipped: Catalogue) -> None:
    found = suggested(shipped, with_memory(100_000_000))
    assert found.too_large == found.models


# --- the file for it ---------------------------------------------------------------------------


@pytest.fixture
def entry(shipped: Catalogue) -> Entry:
    """With two repositories of GGUF files."""
    found = next(entry for entry in shipped.entries if entry.gguf_repositories)
    first = found.gguf_repositories[0]
    names = ("publisher/gone-GGUF", "someone/there-GGUF")
    return replace(found, gguf_repositories=tuple(replace(first, name=name, official=False) for name in names))


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as serving:
        yield serving


def asking(hub: LoopbackHub, folder: Path):  # type: ignore[no-untyped-def]
    connect = Switch(offline=False).connecting(hub.endpoint, token=lambda: None)

    def remote(name: str) -> Task[HeadProgress, RemoteListing]:
        return Hub(folder / "cache", folder / "models", endpoint=hub.endpoint, offline=False, connect=connect).listing(
            name, "main"
        )

    return remote


def test_a_repository_that_is_gone_or_lacks_the_file_is_passed_over(
    entry: Entry, hub: LoopbackHub, tmp_path: Path
) -> None:
    file = write_model(tmp_path / f"m-{QUANTISATION}.gguf", text={"general.name": "M"}, file_type=15)
    hub.add("someone/there-GGUF", {file.name: file})
    found = run(listing_with(entry, asking(hub, tmp_path)))
    assert found.repository == "someone/there-GGUF"
    assert file_of(found).path.name == file.name


def test_a_repository_that_has_other_files_only_is_passed_over(entry: Entry, hub: LoopbackHub, tmp_path: Path) -> None:
    other = write_model(tmp_path / "m-F16.gguf", text={"general.name": "M"})
    file = write_model(tmp_path / f"m-{QUANTISATION}.gguf", text={"general.name": "M"}, file_type=15)
    hub.add("publisher/gone-GGUF", {other.name: other})
    hub.add("someone/there-GGUF", {file.name: file})
    events: list[object] = []
    found = run(listing_with(entry, asking(hub, tmp_path)), on_event=events.append)
    assert found.repository == "someone/there-GGUF"
    assert [one.repository for one in events if isinstance(one, PassedOver)] == ["publisher/gone-GGUF"]


def test_where_none_has_it_the_last_ones_refusal_is_told(entry: Entry, hub: LoopbackHub, tmp_path: Path) -> None:
    file = write_model(tmp_path / "m-F16.gguf", text={"general.name": "M"})
    hub.add("someone/there-GGUF", {file.name: file})
    with pytest.raises(ModelNotFoundError, match=f"no model called {QUANTISATION}"):
        run(listing_with(entry, asking(hub, tmp_path)))


def test_a_model_without_any_repository_says_so(entry: Entry, hub: LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="No repository with GGUF files"):
        run(listing_with(replace(entry, gguf_repositories=()), asking(hub, tmp_path)))
