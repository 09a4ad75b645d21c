"""The hub client against somebody else's implementation of the hub's API."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.end2end import mirror
from tests.loopback_hub import LoopbackHub
from tests.unit.hub.downloading import HASTY, MANNERS
from workbench.errors import ModelNotFoundError
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Downloads, connecting
from workbench.hub.remote import Hub, RemoteListing
from workbench.hub.transfer import Phase
from workbench.hub.wanted import Wanted
from workbench.jobs import CancelToken, run
from workbench.models.file import Origin
from workbench.store.database import Database

REPOSITORY = "owner/SmolLM2-GGUF"
PIECE = 4 << 20


@dataclass(frozen=True)
class Mirrored:
    """``endpoint`` is the mirror's, ``hub`` what it mirrors."""

    endpoint: str
    hub: LoopbackHub
    commit: str
    file: Path


@pytest.fixture(scope="module")
def mirrored(smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirrored]:
    command = mirror.program()
    if command is None:
        pytest.skip(f"olah is not installed; make test installs it, or name its olah-cli in {mirror.VARIABLE}")
    with LoopbackHub() as hub:
        commit = hub.add(REPOSITORY, {smollm2_path.name: smollm2_path})
        with mirror.mirroring(command, hub.endpoint, hub.cdn, tmp_path_factory.mktemp("olah")) as endpoint:
            yield Mirrored(endpoint, hub, commit, smollm2_path)


def listed(endpoint: str, folder: Path, repository: str = REPOSITORY) -> RemoteListing:
    hub = Hub(folder / "cache", folder / "models", endpoint=endpoint, offline=False, patience=replace(HASTY, read_s=60))
    return run(hub.listing(repository))


def test_a_mirror_lists_what_the_hub_lists(mirrored: Mirrored, tmp_path: Path) -> None:
    there = listed(mirrored.endpoint, tmp_path / "mirror")
    here = listed(mirrored.hub.endpoint, tmp_path / "hub")
    (theirs,), (ours,) = there.files, here.files
    assert (there.commit, there.skipped) == (here.commit, here.skipped)
    assert (theirs.sha256, theirs.size_bytes, theirs.title) == (ours.sha256, ours.size_bytes, ours.title)
    assert theirs.header == ours.header
    assert there.fetched_bytes == here.fetched_bytes < theirs.size_bytes // 10


def test_what_a_mirror_does_not_have_is_said_as_the_hub_says_it(mirrored: Mirrored, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="has no repository owner/none"):
        listed(mirrored.endpoint, tmp_path, "owner/none")


def test_a_download_through_a_mirror_is_broken_off_resumed_and_verified(mirrored: Mirrored, tmp_path: Path) -> None:
    patience = replace(HASTY, read_s=60)
    with Database(tmp_path / "w.sqlite3") as db:
        downloads = Downloads(
            db,
            tmp_path / "models",
            connecting(mirrored.endpoint, offline=False, patience=patience),
            endpoint=mirrored.endpoint,
            patience=patience,
            manners=replace(MANNERS, piece_bytes=PIECE),
        )
        wanted = Wanted.of_origin(Origin(REPOSITORY, mirrored.commit, mirrored.file.name))
        added = downloads.add(wanted)
        task = downloads.fetch(added.id)(CancelToken())
        for state in task:
            if state.done_bytes > 5 * PIECE:
                break
        task.close()
        kept = downloads.get(added.id).done_bytes
        assert PIECE <= kept < mirrored.file.stat().st_size
        states: list[DownloadState] = []
        done = run(downloads.fetch(added.id), on_event=states.append)
        assert min(state.done_bytes for state in states if state.phase is Phase.FETCHING) >= kept
        (path,) = done.files
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(mirrored.file.read_bytes()).digest()
        path.unlink()
