"""Sizes and hashes from a hub that leaves them out of its description of a repository, as mirrors do."""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import TYPE_CHECKING

from workbench.errors import HubError

if TYPE_CHECKING:
    from workbench.hub.connection import Connection
    from workbench.hub.repository import RemoteFile, Repository

log = logging.getLogger(__name__)

MAX_ASKED = 500

_SHA256 = re.compile(r"[0-9a-f]{64}")


def with_promises(connection: Connection, found: Repository) -> Repository:
    """The same, with the SHA-256 and sizes of its GGUF files where the hub says them when asked for each file.

    As it was where the hub does not answer that.  Raises Interrupted where nobody answers.
    """
    missing = [file.path for file in found.files if file.sha256 is None and file.path.lower().endswith(".gguf")]
    if not missing:
        return found
    try:
        promised = _ask(connection, found, missing[:MAX_ASKED])
    except HubError as error:
        log.info("%s says no hashes: %s", connection.host, error.message)
        return found
    return dataclasses.replace(found, files=tuple(_filled_in(file, promised.get(file.path)) for file in found.files))


def _ask(connection: Connection, found: Repository, paths: list[str]) -> dict[str, tuple[str, object]]:
    """(SHA-256, size) by path."""
    with connection.api() as api:
        from huggingface_hub.errors import HfHubHTTPError

        try:
            answers = api.get_paths_info(found.name, paths, revision=found.commit)
        except HfHubHTTPError as error:
            log.info("%s does not describe single files (status %d)", connection.host, error.response.status_code)
            return {}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # The library builds its objects from whatever JSON came.
            log.info("%s describes single files in a way that nobody understands", connection.host)
            return {}
    promised = {}
    for answer in answers:
        path, sha256 = getattr(answer, "path", None), getattr(getattr(answer, "lfs", None), "sha256", None)
        if isinstance(path, str) and isinstance(sha256, str) and _SHA256.fullmatch(sha256):
            promised[path] = (sha256, getattr(answer, "size", None))
    return promised


def _filled_in(file: RemoteFile, promised: tuple[str, object] | None) -> RemoteFile:
    if promised is None or file.sha256 is not None:
        return file
    sha256, size = promised
    size_bytes = size if type(size) is int and 0 <= size < 1 << 43 else None
    return dataclasses.replace(file, sha256=sha256, etag=sha256, size_bytes=file.size_bytes or size_bytes)
