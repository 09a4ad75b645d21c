"""The licence gate: what is carried, in plain words and in full, agreed to once for each revision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench.errors import LicenceError
from workbench.hub import gate as gates
from workbench.hub.failures import Patience
from workbench.hub.gate import MAX_TEXT_BYTES, Gate, Texts, agree, check_agreed, gate
from workbench.hub.remote import Hub, RemoteListing
from workbench.hub.switch import Switch
from workbench.hub.terms import Terms
from workbench.jobs import run
from workbench.store.database import Database

REPOSITORY = "Owner/Tiny-GGUF"
HASTY = Patience(connect_s=5, read_s=5, tries=2, first_wait_s=0.001, longest_wait_s=2)
TEXT = "The licence of this model.\r\nSecond line, with “quotation marks”.\r\n"


class Bench:
    def __init__(self, hub: LoopbackHub, db: Database, home: Path) -> None:
        self.hub, self.db, self.home = hub, db, home
        self.model = big_gguf.write(home / "published" / "tiny-Q4_0.gguf", tokens=50)
        self.texts = Texts(home / "licences")

    def publish(self, licence: bytes | None = TEXT.encode(), *, name: str = "LICENSE", **options: object) -> str:
        files = {"tiny-Q4_0.gguf": self.model}
        if licence is not None:
            files[name] = self.home / "published" / name
            files[name].write_bytes(licence)
        return self.hub.add(REPOSITORY, files, **options)  # type: ignore[arg-type]  # the hub's own

    def listing(self, *, offline: bool = False) -> RemoteListing:
        hub = Hub(self.home / "cache", self.home / "models", endpoint=self.hub.endpoint, offline=offline)
        return run(hub.listing(REPOSITORY))

    def gate(self, *, offline: bool = False, listing: RemoteListing | None = None, to_read: bool = False) -> Gate:
        connect = Switch(offline=offline).connecting(self.hub.endpoint, token=lambda: None, patience=HASTY)
        found = listing or self.listing(offline=offline)
        return run(gate(found, self.db, self.texts, connect, to_read=to_read))


@pytest.fixture
def bench(tmp_path: Path, db: Database) -> Iterator[Bench]:
    with LoopbackHub() as hub:
        yield Bench(hub, db, tmp_path)


def test_the_gate_shows_what_the_card_says_and_the_text_that_the_repository_ships(bench: Bench) -> None:
    commit = bench.publish(card={"license": "Apache-2.0"})
    found = bench.gate()
    assert (found.repository, found.revision, found.carried) == (REPOSITORY, commit, "Apache-2.0")
    assert (found.terms.id, found.terms.commercial, found.licence) == ("apache-2.0", "yes", "apache-2.0")
    assert found.text == TEXT.replace("\r\n", "\n")
    assert found.text_from == "LICENSE"
    assert not found.agreed
    assert found.agreed_before is None


def test_a_licence_of_its_own_goes_by_the_name_that_the_card_gives_it(bench: Bench) -> None:
    bench.publish(card={"license": "other", "license_name": "llama4"})
    found = bench.gate()
    assert found.carried == "llama4"
    assert found.terms.known


def test_a_licence_nobody_described_is_said_to_be_unknown(bench: Bench) -> None:
    bench.publish(card={"license": "other", "license_name": "house-rules-2"})
    found = bench.gate()
    assert found.licence == "house-rules-2"
    assert found.terms.commercial == "unknown"
    assert found.text is not None, "its own text can be read all the same"


def test_where_the_card_says_nothing_the_file_counts(bench: Bench) -> None:
    bench.publish()
    listing = bench.listing()
    assert listing.licence is None
    by_file = dataclasses.replace(listing, files=(dataclasses.replace(listing.files[0], licence="gemma"),))
    assert gates.licence_of(by_file) == ("gemma", None)
    assert bench.gate(listing=by_file).terms.id == Terms.of("gemma").id


def test_a_file_that_says_otherwise_than_the_card_is_told(bench: Bench) -> None:
    bench.publish(card={"license": "apache-2.0"})
    listing = bench.listing()
    other = dataclasses.replace(listing.files[0], licence="gemma")
    found = bench.gate(listing=dataclasses.replace(listing, files=(other,)))
    assert (found.carried, found.file_licence) == ("apache-2.0", "gemma")


def test_a_repository_without_its_text_shows_the_one_that_is_shipped(bench: Bench) -> None:
    bench.publish(None, card={"license": "apache-2.0"})
    found = bench.gate()
    assert found.text_from is None
    assert found.text is not None
    assert "Apache License" in found.text


def test_the_text_is_asked_for_once_for_each_commit_and_there_offline(bench: Bench) -> None:
    bench.publish(card={"license": "gemma"})
    first = bench.gate()
    bench.hub.forget()
    assert bench.gate(offline=True) == first
    assert bench.hub.served == []
    bench.publish(b"Another text.", card={"license": "gemma"})
    assert bench.gate().text == "Another text."


def test_offline_without_a_kept_text_the_gate_says_why(bench: Bench) -> None:
    bench.publish(card={"license": "apache-2.0"})
    found = bench.gate(offline=True, listing=bench.listing())
    assert found.text_from is None
    assert found.text_problem is not None
    assert "switched off" in found.text_problem


def test_a_text_that_does_not_come_is_no_failure_of_the_gate(bench: Bench) -> None:
    bench.publish(card={"license": "gemma"})
    listing = bench.listing()
    bench.hub.break_(REPOSITORY, Faults(status=500))
    found = bench.gate(listing=listing)
    assert found.terms.id == "gemma"
    assert found.text_problem is not None
    bench.hub.break_(REPOSITORY, Faults())
    assert bench.gate(listing=listing).text_problem is None, "it is asked for again"


def test_a_text_without_an_end_is_read_to_the_cap_and_says_so(bench: Bench) -> None:
    bench.publish(b"All rights. " * (1 << 20), card={"license": "other"})
    listing = bench.listing()
    bench.hub.forget()
    found = bench.gate(listing=listing)
    assert found.text is not None
    assert len(found.text) < MAX_TEXT_BYTES + 200
    assert "longer than this program shows" in found.text
    assert bench.hub.sent_bytes("LICENSE") < 2 * MAX_TEXT_BYTES


def test_what_is_no_text_is_not_shown_as_one(bench: Bench) -> None:
    bench.publish(b"MZ\0\0\0binary", card={"license": "apache-2.0"})
    found = bench.gate()
    assert found.text_problem is not None
    assert "no text" in found.text_problem


def test_control_characters_of_strangers_are_not_shown(bench: Bench) -> None:
    bench.publish(b"\xef\xbb\xbfplain \x1b[31mred\x07 \xe2\x80\xaeturned\n\ttabbed\xff", card={"license": "mit"})
    text = bench.gate().text
    assert text is not None
    assert not {"\x1b", "\x07", "\u202e", "\ufeff"} & set(text)
    assert "\n\ttabbed" in text


def test_agreeing_holds_for_this_revision_and_is_remembered_for_the_next(bench: Bench) -> None:
    bench.publish(card={"license": "gemma"})
    model = bench.listing().files[0]
    with pytest.raises(LicenceError, match="not been agreed") as refused:
        check_agreed(model, bench.db)
    assert refused.value.hint
    agreed = agree(bench.gate(), bench.db)
    assert agreed.agreed
    assert bench.gate().agreed
    check_agreed(model, bench.db)

    bench.publish(b"A later text.", card={"license": "gemma"})
    later = bench.gate()
    assert not later.agreed
    assert later.agreed_before == agreed.agreed_before
    with pytest.raises(LicenceError):
        check_agreed(bench.listing().files[0], bench.db)


def test_what_was_agreed_to_is_not_fetched_again_unless_somebody_reads_it(bench: Bench) -> None:
    bench.publish(card={"license": "gemma"})
    listing = bench.listing()
    agree(bench.gate(listing=listing), bench.db)
    bench.texts = Texts(bench.home / "another machine's")
    bench.hub.forget()
    again = bench.gate(listing=listing)
    assert again.agreed
    assert bench.hub.served == []
    assert again.text == Terms.of("gemma").text
    read = bench.gate(listing=listing, to_read=True)
    assert (read.text_from, read.agreed) == ("LICENSE", True)
    bench.hub.forget()
    assert bench.gate(listing=listing).text == read.text, "what is kept is given"
    assert bench.hub.served == []


def test_another_licence_of_the_same_repository_was_not_agreed_to_before(bench: Bench) -> None:
    bench.publish(card={"license": "gemma"})
    agree(bench.gate(), bench.db)
    bench.publish(b"Another.", card={"license": "apache-2.0"})
    assert bench.gate().agreed_before is None


def test_a_text_that_cannot_be_kept_is_only_asked_for_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    (bench.home / "licences").write_text("a file where the folder should be")
    bench.publish(card={"license": "gemma"})
    assert bench.gate().text_from == "LICENSE"
    assert "could not be kept" in caplog.text
