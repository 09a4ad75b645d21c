"""States of long prompts on disk, so that another day's engine need not evaluate them again.

llama.cpp trusts a state as it trusts a model file.  So only what this program wrote on this machine is ever
put back: each file carries a MAC over its identity, its tokens and its state, with a key kept beside.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import os
import platform
import secrets
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.engine import native
from workbench.engine.base import LoadRequest
from workbench.engine.loading import identity as files_identity
from workbench.engine.native_params import Placement
from workbench.engine.prefix import common_length

LEAST_TOKENS = 1024  # shorter prefixes are evaluated again sooner than they are read
WORTH_STORING = 512  # tokens that had to be evaluated
WORTH_LOADING = 512  # tokens that need not be

_MAC_BYTES = 32
_COUNT = struct.Struct("<I")
_TOKENS_AT = _MAC_BYTES + _COUNT.size

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A stored prefix; nothing of it is trusted before ``load`` has verified the file."""

    path: Path
    tokens: tuple[int, ...]


class PromptCache:
    """All stored prefixes, in a private folder; the longest unused go first.

    ``limit_bytes`` says how much may be kept, and is asked again each time: 0 keeps nothing.
    """

    def __init__(self, folder: Path, limit_bytes: Callable[[], int]) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk now."""
        return sum(size for _, size, _ in self._files())

    def of(self, request: LoadRequest) -> CachedPrefixes | None:
        """The prefixes of one model under the same engine, parameters and adapters.

        None where nothing may be kept; what was is deleted then.  Raises BadGgufError when one of the files is gone.
        """
        if not self.limit_bytes():
            self._shrink_to(0)
            return None
        digest = _identity(request)
        return CachedPrefixes(self, self.folder / digest.hex()[:32], digest)

    def key(self) -> bytes:
        """This machine's key, made when it is first asked for.  Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / "key"
        with contextlib.suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_MAC_BYTES))
        key = path.read_bytes()
        if len(key) == _MAC_BYTES:
            return key
        # Cut short, by a full disk say: an empty key would let anybody sign.
        path.unlink()
        raise OSError(f"{path} was damaged and is made anew")

    def make_room(self, new_bytes: int) -> bool:
        """Delete the longest unused; False when the new one is too large for the whole cache."""
        limit_bytes = self.limit_bytes()
        if new_bytes > limit_bytes:
            return False
        self._shrink_to(limit_bytes - new_bytes)
        return True

    def _shrink_to(self, size_bytes: int) -> None:
        total = 0
        for _, size, path in sorted(self._files(), reverse=True):
            total += size
            if total > size_bytes:
                with contextlib.suppress(OSError):  # it counts again next time
                    path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        """When each was used last and its size: states, and what a crash has left of one."""
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # another process makes room as well
                found = path.stat()
                yield found.st_mtime_ns, found.st_size, path


class CachedPrefixes:
    """Those of one identity.  A disk that fails costs speed, never the answer: it is logged."""

    def __init__(self, cache: PromptCache, folder: Path, identity: bytes) -> None:
        self._cache = cache
        self._folder = folder
        self._identity = identity

    def longest(self, tokens: Sequence[int], *, whole: bool) -> Found | None:
        """The one that has most in common with ``tokens``; with ``whole`` all of it must be."""
        best, best_length = None, 0
        for path in sorted(self._folder.glob("*.state")):
            stored = _tokens_of(path)
            common = common_length(stored, tokens)
            if common > best_length and (common == len(stored) or not whole):
                best, best_length = Found(path, stored), common
        return best

    def load(self, found: Found) -> bytearray | None:
        """The state, verified; a file that this program did not write is deleted."""
        try:
            key = self._cache.key()
            data = bytearray(found.path.read_bytes())
            if not hmac.compare_digest(data[:_MAC_BYTES], self._mac(key, memoryview(data)[_MAC_BYTES:])):
                log.warning("%s in the prompt cache is damaged or not ours, and was deleted", found.path.name)
                found.path.unlink(missing_ok=True)
                return None
            os.utime(found.path)
        except OSError as error:
            log.warning("the prompt cache cannot be read: %s", error)
            return None
        # The tokens were read before they were verified.
        state_at = _TOKENS_AT + 4 * len(found.tokens)
        if bytes(data[_MAC_BYTES:state_at]) != _head(found.tokens):
            return None
        return data[state_at:]

    def wants(self, tokens: Sequence[int]) -> bool:
        """Whether a prefix is long enough, and not stored yet."""
        return len(tokens) >= LEAST_TOKENS and not self._path(tokens).exists()

    def store(self, tokens: Sequence[int], state: bytearray) -> None:
        """Keep the state of exactly these tokens."""
        body = _head(tokens) + state
        try:
            mac = self._mac(self._cache.key(), memoryview(body))
            if not self._cache.make_room(_MAC_BYTES + len(body)):
                return
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_atomic(self._path(tokens), mac, body)
        except OSError as error:
            log.warning("a prompt's state could not be stored: %s", error)

    def _path(self, tokens: Sequence[int]) -> Path:
        return self._folder / f"{hashlib.sha256(_head(tokens)).hexdigest()}.state"

    def _mac(self, key: bytes, body: memoryview) -> bytes:
        mac = hmac.new(key, self._identity, hashlib.sha256)
        mac.update(body)
        return mac.digest()


def _identity(request: LoadRequest) -> bytes:
    """Of everything that a state depends on: the same tokens give the same bytes, and they fit."""
    adapters = tuple(adapter.path for adapter in request.adapters)
    facts = {
        "machine": platform.node(),  # another processor rounds differently, and homes are shared
        "engine": native.build_identity(),
        "header": request.model.header.sha256,
        "sha256": request.model.sha256,
        "files": files_identity(request.model.files, Placement.of(request.params)),
        "params": request.params.as_json(),
        "adapters": files_identity(adapters, Placement(0)),
        "scales": [adapter.scale for adapter in request.adapters],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).digest()


def _head(tokens: Sequence[int]) -> bytes:
    return _COUNT.pack(len(tokens)) + np.asarray(tokens, "<i4").tobytes()


def _tokens_of(path: Path) -> tuple[int, ...]:
    """As the file says; none when it says nonsense."""
    try:
        with path.open("rb") as file:
            count = _COUNT.unpack_from(file.read(_TOKENS_AT).ljust(_TOKENS_AT, b"\0"), _MAC_BYTES)[0]
            if 4 * count > path.stat().st_size - _TOKENS_AT:
                return ()
            return tuple(np.frombuffer(file.read(4 * count), "<i4").tolist())
    except (OSError, ValueError) as error:
        log.warning("%s in the prompt cache cannot be read: %s", path.name, error)
        return ()


def _write_atomic(path: Path, *parts: bytes | bytearray) -> None:
    """Private from its first byte on (mkstemp).  Raises OSError, and leaves nothing behind then."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for one in parts:
                file.write(one)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
