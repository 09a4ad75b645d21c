"""Searching a hub for repositories that hold GGUF files."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import HubError, ModelNotFoundError
from workbench.hub.failures import Interrupted, Retry, refusal
from workbench.hub.repository import Address, licence_in, look_up, parse_address
from workbench.jobs import CancelToken, Task
from workbench.words import said

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

    from workbench.hub.connection import Connection

MAX_HITS = 50
MAX_WORDS = 200
_SUFFIX = ".gguf"


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A repository with GGUF files.  ``changed_at`` is ISO 8601; ``licence`` is the hub's word for it, None where it
    has none; ``gguf_files`` is None where the hub lists no files here."""

    repository: str
    downloads: int | None
    likes: int | None
    changed_at: str | None
    gated: bool
    licence: str | None
    gguf_files: int | None


def search(text: str, endpoint: str, connect: Callable[[CancelToken], Connection]) -> Task[None, tuple[SearchHit, ...]]:
    """Repositories with GGUF files by words, the most downloaded first; by "owner/name" or the address of a page
    just that one, and those whose names hold these words where there is none.

    Raises OfflineError, HubError and Cancelled.
    """

    def task(cancel: CancelToken) -> Generator[None, None, tuple[SearchHit, ...]]:
        cancel.raise_if_cancelled()
        words = text.strip()[:MAX_WORDS]
        if not words:
            return ()
        yield None
        named = _address(words, endpoint)
        with connect(cancel) as connection:
            if named is not None:
                try:
                    return (_named(connection, named, cancel),)
                except ModelNotFoundError:
                    if "://" in words:
                        raise
            return _found(connection, words, cancel)

    return task


def _address(words: str, endpoint: str) -> Address | None:
    """What is no name of a repository is searched for; an address elsewhere is refused."""
    try:
        return parse_address(words, endpoint=endpoint)
    except ModelNotFoundError:
        if "://" in words:
            raise
        return None


def _named(connection: Connection, address: Address, cancel: CancelToken) -> SearchHit:
    found = look_up(connection, address, cancel)
    count = sum(file.path.lower().endswith(_SUFFIX) for file in found.files)
    return SearchHit(found.name, None, None, None, found.gated, found.licence, count)


def _found(connection: Connection, words: str, cancel: CancelToken) -> tuple[SearchHit, ...]:
    retry = Retry(connection.patience, cancel)
    while True:
        cancel.raise_if_cancelled()
        try:
            hits = (_hit(info) for info in _ask(connection, words))
            return tuple(hit for hit in hits if hit is not None)
        except Interrupted as failure:
            retry.pause(failure)


def _ask(connection: Connection, words: str) -> list[ModelInfo]:
    with connection.api() as api:
        from huggingface_hub.errors import HfHubHTTPError, StrictDataclassError

        try:
            return list(
                api.list_models(search=words, filter="gguf", sort="downloads", limit=MAX_HITS, full=True, cardData=True)
            )
        except HfHubHTTPError as error:
            response = error.response
            raise refusal(response.status_code, response.headers, what="search", host=connection.host) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, StrictDataclassError) as error:
            # The library builds its objects from whatever JSON came.
            raise HubError(
                said("{host} answered the search with something that is no list of models.", host=connection.host),
                hint=said(
                    "Check the address of the model hub: a mirror may have no search. Name the repository instead."
                ),
            ) from error


def _hit(info: ModelInfo) -> SearchHit | None:
    """None for what cannot be asked for by its name."""
    try:
        name = parse_address(str(info.id)).repository
    except ModelNotFoundError:
        return None
    siblings = info.siblings
    changed_at = info.last_modified
    return SearchHit(
        repository=name,
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        changed_at=changed_at.isoformat() if isinstance(changed_at, datetime.datetime) else None,
        gated=info.gated not in (None, False),
        licence=licence_in(info)[0],
        gguf_files=None
        if siblings is None
        else sum(str(getattr(one, "rfilename", "")).lower().endswith(_SUFFIX) for one in siblings),
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
