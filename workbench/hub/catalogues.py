"""What keeps the catalogue up to date: asking the hub about an entry, and adding a catalogue from a file or address."""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import CatalogueError, GatedModelError, HubError, ModelNotFoundError
from workbench.hub import documents
from workbench.hub.catalogue import Catalogue, add
from workbench.hub.entries import Entry
from workbench.hub.failures import Interrupted, Retry, captive_portal, refusal
from workbench.hub.kept import Kept, KeptListing
from workbench.hub.refreshing import refresh
from workbench.hub.repository import Address, look_up
from workbench.hub.switch import Switch
from workbench.jobs import CancelToken, Task
from workbench.store.database import timestamp
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Answer, Connection

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5

_ORIGIN = re.compile(r"https?://[^/?#\s]+")


def refreshed(entry: Entry, connect: Callable[[CancelToken], Connection], kept: Kept) -> Task[None, Entry]:
    """The entry with what the hub says of each of its repositories now, which is kept for ``as_asked``; one that is
    not there, or is not shown without an account, stays as it was.  Raises what was wrong with the last one where
    none is shown, HubError and Cancelled."""

    def task(cancel: CancelToken) -> Generator[None, None, Entry]:
        found, refusal = entry, None
        with connect(cancel) as connection:
            for name in _asked_about(entry):
                cancel.raise_if_cancelled()
                yield None
                address = Address(name, "main")
                try:
                    repository = look_up(connection, address, cancel)
                except (ModelNotFoundError, GatedModelError) as error:
                    refusal = error
                    continue
                listing = KeptListing(repository, (), timestamp())
                found = refresh(found, repository, asked_at=listing.asked_at)
                try:
                    kept.keep_listing(address, listing)
                except HubError as error:  # it counts until the program ends
                    log.warning("what the hub says of %s could not be kept: %s", name, error.message)
        if found is entry and refusal is not None:
            raise refusal
        return found

    return task


def as_asked(catalogue: Catalogue, kept: Kept) -> Catalogue:
    """With what the hub said when it was last asked about its entries; what an entry was written after counts no
    more."""
    for entry in catalogue.entries:
        listings = (kept.listing(Address(name, "main")) for name in _asked_about(entry))
        found = sorted((one for one in listings if one is not None), key=lambda one: one.asked_at)
        later = [one for one in found if _day(one.asked_at) >= entry.provenance.dated]
        if later:
            fresh = entry
            for one in later:
                fresh = refresh(fresh, one.repository, asked_at=one.asked_at)
            catalogue = catalogue.with_entry(fresh)
    return catalogue


def _asked_about(entry: Entry) -> tuple[str, ...]:
    return (entry.original.value, *(repository.name for repository in entry.gguf_repositories))


def _day(moment: str) -> datetime.date:
    return datetime.datetime.fromisoformat(moment).date()


def added(source: str, user_folder: Path, switch: Switch) -> Task[None, Path]:
    """Keep a catalogue, from a file or an address, in the user's folder; where it lies there.

    Raises CatalogueError, OfflineError, HubError and Cancelled.
    """

    def task(cancel: CancelToken) -> Generator[None, None, Path]:
        cancel.raise_if_cancelled()
        yield None
        text = source.strip()
        if text.startswith(("https://", "http://")):
            return add(user_folder, _fetched(text, switch, cancel), text)
        path = Path(text).expanduser()
        return add(user_folder, documents.read_file(path), str(path.absolute()))

    return task


def _fetched(address: str, switch: Switch, cancel: CancelToken) -> bytes:
    origin = _ORIGIN.match(address)
    if origin is None:
        raise CatalogueError(
            said("{address!a} is no address.", address=address[:200]), hint=said("It begins with https://.")
        )
    # Nobody's token goes to an address that holds a catalogue.
    connect = switch.connecting(origin[0], token=lambda: None)
    with connect(cancel) as connection:
        retry = Retry(connection.patience, cancel)
        while True:
            cancel.raise_if_cancelled()
            try:
                return _asked(connection, address)
            except Interrupted as failure:
                retry.pause(failure)


def _asked(connection: Connection, address: str) -> bytes:
    for _ in range(MAX_REDIRECTS):
        with closing(connection.get(address, {})) as answer:
            if answer.location is not None:
                address = answer.location
                continue
            if answer.status != 200:
                raise refusal(answer.status, answer.headers, what=said("catalogue at this address"), host=answer.host)
            return _body(answer)
    raise HubError(
        said("{host} leads from one address to the next without an end.", host=connection.host),
        hint=said("Check the address."),
    )


def _body(answer: Answer) -> bytes:
    if answer.headers.get("content-type", "").lower().startswith("text/html"):
        raise captive_portal(answer.host, "a catalogue")
    found = bytearray()
    with closing(answer.chunks()) as chunks:
        for chunk in chunks:
            found += chunk
            if len(found) > documents.MAX_DOCUMENT_BYTES:
                raise CatalogueError(
                    said("What {host} sends is larger than any catalogue.", host=answer.host),
                    hint=said("Check that the address is right."),
                )
    return bytes(found)
