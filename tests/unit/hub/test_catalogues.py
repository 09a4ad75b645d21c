"""Keeping the catalogue up to date: from the hub, from a file, from an address."""

from __future__ import annotations

import dataclasses
import datetime
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.loopback_hub import LoopbackHub
from workbench.errors import CatalogueError, HubError, ModelNotFoundError, OfflineError
from workbench.hub import catalogue
from workbench.hub.catalogue import Catalogue
from workbench.hub.catalogues import added, as_asked, refreshed
from workbench.hub.documents import MAX_DOCUMENT_BYTES
from workbench.hub.kept import Kept
from workbench.hub.switch import Switch
from workbench.jobs import run
from workbench.paths import resources


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.load(resources())


@pytest.fixture
def document(shipped: Catalogue) -> bytes:
    entry = next(entry for entry in shipped.entries if entry.gguf_repositories)
    return catalogue.write([entry], title="Mine", dated=entry.provenance.dated)


def test_an_entry_takes_over_what_the_hub_says_now(shipped: Catalogue, tmp_path: Path) -> None:
    entry = next(entry for entry in shipped.entries if entry.gguf_repositories)
    name = entry.gguf_repositories[0].name
    file = tmp_path / "m-Q4_K_M.gguf"
    file.write_bytes(b"GGUF" + bytes(1000))
    with LoopbackHub() as hub:
        commit = hub.add(name, {file.name: file})
        connect = Switch(offline=False).connecting(hub.endpoint, token=lambda: None)
        kept = Kept(tmp_path, hub.endpoint)
        fresh = run(refreshed(entry, connect, kept))
    assert fresh.gguf_repositories[0].commit == commit
    assert [one.size.size_bytes for one in fresh.files if one.repository == name] == [1004]
    assert fresh.original == entry.original, "a repository that is not shown leaves everything as it was"
    later = as_asked(shipped, Kept(tmp_path, hub.endpoint))
    assert later.entry(entry.id) == fresh, "the next start knows it too, with its date"
    assert fresh.asked_at is not None
    assert [one for one in later.entries if one.id != entry.id] == [
        one for one in shipped.entries if one.id != entry.id
    ]
    assert as_asked(shipped, Kept(tmp_path, "http://another.example")) == shipped
    tomorrow = entry.provenance.dated + datetime.timedelta(days=40_000)
    newer = shipped.with_entry(
        dataclasses.replace(entry, provenance=dataclasses.replace(entry.provenance, dated=tomorrow))
    )
    assert as_asked(newer, Kept(tmp_path, hub.endpoint)) == newer, "a later catalogue knows better"


def test_an_entry_of_which_the_hub_shows_nothing_is_said_to_be_as_it_was(shipped: Catalogue, tmp_path: Path) -> None:
    entry = next(entry for entry in shipped.entries if entry.gguf_repositories)
    with LoopbackHub() as hub:
        connect = Switch(offline=False).connecting(hub.endpoint, token=lambda: None)
        with pytest.raises(ModelNotFoundError):
            run(refreshed(entry, connect, Kept(tmp_path, hub.endpoint)))


def test_what_the_hub_said_that_cannot_be_kept_counts_until_the_end(
    shipped: Catalogue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = next(entry for entry in shipped.entries if entry.gguf_repositories)
    file = tmp_path / "m-Q4_K_M.gguf"
    file.write_bytes(b"GGUF" + bytes(1000))
    (tmp_path / "refreshed").write_text("a file where the folder should be")
    with LoopbackHub() as hub:
        commit = hub.add(entry.gguf_repositories[0].name, {file.name: file})
        connect = Switch(offline=False).connecting(hub.endpoint, token=lambda: None)
        fresh = run(refreshed(entry, connect, Kept(tmp_path / "refreshed", hub.endpoint)))
    assert fresh.gguf_repositories[0].commit == commit
    assert "could not be kept" in caplog.text


def test_a_catalogue_from_a_file_is_kept_under_its_name(tmp_path: Path, document: bytes) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(document)
    kept = run(added(str(file), tmp_path / "catalogue", Switch(offline=True)))
    assert catalogue.read(kept.read_bytes(), kept.name).title == "Mine"


def test_a_catalogue_from_an_address_is_fetched_without_a_token(tmp_path: Path, document: bytes) -> None:
    with serving(document) as (address, seen):
        kept = run(added(f"{address}/c/mine.json?v=2", tmp_path, Switch(offline=False)))
    assert catalogue.read(kept.read_bytes(), kept.name).came_from == f"{address}/c/mine.json?v=2"
    assert all("authorization" not in headers for headers in seen)


def test_offline_no_address_is_asked(tmp_path: Path, document: bytes) -> None:
    with serving(document) as (address, seen), pytest.raises(OfflineError):
        run(added(f"{address}/mine.json", tmp_path, Switch(offline=True)))
    assert seen == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not valid JSON"),
        (b"x" * (MAX_DOCUMENT_BYTES + 1), "larger than any catalogue"),
        (b"{}", "missing"),
    ],
)
def test_what_is_no_catalogue_is_refused_and_nothing_is_kept(tmp_path: Path, body: bytes, words: str) -> None:
    folder = tmp_path / "catalogue"
    with serving(body) as (address, _), pytest.raises(CatalogueError, match=words):
        run(added(f"{address}/mine.json", folder, Switch(offline=False)))
    assert not folder.exists()


def test_an_address_of_nothing_is_said_to_be_one(tmp_path: Path, document: bytes) -> None:
    with serving(document, status=404) as (address, _), pytest.raises(HubError, match="catalogue at this address"):
        run(added(f"{address}/mine.json", tmp_path, Switch(offline=False)))


def test_only_the_named_catalogue_changes_what_is_in_force(shipped: Catalogue) -> None:
    entry = dataclasses.replace(shipped.entries[0], title="Another title")
    assert shipped.with_entry(entry).entries[1:] == shipped.entries[1:]


@contextmanager
def serving(body: bytes, *, status: int = 200) -> Iterator[tuple[str, list[dict[str, str]]]]:
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Counted, not printed."""

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that had enough is no news."""

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
