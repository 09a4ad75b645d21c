"""What a repository of the hub holds at one commit: how it is named, and what its metadata promises."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from workbench.errors import HubError, ModelNotFoundError
from workbench.hub.failures import Interrupted, Retry, refusal
from workbench.hub.promises import with_promises
from workbench.jobs import CancelToken
from workbench.words import said

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

    from workbench.hub.connection import Connection

MAX_FILES = 100_000
MAX_FILE_BYTES = 1 << 43  # 8 TiB

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,95}"
_REPOSITORY = re.compile(rf"({_NAME})/({_NAME})")
_REVISION = re.compile(r"[A-Za-z0-9][\w.+-]*(?:/[\w.+-]+)*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_MAX_PART_BYTES = 180
_MAX_REVISION = 200
_MAX_LICENCE = 120
_TAG = "license:"


@dataclass(frozen=True, slots=True)
class Address:
    """A repository as "owner/name", and the branch, tag or commit asked for."""

    repository: str
    revision: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.  ``path`` is the hub's word, safe to use below a folder of ours only where
    ``is_safe_path`` says so.  ``etag`` is the identity of its bytes: their SHA-256, else git's hash of them."""

    path: str
    size_bytes: int | None
    sha256: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit; ``gated`` ones are described to everybody, and read by few.

    ``licence`` is the hub's word for it, from the repository's card, and ``licence_name`` what the card adds to
    "other"; both are a stranger's words, of one line each.
    """

    name: str
    revision: str
    commit: str
    gated: bool
    files: tuple[RemoteFile, ...]
    licence: str | None = None
    licence_name: str | None = None

    def url(self, endpoint: str, file: RemoteFile) -> str:
        """Where a file's bytes are, of this commit and no other."""
        return f"{endpoint}/{self.name}/resolve/{self.commit}/{quote(file.path)}"


def parse_address(text: str, *, revision: str = "main", endpoint: str = "https://huggingface.co") -> Address:
    """ "owner/name", or the address of a repository's or a file's page.

    Raises ModelNotFoundError for what can be neither, and for an address on another host.
    """
    shown = ascii(text.strip()[:120])[1:-1]
    path = text.strip()
    if "://" in path or path.split("/")[0].lower() in _HUB_HOSTS:
        try:
            parts = urlsplit(path if "://" in path else f"https://{path}")
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise _no_address(shown) from error
        own = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or parts.username is not None:
            raise _no_address(shown)
        if host not in _HUB_HOSTS and (host, port) != (own.hostname, own.port):
            raise ModelNotFoundError(
                said("{shown} is not on the model hub in use, {endpoint}.", shown=shown, endpoint=endpoint),
                hint=said("Name the repository as owner/name, or set another model hub."),
            )
        owner, name, page, asked, *_ = [*map(unquote, parts.path.strip("/").split("/")), *[""] * 4]
        path = f"{owner}/{name}"
        if page in ("tree", "blob", "resolve") and asked and revision == "main":
            revision = asked
    if not _REPOSITORY.fullmatch(path) or path.endswith((".", ".git")) or any(map(_is_reserved, path.split("/"))):
        raise _no_address(shown)
    if not _REVISION.fullmatch(revision) or len(revision) > _MAX_REVISION or ".." in revision:
        raise ModelNotFoundError(
            said("{revision!a} is no revision of a repository.", revision=revision[:80]),
            hint=said("Name a branch, a tag or a commit."),
        )
    return Address(path, revision)


def is_safe_path(path: str) -> bool:
    """Whether a stranger's path stays below the folder it is joined to, and names a file on every system."""
    return all(
        part not in ("", ".", "..")
        and len(part.encode("utf-8", "replace")) <= _MAX_PART_BYTES
        and part.isprintable()
        and not set(part) & set('\\:*?"<>|')
        and not part.endswith((".", " "))
        and not part.startswith((" ", "~"))
        and not _is_reserved(part)
        and unicodedata.normalize("NFC", part) == part
        for part in path.split("/")
    )


def look_up(connection: Connection, address: Address, cancel: CancelToken) -> Repository:
    """Ask the hub what a repository holds; a passing failure is waited out.

    Raises ModelNotFoundError, GatedModelError, HubError and Cancelled.
    """
    retry = Retry(connection.patience, cancel)
    while True:
        cancel.raise_if_cancelled()
        try:
            found = _repository(_ask(connection, address), address, connection.host)
            return with_promises(connection, found)
        except Interrupted as failure:
            retry.pause(failure)


def _ask(connection: Connection, address: Address) -> ModelInfo:
    with connection.api() as api:
        from huggingface_hub.errors import HfHubHTTPError, StrictDataclassError

        try:
            return api.model_info(address.repository, revision=address.revision, files_metadata=True)
        except HfHubHTTPError as error:
            response = error.response
            what = said("repository {repository}", repository=address.repository)
            if address.revision != "main" and response.headers.get("x-error-code") == "RevisionNotFound":
                what = said(
                    "revision {revision} of {repository}", revision=address.revision, repository=address.repository
                )
            raise refusal(response.status_code, response.headers, what=what, host=connection.host) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, StrictDataclassError) as error:
            # The library builds its objects from whatever JSON came.
            raise _no_description(connection.host) from error


def _repository(info: ModelInfo, address: Address, host: str) -> Repository:
    if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
        raise HubError(
            said(
                "{host} does not say which commit of {repository} it means.", host=host, repository=address.repository
            ),
            hint=said("Check the address of the model hub, or use another one."),
        )
    siblings: Sequence[object] = info.siblings or ()
    if len(siblings) > MAX_FILES:
        raise _no_description(host)
    files = []
    for sibling in siblings:
        path, size = getattr(sibling, "rfilename", None), getattr(sibling, "size", None)
        if not isinstance(path, str):
            raise _no_description(host)
        lfs, blob = getattr(sibling, "lfs", None), getattr(sibling, "blob_id", None)
        sha256 = _matching(_SHA256, getattr(lfs, "sha256", None))
        files.append(
            RemoteFile(
                path=path,
                size_bytes=size if type(size) is int and 0 <= size <= MAX_FILE_BYTES else None,
                sha256=sha256,
                etag=sha256 or _matching(_COMMIT, blob) or "",
            )
        )
    licence, licence_name = licence_in(info)
    return Repository(
        name=address.repository,
        revision=address.revision,
        commit=info.sha,
        gated=info.gated not in (None, False),
        files=tuple(files),
        licence=licence,
        licence_name=licence_name,
    )


def licence_in(info: ModelInfo) -> tuple[str | None, str | None]:
    """The licence of a repository's card and the name that the card adds to "other"; else the licence of its tags."""
    card = getattr(info, "card_data", None)
    licence, name = _line(getattr(card, "license", None)), _line(getattr(card, "license_name", None))
    if licence is None:
        tags = map(str, info.tags or ())
        licence = next((_line(tag.removeprefix(_TAG)) for tag in tags if tag.startswith(_TAG)), None)
    return licence, name


def _line(value: object) -> str | None:
    """A stranger's word as one short line; of a list the first."""
    first = value[0] if isinstance(value, list) and value else value
    kept = "".join(one if one.isprintable() else " " for one in first) if isinstance(first, str) else ""
    return " ".join(kept.split())[:_MAX_LICENCE] or None


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _is_reserved(part: str) -> bool:
    """Names that Windows keeps for devices, whatever follows a point."""
    return _RESERVED.fullmatch(part) is not None


def _no_address(shown: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        said("“{shown}” is no repository of a model hub.", shown=shown),
        hint=said("Name it as owner/name, like “bartowski/gemma-2-2b-it-GGUF”, or give the address of its page."),
    )


def _no_description(host: str) -> HubError:
    return HubError(
        said("{host} answered with something that describes no repository.", host=host),
        hint=said("Check the address of the model hub: a login page of a network answers like that too."),
    )
