"""The licence gate: what a repository's licence is, in plain words and in its own, and whether it was agreed to."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import HubError, LicenceError
from workbench.hub import consent
from workbench.hub.ranges import RangedReader, Source
from workbench.hub.remote import RemoteListing
from workbench.hub.repository import RemoteFile, Repository
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.store.database import Database
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection
    from workbench.hub.terms import Terms

log = logging.getLogger(__name__)

MAX_TEXT_BYTES = 512 << 10
_CUT = said("\n\n[The rest is longer than this program shows: read it on the model's page.]\n")


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands between a user and a repository's models.

    ``licence`` is what an agreement is recorded for; ``carried`` how the repository or its files call it, None where
    none of them says anything; ``file_licence`` what the files say where that is another one.  ``text`` is the
    licence itself, from the repository where ``text_from`` names its file, else as this program ships it;
    ``text_problem`` says why the repository's own could not be read.  ``agreed_before`` is when the user last agreed
    to this licence of this repository, at whatever revision (ISO 8601).  ``gated`` asks for an account besides.
    """

    repository: str
    revision: str
    licence: str
    terms: Terms
    text: str | None
    agreed: bool
    agreed_before: str | None
    gated: bool = False
    carried: str | None = None
    file_licence: str | None = None
    text_from: str | None = None
    text_problem: str | None = None


class Texts:
    """The licences' own texts, kept by repository and commit.  Nothing is named by what a server said."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def text(self, repository: str, commit: str) -> str | None:
        with contextlib.suppress(OSError):  # as good as not kept
            return self._path(repository, commit).read_text("utf-8")
        return None

    def keep(self, repository: str, commit: str, text: str) -> None:
        path = self._path(repository, commit)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(name).replace(path)
        except OSError as error:  # it is read from the hub again
            log.warning("the licence of %s could not be kept: %s", repository, error)

    def _path(self, repository: str, commit: str) -> Path:
        return self._folder / f"{hashlib.sha256(f'{repository.lower()}@{commit}'.encode()).hexdigest()}.txt"


def gate(
    listing: RemoteListing,
    db: Database,
    texts: Texts,
    connect: Callable[[CancelToken], Connection],
    *,
    to_read: bool = False,
) -> Task[None, Gate]:
    """The gate before a repository's models.  Its text is asked for once for each commit, and not at all where the
    licence was agreed to, unless it is ``to_read``; where it cannot be had, the gate says why.  Raises Cancelled.
    """

    def task(cancel: CancelToken) -> Generator[None, None, Gate]:
        cancel.raise_if_cancelled()
        yield None
        found = _without_text(listing, db)
        text = texts.text(found.repository, found.revision)
        from workbench.hub.terms import legal_files

        legal = legal_files(listing.found) if listing.found is not None else ()
        if not legal:
            return dataclasses.replace(found, text=found.terms.text)
        problem = None
        if text is None and listing.found is not None and (to_read or not found.agreed):
            try:
                with connect(cancel) as connection:
                    text = _read(connection, listing.found, legal[0], cancel)
                texts.keep(found.repository, found.revision, text)
            except HubError as error:
                cancel.raise_if_cancelled()
                problem = error.message
        if text is None:
            return dataclasses.replace(found, text=found.terms.text, text_problem=problem)
        return dataclasses.replace(found, text=text, text_from=legal[0].path)

    return task


def agree(found: Gate, db: Database) -> Gate:
    """Record the user's agreement with its date and the revision."""
    kept = consent.agree(db, found.repository, found.licence, found.revision)
    return dataclasses.replace(found, agreed=True, agreed_before=kept.agreed_at)


def check_agreed(model: ModelFile, db: Database) -> None:
    """Raises LicenceError for a model of the hub to whose licence, at its commit, nobody agreed here."""
    from workbench.hub.terms import Terms  # read from checked documents, which take a while to import

    assert model.origin is not None, "only what is to be had has a gate"
    repository, commit = model.origin.repository.lower(), model.origin.commit
    if not any(one.repository.lower() == repository and one.revision == commit for one in consent.every(db)):
        carried = f", {Terms.of(model.licence).title}," if Terms.of(model.licence).known else ""
        raise LicenceError(
            said(
                "The licence of {repository}{carried} has not been agreed to, at commit {commit}.",
                repository=model.origin.repository,
                carried=carried,
                commit=commit[:12],
            ),
            hint=said("Read it and agree to it first; you are asked once for each revision."),
        )


def licence_of(listing: RemoteListing) -> tuple[str | None, str | None]:
    """What the repository carries and what its files say where that is another licence.

    What a repository says counts before what a file says: a card can be corrected, a file was written once.
    """
    from workbench.hub.terms import Terms

    in_files = next((file.licence for file in listing.files if file.licence), None)
    carried = listing.licence or in_files
    differs = in_files is not None and Terms.of(in_files).id != Terms.of(carried).id
    return carried, in_files if differs else None


def _without_text(listing: RemoteListing, db: Database) -> Gate:
    from workbench.hub.terms import Terms

    carried, file_licence = licence_of(listing)
    terms = Terms.of(carried)
    licence = terms.id
    before = consent.agreed_before(db, listing.repository, licence)
    return Gate(
        repository=listing.repository,
        revision=listing.commit,
        licence=licence,
        terms=terms,
        text=None,
        agreed=consent.agreed(db, listing.repository, licence, listing.commit) is not None,
        agreed_before=before.agreed_at if before is not None else None,
        gated=listing.gated,
        carried=carried,
        file_licence=file_licence,
    )


def _read(connection: Connection, found: Repository, file: RemoteFile, cancel: CancelToken) -> str:
    """Raises HubError, also for what is no text."""
    source = Source(
        url=found.url(connection.endpoint, file),
        name=said("{file} of {repository}", file=file.path, repository=found.name),
        commit=found.commit,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        gated=found.gated,
    )
    with RangedReader(connection, source) as reader:
        data = b"".join(reader.chunks(0, MAX_TEXT_BYTES + 1, cancel))
    if b"\0" in data[:4096]:
        raise HubError(
            said("{source} is no text.", source=source.name), hint=said("Read the licence on the model's page.")
        )
    is_cut = len(data) > MAX_TEXT_BYTES
    text = data[:MAX_TEXT_BYTES].decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    plain = "".join(one if one.isprintable() or one in "\n\t" else " " for one in text)
    return plain + _CUT if is_cut else plain
