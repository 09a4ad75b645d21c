"""Searching a hub: by words, by name, by a pasted address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from workbench.errors import Cancelled, HubError, ModelNotFoundError, OfflineError
from workbench.hub.failures import Patience
from workbench.hub.search import SearchHit, search
from workbench.hub.switch import Switch
from workbench.jobs import CancelToken, run

HASTY = Patience(connect_s=5, read_s=5, tries=2, first_wait_s=0.001, longest_wait_s=2)
Find = Callable[..., tuple[SearchHit, ...]]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    file = tmp_path / "some.bin"
    file.write_bytes(b"some bytes")
    with LoopbackHub() as hub:
        hub.add("alice/Tiny-GGUF", {"tiny-Q4_0.gguf": file, "tiny-Q8_0.gguf": file, "README.md": file},
                card={"license": "apache-2.0"})  # fmt: skip
        hub.add("alice/tiny-weights", {"model.safetensors": file})
        hub.add("meta/Big-GGUF", {"big.gguf": file}, gated="manual",
                card={"license": "other", "license_name": "llama4"})  # fmt: skip
        yield hub


@pytest.fixture
def found(hub: LoopbackHub) -> Find:
    def found(text: str, *, offline: bool = False) -> tuple[SearchHit, ...]:
        connect = Switch(offline=offline).connecting(hub.endpoint, token=lambda: None, patience=HASTY)
        return run(search(text, hub.endpoint, connect))

    return found


def test_words_find_repositories_with_gguf_files_and_no_others(found: Find) -> None:
    (hit,) = found("tiny")
    assert hit == SearchHit("alice/Tiny-GGUF", 7, 3, "2026-11-01T08:00:00+00:00", False, "apache-2.0", 2)


def test_a_hit_says_that_it_is_gated(found: Find) -> None:
    (hit,) = found("big")
    assert (hit.gated, hit.licence, hit.gguf_files) == (True, "other", 1)


def test_a_name_or_an_address_finds_just_that_repository(hub: LoopbackHub, found: Find) -> None:
    for text in ("alice/Tiny-GGUF", f"{hub.endpoint}/alice/Tiny-GGUF/blob/main/tiny-Q4_0.gguf"):
        (hit,) = found(f"  {text} ")
        assert (hit.repository, hit.licence, hit.gguf_files) == ("alice/Tiny-GGUF", "apache-2.0", 2)
    assert not [one for one in hub.served if "search=" in one.target]


def test_what_only_looks_like_a_name_is_searched_for(hub: LoopbackHub, found: Find) -> None:
    assert found("alice/tiny") == found("alice/Tiny")
    assert [hit.repository for hit in found("alice/tiny")] == ["alice/Tiny-GGUF"]


def test_an_address_of_nothing_or_elsewhere_is_refused(hub: LoopbackHub, found: Find) -> None:
    with pytest.raises(ModelNotFoundError, match="nobody/nothing"):
        found(f"{hub.endpoint}/nobody/nothing")
    with pytest.raises(ModelNotFoundError, match="not on the model hub in use"):
        found("https://elsewhere.example/alice/Tiny-GGUF")


def test_nothing_asked_is_nothing_found_without_a_request(hub: LoopbackHub, found: Find) -> None:
    assert found("   ") == ()
    assert hub.served == []


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(unavailable=99), "out of order"),
        (Faults(busy=99), "too many requests"),
        (Faults(busy=99, retry_after="7200"), "asks to wait 7200 s"),
        (Faults(portal=b"<html>sign in</html>"), "sign in first"),
    ],
)
def test_what_is_in_the_way_is_said_after_our_own_attempts_alone(
    hub: LoopbackHub, found: Find, faults: Faults, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    for asked in ("tiny", "alice/Tiny-GGUF"):
        hub.break_("alice/Tiny-GGUF", replace(faults))
        with pytest.raises(HubError, match=words):
            found(asked)
    assert len(hub.served) <= 2 * HASTY.tries
    with LoopbackHub() as gone:
        connect = Switch(offline=False).connecting(gone.endpoint, token=lambda: None, patience=HASTY)
    with pytest.raises(HubError, match="cannot be reached"):
        run(search("tiny", gone.endpoint, connect))
    assert "Retry" not in caplog.text, "the library waits for nobody"


def test_offline_no_request_leaves(hub: LoopbackHub, found: Find) -> None:
    with pytest.raises(OfflineError):
        found("tiny", offline=True)
    assert hub.served == []


@pytest.mark.parametrize("answer", [b"<html>sign in</html>", b'{"error": "no"}', b"[[]]", b'["a"]', b"[7]", b"null"])
def test_an_answer_that_is_no_list_of_models_is_an_error_in_words(hub: LoopbackHub, found: Find, answer: bytes) -> None:
    hub.break_("alice/Tiny-GGUF", Faults(metadata=answer))
    with pytest.raises(HubError, match="no list of models") as told:
        found("tiny")
    assert told.value.hint


def test_names_and_words_of_strangers_are_cut_to_one_plain_line(hub: LoopbackHub, found: Find) -> None:
    entry = {"id": "a/b", "tags": ["license:x\x1b[31m\ny" + "z" * 500], "downloads": -1, "likes": "many"}
    evil = {"id": "../../etc/passwd", "tags": []}
    hub.break_("alice/Tiny-GGUF", Faults(metadata=json.dumps([entry, evil]).encode()))
    (hit,) = found("tiny")
    assert hit.repository == "a/b"
    assert (hit.downloads, hit.likes) == (None, None)
    assert hit.licence is not None
    assert hit.licence.isprintable()
    assert len(hit.licence) <= 120


def test_a_search_can_be_stopped(hub: LoopbackHub) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(search("tiny", hub.endpoint, Switch(offline=False).connecting(hub.endpoint, token=lambda: None)),
            cancel=cancel)  # fmt: skip
    assert hub.served == []
