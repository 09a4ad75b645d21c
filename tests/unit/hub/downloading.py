"""A hub with one model on it, and a place to download it to, for tests of downloads."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from workbench.errors import HubError
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Download, Downloads, connecting
from workbench.hub.failures import Patience
from workbench.hub.repository import RemoteFile
from workbench.hub.transfer import Manners
from workbench.hub.wanted import Wanted
from workbench.jobs import CancelToken, run
from workbench.store.database import Database

REPOSITORY, FILE = "owner/name", "model-Q4_K_M.gguf"
PIECE = 64 << 10
SIZE = 20 * PIECE + 1234
HASTY = Patience(connect_s=5, read_s=5, tries=3, first_wait_s=0.001, longest_wait_s=0.01)
MANNERS = Manners(connections=3, piece_bytes=PIECE, floor_bytes=1, tries=3, longest_asked_s=2, tick_s=0.01)


@dataclass
class Bench:
    """``states`` are all that were told, in order; ``free`` what the disk says it has left."""

    hub: LoopbackHub
    db: Database
    home: Path
    commit: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    states: list[DownloadState] = field(default_factory=list)
    free_bytes: int = 1 << 50

    @property
    def folder(self) -> Path:
        return self.home / "models"

    def publish(
        self, *names: str, size: int = SIZE, seed: int = 1, faults: Faults | None = None, **options: Any
    ) -> Wanted:
        """Put files on the hub, random but for their beginning; what to ask for to have them."""
        paths = {}
        for number, name in enumerate(names or (FILE,)):
            self.contents[name] = b"GGUF" + random.Random(seed + number).randbytes(size - 4)
            paths[name] = self.home / "published" / f"{seed}-{number}"
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            paths[name].write_bytes(self.contents[name])
        self.commit = self.hub.add(REPOSITORY, paths, faults=faults, **options)
        promised: dict[str, str] = options.get("promised") or {}
        return Wanted(
            REPOSITORY,
            self.commit,
            tuple(
                RemoteFile(name, len(content), sha256 := promised.get(name) or sha256_of(content), sha256)
                for name, content in self.contents.items()
                if name in paths
            ),
        )

    def downloads(self, *, patience: Patience = HASTY, offline: bool = False, **options: Any) -> Downloads:
        token: Callable[[], str | None] | None = options.pop("token", None)
        endpoint: str = options.pop("endpoint", self.hub.endpoint)
        return Downloads(
            self.db,
            self.folder,
            connecting(endpoint, offline=offline, patience=patience, token=token),
            endpoint=endpoint,
            patience=patience,
            free=lambda _: self.free_bytes,
            **{"manners": MANNERS, **options},
        )

    def fetch(self, wanted: Wanted, *, cancel: CancelToken | None = None, **options: Any) -> Download:
        downloads = self.downloads(**options)
        return run(downloads.fetch(downloads.add(wanted).id), cancel=cancel, on_event=self.states.append)

    def refusal(self, wanted: Wanted, **options: Any) -> HubError:
        with pytest.raises(HubError) as caught:
            self.fetch(wanted, **options)
        assert caught.value.hint, "there is always something to do next"
        return caught.value

    def begin(self, wanted: Wanted, *, pieces: int = 5) -> None:
        """Fetch about so many pieces, and no more."""
        cancel = CancelToken()
        downloads = self.downloads()
        task = downloads.fetch(downloads.add(wanted).id)(cancel)
        self.hub.break_(REPOSITORY, Faults(step_s=0.005))
        for state in task:
            if state.done_bytes >= pieces * PIECE:
                break
        task.close()
        self.hub.break_(REPOSITORY, Faults())
        self.hub.forget()

    def final(self, name: str = FILE) -> Path:
        return self.folder.joinpath(*REPOSITORY.split("/"), name)

    def part(self, name: str = FILE) -> Path:
        return self.final(name).with_name(f"{name}.part")

    def journal(self, name: str = FILE) -> Path:
        return self.final(name).with_name(f"{name}.part.journal")

    @property
    def lying_there(self) -> list[str]:
        """Everything below the models folder, by name."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())

    @property
    def visible(self) -> list[str]:
        return [name for name in self.lying_there if name.endswith(".gguf")]

    def assert_right(self, *names: str) -> None:
        """The files are what was published, and nothing else is left."""
        for name in names or (FILE,):
            assert self.final(name).read_bytes() == self.contents[name]
        assert self.lying_there == sorted(names or (FILE,))


@contextmanager
def bench_in(home: Path) -> Iterator[Bench]:
    with LoopbackHub() as hub, Database(home / "data" / "w.sqlite3") as db:
        yield Bench(hub, db, home)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
