"""Putting staged files into their places: decided in a journal first, so that it ends as all or as nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from workbench.errors import PackError
from workbench.hub import consent
from workbench.hub.disk import make_folder, sync_folder
from workbench.hub.library import Library
from workbench.hub.locks import DownloadedElsewhereError, Lock
from workbench.hub.packs.destination import Destination
from workbench.hub.packs.planning import STAGING
from workbench.hub.packs.writing import FileOutput, disk_errors_explained
from workbench.models.cursor import quoted
from workbench.store.database import Database, timestamp
from workbench.words import said

log = logging.getLogger(__name__)

_JOURNAL, _LOCK = "install.json", "install.lock"


@dataclass(frozen=True, slots=True)
class Step:
    """A staged file, whole and verified, and where it goes."""

    staged: Path
    target: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """A licence the user agreed to, of a repository at a revision; see ``consent``."""

    repository: str
    licence: str
    revision: str


@dataclass(frozen=True, slots=True)
class Decided:
    """All that is left to do once every byte is here; written down before the first file is put in place."""

    identity: str
    name: str
    signer: str | None
    created_at: str
    steps: tuple[Step, ...]
    models: tuple[Path, ...]
    agreements: tuple[Agreement, ...]


_DECIDED = TypeAdapter(Decided)


@contextmanager
def alone(destination: Destination) -> Iterator[None]:
    """One installation at a time.  Raises PackError while another is at work."""
    with disk_errors_explained(destination.packs):
        make_folder(destination.packs)
        try:
            lock = Lock(destination.packs / _LOCK, what="A pack")
        except DownloadedElsewhereError as error:
            raise PackError(
                said("Another pack is being installed just now."), hint=said("Wait until it is done.")
            ) from error
    try:
        yield
    finally:
        lock.release()


def decide(decided: Decided, destination: Destination) -> None:
    """From here on the pack is as good as installed: whoever comes next finishes it."""
    journal = destination.packs / _JOURNAL
    part = journal.with_suffix(".part")
    with disk_errors_explained(journal):
        part.unlink(missing_ok=True)
        output = FileOutput(part)
        try:
            output.write(_DECIDED.dump_json(decided))
            output.finish()
        finally:
            output.close()
        part.replace(journal)
        sync_folder(journal.parent)


def carry_out(destination: Destination, library: Library, db: Database) -> Decided | None:
    """Do what the journal says, again where it was done already; None where there is none.

    Raises PackError where a place was taken meanwhile, or the journal cannot be read; a later call goes on.
    """
    journal = destination.packs / _JOURNAL
    try:
        decided = _DECIDED.validate_json(journal.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise PackError(
            said("{journal}, the list of files of a pack that was being installed, cannot be read.", journal=journal),
            hint=said("Move it away, then install that pack again."),
        ) from error
    with disk_errors_explained(journal):
        for step in decided.steps:
            _place(step)
        for folder in {step.target.parent for step in decided.steps}:
            if folder.is_dir():
                sync_folder(folder)
        _record(decided, library, db)
        _discard(destination)
        journal.unlink()
        sync_folder(journal.parent)
    log.info("pack %s is installed: %d files", decided.identity[:16], len(decided.steps))
    return decided


def discard_staged(destination: Destination) -> None:
    """Remove what an installation that was not decided left behind; call it only while ``alone``."""
    with disk_errors_explained(destination.packs):
        if not (destination.packs / _JOURNAL).exists():
            _discard(destination)


def _discard(destination: Destination) -> None:
    for root in set(destination.roots):
        for left in root.glob(f"{STAGING}*") if root.is_dir() else ():
            shutil.rmtree(left)


def _place(step: Step) -> None:
    if os.path.lexists(step.staged):
        make_folder(step.target.parent)
        if os.path.lexists(step.target):
            raise PackError(
                said("{target} was made by another program while the pack was installed.", target=step.target),
                hint=said("Move it away, then install the pack again: the rest is done."),
            )
        step.staged.rename(step.target)
    elif not step.target.exists():
        log.warning("%s was removed before the pack was installed completely", quoted(step.target.name))


def _record(decided: Decided, library: Library, db: Database) -> None:
    for step in decided.steps:
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile, which was logged
            library.digests.remember(step.target, step.sha256)
    for agreement in decided.agreements:
        consent.agree(db, agreement.repository, agreement.licence, agreement.revision)
    for model in decided.models:
        if model.exists():
            library.add(model)
    with db.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO installed_pack (identity, name, signer, created_at, installed_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (decided.identity, decided.name, decided.signer, decided.created_at, timestamp()),
        )


def newest_before(db: Database, name: str, signer: str | None) -> str | None:
    """When the newest pack of this name and signer that was installed here was made; ISO 8601, UTC."""
    with db.read() as sql:
        row = sql.execute(
            "SELECT max(created_at) AS newest FROM installed_pack WHERE name = ? AND signer IS ?", (name, signer)
        ).fetchone()
    newest: str | None = row["newest"]
    return newest
