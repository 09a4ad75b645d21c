"""Making a pack: everything is hashed first, then written once, from beginning to end."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from workbench import __version__
from workbench.errors import DiskFullError, PackError
from workbench.hub.disk import free_bytes, sync_folder
from workbench.hub.packs import bill
from workbench.hub.packs import manifest as manifests
from workbench.hub.packs.contents import Contents, Laid, Source, lay_out
from workbench.hub.packs.manifest import BILL, MANIFEST, SIGNATURE, SUMS, Manifest, PackEntry
from workbench.hub.packs.progress import CHUNK_BYTES, PackProgress
from workbench.hub.packs.reading import unreadable
from workbench.hub.packs.signing import SecretKey, sign
from workbench.hub.packs.writing import (
    PART_BYTES,
    FileOutput,
    FolderSink,
    PartedOutput,
    Sink,
    check_part_bytes,
    disk_errors_explained,
)
from workbench.hub.packs.zipping import ZipSink, zip_bytes
from workbench.jobs import CancelToken, Task
from workbench.models.cursor import quoted
from workbench.words import said

Form: TypeAlias = Literal["folder", "zip", "parts"]
PROGRAM = f"workbench {__version__}"


@dataclass(frozen=True, slots=True)
class Created:
    """``path`` is the folder or the zip, for parts the folder they lie in; ``key_id`` is None without a signature."""

    path: Path
    identity: str
    manifest: Manifest
    key_id: str | None
    total_bytes: int


@dataclass(frozen=True, slots=True)
class _Measured:
    source: Source
    size_bytes: int
    sha256: str
    crc: int

    @property
    def entry(self) -> PackEntry:
        return PackEntry(self.source.path, self.source.kind, self.size_bytes, self.sha256)


def create(
    contents: Contents,
    target: Path,
    *,
    form: Form = "zip",
    signer: SecretKey | None,
    engine: str | None = None,
    part_bytes: int = PART_BYTES,
    created_at: datetime | None = None,
) -> Task[PackProgress, Created]:
    """Make a pack at ``target``, which is there whole or not at all; in parts, ``target`` is the folder they go to.

    Models are read twice and written once.  Raises PackError (something is at ``target`` already, a model changed,
    cannot be read, or is not what was verified before), DiskFullError before anything is written, and Cancelled.
    """

    def task(cancel: CancelToken) -> Generator[PackProgress, None, Created]:
        cancel.raise_if_cancelled()
        moment = (created_at or datetime.now(UTC)).replace(microsecond=0)
        laid = lay_out(contents)
        _refuse_taken(target)
        measured = yield from _measure(laid.sources, cancel)
        manifest, files = _described(contents.name, moment, engine, laid, measured)
        data = manifests.written(manifest)
        head = [
            _small(MANIFEST, data),
            *_signature(data, manifest, signer),
            _small(SUMS, manifests.sums(manifest, data)),
        ]
        yield from _write([*head, *files], target, form, part_bytes, moment, cancel)
        key_id = signer.public.key_id if signer else None
        total_bytes = sum(file.size_bytes for file in (*head, *files))
        return Created(target, manifests.identity(data), manifest, key_id, total_bytes)

    return task


def _measure(sources: Sequence[Source], cancel: CancelToken) -> Generator[PackProgress, None, list[_Measured]]:
    total_bytes = sum(_size(source) for source in sources)
    done_bytes = 0
    measured = []
    for source in sources:
        digest, crc, size_bytes = hashlib.sha256(), 0, 0
        with _opened(source) as file:
            while chunk := _read(file, source):
                cancel.raise_if_cancelled()
                digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
                size_bytes += len(chunk)
                done_bytes += len(chunk)
                yield PackProgress("hashing", source.path, done_bytes, max(total_bytes, done_bytes))
        if source.sha256 not in (None, digest.hexdigest()):
            raise PackError(
                said(
                    "{source_path} is no longer the file that was verified: its SHA-256 is another.",
                    source_path=quoted(source.path),
                ),
                hint=said("Verify the model in the library, or fetch it again."),
            )
        measured.append(_Measured(source, size_bytes, digest.hexdigest(), crc))
    return measured


def _described(
    name: str, moment: datetime, engine: str | None, laid: Laid, measured: Sequence[_Measured]
) -> tuple[Manifest, list[_Measured]]:
    """pack.json, and all files that it lists, in its order."""
    entries = [file.entry for file in measured]
    listed = _small(BILL, bill.written(name, moment, PROGRAM, laid.models, entries))
    entries.insert(0, PackEntry(BILL, "bill", listed.size_bytes, listed.sha256))
    manifest = Manifest(manifests.FORMAT, name, moment, PROGRAM, engine, tuple(entries), laid.models)
    manifests.check_consistent(manifest)
    # Whoever reads it checks more than that, the characters of names among it: here, not on the other side.
    manifests.read(manifests.written(manifest))
    return manifest, [listed, *measured]


def _signature(data: bytes, manifest: Manifest, signer: SecretKey | None) -> list[_Measured]:
    if signer is None:
        return []
    comment = f"timestamp:{int(manifest.created_at.timestamp())}\tfile:{MANIFEST}\thashed\tpack:{manifest.name}"
    return [_small(SIGNATURE, sign(data, signer, comment=comment).encode())]


def _write(
    files: Sequence[_Measured], target: Path, form: Form, part_bytes: int, moment: datetime, cancel: CancelToken
) -> Generator[PackProgress, None, None]:
    unfinished = target.with_name(f".{target.name}.unfinished")
    total_bytes = sum(file.size_bytes for file in files)
    with disk_errors_explained(target):
        _remove(unfinished)
        _check_room(target, zip_bytes((file.source.path, file.size_bytes) for file in files))
        try:
            sink = _sink(unfinished, target.name, form, part_bytes, moment, total_bytes)
            try:
                yield from _fill(sink, files, total_bytes, cancel)
            finally:
                sink.close()
            _refuse_taken(target)
            unfinished.rename(target)
            sync_folder(target.parent)
        except BaseException:
            with contextlib.suppress(OSError):  # the failure itself is what is told
                _remove(unfinished)
            raise


def _fill(
    sink: Sink, files: Sequence[_Measured], total_bytes: int, cancel: CancelToken
) -> Generator[PackProgress, None, None]:
    done_bytes = 0
    for file in files:
        sink.begin(file.source.path, file.size_bytes, file.crc)
        digest, left_bytes = hashlib.sha256(), file.size_bytes
        with _opened(file.source) as content:
            while left_bytes and (chunk := _read(content, file.source)[:left_bytes]):
                cancel.raise_if_cancelled()
                sink.write(chunk)
                digest.update(chunk)
                left_bytes -= len(chunk)
                done_bytes += len(chunk)
                yield PackProgress("writing", file.source.path, done_bytes, total_bytes)
        if digest.hexdigest() != file.sha256:
            raise PackError(
                said("{source_path} changed while the pack was made.", source_path=quoted(file.source.path)),
                hint=said("Try again when it is complete."),
            )
    sink.finish()


def _sink(unfinished: Path, name: str, form: Form, part_bytes: int, moment: datetime, total_bytes: int) -> Sink:
    if form == "folder":
        return FolderSink(unfinished)
    if form == "zip":
        return ZipSink(FileOutput(unfinished), moment)
    check_part_bytes(part_bytes, total_bytes)
    return ZipSink(PartedOutput(unfinished, f"{name}.zip", part_bytes), moment)


def _check_room(target: Path, needed_bytes: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    left_bytes = free_bytes(target.parent)
    if left_bytes < needed_bytes:
        raise DiskFullError(
            said(
                "The pack takes {needed:,.0f} MB, and {left:,.0f} MB are free in {folder}.",
                needed=needed_bytes / 1e6,
                left=left_bytes / 1e6,
                folder=target.parent,
            ),
            hint=said("Free some space, or choose another place."),
        )


def _refuse_taken(target: Path) -> None:
    if os.path.lexists(target):
        raise PackError(
            said("There is something at {target} already.", target=target),
            hint=said("Choose another name, or move it away."),
        )


def _small(path: str, data: bytes) -> _Measured:
    """A file of our own making."""
    return _Measured(Source(path, "bill", data), len(data), hashlib.sha256(data).hexdigest(), zlib.crc32(data))


def _size(source: Source) -> int:
    if isinstance(source.content, bytes):
        return len(source.content)
    try:
        return source.content.stat().st_size
    except OSError as error:
        raise unreadable(source.path, error) from error


def _opened(source: Source) -> BinaryIO:
    if isinstance(source.content, bytes):
        return io.BytesIO(source.content)
    try:
        return source.content.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(source.path, error) from error


def _read(file: BinaryIO, source: Source) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except OSError as error:
        raise unreadable(source.path, error) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
