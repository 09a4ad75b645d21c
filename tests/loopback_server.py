"""The two origins of the loopback hub: the hub's API with its redirects, and the bytes, spoilt as told."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.loopback_types import MAIN, Faults, Published, Served, Stored

if TYPE_CHECKING:
    from tests.loopback_hub import LoopbackHub

STEP_BYTES = 64 << 10


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: LoopbackHub, origin: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub
        self.origin = origin
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    _name: str
    _file: str | None
    _form: Mapping[str, list[str]]
    _served: Served

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's own name
        """Counted, not printed."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        # A form: which files are asked about.
        self._form = parse_qs(self.rfile.read(int(self.headers.get("content-length") or 0)).decode())
        self._serve()

    def _serve(self) -> None:
        self._name, self._file = "", None
        try:
            self._route()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self) -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if self.server.origin == "hub" and parts[:2] == ["api", "models"] and len(parts) >= 4:
            self._metadata("/".join(parts[2:4]), parts[4:], parse_qs(url.query))
        elif self.server.origin == "hub" and parts == ["api", "models"]:
            self._search(parse_qs(url.query))
        elif self.server.origin == "hub" and parts == ["api", "whoami-v2"]:
            self._whoami()
        elif len(parts) >= 5 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._say(HTTPStatus.NOT_FOUND, {"X-Error-Code": "RepoNotFound"})

    # --- metadata ----------------------------------------------------------------------------

    def _metadata(self, name: str, rest: list[str], query: Mapping[str, list[str]]) -> None:
        found = self._open(name)
        if found is None:
            return
        revision = rest[1] if rest[:1] in (["revision"], ["tree"], ["paths-info"]) and len(rest) > 1 else MAIN
        commit = found.branches.get(revision, revision)
        if commit not in found.commits:
            self._say(HTTPStatus.NOT_FOUND, {"X-Error-Code": "RevisionNotFound"})
            return
        if found.faults.metadata is not None:
            self._send(found.faults.metadata, slow_s=found.faults.metadata_slow_s)
            return
        files = found.commits[commit]
        if rest[:1] == ["tree"]:
            self._send_json([_tree_entry(path, file) for path, file in files.items()])
            return
        if rest[:1] == ["paths-info"] and self.command == "POST":
            if found.faults.paths_info is not None:
                self._send(found.faults.paths_info)
                return
            asked = self._form.get("paths", [])
            self._send_json([_tree_entry(path, files[path]) for path in asked if path in files])
            return
        self._send_json(_described(found, commit, blobs="blobs" in query and not found.faults.no_blobs))

    def _search(self, query: Mapping[str, list[str]]) -> None:
        """Of the GGUF repositories alone, as the hub does when it is asked to filter."""
        found = self.server.hub.search(query.get("search", [""])[0])
        spoilt = next((one.faults for one in found if one.faults.metadata or one.faults.portal), Faults())
        if spoilt.metadata is not None or spoilt.portal is not None:
            kind = "application/json" if spoilt.metadata is not None else "text/html; charset=utf-8"
            self._send(spoilt.metadata or spoilt.portal or b"", kind=kind)
            return
        if any(self._is_out_of_order(one.faults) for one in found):
            return
        latest = [(one, one.branches[MAIN]) for one in found if MAIN in one.branches]
        asked = query.get("filter", [])
        kept = [
            _described(one, commit, blobs=False)
            for one, commit in latest
            if "gguf" not in asked or any(path.endswith(".gguf") for path in one.commits[commit])
        ]
        self._send_json(kept[: int(query.get("limit", ["1000"])[0])])

    def _whoami(self) -> None:
        name = self.server.hub.accounts.get(self.headers.get("authorization", "").removeprefix("Bearer "))
        if name is None:
            self._say(HTTPStatus.UNAUTHORIZED, {})
            return
        self._send_json({"type": "user", "name": name, "auth": {"accessToken": {"role": "read"}}})

    def _open(self, name: str) -> Published | None:
        """The repository, unless a fault or its privacy answers for it."""
        self._name = name
        found = self.server.hub.repository(name)
        if found is None or found.private:
            # The hub's own answer to strangers, who shall not learn which names exist.
            self._say(HTTPStatus.UNAUTHORIZED, {"X-Error-Code": "RepoNotFound"})
            return None
        if found.faults.portal is not None:
            self._send(found.faults.portal, kind="text/html; charset=utf-8")
            return None
        return None if self._is_out_of_order(found.faults) else found

    def _is_out_of_order(self, faults: Faults) -> bool:
        if self.server.hub.spend(faults, "busy"):
            waiting = {"Retry-After": faults.retry_after} if faults.retry_after is not None else {}
            self._say(HTTPStatus.TOO_MANY_REQUESTS, waiting)
            return True
        if self.server.hub.spend(faults, "unavailable"):
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, {})
            return True
        return False

    # --- files -------------------------------------------------------------------------------

    def _resolve(self, name: str, revision: str, path: str) -> None:
        self._file = path
        found = self._open(name)
        if found is None:
            return
        if found.gated and self.server.origin == "hub" and not self._has_token(found):
            self._say(HTTPStatus.FORBIDDEN, {"X-Error-Code": "GatedRepo", **found.faults.headers})
            return
        if found.faults.status is not None:
            self._say(HTTPStatus(found.faults.status), {})
            return
        commit = found.branches.get(revision, revision)
        file = found.commits.get(commit, {}).get(path)
        if file is None or found.faults.missing_files:
            self._say(HTTPStatus.NOT_FOUND, {"X-Error-Code": "EntryNotFound"})
            return
        own = {
            "X-Repo-Commit": commit,
            "X-Linked-Size": str(file.size_bytes),
            "X-Linked-Etag": f'"{file.sha256}"',
            "Accept-Ranges": "bytes",
        }
        if self.server.origin == "hub" and (found.redirects or found.faults.redirect_loop or found.faults.location):
            self._redirect(found, own)
            return
        if self.server.origin == "cdn" and self.server.hub.spend(found.faults, "expired"):
            self._say(HTTPStatus.FORBIDDEN, {})
            return
        self._bytes(found.faults, file, own if self.server.origin == "hub" else {})

    def _has_token(self, found: Published) -> bool:
        token = found.faults.token
        return token is not None and self.headers.get("authorization") == f"Bearer {token}"

    def _redirect(self, found: Published, own: Mapping[str, str]) -> None:
        target = f"{self.server.hub.cdn}{quote(unquote(self.path))}?Signature=once"
        if found.faults.redirect_loop:
            target = f"{self.server.address}{self.path}"
        self._say(HTTPStatus.FOUND, {**own, "Location": found.faults.location or target, **found.faults.headers})

    def _bytes(self, faults: Faults, file: Stored, own: Mapping[str, str]) -> None:
        etag = f'"{hashlib.md5(file.sha256.encode(), usedforsecurity=False).hexdigest()}"'
        if self.server.hub.spend(faults, "changed_etags"):
            etag = f'"{len(self.server.hub.served)}"'
        start, stop, status = 0, file.size_bytes, HTTPStatus.OK
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if asked and not faults.ignores_range and self.headers.get("if-range") in (None, etag):
            start, status = int(asked[1]), HTTPStatus.PARTIAL_CONTENT
            stop = min(int(asked[2]) + 1 if asked[2] else file.size_bytes, file.size_bytes)
            if start >= stop:
                self._say(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{file.size_bytes}"})
                return
        headers = {**own, "ETag": etag, "Content-Length": str(stop - start)}
        if status is HTTPStatus.PARTIAL_CONTENT:
            first = start + 1 if faults.wrong_start else start
            total = file.size_bytes + len(self.server.hub.requests()) if faults.wrong_total else file.size_bytes
            headers["Content-Range"] = f"bytes {first}-{stop - 1}/{total}"
        if faults.no_etag:
            del headers["ETag"]
        if faults.no_length or faults.endless:
            del headers["Content-Length"]
            headers["Connection"] = "close"
        if faults.encoding:
            headers["Content-Encoding"] = faults.encoding
        self._head(status, {**headers, **faults.headers})
        self._stream(faults, file, start, stop)

    def _stream(self, faults: Faults, file: Stored, start: int, stop: int) -> None:
        if self.command == "HEAD":
            return
        hub = self.server.hub
        cut = start + faults.cut_after_bytes if faults.cuts and hub.spend(faults, "cuts") else None
        stalled = hub.spend(faults, "stalls")
        spoilt = faults.spoilt_at if start <= faults.spoilt_at < stop and hub.spend(faults, "spoils") else None
        with file.path.open("rb") as opened:
            opened.seek(start)
            while start < stop or faults.endless:
                if cut is not None and start >= cut:
                    self._break_off(reset=faults.resets)
                    return
                if faults.step_s and hub.closing.wait(faults.step_s):
                    return
                while faults.gate is not None and not faults.gate.wait(0.02):
                    if hub.closing.is_set():
                        return
                # Waits end at once when the hub closes.
                if (stalled and (hub.closing.wait(60) or True)) or (faults.slow_s and hub.closing.wait(faults.slow_s)):
                    self.close_connection = True
                    return
                step = STEP_BYTES if faults.endless else min(STEP_BYTES, min(cut or stop, stop) - start)
                step = min(step, 64) if faults.slow_s else step
                data = opened.read(step) or bytes(step)
                if spoilt is not None and start <= spoilt < start + len(data):
                    data = bytes([*data[: spoilt - start], data[spoilt - start] ^ 1, *data[spoilt - start + 1 :]])
                self._write(data)
                start += len(data)
        self.close_connection = self.close_connection or faults.no_length

    def _break_off(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # --- answers -----------------------------------------------------------------------------

    def _say(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self._head(status, {**headers, "Content-Length": "0"})

    def _send_json(self, value: Any) -> None:
        self._send(json.dumps(value).encode())

    def _send(self, body: bytes, *, slow_s: float = 0, kind: str = "application/json") -> None:
        self._head(HTTPStatus.OK, {"Content-Type": kind, "Content-Length": str(len(body))})
        if self.command == "HEAD":
            return
        step = 64 if slow_s else len(body) or 1
        for offset in range(0, len(body), step):
            if slow_s and self.server.hub.closing.wait(slow_s):
                return
            self._write(body[offset : offset + step])

    def _head(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        headers_in = {name.lower(): value for name, value in self.headers.items()}
        self._served = Served(
            self.command,
            self.server.origin,
            self.path,
            self._name,
            self._file,
            int(status),
            headers_in.get("range"),
            headers_in,
            self.client_address[:2],
        )
        self.server.hub.record(self._served)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, data: bytes) -> None:
        self._served.sent_bytes += len(data)
        self.wfile.write(data)


def _described(found: Published, commit: str, *, blobs: bool) -> dict[str, Any]:
    files = found.commits[commit]
    licence = found.card.get("license")
    return {
        "_id": "0" * 24,
        "id": found.name,
        "modelId": found.name,
        "sha": commit,
        "private": found.private,
        "gated": found.gated,
        "disabled": False,
        "tags": ["gguf", *([f"license:{licence}"] if isinstance(licence, str) else [])],
        "downloads": 7,
        "likes": 3,
        "lastModified": "2026-11-01T08:00:00.000Z",
        "cardData": dict(found.card),
        "siblings": [_sibling(path, file) if blobs else {"rfilename": path} for path, file in files.items()],
    }


def _git_hash(file: Stored) -> str:
    return hashlib.sha1(file.sha256.encode(), usedforsecurity=False).hexdigest()


def _sibling(path: str, file: Stored) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": path, "size": file.size_bytes, "blobId": _git_hash(file)}
    if path.endswith(".gguf"):
        found["lfs"] = {"size": file.size_bytes, "sha256": file.sha256, "pointerSize": 135}
    return found


def _tree_entry(path: str, file: Stored) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "file", "path": path, "size": file.size_bytes, "oid": _git_hash(file)}
    if path.endswith(".gguf"):
        found["lfs"] = {"size": file.size_bytes, "oid": file.sha256, "pointerSize": 135}
    return found
