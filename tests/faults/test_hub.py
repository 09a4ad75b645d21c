"""A hub that fails, lies or attacks: a typed error with a way out, and nothing written outside the cache."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench.errors import HubError, ModelNotFoundError
from workbench.hub.failures import Patience
from workbench.hub.remote import Hub, RemoteListing
from workbench.jobs import run

REPOSITORY = "owner/name"
HASTY = Patience(connect_s=5, read_s=5, metadata_s=5, tries=3, first_wait_s=0.001, longest_wait_s=2)

List = Callable[..., RemoteListing]


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def listed(hub: LoopbackHub, tmp_path: Path) -> List:
    def listed(*, patience: Patience = HASTY, endpoint: str = hub.endpoint) -> RemoteListing:
        found = Hub(
            tmp_path / "home" / "cache",
            tmp_path / "home" / "models",
            endpoint=endpoint,
            offline=False,
            patience=patience,
        )
        return run(found.listing(REPOSITORY))

    return listed


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return big_gguf.write(tmp_path / "published" / "model.gguf", tokens=60_000)


def refusal(listed: List, **options: Any) -> HubError:
    with pytest.raises(HubError) as caught:
        listed(**options)
    assert caught.value.hint, "there is always something to do next"
    return caught.value


@pytest.mark.parametrize(
    "faults",
    [
        Faults(ignores_range=True),
        Faults(ignores_range=True, no_length=True),
        Faults(changed_etags=1),
        Faults(cuts=2, cut_after_bytes=100_000),
        Faults(busy=2),
        Faults(unavailable=2),
        Faults(endless=True),
    ],
    ids=lambda faults: str({name: value for name, value in vars(faults).items() if value}),
)
def test_what_can_be_overcome_is(hub: LoopbackHub, listed: List, model: Path, faults: Faults) -> None:
    hub.add(REPOSITORY, {"a.gguf": model}, faults=faults)
    (found,) = listed().files
    data = found.heads[0].path.read_bytes()
    assert data == model.read_bytes()[: len(data)]
    assert len(data) == found.header.end_bytes


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(changed_etags=99), "another version"),
        (Faults(cuts=99, cut_after_bytes=0), "broke off"),
        (Faults(wrong_start=True), "another part"),
        (Faults(wrong_total=True), "were promised"),
        (Faults(encoding="gzip"), "encoded"),
        (Faults(busy=99, retry_after="86400"), "asks to wait 86400 s"),
        (Faults(busy=99), "too many requests"),
        (Faults(unavailable=99), "out of order"),
        (Faults(redirect_loop=True), "without an end"),
        (Faults(location="http://192.0.2.7/x"), "does not follow"),
    ],
)
def test_what_cannot_is_an_error_with_the_hub_named(
    hub: LoopbackHub, listed: List, model: Path, faults: Faults, words: str
) -> None:
    hub.add(REPOSITORY, {"a.gguf": model}, faults=faults)
    assert words in refusal(listed).message
    assert len(hub.served) <= 25, "no storm of requests"


def test_no_hub_at_all_is_named(listed: List) -> None:
    with LoopbackHub() as gone:
        address = gone.endpoint
    assert address.removeprefix("http://") in refusal(listed, endpoint=address).message


def test_metadata_that_stand_still_are_given_up(hub: LoopbackHub, listed: List, model: Path) -> None:
    slow = Faults(metadata=b" " * 10_000, metadata_slow_s=0.02)
    hub.add(REPOSITORY, {"a.gguf": model}, faults=slow)
    impatient = Patience(read_s=5, metadata_s=0.1, tries=1)
    assert "hardly anything" in refusal(listed, patience=impatient).message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in to the network</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"id": 1}',
        b'{"id": "owner/name", "sha": null, "siblings": []}',
        b'{"id": "owner/name", "sha": "../../../x", "siblings": []}',
        b'{"id": "owner/name", "sha": "%s", "siblings": [{}]}' % (b"a" * 40),
        b'{"id": "owner/name", "sha": "%s", "siblings": [{"rfilename": 7}]}' % (b"a" * 40),
        b'{"id": "owner/name", "sha": "%s", "siblings": {"a": 1}}' % (b"a" * 40),
        b'{"id": "owner/name", "sha": "%s", "siblings": [{"rfilename": "a.gguf", "lfs": 5}]}' % (b"a" * 40),
        b'{"id": "owner/name", "sha": "%s", "lastModified": "never"}' % (b"a" * 40),
        b'{"id": "owner/name", "sha": "%s", "cardData": {"model-index": 5}, "siblings": 3}' % (b"a" * 40),
        b"[" * 200_000,
        b"\xff\xfe\x00",
        b" " * (33 << 20),
    ],
    ids=lambda body: repr(body[:60]),
)
def test_metadata_that_describe_nothing_are_refused(hub: LoopbackHub, listed: List, model: Path, body: bytes) -> None:
    hub.add(REPOSITORY, {"a.gguf": model}, faults=Faults(metadata=body))
    assert "127.0.0.1" in refusal(listed).message
    assert hub.requests() == []


@pytest.mark.parametrize(
    "name",
    ["../../../evil.gguf", "/tmp/evil.gguf", "..\\evil.gguf", "C:\\evil.gguf", "a\x00b.gguf", "a/../../evil.gguf"],
)
def test_a_name_that_leads_out_is_skipped_and_never_asked_for(
    hub: LoopbackHub, listed: List, model: Path, tmp_path: Path, name: str
) -> None:
    hub.add(REPOSITORY, {name: model, "a.gguf": model})
    before = outside(tmp_path)
    listing = listed()
    assert [file.name for file in listing.files] == ["a"]
    ((_, reason),) = listing.skipped
    assert "name" in reason
    assert {one.file for one in hub.requests()} == {"a.gguf"}
    assert outside(tmp_path) == before


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit", "Content-Disposition", "X-Error-Code"])
@pytest.mark.parametrize("value", ['"../../../../evil"', "/etc/passwd", '"' + "x" * 5000 + '"', "..\\..\\evil", "%00"])
def test_a_header_is_never_a_path(
    hub: LoopbackHub, listed: List, model: Path, tmp_path: Path, header: str, value: str
) -> None:
    hub.add(REPOSITORY, {"a.gguf": model}, faults=Faults(headers={header: value}))
    before = outside(tmp_path)
    with contextlib.suppress(HubError):  # to refuse it is as good as to ignore it
        (found,) = listed().files
        assert found.heads[0].path.is_relative_to(tmp_path / "home" / "cache")
    assert outside(tmp_path) == before


def test_a_hub_that_misnames_its_files_hashes_invents_no_path(
    hub: LoopbackHub, listed: List, model: Path, tmp_path: Path
) -> None:
    commit = hub.add(REPOSITORY, {"a.gguf": model})
    siblings = [
        {
            "rfilename": "a.gguf",
            "size": -5,
            "blobId": "../../evil",
            "lfs": {"size": 1, "sha256": "../evil", "pointerSize": 1},
        }
    ]
    body = json.dumps({"id": "../../x", "sha": commit, "siblings": siblings}).encode()
    hub.break_(REPOSITORY, Faults(metadata=body))
    before = outside(tmp_path)
    (found,) = listed().files
    assert (found.sha256, found.size_bytes) == (None, model.stat().st_size)
    assert found.origin is not None
    assert (found.origin.repository, found.origin.etag) == (REPOSITORY, None)
    assert outside(tmp_path) == before


def test_a_repository_of_endless_files_is_refused(hub: LoopbackHub, listed: List, model: Path) -> None:
    commit = hub.add(REPOSITORY, {"a.gguf": model})
    siblings = [{"rfilename": f"{number}.gguf"} for number in range(2001)]
    hub.break_(
        REPOSITORY, Faults(metadata=json.dumps({"id": REPOSITORY, "sha": commit, "siblings": siblings}).encode())
    )
    assert "2001 GGUF files" in refusal(listed).message


def test_a_repository_without_files_holds_no_gguf(hub: LoopbackHub, listed: List) -> None:
    hub.add(REPOSITORY, {})
    with pytest.raises(ModelNotFoundError, match="no GGUF"):
        listed()


def test_the_library_behind_calls_nobody_else(hub: LoopbackHub, listed: List, model: Path) -> None:
    hub.add(REPOSITORY, {"a.gguf": model})
    listed()
    asked = {one.target.split("?")[0].split("/resolve/")[0] for one in hub.served}
    assert asked == {f"/api/models/{REPOSITORY}/revision/main", f"/{REPOSITORY}"}


def test_a_token_of_the_environment_is_never_sent(
    hub: LoopbackHub, listed: List, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    hub.add(REPOSITORY, {"a.gguf": model})
    listed()
    assert "hf_canary" not in str([one.headers for one in hub.served])
    assert not any("authorization" in one.headers for one in hub.served)


def test_signed_addresses_are_not_logged(
    hub: LoopbackHub, listed: List, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub.add(REPOSITORY, {"a.gguf": model})
    with caplog.at_level(logging.DEBUG):
        listed()
    assert any("Signature=" in one.target for one in hub.requests(origin="cdn"))
    assert "Signature" not in caplog.text


def outside(folder: Path) -> set[tuple[str, int]]:
    """What lies anywhere near, except in the program's own cache."""
    cache = folder / "home" / "cache"
    return {
        (str(path), path.lstat().st_mtime_ns if path.is_file() else 0)
        for path in folder.rglob("*")
        if not path.is_relative_to(cache) and path not in (cache.parent,)
    }
