"""Checking a pack completely, and reading what is in it, without touching anything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from workbench.errors import PackError, PackSignatureError, WorkbenchError
from workbench.hub.packs import carried
from workbench.hub.packs import manifest as manifests
from workbench.hub.packs.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    MAX_SMALL_BYTES,
    OUTSIDE,
    SIGNATURE,
    SUMS,
    Kind,
    Manifest,
    PackEntry,
)
from workbench.hub.packs.opening import Container, opened
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.signing import MAX_SIGNATURE_BYTES, PublicKey, Signature, check, read_signature
from workbench.jobs import CancelToken, Task
from workbench.models.cursor import quoted
from workbench.words import said

Check: TypeAlias = Callable[[str, bytes], object]
"""Raises WorkbenchError for the content of a file, given its path in the pack."""

Standing: TypeAlias = Literal["trusted", "unknown key", "unsigned"]


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose pack it is.  ``key`` is the accepted key that signed; ``comment`` is None unless it was checked."""

    standing: Standing
    key_id: str | None = None
    key: PublicKey | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """What a pack says of itself.  Of a ``Verified`` one every byte was checked, of another only names and sizes."""

    path: Path
    identity: str
    manifest: Manifest
    signed: Signed
    settings: Mapping[str, object]

    @property
    def licences(self) -> tuple[str, ...]:
        """Those that the models carry, each once."""
        return tuple(sorted({model.licence for model in self.manifest.models if model.licence}))


@dataclass(frozen=True, slots=True)
class Verified(Listed):
    """Made by ``verify`` alone."""


def listing(path: Path, *, trusted: Sequence[PublicKey] = ()) -> Listed:
    """What is in a pack, without reading the models.

    Raises PackError for what ``verify`` refuses, other than altered bytes, a missing signature and an unknown key;
    PackSignatureError for a wrong signature.
    """
    with opened(path) as container:
        manifest, data, signed = _described(container, trusted)
        return Listed(path, manifests.identity(data), manifest, signed, _settings(container, manifest))


def verify(
    path: Path,
    *,
    trusted: Sequence[PublicKey],
    require_signature: bool = True,
    checks: Mapping[Kind, Check] | None = None,
) -> Task[PackProgress, Verified]:
    """Read a pack completely and compare every byte with what its signed pack.json promises.

    ``checks`` look into files by their kind once their bytes are known to be right.  Without
    ``require_signature`` a pack without one, or with one of an unknown key, passes; ``signed`` says so.
    Raises PackError and PackSignatureError, in other words for everything that can be wrong, and Cancelled.
    """

    def task(cancel: CancelToken) -> Generator[PackProgress, None, Verified]:
        cancel.raise_if_cancelled()
        with opened(path) as container:
            try:
                manifest, data, signed = _described(container, trusted)
                if require_signature:
                    _refuse_unsigned(signed, container, data, trusted)
                _check_sums(container, manifest, data)
                yield from _hash_all(container, manifest, cancel)
                _check_contents(container, manifest, checks or {})
                settings = _settings(container, manifest)
            except PackError:
                # Which part of a pack was damaged says more than what was found in it.
                yield from _read_rest(container, cancel)
                raise
            yield from _read_rest(container, cancel)
        return Verified(path, manifests.identity(data), manifest, signed, settings)

    return task


def whole(container: Container, path: str, limit_bytes: int) -> bytes:
    """A small file's bytes.  Raises PackError for one that is larger than the limit."""
    if container.sizes[path] > limit_bytes:
        raise PackError(
            said(
                "{path} is larger than any that belongs into a pack: {sizes:,.1f} MB.",
                path=quoted(path),
                sizes=container.sizes[path] / 1e6,
            ),
            hint=said("Nothing was installed. Ask the sender of the pack for a new one."),
        )
    return b"".join(container.chunks(path))


def _described(container: Container, trusted: Sequence[PublicKey]) -> tuple[Manifest, bytes, Signed]:
    if MANIFEST not in container.sizes:
        raise PackError(
            said("This is no pack: it has no {manifest}.", manifest=MANIFEST),
            hint=said("Choose a pack made by this program."),
        )
    data = whole(container, MANIFEST, MAX_MANIFEST_BYTES)
    signed = _signed(container, data, trusted)
    manifest = manifests.read(data)
    _check_files(container, manifest)
    return manifest, data, signed


def _signed(container: Container, data: bytes, trusted: Sequence[PublicKey]) -> Signed:
    signature = _signature(container)
    if signature is None:
        return Signed("unsigned")
    if all(key.number != signature.number for key in trusted):
        return Signed("unknown key", signature.key_id)
    return Signed("trusted", signature.key_id, check(data, signature, trusted), signature.comment)


def _signature(container: Container) -> Signature | None:
    if SIGNATURE not in container.sizes:
        return None
    return read_signature(whole(container, SIGNATURE, MAX_SIGNATURE_BYTES))


def _refuse_unsigned(signed: Signed, container: Container, data: bytes, trusted: Sequence[PublicKey]) -> None:
    if signed.standing == "unsigned":
        raise PackSignatureError(
            said("The pack is not signed: nobody can tell who made it."),
            hint=said(
                "Ask its sender to sign it; or check it without requiring a signature, if you know where it is from."
            ),
        )
    signature = _signature(container)
    assert signature is not None
    check(data, signature, trusted)


def _check_files(container: Container, manifest: Manifest) -> None:
    """All files that are listed, in their sizes, and no others."""
    expected = {entry.path: entry.size_bytes for entry in manifest.entries}
    missing = sorted({*expected, SUMS} - container.sizes.keys())
    if missing:
        raise PackError(
            said(
                "{first} is missing from the pack{others}.",
                first=quoted(missing[0]),
                others=_and_more(missing),
            ),
            hint=_COPY,
        )
    extra = sorted(container.sizes.keys() - {*expected, *OUTSIDE})
    if extra:
        raise PackError(
            said(
                "{first} is in the pack but not in its list{others}.", first=quoted(extra[0]), others=_and_more(extra)
            ),
            hint=said("If your system put it there, delete it and check again; else ask the sender for a new pack."),
        )
    for path, size_bytes in expected.items():
        if container.sizes[path] != size_bytes:
            raise PackError(
                said(
                    "{path} has {sizes} bytes; pack.json promises {size_bytes}.",
                    path=quoted(path),
                    sizes=container.sizes[path],
                    size_bytes=size_bytes,
                ),
                hint=_COPY,
            )


def _check_sums(container: Container, manifest: Manifest, data: bytes) -> None:
    expected = manifests.sums(manifest, data)
    if container.sizes[SUMS] != len(expected) or whole(container, SUMS, MAX_MANIFEST_BYTES) != expected:
        raise PackError(said("{sums} says something else than {manifest}.", sums=SUMS, manifest=MANIFEST), hint=_COPY)


def _hash_all(container: Container, manifest: Manifest, cancel: CancelToken) -> Generator[PackProgress, None, None]:
    entries = manifest.by_path()
    total_bytes = sum(container.sizes.values())
    done_bytes = 0
    # In the order of the container, so that its parts are read from beginning to end.
    for path in container.sizes:
        digest = hashlib.sha256()
        for chunk in container.chunks(path):
            cancel.raise_if_cancelled()
            digest.update(chunk)
            done_bytes += len(chunk)
            yield PackProgress("verifying", path, done_bytes, total_bytes)
        _compare(entries.get(path), digest.hexdigest())


def _read_rest(container: Container, cancel: CancelToken) -> Generator[PackProgress, None, None]:
    for done_bytes, total_bytes in container.rest():
        cancel.raise_if_cancelled()
        yield PackProgress("verifying", "", done_bytes, total_bytes)


def _compare(entry: PackEntry | None, sha256: str) -> None:
    if entry is not None and entry.sha256 != sha256:
        raise PackError(
            said("{entry_path} is not what pack.json promises: its SHA-256 is another.", entry_path=quoted(entry.path)),
            hint=_COPY,
        )


def _check_contents(container: Container, manifest: Manifest, checks: Mapping[Kind, Check]) -> None:
    for entry in manifest.entries:
        if entry.kind in checks and entry.size_bytes <= MAX_SMALL_BYTES:
            try:
                checks[entry.kind](entry.path, whole(container, entry.path, MAX_SMALL_BYTES))
            except PackError:
                raise
            except WorkbenchError as error:
                raise PackError(
                    said(
                        "{entry_path} cannot be used: {message}", entry_path=quoted(entry.path), message=error.message
                    ),
                    hint=error.hint,
                ) from error


def _settings(container: Container, manifest: Manifest) -> Mapping[str, object]:
    for entry in manifest.of_kind("settings"):
        return carried.read(whole(container, entry.path, MAX_SMALL_BYTES))
    return {}


def _and_more(names: Sequence[str]) -> str:
    return said(", and {n} more", n=len(names) - 1) if len(names) > 1 else ""


_COPY = said("Nothing was installed. Copy the pack again, completely, or ask its sender for a new one.")
