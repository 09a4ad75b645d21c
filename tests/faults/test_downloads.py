"""Everything a hub, a network, a disk and a sudden end can do to a download, at first and when it is resumed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub.downloading import FILE, HASTY, MANNERS, PIECE, REPOSITORY, SIZE, Bench, bench_in, sha256_of
from workbench.hub.download_state import DownloadState
from workbench.hub.transfer import Phase
from workbench.jobs import run

PAGE = b"<!DOCTYPE html><html><title>Sign in to the network</title></html>"
IMPATIENT = replace(HASTY, read_s=0.3)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture(params=["first", "resume"])
def attempt(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def named(faults: Faults) -> str:
    return str({name: value for name, value in vars(faults).items() if value and name != "retry_after"})


@pytest.mark.parametrize(
    "faults",
    [
        # More than half of what counts as progress: two in a row are forgiven before a third is counted.
        Faults(cuts=6, cut_after_bytes=40_000),
        Faults(cuts=2, cut_after_bytes=0),
        Faults(cuts=2, cut_after_bytes=30_000, resets=True),
        Faults(busy=2),
        Faults(busy=1, retry_after="1"),
        Faults(unavailable=2),
        Faults(stalls=1),
        Faults(changed_etags=1),
        Faults(ignores_range=True),
        Faults(ignores_range=True, no_length=True),
        Faults(ignores_range=True, cuts=1, cut_after_bytes=700_000),
        Faults(no_etag=True),
        Faults(spoils=1, spoilt_at=15 * PIECE + 7),
        Faults(headers={"ETag": '"another"'}),
    ],
    ids=named,
)
def test_what_can_be_overcome_is(bench: Bench, attempt: str, faults: Faults) -> None:
    wanted = bench.publish()
    if attempt == "resume":
        bench.begin(wanted)
    bench.hub.break_(REPOSITORY, faults)
    bench.fetch(wanted, patience=IMPATIENT)
    bench.assert_right()


REFUSED = [
    (Faults(cuts=999), "cut_off", "broke off"),
    (Faults(stalls=999), "stalled", "did not answer in time"),
    (Faults(slow_s=0.02), "stalled", "hardly anything"),
    (Faults(busy=999), "too_many_requests", "too many requests"),
    (Faults(busy=999, retry_after="86400"), "too_many_requests", "wait 86400 s"),
    (Faults(unavailable=999), "hub_down", "out of order"),
    (Faults(status=500), "hub_down", "status 500"),
    (Faults(missing_files=True), "model_not_found", "has no"),
    (Faults(status=401), "model_not_found", "does not show it to everybody"),
    (Faults(status=403), "access_refused", "does not give"),
    (Faults(status=416), "file_changed", "not as many bytes"),
    (Faults(status=451), "model_not_found", "has no"),
    (Faults(status=511), "captive_portal", "sign in"),
    (Faults(portal=PAGE), "captive_portal", "sign in"),
    (Faults(portal=b"", headers={"Content-Type": "text/html"}), "captive_portal", "web page"),
    (Faults(changed_etags=9999), "file_changed", "another version"),
    (Faults(spoils=9999, spoilt_at=15 * PIECE), "checksum", "SHA-256"),
    (Faults(wrong_start=True), "hub", "another part"),
    (Faults(wrong_total=True), "file_changed", "were promised"),
    (Faults(encoding="gzip"), "hub", "encoded"),
    (Faults(redirect_loop=True), "hub", "without an end"),
    (Faults(location="http://192.0.2.7/x"), "hub", "does not follow"),
    (Faults(location="file:///etc/passwd"), "hub", "does not follow"),
    (Faults(headers={"X-Repo-Commit": "b" * 40}), "file_changed", "another commit"),
    (Faults(headers={"X-Linked-Etag": f'"{"b" * 64}"'}), "file_changed", "SHA-256"),
]


@pytest.mark.parametrize(("faults", "code", "words"), REFUSED, ids=[named(faults) for faults, _, _ in REFUSED])
def test_what_cannot_is_said_and_nothing_is_lost(
    bench: Bench, attempt: str, faults: Faults, code: str, words: str
) -> None:
    wanted = bench.publish()
    if attempt == "resume":
        bench.begin(wanted)
    bench.hub.break_(REPOSITORY, faults)
    error = bench.refusal(wanted, patience=replace(IMPATIENT, slow_s=0.3))
    assert (error.code, words in error.message) == (code, True), error.message
    assert bench.visible == []
    assert len(bench.hub.requests()) < 60, "no storm of requests"
    (failed,) = bench.downloads().listing()
    assert failed.reason is not None
    assert (failed.reason.code, failed.reason.message) == (error.code, error.message)
    if attempt == "resume" and code not in ("checksum", "file_changed"):
        assert failed.done_bytes >= 5 * PIECE, "what was fetched is kept"
    bench.hub.break_(REPOSITORY, Faults())
    bench.fetch(wanted)
    assert bench.final().read_bytes() == bench.contents[FILE]


def test_no_hub_at_all_is_waited_for_and_said(bench: Bench, attempt: str) -> None:
    wanted = bench.publish()
    if attempt == "resume":
        bench.begin(wanted)
    with LoopbackHub() as gone:
        address = gone.endpoint
    error = bench.refusal(wanted, endpoint=address, patience=replace(HASTY, first_wait_s=0.1, longest_wait_s=0.2))
    assert error.code == "unreachable"
    waiting = [state for state in bench.states if state.phase is Phase.WAITING]
    assert waiting
    for state in waiting:
        assert state.waits_s is not None
        assert state.error is not None
        assert state.error.code == "unreachable"


def test_the_wait_that_a_hub_asks_for_counts_down(bench: Bench) -> None:
    bench.fetch(bench.publish(faults=Faults(busy=1, retry_after="1")))
    waits = [state.waits_s for state in bench.states if state.phase is Phase.WAITING and state.waits_s]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > 0.9
    assert len(bench.hub.requests(origin="hub")) <= 2 + MANNERS.connections, "nobody asks meanwhile"


def test_an_address_that_expires_meanwhile_is_asked_for_again(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(step_s=0.002))

    def expire(state: DownloadState) -> None:
        if state.done_bytes > 5 * PIECE and not bench.states:
            bench.states.append(state)
            bench.hub.break_(REPOSITORY, Faults(expired=1))

    downloads = bench.downloads()
    run(downloads.fetch(downloads.add(wanted).id), on_event=expire)
    bench.assert_right()
    assert [one.status for one in bench.hub.requests()].count(403) == 1


def test_a_replaced_file_is_begun_anew_and_that_is_said(bench: Bench) -> None:
    wanted = bench.publish()
    bench.begin(wanted)
    bench.hub.break_(REPOSITORY, Faults(headers={"ETag": '"another"'}))
    bench.fetch(wanted)
    assert any("replaced on the hub" in (state.note or "") for state in bench.states)
    assert bench.hub.sent_bytes(FILE) >= SIZE
    bench.assert_right()


# --- wrong bytes -----------------------------------------------------------------------------


def test_wrong_bytes_of_the_right_size_are_put_aside_with_both_hashes_named(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(spoils=9999, spoilt_at=PIECE))
    error = bench.refusal(wanted)
    wrong = bytearray(bench.contents[FILE])
    wrong[PIECE] ^= 1
    found = sha256_of(bytes(wrong))
    assert found in error.message
    assert sha256_of(bench.contents[FILE]) in error.message
    assert bench.lying_there == [f"{FILE}.wrong-sha256-{found[:12]}"]
    assert (bench.final().parent / bench.lying_there[0]).read_bytes() == wrong


def test_one_wrong_piece_is_found_by_fetching_again_and_replaced(bench: Bench) -> None:
    wanted = bench.publish(faults=Faults(spoils=1, spoilt_at=3 * PIECE + 5))
    bench.fetch(wanted)
    assert Phase.REPAIRING in {state.phase for state in bench.states}
    assert any("wrong SHA-256" in (state.note or "") for state in bench.states)
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) == 2 * SIZE


def test_a_bit_that_turned_on_the_disk_is_fetched_again_and_nothing_else(bench: Bench) -> None:
    wanted = bench.publish()
    bench.begin(wanted)
    (begun,) = bench.downloads().listing()
    with bench.part().open("r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 4]))
    bench.fetch(wanted)
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) == SIZE - begun.done_bytes + PIECE


# --- gates and tokens ------------------------------------------------------------------------


def test_a_gated_file_names_the_page_to_accept_its_terms_at(bench: Bench, attempt: str) -> None:
    wanted = bench.publish()
    if attempt == "resume":
        bench.begin(wanted)
    bench.publish(gated="manual")
    error = bench.refusal(wanted)
    page = f"{bench.hub.endpoint}/{REPOSITORY}"
    assert error.code == "gated_model"
    assert page in (error.hint or "")
    (failed,) = bench.downloads().listing()
    assert failed.reason is not None
    assert failed.reason.page == page
    bench.hub.break_(REPOSITORY, Faults(token="hf_right"))
    bench.fetch(wanted, token=lambda: "hf_right")
    bench.assert_right()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_what_is_known_to_be_gated_is_the_gate(bench: Bench, status: int) -> None:
    wanted = replace(bench.publish(faults=Faults(status=status)), gated=True)
    assert bench.refusal(wanted).code == "gated_model"


def test_a_token_goes_to_the_hub_only_and_into_no_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    wanted = bench.publish(gated="auto", faults=Faults(token="hf_canary"))
    with caplog.at_level(logging.DEBUG):
        bench.fetch(wanted, token=lambda: "hf_canary")
    assert {one.headers.get("authorization") for one in bench.hub.requests(origin="hub")} == {"Bearer hf_canary"}
    assert {one.headers.get("authorization") for one in bench.hub.requests(origin="cdn")} == {None}
    assert "hf_canary" not in caplog.text
    assert "Signature" not in caplog.text
    for path in bench.home.rglob("*"):
        assert not path.is_file() or b"hf_canary" not in path.read_bytes()


# --- the journal -----------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_journal_that_is_torn_costs_only_what_it_no_longer_says(bench: Bench, kept: float) -> None:
    wanted = bench.publish()
    bench.begin(wanted, pieces=12)
    text = bench.journal().read_bytes()
    bench.journal().write_bytes(text[: int(len(text) * kept)])
    left = bench.downloads().listing()[0].done_bytes
    bench.fetch(wanted)
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) == SIZE - left


@pytest.mark.parametrize("spoilt", ["journal", "part", "both gone", "part gone", "garbage", "short part", "zeros"])
def test_whatever_lies_there_the_result_is_right(bench: Bench, spoilt: str) -> None:
    wanted = bench.publish()
    bench.begin(wanted, pieces=8)
    part, journal = bench.part(), bench.journal()
    if spoilt in ("journal", "both gone"):
        journal.unlink()
    if spoilt in ("part gone", "both gone"):
        part.unlink()
    if spoilt == "part":
        part.write_bytes(b"x" * SIZE)
    if spoilt == "garbage":
        journal.write_bytes(b"\xff\x00{" * 5000)
    if spoilt == "short part":
        part.write_bytes(part.read_bytes()[: 3 * PIECE + 1])
    if spoilt == "zeros":
        part.write_bytes(bytes(part.stat().st_size))
    bench.fetch(wanted)
    bench.assert_right()


def test_pieces_of_another_file_are_never_joined(bench: Bench) -> None:
    bench.begin(bench.publish())
    wanted = bench.publish(seed=9)
    bench.fetch(wanted)
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) == SIZE
