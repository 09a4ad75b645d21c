"""The headers of a repository's files, for as few bytes as their making allows."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import BadGgufError
from workbench.hub.kept import Kept
from workbench.hub.ranges import FileChangedError, RangedReader, Source
from workbench.hub.repository import RemoteFile, Repository
from workbench.jobs import CancelToken
from workbench.models.cursor import MAX_HEADER_BYTES
from workbench.models.exact import Head
from workbench.models.header import Header, HeaderIncomplete, scan
from workbench.models.split import part_name
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection

FIRST_BYTES = 1 << 20
SIBLING_BYTES = 256 << 10
LATER_PART_BYTES = 64 << 10

_CHECKED_AT_START = 1 << 10
# Holds the ids of special tokens and the chat template, which come last: what a second upload mends.
_CHECKED_AT_END = 96 << 10
# Where one list ends and the next begins lie the special tokens, their scores and their kinds.
_LISTS = ("tokenizer.ggml.scores", "tokenizer.ggml.token_type", "tokenizer.ggml.merges")
_CHECKED_BEFORE_LIST = 16 << 10
_CHECKED_OF_LIST = 8 << 10
_TAIL_SLACK_BYTES = 16 << 10
_MAX_VOCABULARIES = 4


@dataclass(frozen=True, slots=True)
class RemoteHead:
    """A file's header, and where its bytes were kept; ``file`` has a size, whatever the hub's list says."""

    file: RemoteFile
    header: Header
    head: Head


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The tokenizer's entries of a header that was read whole, and how many bytes of it follow them.

    ``samples`` are the places of the span, from and to, that another file is compared in.
    """

    span: bytes
    tail_bytes: int
    samples: tuple[tuple[int, int], ...]


class HeadReader:
    """Reads the headers of one repository's files, kept ones first.  One thread.

    Quantisations of one model have the same tokenizer, which is nearly all of a header.  Once one header was
    read whole, of another file only what comes before and after those entries is fetched; that they are
    the same is checked where they begin, in 96 KiB where they end, around the beginning of each long list, and
    by reading the result.  On any mismatch the whole header is fetched.  A difference elsewhere that changes no
    length would not be seen: the header's hash is then that of no file, and memory and speed are the same.

    Without a connection only kept headers are read.
    """

    def __init__(self, connection: Connection | None, kept: Kept, repository: Repository) -> None:
        self._connection = connection
        self._kept = kept
        self._repository = repository
        self._vocabularies: list[_Vocabulary] = []
        self._done_bytes = 0
        self._reader: RangedReader | None = None

    @property
    def fetched_bytes(self) -> int:
        """What all headers together took from the network."""
        return self._done_bytes + (self._reader.fetched_bytes if self._reader is not None else 0)

    def kept(self, file: RemoteFile) -> RemoteHead | None:
        """A header that was read before, None where it was not, or where it is no longer as it was."""
        found = self._kept.head(self._repository, file) if file.size_bytes is not None else None
        if found is None or file.size_bytes is None:
            return None
        path, data = found
        try:
            header = scan(data, name=file.path, file_size_bytes=file.size_bytes)
        except (HeaderIncomplete, BadGgufError):
            # The bytes are what was kept, so this program reads headers otherwise than the one that kept them.
            return None
        self._remember(header, data)
        return RemoteHead(file, header, Head(path, _base_name(file), file.size_bytes))

    def read(self, file: RemoteFile, cancel: CancelToken) -> Generator[None, None, RemoteHead]:
        """A file's header; yields as bytes arrive.

        Raises BadGgufError for what is no GGUF, FileChangedError for a file that keeps changing, and HubError.
        """
        if (found := self.kept(file)) is not None:
            return found
        try:
            return (yield from self._fetch(file, cancel))
        except FileChangedError:
            # Once may be chance: a cache on the way, a file replaced just now.
            return (yield from self._fetch(file, cancel))

    def _fetch(self, file: RemoteFile, cancel: CancelToken) -> Generator[None, None, RemoteHead]:
        assert self._connection is not None
        source = Source(
            url=self._repository.url(self._connection.endpoint, file),
            name=said("{file} of {repository}", file=file.path, repository=self._repository.name),
            commit=self._repository.commit,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            gated=self._repository.gated,
        )
        try:
            with RangedReader(self._connection, source) as self._reader:
                header, data = yield from self._header(self._reader, file, cancel)
                size_bytes = self._size(self._reader)
        finally:
            self._done_bytes = self.fetched_bytes
            self._reader = None
        self._remember(header, data)
        path = self._kept.keep_head(self._repository, file, data[: header.end_bytes])
        known = dataclasses.replace(file, size_bytes=size_bytes)
        return RemoteHead(known, header, Head(path, _base_name(file), size_bytes))

    def _header(
        self, reader: RangedReader, file: RemoteFile, cancel: CancelToken
    ) -> Generator[None, None, tuple[Header, bytes]]:
        data = yield from _bytes(reader, 0, self._first_bytes(file), cancel)
        spliced = False
        while True:
            try:
                return scan(data, name=file.path, file_size_bytes=self._size(reader)), data
            except HeaderIncomplete as incomplete:
                needed_bytes = incomplete.needed_bytes
            if not spliced:
                spliced = True
                for vocabulary in self._vocabularies:
                    found = yield from self._spliced(reader, data, vocabulary, file, cancel)
                    if found is not None:
                        return found
            # What is needed at the least comes close to all, once the vocabulary's end is in sight.
            ahead = needed_bytes + max(FIRST_BYTES, len(data) // 4)
            wanted = min(max(needed_bytes, min(2 * len(data), ahead)), MAX_HEADER_BYTES)
            data += yield from _bytes(reader, len(data), wanted, cancel)

    def _spliced(
        self, reader: RangedReader, data: bytes, vocabulary: _Vocabulary, file: RemoteFile, cancel: CancelToken
    ) -> Generator[None, None, tuple[Header, bytes] | None]:
        """The header with the tokenizer of a sibling in its middle; None where it is not the same."""
        span = vocabulary.span
        begin = data.find(span[:_CHECKED_AT_START])
        end = begin + len(span)
        if begin < 0 or end - _CHECKED_AT_END <= len(data) or not span.startswith(data[begin:]):
            return None
        for first, last in vocabulary.samples:
            if begin + first >= len(data):
                sample = yield from _bytes(reader, begin + first, begin + last, cancel)
                if sample != span[first:last]:
                    return None
        wanted = end + vocabulary.tail_bytes + _TAIL_SLACK_BYTES
        tail = yield from _bytes(reader, end - _CHECKED_AT_END, wanted, cancel)
        if not span.endswith(tail[:_CHECKED_AT_END]) or len(tail) < _CHECKED_AT_END:
            return None
        data = data[:begin] + span + tail[_CHECKED_AT_END:]
        while True:
            try:
                return scan(data, name=file.path, file_size_bytes=self._size(reader)), data
            except HeaderIncomplete as incomplete:
                wanted = min(max(incomplete.needed_bytes, len(data) + vocabulary.tail_bytes), MAX_HEADER_BYTES)
            except BadGgufError:
                # Perhaps not the file's fault: what is in the middle was not its own.
                return None
            data += yield from _bytes(reader, len(data), wanted, cancel)

    def _first_bytes(self, file: RemoteFile) -> int:
        part = part_name(file.path)
        if part is not None and part.number > 1:
            return LATER_PART_BYTES  # without metadata; a lying name costs a request
        return SIBLING_BYTES if self._vocabularies else FIRST_BYTES

    def _size(self, reader: RangedReader) -> int:
        assert reader.size_bytes is not None, "known with the first answer"
        return reader.size_bytes

    def _remember(self, header: Header, data: bytes) -> None:
        if header.tokenizer_span is None or len(self._vocabularies) >= _MAX_VOCABULARIES:
            return
        begin, end = header.tokenizer_span
        span = data[begin:end]
        found = _Vocabulary(span, header.end_bytes - end, _samples(span))
        if end - begin > SIBLING_BYTES and all(found.span != other.span for other in self._vocabularies):
            self._vocabularies.append(found)


def _bytes(reader: RangedReader, start: int, end: int, cancel: CancelToken) -> Generator[None, None, bytes]:
    pieces = []
    for chunk in reader.chunks(start, end, cancel):
        pieces.append(chunk)
        yield None
    return b"".join(pieces)


def _samples(span: bytes) -> tuple[tuple[int, int], ...]:
    """Around the beginnings of the long lists, as far as the end of the span is not compared anyhow."""
    found = []
    for key in _LISTS:
        begin = span.find(struct.pack("<Q", len(key)) + key.encode())
        first, last = max(0, begin - _CHECKED_BEFORE_LIST), begin + _CHECKED_OF_LIST
        if begin >= 0 and last < len(span) - _CHECKED_AT_END:
            found.append((first, last))
    return tuple(found)


def _base_name(file: RemoteFile) -> str:
    return file.path.rsplit("/", 1)[-1]
