"""A sender with a small model and a key, a receiver with an empty data folder, and ways to damage what lies between."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from tests.unit.hub.conftest import GgufWriter
from workbench.hub.library import Library
from workbench.hub.packs import keys, signing
from workbench.hub.packs.contents import Contents, Extra, ModelContent, Text
from workbench.hub.packs.create import Created, Form, create
from workbench.hub.packs.install import Installed, install
from workbench.hub.packs.planning import Destination
from workbench.hub.packs.signing import PublicKey, SecretKey
from workbench.hub.packs.verify import Verified, verify
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.store.database import Database

MADE = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LICENCE = Text("Apache-2.0.txt", b"Do as you like, and keep this notice.\n")


@pytest.fixture(scope="session")
def signer() -> SecretKey:
    return keys.generate()


@pytest.fixture
def contents(tmp_path: Path, write_gguf: GgufWriter) -> Contents:
    """One model with everything that may go along."""
    path = write_gguf(tmp_path / "sender" / "Tiny.gguf")
    projector = write_gguf(tmp_path / "sender" / "mmproj-Tiny.gguf", kind="mmproj")
    return Contents(
        "Tiny models",
        models=(ModelContent(describe(path), (projector,), licence="Apache-2.0", licence_texts=(LICENCE,)),),
        extras=(
            Extra("catalogue", "tiny.json", b'{"format": 1}\n'),
            Extra("suite", "greetings/suite.json", b'{"name": "greetings"}\n'),
            Extra("results", "run-1/samples.jsonl", b'{"score": 1}\n'),
        ),
        settings={"context": 2048, "temperature": 0.5, "hub_endpoint": "https://inside.example", "threads": 7},
    )


Packer = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path, contents: Contents, signer: SecretKey) -> Packer:
    """Makes a pack in a form, and says where it is."""

    def make(form: Form = "folder", *, of: Contents = contents, name: str = "", **options: Any) -> Path:
        target = tmp_path / "medium" / (name or f"tiny{'.zip' if form == 'zip' else ''}")
        options = {"signer": signer, "created_at": MADE} | options
        created: Created = run(create(of, target, form=form, **options))
        return created.path

    return make


@dataclass
class Receiver:
    """A data folder that packs come to."""

    folder: Path
    db: Database
    library: Library
    destination: Destination
    trusted: tuple[PublicKey, ...]

    def verify(self, path: Path, **options: Any) -> Verified:
        return run(verify(path, **({"trusted": self.trusted} | options)))

    def install(self, path: Path, **options: Any) -> Installed:
        verified = self.verify(path)
        options = {"agreed": verified.licences} | options
        return run(install(verified, self.destination, self.library, self.db, **options))

    def files(self) -> set[str]:
        """Everything in the folders that packs write to, but for the lock."""
        return {
            str(path.relative_to(self.folder))
            for root in self.destination.roots
            for path in root.rglob("*")
            if path.is_file() and path.name != "install.lock"
        }


@pytest.fixture
def receiver(tmp_path: Path, signer: SecretKey) -> Iterator[Receiver]:
    folder = tmp_path / "receiver"
    destination = Destination.below(folder)
    with Database(folder / "w.sqlite3") as db:
        yield Receiver(folder, db, Library(db, destination.models), destination, (signer.public,))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def resign(folder: Path, change: Callable[[dict[str, Any]], object], signer: SecretKey) -> None:
    """Change pack.json and make everything else agree with it, as a sender with bad intentions can."""
    path = folder / "pack.json"
    document = json.loads(path.read_text())
    change(document)
    data = (json.dumps(document, indent=2) + "\n").encode()
    path.write_bytes(data)
    agree(folder, data, signer)


def agree(folder: Path, data: bytes, signer: SecretKey) -> None:
    """A signature and checksums for this pack.json."""
    (folder / "pack.json").write_bytes(data)
    (folder / "pack.json.minisig").write_text(signing.sign(data, signer, comment="test"))
    lines = [f"{sha256(data)}  pack.json\n"]
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        lines += [f"{entry['sha256']}  {entry['path']}\n" for entry in json.loads(data)["entries"]]
    (folder / "SHA256SUMS").write_text("".join(lines))


def add_file(folder: Path, path: str, content: bytes, kind: str, signer: SecretKey) -> None:
    """Put a file into a pack in which everything agrees about it."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    entry = {"path": path, "kind": kind, "size_bytes": len(content), "sha256": sha256(content)}
    resign(folder, lambda document: document["entries"].append(entry), signer)


def flip(path: Path, at: int) -> None:
    """Turn one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def members(folder: Path) -> list[tuple[str, bytes]]:
    """A folder's files, as they would be zipped."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


def zipped(folder: Path, target: Path, **changes: Any) -> Path:
    """A folder zipped by Python's own library, without compression unless told otherwise."""
    with zipfile.ZipFile(target, "w", changes.get("compression", zipfile.ZIP_STORED)) as archive:
        for name, data in members(folder):
            archive.writestr(zipfile.ZipInfo(name, (2026, 3, 4, 5, 6, 8)), data, changes.get("compression"))
    return target


def without(contents: Contents, **changes: Any) -> Contents:
    return dataclasses.replace(contents, **changes)


@pytest.fixture
def write_split() -> Callable[[Path], Path]:
    """A model in two files, by the gguf library's own splitting; its first part."""

    def write(stem: Path) -> Path:
        stem.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(stem.with_suffix(".gguf"), "llama", split_max_tensors=1)
        writer.add_type("model")
        writer.add_context_length(128)
        writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))
        writer.add_tensor("output.weight", np.ones((2, 32), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return stem.with_name(f"{stem.name}-00001-of-00002.gguf")

    return write
