"""Installing a verified pack: staged and hashed again beside its places, then put there all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from workbench.errors import DiskFullError, ModelFileError, PackConsentError, PackError, PackOlderError
from workbench.hub import consent
from workbench.hub.disk import free_bytes, make_folder, sync_folder
from workbench.hub.library import Library
from workbench.hub.packs import manifest as manifests
from workbench.hub.packs.destination import Destination
from workbench.hub.packs.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE, Manifest, PackedModel
from workbench.hub.packs.opening import Container, opened
from workbench.hub.packs.placing import (
    Agreement,
    Decided,
    Step,
    alone,
    carry_out,
    decide,
    discard_staged,
    newest_before,
)
from workbench.hub.packs.planning import Move, Plan, plan
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.verify import Verified, whole
from workbench.hub.packs.writing import FileOutput, disk_errors_explained
from workbench.jobs import CancelToken, Task
from workbench.models.cursor import quoted
from workbench.models.describe import describe
from workbench.store.database import Database
from workbench.words import said

SPARE_BYTES = 64 * 2**20
"""What a disk keeps free."""


@dataclass(frozen=True, slots=True)
class Installed:
    """``models`` are where the pack's models are now, in its order; of ``present`` nothing was copied.

    ``files`` are all that were put in place.  ``settings`` are what the pack would have set: whether they are is
    the user's choice.
    """

    identity: str
    models: tuple[Path, ...]
    present: tuple[Path, ...]
    files: tuple[Path, ...]
    settings: Mapping[str, object]


def unagreed(verified: Verified, db: Database) -> tuple[PackedModel, ...]:
    """The models whose licence the user has not agreed to yet, at the revision in the pack."""
    return tuple(
        model
        for model in verified.manifest.models
        if (asked := _agreement(model, verified.manifest)) is not None
        and consent.agreed(db, asked.repository, asked.licence, asked.revision) is None
    )


def install(
    verified: Verified,
    destination: Destination,
    library: Library,
    db: Database,
    *,
    agreed: Collection[str] = (),
    allow_older: bool = False,
) -> Task[PackProgress, Installed]:
    """Copy what a verified pack holds to its places; ``agreed`` are the licences the user said yes to just now.

    Every byte is hashed once more as it is copied.  Whatever ends the work before all of it is here leaves nothing;
    whatever ends it afterwards leaves a journal, from which ``finish_interrupted`` or the next installation
    finishes.  Models that the library has already are not copied.

    Raises PackConsentError, DiskFullError, PackError (the pack changed since it was verified, is older than one
    that was installed, holds what is no model, or a place is taken) and Cancelled, all of them with nothing installed.
    """

    def task(cancel: CancelToken) -> Generator[PackProgress, None, Installed]:
        cancel.raise_if_cancelled()
        agreements = _agreements(verified, db, agreed)
        if not allow_older:
            _refuse_older(verified, db)
        with alone(destination), opened(verified.path) as container:
            carry_out(destination, library, db)
            discard_staged(destination)
            outside = _outside(container, verified)
            planned = yield from plan(verified.manifest, verified.identity, outside, destination, library)(cancel)
            try:
                yield from _stage(container, planned, verified.identity, cancel)
                _check_models(planned, verified)
                decide(_decided(planned, verified, agreements), destination)
            except BaseException:
                discard_staged(destination)
                raise
            yield PackProgress("placing", "", 0, len(planned.moves))
            carry_out(destination, library, db)
        files = tuple(move.target for move in planned.moves)
        return Installed(verified.identity, planned.models, planned.present, files, verified.settings)

    return task


def finish_interrupted(destination: Destination, library: Library, db: Database) -> bool:
    """Finish an installation that was decided when the program ended, and remove what is left of one that was not;
    to be called once at the start.  True where there was one to finish.  Raises PackError as ``install`` does.
    """
    if not destination.packs.is_dir():
        return False
    with alone(destination):
        finished = carry_out(destination, library, db) is not None
        discard_staged(destination)
    return finished


def _agreements(verified: Verified, db: Database, agreed: Collection[str]) -> tuple[Agreement, ...]:
    missing = [model for model in unagreed(verified, db) if model.licence not in agreed]
    if missing:
        others = said(", and {n} more,", n=len(missing) - 1) if len(missing) > 1 else ""
        raise PackConsentError(
            said(
                "{name}{others} may be used under the licence “{licence}” only.",
                name=missing[0].name,
                others=others,
                licence=missing[0].licence,
            ),
            hint=said("Read it, agree to it, and install the pack again."),
        )
    asked = (_agreement(model, verified.manifest) for model in verified.manifest.models)
    return tuple(agreement for agreement in asked if agreement is not None)


def _agreement(model: PackedModel, manifest: Manifest) -> Agreement | None:
    """What agreeing to a model's licence is about: its repository, or where that is not known these very bytes."""
    if model.licence is None:
        return None
    if model.repository is not None and model.commit is not None:
        return Agreement(model.repository, model.licence, model.commit)
    sha256 = manifest.by_path()[model.files[0]].sha256
    return Agreement(f"sha256:{sha256}", model.licence, sha256)


def _refuse_older(verified: Verified, db: Database) -> None:
    newest = newest_before(db, verified.manifest.name, _signer(verified))
    if newest is not None and newest > _made_at(verified):
        raise PackOlderError(
            said(
                "A newer pack called “{manifest}” was installed here: of {newest}, this one of {verified}.",
                manifest=verified.manifest.name,
                newest=newest[:10],
                verified=_made_at(verified)[:10],
            ),
            hint=said("Install the older one only if you mean to go back."),
        )


def _outside(container: Container, verified: Verified) -> dict[str, tuple[int, str]]:
    """pack.json and its signature stay here too.  Raises PackError where the pack is another than was verified."""
    found = {}
    for path in (MANIFEST, SIGNATURE):
        if path in container.sizes:
            data = whole(container, path, MAX_MANIFEST_BYTES)
            found[path] = (len(data), hashlib.sha256(data).hexdigest())
    expected = {entry.path: entry.size_bytes for entry in verified.manifest.entries}
    sizes = {path: size for path, size in container.sizes.items() if path not in manifests.OUTSIDE}
    if found.get(MANIFEST, (0, ""))[1] != verified.identity or sizes != expected:
        raise _changed(MANIFEST)
    return found


def _stage(
    container: Container, planned: Plan, identity: str, cancel: CancelToken
) -> Generator[PackProgress, None, None]:
    _check_room(planned)
    total_bytes = sum(move.size_bytes for move in planned.moves)
    done_bytes = 0
    # In the order of the container: a medium that has to seek is slow.
    by_path = {move.path: move for move in planned.moves}
    for path in container.sizes:
        move = by_path.get(path)
        if move is None:
            continue
        for size_bytes in _copy(container, move, move.staged(identity), cancel):
            done_bytes += size_bytes
            yield PackProgress("copying", path, done_bytes, total_bytes)


def _copy(container: Container, move: Move, staged: Path, cancel: CancelToken) -> Generator[int, None, None]:
    digest = hashlib.sha256()
    with disk_errors_explained(staged):
        make_folder(staged.parent)
        output = FileOutput(staged)
        try:
            for chunk in container.chunks(move.path):
                cancel.raise_if_cancelled()
                output.write(chunk)
                digest.update(chunk)
                yield len(chunk)
            if digest.hexdigest() != move.sha256:
                raise _changed(move.path)
            output.finish()
        finally:
            output.close()
        sync_folder(staged.parent)


def _check_room(planned: Plan) -> None:
    needed: dict[int, tuple[Path, int]] = {}
    for move in planned.moves:
        with disk_errors_explained(move.root):
            make_folder(move.root)
            device = move.root.stat().st_dev
        needed[device] = (move.root, needed.get(device, (move.root, 0))[1] + move.size_bytes)
    for root, needed_bytes in needed.values():
        left_bytes = free_bytes(root)
        if left_bytes - SPARE_BYTES < needed_bytes:
            raise DiskFullError(
                said(
                    "The pack takes {needed:,.0f} MB, and {left:,.0f} MB are free in {folder}.",
                    needed=needed_bytes / 1e6,
                    left=left_bytes / 1e6,
                    folder=root,
                ),
                hint=said("Free some space, then install the pack again. Nothing was installed."),
            )


def _check_models(planned: Plan, verified: Verified) -> None:
    """What calls itself a model is one that this program reads; llama.cpp has not seen it yet."""
    staged = {move.path: move.staged(verified.identity) for move in planned.moves}
    for model in verified.manifest.models:
        # Of a split model some parts may be in their places already: they were described when they came.
        if staged.keys() >= set(model.files):
            try:
                describe(staged[model.files[0]])
            except ModelFileError as error:
                raise PackError(
                    said(
                        "{model} in the pack is no model that can be used: {message}",
                        model=quoted(model.name),
                        message=error.message,
                    ),
                    hint=error.hint,
                ) from error


def _decided(planned: Plan, verified: Verified, agreements: tuple[Agreement, ...]) -> Decided:
    return Decided(
        identity=verified.identity,
        name=verified.manifest.name,
        signer=_signer(verified),
        created_at=_made_at(verified),
        steps=tuple(Step(move.staged(verified.identity), move.target, move.sha256) for move in planned.moves),
        models=planned.models,
        agreements=agreements,
    )


def _signer(verified: Verified) -> str | None:
    return verified.signed.key.line if verified.signed.key is not None else None


def _made_at(verified: Verified) -> str:
    return verified.manifest.created_at.astimezone(UTC).isoformat()


def _changed(path: str) -> PackError:
    return PackError(
        said("{path} changed after the pack was verified.", path=quoted(path)),
        hint=said("Verify the pack again. Nothing was installed."),
    )
