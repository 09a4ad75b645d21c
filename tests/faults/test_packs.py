"""kill -9 while a pack is made or installed; a real model on its whole way; a check by nothing but standard tools."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workbench.errors import DiskFullError, PackError
from workbench.hub import consent
from workbench.hub.library import Library
from workbench.hub.packs import keys, writing
from workbench.hub.packs import placing as placing_module
from workbench.hub.packs.contents import Contents, Extra, ModelContent, Text
from workbench.hub.packs.create import Form, create
from workbench.hub.packs.install import finish_interrupted, install
from workbench.hub.packs.planning import Destination
from workbench.hub.packs.signing import SecretKey
from workbench.hub.packs.verify import verify
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.store.database import Database

SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TEXT = Text("Apache-2.0.txt", b"Apache License, Version 2.0\n")
FORMS: tuple[Form, ...] = ("folder", "zip", "parts")

killable = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

# Each stops at its event number, says so, and waits to be killed.
PRELUDE = """
import sys
from pathlib import Path
from workbench.hub.library import Library
from workbench.hub.packs import keys, placing
from workbench.hub.packs.contents import Contents, ModelContent
from workbench.hub.packs.create import create
from workbench.hub.packs.install import install
from workbench.hub.packs.planning import Destination
from workbench.hub.packs.verify import verify
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.store.database import Database

def stop():
    print("here", flush=True)
    sys.stdin.read()

def walk(task, phase, count):
    seen = 0
    for event in task(CancelToken()):
        seen += event.phase == phase
        if event.phase == phase and seen == count:
            stop()
"""

CREATES = """
model, target, key, form, count = sys.argv[1:]
contents = Contents("Killed", models=(ModelContent(describe(Path(model))),))
signer = keys.read_secret(Path(key))
walk(create(contents, Path(target), form=form, signer=signer, part_bytes=20_000_000), "writing", int(count))
"""

INSTALLS = """
pack, data, public, phase, count = sys.argv[1:]
destination = Destination.below(Path(data))
verified = run(verify(Path(pack), trusted=[keys.read_public_file(Path(public))]))
with Database(Path(data) / "w.sqlite3") as db:
    if phase == "renaming":
        real, done = placing._place, []
        def place(step):
            if len(done) == int(count):
                stop()
            real(step)
            done.append(step)
        placing._place = place
    task = install(verified, destination, Library(db, destination.models), db, agreed=["Apache-2.0"])
    walk(task, phase, int(count))
"""


@contextmanager
def stopped(script: str, *arguments: object) -> Iterator[None]:
    """A child that came to the place where it waits; killed at the end of the block."""
    command = [sys.executable, "-c", PRELUDE + script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "here\n"
            yield
        finally:
            child.send_signal(signal.SIGKILL)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[SecretKey, Path, Path]:
    secret = keys.generate()
    return secret, *keys.write_pair(secret, tmp_path_factory.mktemp("keys"), "sender")


@pytest.fixture(scope="session")
def real_pack(smollm2_path: Path, pair: tuple[SecretKey, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 with its licence and a result, in one zip."""
    contents = Contents(
        "SmolLM2",
        models=(ModelContent(describe(smollm2_path), licence="Apache-2.0", licence_texts=(TEXT,)),),
        extras=(Extra("results", "run.json", b"{}"),),
    )
    target = tmp_path_factory.mktemp("medium") / "smollm2.zip"
    run(create(contents, target, signer=pair[0]))
    return target


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def visible(destination: Destination) -> list[str]:
    """All files in their places, by name."""
    return sorted(
        path.name
        for root in destination.roots
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("install.") and ".pack-" not in str(path)
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_real_model_arrives_in_another_data_folder(
    form: Form, smollm2_path: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path
) -> None:
    contents = Contents(
        "Real", models=(ModelContent(describe(smollm2_path), licence="Apache-2.0", licence_texts=(TEXT,)),)
    )
    made = run(create(contents, tmp_path / "medium" / "real", form=form, signer=pair[0], part_bytes=20_000_000))
    verified = run(verify(made.path, trusted=[pair[0].public]))
    destination = Destination.below(tmp_path / "data")
    with Database(tmp_path / "data" / "w.sqlite3") as db:
        library = Library(db, destination.models)
        run(install(verified, destination, library, db, agreed=["Apache-2.0"]))
        (model,) = library.files()
        assert sha256(model.path) == model.sha256 == SMOLLM2_SHA256
        assert model.title == describe(smollm2_path).title
        assert [given.licence for given in consent.every(db)] == ["Apache-2.0"]


def test_a_pack_is_checked_by_standard_tools_alone(
    real_pack: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path
) -> None:
    tools = ("unzip", "sha256sum", "minisign")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    for command in (
        ["unzip", "-q", str(real_pack)],
        ["minisign", "-V", "-q", "-m", "pack.json", "-p", str(pair[2])],
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = {entry["path"] for entry in json.loads((tmp_path / "pack.json").read_text())["entries"]}
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found - listed == {"pack.json", "pack.json.minisig", "SHA256SUMS"}


@killable
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 12])
def test_a_pack_whose_making_was_killed_is_not_there_and_is_made_anew(
    form: Form, count: int, smollm2_path: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path
) -> None:
    target = tmp_path / "medium" / "p"
    with stopped(CREATES, smollm2_path, target, pair[1], form, count):
        pass
    assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == [".p.unfinished"]
    contents = Contents("Killed", models=(ModelContent(describe(smollm2_path)),))
    run(create(contents, target, form=form, signer=pair[0], part_bytes=20_000_000))
    assert [path.name for path in target.parent.iterdir()] == ["p"]
    assert run(verify(target, trusted=[pair[0].public])).manifest.name == "Killed"


@killable
@pytest.mark.parametrize(("phase", "count"), [("copying", 1), ("copying", 15), ("placing", 1)])
def test_an_installation_that_was_killed_leaves_nothing_or_all(
    phase: str, count: int, real_pack: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    destination = Destination.below(data)
    with stopped(INSTALLS, real_pack, data, pair[2], phase, count):
        pass
    assert visible(destination) == []
    with Database(data / "w.sqlite3") as db:
        library = Library(db, destination.models)
        assert library.files() == ()
        decided = phase == "placing"
        assert finish_interrupted(destination, library, db) is decided
        assert bool(visible(destination)) is decided
        assert len(library.files()) == len(consent.every(db)) == int(decided)
        assert not list(destination.models.glob(".pack-*"))
        verified = run(verify(real_pack, trusted=[pair[0].public]))
        installed = run(install(verified, destination, library, db, agreed=["Apache-2.0"]))
        assert len(visible(destination)) == 6
        assert sha256(installed.models[0]) == SMOLLM2_SHA256


@killable
@pytest.mark.parametrize("count", [0, 1, 3, 5])
@pytest.mark.parametrize("rerun", [True, False])
def test_an_installation_killed_between_two_files_is_finished(
    count: int, rerun: bool, real_pack: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    destination = Destination.below(data)
    with stopped(INSTALLS, real_pack, data, pair[2], "renaming", count):
        pass
    assert len(visible(destination)) == count
    with Database(data / "w.sqlite3") as db:
        library = Library(db, destination.models)
        if rerun:
            verified = run(verify(real_pack, trusted=[pair[0].public]))
            assert run(install(verified, destination, library, db, agreed=["Apache-2.0"])).files == ()
        else:
            assert finish_interrupted(destination, library, db)
        assert not finish_interrupted(destination, library, db)
        (model,) = library.files()
        assert sha256(model.path) == model.sha256 == SMOLLM2_SHA256
        assert len(visible(destination)) == 6
        assert not (destination.packs / "install.json").exists()


def test_one_installation_at_a_time(real_pack: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path) -> None:
    destination = Destination.below(tmp_path / "data")
    verified = run(verify(real_pack, trusted=[pair[0].public]))
    with (
        Database(tmp_path / "data" / "w.sqlite3") as db,
        placing_module.alone(destination),
        pytest.raises(PackError, match="Another pack is being installed"),
    ):
        run(install(verified, destination, Library(db, destination.models), db, agreed=["Apache-2.0"]))


def test_a_place_taken_at_the_last_moment_is_named_and_the_rest_waits(
    real_pack: Path, pair: tuple[SecretKey, Path, Path], tmp_path: Path
) -> None:
    destination = Destination.below(tmp_path / "data")
    verified = run(verify(real_pack, trusted=[pair[0].public]))
    with Database(tmp_path / "data" / "w.sqlite3") as db:
        library = Library(db, destination.models)
        target = destination.models / "SmolLM2-135M-Instruct.Q4_1" / "SmolLM2-135M-Instruct.Q4_1.gguf"

        def meddle(event: object) -> None:
            if getattr(event, "phase", "") == "placing":
                target.parent.mkdir(parents=True)
                target.write_text("mine")

        with pytest.raises(PackError, match="made by another program"):
            run(install(verified, destination, library, db, agreed=["Apache-2.0"]), on_event=meddle)
        assert target.read_text() == "mine"
        target.unlink()
        assert finish_interrupted(destination, library, db)
        assert sha256(target) == SMOLLM2_SHA256


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_fills_up_is_told_as_such(
    smollm2_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writing.FileOutput.__init__

    def onto_the_full_disk(self: writing.FileOutput, path: Path) -> None:
        real(self, path)
        self._file.close()
        self._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb")

    monkeypatch.setattr(writing.FileOutput, "__init__", onto_the_full_disk)
    (tmp_path / "medium").mkdir()
    contents = Contents("Full", models=(ModelContent(describe(smollm2_path)),))
    with pytest.raises(DiskFullError, match="filled up"):
        run(create(contents, tmp_path / "medium" / "p.zip", signer=None))
    assert list((tmp_path / "medium").iterdir()) == []
