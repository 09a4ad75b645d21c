"""One model from the queue to its place: asked about, checked for room, every file fetched, then all made visible."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from workbench.errors import HubError
from workbench.hub.digests import Digests
from workbench.hub.disk import check_room, make_folder, writing
from workbench.hub.journal import Identity
from workbench.hub.part import Part
from workbench.hub.repository import RemoteFile
from workbench.hub.transfer import Moment, Network, Phase, Transfer
from workbench.hub.wanted import Wanted, describe
from workbench.jobs import CancelToken
from workbench.words import said


class FileInTheWayError(HubError):
    """Another file has the name that the download would get."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far all files of a model together are; ``name`` is the one in turn.  See ``Moment``."""

    name: str
    total_bytes: int | None
    moment: Moment


Steps: TypeAlias = Generator[Step, None, None]


class Delivery:
    """One run.  ``described`` is told what the hub said; ``publishing`` that all is right, before the first file
    gets its name."""

    def __init__(
        self,
        wanted: Wanted,
        folder: Path,
        network: Network,
        digests: Digests,
        *,
        replaces: bool = False,
        described: Callable[[Wanted], object],
        publishing: Callable[[], object],
    ) -> None:
        self._wanted = wanted
        self._folder = folder
        self._network = network
        self._digests = digests
        self._replaces = replaces
        self._described = described
        self._publishing = publishing
        self._parts: dict[RemoteFile, Part] = {}
        # Of files that are out of work: how much of them is done, checked and fetched.
        self._done_bytes = 0
        self._checked_bytes = 0
        self._fetched_bytes = 0

    def run(self, cancel: CancelToken) -> Generator[Step, None, tuple[Path, ...]]:
        """The files at their places, all of them with the SHA-256 that the hub promised.

        Raises FileInTheWayError, DownloadedElsewhereError, and what ``describe`` and ``Transfer`` raise.
        """
        if not self._wanted.is_described:
            yield from self._ask(cancel)
        with ExitStack() as closing:
            for file in self._wanted.files:
                yield from self._take_up(file, cancel, closing)
            self._check_room()
            for file, part in self._parts.items():
                self._done_bytes -= part.record.done_bytes
                yield from self._transfer(file, part, cancel)
                self._done_bytes += part.record.identity.size_bytes
                self._checked_bytes += part.record.identity.size_bytes
            if self._parts:
                self._publishing()
            # The first part last: without it nobody takes the others for a model.
            for file, part in reversed(self._parts.items()):
                part.publish()
                self._digests.remember(part.final, file.sha256 or "")
        return tuple(self._wanted.place(self._folder, file) for file in self._wanted.files)

    def _ask(self, cancel: CancelToken) -> Steps:
        asking = describe(self._wanted, self._network, cancel)
        while True:
            try:
                waiting = next(asking)
            except StopIteration as stop:
                self._wanted = stop.value
                break
            if waiting is None:
                yield self._step(self._wanted.files[0], Moment(Phase.ASKING, 0, 0, 0))
            else:
                moment = Moment(Phase.WAITING, 0, 0, 0, waiting.waits_s, waiting.error)
                yield self._step(self._wanted.files[0], moment)
        self._described(self._wanted)

    def _take_up(self, file: RemoteFile, cancel: CancelToken, closing: ExitStack) -> Steps:
        """The part of a file, unless the file is there."""
        final = self._wanted.place(self._folder, file)
        if (yield from self._is_there(file, final, cancel)):
            return
        assert file.size_bytes is not None, "described"
        assert file.sha256 is not None, "described"
        with writing(final):
            make_folder(final.parent)
        identity = Identity(file.size_bytes, file.sha256, self._wanted.repository, self._wanted.commit, file.path)
        part = Part(final, identity, piece_bytes=self._network.manners.piece_bytes)
        closing.callback(part.close)
        # Looked at again under the lock: another process may have finished it just now.
        if (yield from self._is_there(file, final, cancel)):
            part.discard()
            return
        self._parts[file] = part
        self._done_bytes += part.record.done_bytes

    def _is_there(self, file: RemoteFile, final: Path, cancel: CancelToken) -> Generator[Step, None, bool]:
        with writing(final):
            if not final.exists():
                return False
            size_bytes = final.stat().st_size
        if size_bytes == file.size_bytes:
            hashing = self._digests.sha256_of(final)(cancel)
            while True:
                try:
                    checked = next(hashing).done_bytes
                except StopIteration as stop:
                    found = stop.value
                    break
                yield self._step(file, Moment(Phase.CHECKING, 0, checked, 0))
            if found == file.sha256:
                self._done_bytes += size_bytes
                self._checked_bytes += size_bytes
                return True
        if self._replaces:
            return False
        raise FileInTheWayError(
            said(
                "Another file is at {final} already, with other bytes than those of {repository}.",
                final=final,
                repository=self._wanted.repository,
            ),
            hint=said("Move it away, or say that it may be replaced."),
        )

    def _check_room(self) -> None:
        records = [part.record for part in self._parts.values() if not part.is_verified]
        needed = sum(record.identity.size_bytes - record.done_bytes for record in records)
        if needed:
            check_room(self._network.free_bytes, self._folder, needed, self._network.manners.floor_bytes)

    def _transfer(self, file: RemoteFile, part: Part, cancel: CancelToken) -> Steps:
        fetched_bytes = 0
        source = self._wanted.source(self._network.endpoint, file)
        for moment in Transfer(part, source, self._network).run(cancel):
            fetched_bytes = moment.fetched_bytes
            yield self._step(file, moment)
        self._fetched_bytes += fetched_bytes

    def _step(self, file: RemoteFile, moment: Moment) -> Step:
        total = Moment(
            moment.phase,
            self._done_bytes + moment.done_bytes,
            self._checked_bytes + moment.checked_bytes,
            self._fetched_bytes + moment.fetched_bytes,
            moment.waits_s,
            moment.error,
            moment.note,
        )
        return Step(file.path.rpartition("/")[2], self._wanted.total_bytes, total)
