"""A pack crosses the air gap: made here, installed and asked where there is no network; spoilt on its way, refused."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.hub.packs.conftest import add_file, agree, flip, resign
from workbench.errors import PackError
from workbench.hub import consent
from workbench.hub.library import Library
from workbench.hub.packs import keys
from workbench.hub.packs.contents import Contents, Extra, ModelContent, Text
from workbench.hub.packs.create import Form, create
from workbench.hub.packs.install import install
from workbench.hub.packs.planning import Destination
from workbench.hub.packs.signing import SecretKey
from workbench.hub.packs.verify import verify
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.store.database import Database

LICENCE = "Apache-2.0"
TEXT = Text("Apache-2.0.txt", b"Apache License, Version 2.0\n")
MADE = datetime(2026, 3, 4, tzinfo=UTC)
ALONE = ("unshare", "--map-root-user", "--net", "--")

# What the other side does: nothing but the pack, the sender's key and an empty folder.
THERE = textwrap.dedent(
    """
    import json, socket, subprocess, sys
    from pathlib import Path
    from workbench.hub.library import Library
    from workbench.hub.packs import keys
    from workbench.hub.packs.install import install
    from workbench.hub.packs.planning import Destination
    from workbench.hub.packs.verify import verify
    from workbench.jobs import run
    from workbench.store.database import Database

    pack, public, data = map(Path, sys.argv[1:])
    interfaces = [name for _, name in socket.if_nameindex()]
    reachable = True
    try:
        socket.create_connection(("192.0.2.1", 443), timeout=5).close()
    except OSError:
        reachable = False
    verified = run(verify(pack, trusted=[keys.read_public_file(public)]))
    destination = Destination.below(data)
    with Database(data / "workbench.sqlite3") as db:
        library = Library(db, destination.models)
        installed = run(install(verified, destination, library, db, agreed=["Apache-2.0"]))
        (model,) = library.files()
    command = [sys.executable, "-m", "workbench", "chat", "-m", model.name, "--max-tokens", "12", "--seed", "7"]
    asked = subprocess.run([*command, "--json", "What colour is the sky?"], capture_output=True, text=True)
    print(json.dumps({
        "interfaces": interfaces, "reachable": reachable, "sha256": model.sha256, "err": asked.stderr,
        "files": [str(path.relative_to(data)) for path in installed.files],
        "answer": json.loads(asked.stdout) if asked.returncode == 0 else None,
    }))
    """
)


@functools.cache
def why_no_namespace() -> str | None:
    """None where this user may make a network namespace."""
    if shutil.which(ALONE[0]) is None:
        return "unshare is not installed"
    done = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"no network namespace here: {done.stderr.strip()}"


@pytest.fixture
def alone() -> tuple[str, ...]:
    """What runs a command where there is no network at all."""
    reason = why_no_namespace()
    if reason is not None:
        pytest.skip(reason)
    return ALONE


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> tuple[SecretKey, Path]:
    secret = keys.generate()
    _, public = keys.write_pair(secret, tmp_path_factory.mktemp("keys"), "sender")
    return secret, public


def packed(library: Library, target: Path, form: Form, signer: SecretKey, **options: Any) -> Path:
    """Everything of a library, with a licence and what comes with an evaluation."""
    contents = Contents(
        "For the other side",
        models=tuple(ModelContent(file, licence=LICENCE, licence_texts=(TEXT,)) for file in library.files()),
        extras=(
            Extra("suite", "greetings/suite.json", b'{"name": "greetings"}\n'),
            Extra("results", "run-1/samples.jsonl", b'{"score": 1}\n'),
        ),
        settings={"context": 2048},
    )
    made = run(create(contents, target, form=form, signer=signer, created_at=MADE, **options))
    return made.path


@pytest.mark.parametrize("form", ["folder", "zip", "parts"])
def test_a_pack_made_here_answers_where_there_is_no_network(
    form: Form,
    alone: tuple[str, ...],
    sender: tuple[SecretKey, Path],
    smollm2_path: Path,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    here = tmp_path / "here" / "models"
    here.mkdir(parents=True)
    (here / smollm2_path.name).symlink_to(smollm2_path)
    with Database(tmp_path / "here" / "workbench.sqlite3") as db:
        pack = packed(Library(db, here), tmp_path / "medium" / "pack", form, sender[0], part_bytes=30_000_000)
    data = tmp_path / "there"
    done = subprocess.run(
        [*alone, sys.executable, "-c", THERE, str(pack), str(sender[1]), str(data)],
        env=environment | {"WORKBENCH_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["interfaces"], found["reachable"]) == (["lo"], False)
    assert found["sha256"] == hashlib.sha256(smollm2_path.read_bytes()).hexdigest()
    assert found["answer"] is not None, found["err"]
    (answer,) = found["answer"]["answers"]
    assert answer["error"] is None
    assert 0 < answer["completion_tokens"] <= 12
    assert answer["text"].strip()
    kinds = {Path(name).parts[0] for name in found["files"]}
    assert len(kinds) >= 3, "the licence, the suite and the results came along"
    with Database(data / "workbench.sqlite3") as db:
        assert [given.licence for given in consent.every(db)] == [LICENCE]
    shutil.rmtree(data)
    shutil.rmtree(tmp_path / "medium")


# --- spoilt on its way -----------------------------------------------------------------------

Deed = Callable[[Path, SecretKey], object]
MODEL = "models/SmolLM2-135M-Instruct.Q4_1/SmolLM2-135M-Instruct.Q4_1.gguf"


def moved(path: str) -> Deed:
    """The signed list gives the model this path."""

    def change(document: dict[str, Any]) -> None:
        (entry,) = (entry for entry in document["entries"] if entry["kind"] == "model")
        entry["path"] = path
        document["models"][0]["files"] = [path]

    return lambda folder, signer: resign(folder, change, signer)


def linked(folder: Path, _: SecretKey) -> None:
    """The model is a link, as good as itself if one followed it."""
    (folder / MODEL).rename(folder.parent / "model.gguf")
    (folder / MODEL).symlink_to(folder.parent / "model.gguf")


def piped(folder: Path, _: SecretKey) -> None:
    """The model is a pipe, which would be waited for."""
    (folder / MODEL).unlink()
    os.mkfifo(folder / MODEL)


def by_a_stranger(folder: Path, _: SecretKey) -> None:
    agree(folder, (folder / "pack.json").read_bytes(), keys.generate())


DEEDS: dict[str, Deed] = {
    "a bit of the model turned": lambda folder, _: flip(folder / MODEL, 50_000_000),
    "the model cut short": lambda folder, _: os.truncate(folder / MODEL, 50_000_000),
    "the model missing": lambda folder, _: shutil.rmtree((folder / MODEL).parent),
    "an empty folder": lambda folder, _: (folder / "empty").mkdir(),
    "a file too many": lambda folder, _: (folder / "autorun.inf").write_text("x"),
    "a file too many, and listed": lambda folder, signer: add_file(folder, "autorun.inf", b"x", "licence", signer),
    "a link to the model": linked,
    "a pipe": piped,
    "a path that leads upwards": moved("models/../../evil.gguf"),
    "an absolute path": moved("/tmp/evil.gguf"),
    "an unknown key": lambda folder, signer: resign(folder, lambda document: document.update(autorun="x"), signer),
    "a later format": lambda folder, signer: resign(folder, lambda document: document.update(format=2), signer),
    "the list altered": lambda folder, _: flip(folder / "pack.json", 300),
    "the sums altered": lambda folder, _: flip(folder / "SHA256SUMS", 3),
    "the signature missing": lambda folder, _: (folder / "pack.json.minisig").unlink(),
    "signed by a stranger": by_a_stranger,
}


@pytest.fixture(scope="module")
def original(sender: tuple[SecretKey, Path], smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack as a folder, on its medium."""
    home = tmp_path_factory.mktemp("sender")
    (home / "models").mkdir()
    (home / "models" / smollm2_path.name).symlink_to(smollm2_path)
    with Database(home / "workbench.sqlite3") as db:
        return packed(Library(db, home / "models"), home / "medium" / "pack", "folder", sender[0])


@pytest.fixture
def pack(original: Path, tmp_path: Path) -> Iterator[Path]:
    """The same, to spoil."""
    folder = tmp_path / "medium" / "pack"
    shutil.copytree(original, folder)
    yield folder
    shutil.rmtree(tmp_path)  # a hundred megabytes that nobody wants to see again


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[Destination, Library, Database]]:
    destination = Destination.below(tmp_path / "there")
    with Database(tmp_path / "there" / "workbench.sqlite3") as db:
        yield destination, Library(db, destination.models), db


def lying(destination: Destination) -> list[str]:
    return [path.name for root in destination.roots for path in root.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def refusals() -> dict[str, str]:
    return {}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes, and links need rights")
@pytest.mark.parametrize("deed", DEEDS)
def test_what_was_done_to_it_is_said_and_nothing_is_installed(
    deed: str,
    pack: Path,
    sender: tuple[SecretKey, Path],
    receiver: tuple[Destination, Library, Database],
    refusals: dict[str, str],
) -> None:
    DEEDS[deed](pack, sender[0])
    with pytest.raises(PackError) as refused:
        run(verify(pack, trusted=[sender[0].public]))
    assert refused.value.hint
    words = re.sub(r"[0-9A-F]{16}|[0-9a-f]{64}", "…", refused.value.message)
    assert words not in refusals.values(), "each has words of its own"
    refusals[deed] = words
    print(f"{deed}: {refused.value.message}")
    assert lying(receiver[0]) == []


def test_what_is_spoilt_after_it_was_verified_is_refused_too(
    pack: Path, sender: tuple[SecretKey, Path], receiver: tuple[Destination, Library, Database]
) -> None:
    verified = run(verify(pack, trusted=[sender[0].public]))
    flip(pack / MODEL, 60_000_000)
    with pytest.raises(PackError, match="changed"):
        run(install(verified, *receiver, agreed=[LICENCE]))
    assert [name for name in lying(receiver[0]) if name != "install.lock"] == []
    assert receiver[1].files() == ()


def test_an_older_pack_than_the_one_installed_is_refused(
    pack: Path, sender: tuple[SecretKey, Path], receiver: tuple[Destination, Library, Database], smollm2_path: Path
) -> None:
    verified = run(verify(pack, trusted=[sender[0].public]))
    run(install(verified, *receiver, agreed=[LICENCE]))
    before = sorted(lying(receiver[0]))
    contents = Contents("For the other side", models=(ModelContent(describe(smollm2_path), licence=LICENCE),))
    target = pack.with_name("older")
    older = MADE.replace(year=MADE.year - 1)
    run(create(contents, target, form="folder", signer=sender[0], created_at=older))
    with pytest.raises(PackError, match="A newer pack"):
        run(install(run(verify(target, trusted=[sender[0].public])), *receiver, agreed=[LICENCE]))
    assert sorted(lying(receiver[0])) == before


def test_what_is_licensed_waits_for_a_yes(
    pack: Path, sender: tuple[SecretKey, Path], receiver: tuple[Destination, Library, Database]
) -> None:
    verified = run(verify(pack, trusted=[sender[0].public]))
    with pytest.raises(PackError, match=LICENCE):
        run(install(verified, *receiver))
    assert receiver[1].files() == ()
    run(install(verified, *receiver, agreed=[LICENCE]))
    assert len(receiver[1].files()) == 1
