"""A hub that lists files by their names alone is asked about each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from workbench.hub.connection import Connection
from workbench.hub.repository import Address, Repository, look_up
from workbench.jobs import CancelToken

NAME = "owner/name"


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name for name in ("a-Q4_0.gguf", "b-Q8_0.gguf", "README.md")}
    for name, path in found.items():
        path.write_bytes(name.encode())
    return found


def asked(hub: LoopbackHub) -> Repository:
    with Connection(hub.endpoint) as connection:
        return look_up(connection, Address(NAME, "main"), CancelToken())


def test_what_the_list_leaves_out_is_asked_for_and_the_same(hub: LoopbackHub, files: dict[str, Path]) -> None:
    hub.add(NAME, files)
    told = asked(hub)
    hub.break_(NAME, Faults(no_blobs=True))
    hub.forget()
    found = asked(hub)
    models = [file for file in told.files if file.path.endswith(".gguf")]
    assert [file for file in found.files if file.path.endswith(".gguf")] == models
    assert all(file.sha256 for file in models)
    assert [one.method for one in hub.served] == ["GET", "POST"], "one question for all files"


def test_a_hub_that_says_everything_is_asked_nothing_more(hub: LoopbackHub, files: dict[str, Path]) -> None:
    hub.add(NAME, files)
    asked(hub)
    assert [one.method for one in hub.served] == ["GET"]


@pytest.mark.parametrize(
    "answer", [b"{}", b"[1]", b"", b'[{"type": "file", "path": "a-Q4_0.gguf", "size": 1, "oid": "x", "lfs": 7}]']
)
def test_an_answer_that_nobody_understands_leaves_it_as_it_was(
    hub: LoopbackHub, files: dict[str, Path], answer: bytes
) -> None:
    hub.add(NAME, files, faults=Faults(no_blobs=True, paths_info=answer))
    assert [(file.path, file.sha256) for file in asked(hub).files] == [(name, None) for name in files]
