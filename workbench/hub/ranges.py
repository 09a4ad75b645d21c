"""Bytes of one remote file by range, resumed where they break off, and never of two versions of it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from workbench.errors import HubError
from workbench.hub.failures import GONE, REFUSED, CutOffError, Interrupted, Retry, captive_portal, gated, refusal
from workbench.hub.repository import MAX_FILE_BYTES
from workbench.jobs import CancelToken
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Answer, Connection

MAX_REDIRECTS = 5
# What a signed address answers whose time is over, or has not come: clocks differ.
_EXPIRED = frozenset({401, 403, 410})

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)
# A strong one, quoted as the standard says; some mirrors leave the quotation marks out.
_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"|[\w.:+=-]{1,200}', re.ASCII)
# So much of a body counts as progress: a server that sends a byte and breaks off is not asked for ever.
_PROGRESS_BYTES = 64 << 10


class FileChangedError(HubError):
    """The hub sent bytes of another version of the file than before, or than it promised."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes are, and what the metadata promised of them; ``name`` is shown to the user.

    ``gated`` files are refused for the reason that their publisher's terms were not accepted.
    """

    url: str
    name: str
    commit: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    gated: bool = False


class RangedReader:
    """Reads ranges of one file.  Close it; one thread.

    ``size_bytes`` and ``etag`` are known after the first answer at the latest, and every later answer has to
    have the same.  ``fetched_bytes`` counts what came over the network, wasted bytes too.  A redirect is
    resolved once and its target kept for as long as it is accepted.  Where a server ignores ranges, its one
    answer is read on as far as it is needed.
    """

    def __init__(self, connection: Connection, source: Source) -> None:
        self._connection = connection
        self._source = source
        self._target: str | None = None
        self._whole: _Whole | None = None
        self._answered = False
        self.size_bytes = source.size_bytes
        self.etag: str | None = None
        self.fetched_bytes = 0

    def close(self) -> None:
        self._forget_whole()

    def __enter__(self) -> RangedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ignores_ranges(self) -> bool:
        """Whether the server sends the whole file, whatever it is asked for."""
        return self._whole is not None

    def read(self, start: int, end: int, cancel: CancelToken) -> Generator[int, None, bytes]:
        """The bytes from ``start`` up to ``end``, or to where the file ends; yields ``fetched_bytes`` as it grows."""
        pieces = []
        for chunk in self.chunks(start, end, cancel):
            pieces.append(chunk)
            yield self.fetched_bytes
        return b"".join(pieces)

    def chunks(self, start: int, end: int, cancel: CancelToken) -> Generator[bytes, None, None]:
        """The same piece by piece, as they come; what breaks off is resumed where it broke.

        Raises FileChangedError, ModelNotFoundError, GatedModelError, HubError and Cancelled.
        """
        retry = Retry(self._connection.patience, cancel)
        position = start
        unrewarded_bytes = 0
        while position < self._end(end):
            cancel.raise_if_cancelled()
            try:
                for chunk in self._answer(position, end):
                    position += len(chunk)
                    unrewarded_bytes += len(chunk)
                    if unrewarded_bytes >= _PROGRESS_BYTES:
                        retry.progressed()
                        unrewarded_bytes = 0
                    yield chunk
                    cancel.raise_if_cancelled()
            except Interrupted as failure:
                self._forget_whole()
                retry.pause(failure)

    def _end(self, end: int) -> int:
        return end if self.size_bytes is None else min(end, self.size_bytes)

    def _answer(self, start: int, end: int) -> Iterator[bytes]:
        """What one answer brings of a range, at least one byte of it."""
        if self._whole is not None and self._whole.position <= start:
            yield from self._whole.take(start, self._end(end))
            return
        self._forget_whole()
        answer = self._request(start, end)
        if answer.headers.get("content-type", "").lower().startswith("text/html"):
            answer.close()
            raise captive_portal(answer.host, self._source.name)
        if answer.status == 200:
            self._whole = _Whole(answer, self)
            self._check_version(answer, self._announced_size(answer))
            yield from self._whole.take(start, self._end(end))
            return
        with closing(answer):
            stop = min(self._check_range(answer, start), end)
            # Read to its very end, a body leaves its connection fit for the next request.
            ends_there = answer.headers.get("content-length") == str(stop - start)
            with closing(answer.chunks()) as chunks:
                for chunk in chunks:
                    self.fetched_bytes += len(chunk)
                    # Cut: the bytes beyond what was asked for were not, whatever they are.
                    yield chunk[: stop - start]
                    start += len(chunk)
                    if start >= stop and not ends_there:
                        return
            if start < stop:
                raise Interrupted(
                    CutOffError(
                        said("{host} broke off inside {source}.", host=answer.host, source=self._source.name),
                        hint=_LATER,
                    )
                )

    # --- requests ----------------------------------------------------------------------------

    def _request(self, start: int, end: int) -> Answer:
        """An answer with a body, after redirects."""
        headers = {"range": f"bytes={start}-{self._end(end) - 1}"}
        if self.etag is not None and self.etag.startswith('"'):
            headers["if-range"] = self.etag
        if self._target is not None:
            answer = self._connection.get(self._target, headers)
            if answer.status in (200, 206):
                return answer
            answer.close()
            if answer.status not in REFUSED | GONE and answer.location is None:
                raise self._refusal(answer)
            # The address was signed for a while only: the hub gives a new one.
            self._target = None
        return self._resolve(headers)

    def _resolve(self, headers: Mapping[str, str]) -> Answer:
        url = self._source.url
        hops, may_ask_anew = 0, True
        while hops < MAX_REDIRECTS:
            hops += 1
            answer = self._connection.get(url, headers)
            try:
                self._check_promises(answer)
                if answer.status in (200, 206):
                    self._target = url
                    return answer
                location = answer.location
                if location is None and may_ask_anew and url != self._source.url and answer.status in _EXPIRED:
                    # Freshly signed and refused all the same: once that may be chance.
                    hops, may_ask_anew, location = 0, False, self._source.url
                if location is None:
                    raise self._refusal(answer)
            except BaseException:
                answer.close()
                raise
            answer.close()
            url = location
        raise HubError(
            said("{host} leads from one address to the next without an end.", host=self._connection.host),
            hint=said("Check the address of the model hub, or use another one."),
        )

    def _refusal(self, answer: Answer) -> HubError | Interrupted:
        if answer.status == 416:
            return self._changed(said("has not as many bytes as the hub says"))
        if answer.status in REFUSED and self._source.gated and self._connection.is_own(answer.url):
            return gated(self._source.name)
        return refusal(answer.status, answer.headers, what=self._source.name, host=answer.host)

    # --- what an answer has to be ------------------------------------------------------------

    def _check_promises(self, answer: Answer) -> None:
        """The hub's own headers, which travel with its redirects, against its metadata."""
        if not self._connection.is_own(answer.url):
            return
        commit = answer.headers.get("x-repo-commit")
        if commit is not None and self._source.commit is not None and commit != self._source.commit:
            raise self._changed(said("is of another commit than the one that was asked for"))
        size = answer.headers.get("x-linked-size", "")
        if size.isdigit() and self._source.size_bytes is not None and int(size) != self._source.size_bytes:
            raise self._changed(said("has not the size that the hub's list says"))
        etag = answer.headers.get("x-linked-etag", "").strip('"')
        if etag and self._source.sha256 is not None and etag != self._source.sha256:
            raise self._changed(said("has not the SHA-256 that the hub's list says"))

    def _check_range(self, answer: Answer, start: int) -> int:
        """Where the body of a 206 ends.  It has to begin at ``start``."""
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        if answer.status != 206 or found is None:
            raise self._nonsense(answer, said("does not say which part of it came"))
        first, last, total = (int(number) for number in found.groups())
        if first != start or not first <= last < total:
            raise self._nonsense(answer, said("is another part of it than was asked for"))
        self._check_version(answer, total)
        return last + 1

    def _check_version(self, answer: Answer, size_bytes: int) -> None:
        if not 0 < size_bytes <= MAX_FILE_BYTES:
            raise self._nonsense(answer, said("has the impossible size of {size_bytes} bytes", size_bytes=size_bytes))
        if self.size_bytes not in (None, size_bytes):
            raise self._changed(
                said(
                    "has {size_bytes} bytes, where {promised} were promised",
                    size_bytes=size_bytes,
                    promised=self.size_bytes,
                )
            )
        self.size_bytes = size_bytes
        found = answer.headers.get("etag", "").strip()
        etag = found if _ETAG.fullmatch(found) else None
        if not self._answered:
            self._answered, self.etag = True, etag
        elif etag is None:
            # Two answers that do not say what they are of might be halves of two files.
            raise self._nonsense(answer, said("comes without a sign of its version, so parts of it cannot be joined"))
        elif etag != self.etag:
            raise self._changed(said("has another version than a moment ago"))

    def _announced_size(self, answer: Answer) -> int:
        length = answer.headers.get("content-length", "")
        if length.isascii() and length.isdigit():
            return int(length)
        if self.size_bytes is None:
            raise self._nonsense(answer, said("comes without its size"))
        return self.size_bytes

    def _changed(self, reason: str) -> FileChangedError:
        return FileChangedError(
            said("{file} {what}.", file=self._source.name, what=reason),
            hint=said("Try again: it may be replaced just now."),
        )

    def _nonsense(self, answer: Answer, reason: str) -> HubError:
        return HubError(
            said(
                "{host} sends nonsense: {source} {reason}.", host=answer.host, source=self._source.name, reason=reason
            ),
            hint=said("A proxy in between may do that: try another network, or another mirror."),
        )

    def _forget_whole(self) -> None:
        if self._whole is not None:
            self._whole.close()
            self._whole = None


class _Whole:
    """The body of a server that ignores ranges: it begins at 0, and is read on as far as it is needed."""

    def __init__(self, answer: Answer, reader: RangedReader) -> None:
        self._answer = answer
        self._reader = reader
        self._chunks = answer.chunks()
        self._rest = b""
        self.position = 0

    def take(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range; those before it are passed over.  Raises Interrupted where the body ends early."""
        while self.position < end:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                self._reader.fetched_bytes += len(self._rest)
                if not self._rest:
                    raise Interrupted(
                        CutOffError(said("{host} broke off before the end.", host=self._answer.host), hint=_LATER)
                    )
            goal = start if self.position < start else end
            chunk, self._rest = self._rest[: goal - self.position], self._rest[goal - self.position :]
            self.position += len(chunk)
            if goal == end:
                yield chunk

    def close(self) -> None:
        self._chunks.close()
        self._answer.close()


_LATER = said("Check the network, or try again later.")
