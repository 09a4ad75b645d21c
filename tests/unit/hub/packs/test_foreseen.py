"""How large a pack gets is known before it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.hub.packs.conftest import Receiver
from tests.unit.models.gguf_files import write_model
from workbench.errors import PackError
from workbench.hub.packs.contents import Extra
from workbench.hub.packs.foreseen import Foreseen, foresee


def test_it_is_the_size_of_the_models_and_the_files_besides(receiver: Receiver, tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.gguf")
    receiver.library.add(path)
    held = receiver.library.listing().held
    extras = (Extra("suite", "a.json", b"12345"),)
    found = foresee(held, extras, tmp_path / "not there yet", "zip")
    assert found.size_bytes == path.stat().st_size + 5
    assert found.part_count == 1
    assert found.free_bytes > 0
    assert foresee(held, extras, tmp_path, "parts", part_bytes=found.size_bytes - 1).part_count == 2


def test_a_model_that_is_gone_meanwhile_is_named(receiver: Receiver, tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.gguf")
    receiver.library.add(path)
    held = receiver.library.listing().held
    path.unlink()
    with pytest.raises(PackError, match=r"tiny\.gguf.*cannot be read"):
        foresee(held, (), tmp_path, "zip")


def test_what_is_missing_is_what_does_not_fit() -> None:
    assert Foreseen(size_bytes=10, free_bytes=4, part_count=1).missing_bytes == 6
    assert Foreseen(size_bytes=4, free_bytes=10, part_count=1).missing_bytes == 0
