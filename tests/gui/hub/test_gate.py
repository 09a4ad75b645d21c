"""The licence gate: plain words, duties, the link in full and the text, before the first byte of a model."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.hub.conftest import LICENCE, REPOSITORY, Publisher, agree, gate_of, remote_line, rested
from tests.loopback_hub import LoopbackHub
from workbench.app import Workbench
from workbench.gui.window import MainWindow
from workbench.hub import consent
from workbench.hub.download_rows import State


def test_the_licence_is_shown_in_plain_words_with_its_text_and_addresses(
    shown: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    remote_line(shown, "Q8_0").get_button.click()
    gate = gate_of(shown, qtbot)
    said = words(gate)
    assert "Llama 3.2 Community License · commercial: conditions" in said
    assert "You have to" in said
    assert "The whole text: the repository’s LICENSE.txt" in said
    assert gate.terms.text is not None
    assert gate.terms.text.toPlainText() == LICENCE
    links = [button.text() for button in gate.findChildren(QPushButton) if button.property("address")]
    assert f"{bench.settings.hub_endpoint}/{REPOSITORY}" in links
    assert all(link.startswith("http") for link in links)


def test_not_now_downloads_nothing_and_records_nothing(
    shown: MainWindow, hub: LoopbackHub, bench: Workbench, qtbot: QtBot
) -> None:
    hub.forget()
    remote_line(shown, "Q8_0").get_button.click()
    gate_of(shown, qtbot).later_button.click()
    rested(shown, qtbot)
    assert bench.downloads.listing() == ()
    assert consent.every(bench.db) == ()
    assert {one.file for one in hub.requests()} <= {"LICENSE.txt"}
    assert remote_line(shown, "Q8_0").get_button.text() == "Download"


def test_agreeing_is_recorded_with_the_revision_and_starts_the_download(
    shown: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    agree(shown, "Q8_0", qtbot)
    (kept,) = consent.every(bench.db)
    assert (kept.repository, kept.licence, kept.revision) == (REPOSITORY, "llama3.2", publisher.commit)
    qtbot.waitUntil(lambda: [item.download.state for item in shown.traffic.items] == [State.DONE])
    qtbot.waitUntil(lambda: remote_line(shown, "Q8_0").get_button.text() == "✓ Here")


def test_a_second_file_of_the_same_revision_asks_no_more(shown: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    agree(shown, "Q8_0", qtbot)
    remote_line(shown, "F16").get_button.click()
    rested(shown, qtbot)
    qtbot.waitUntil(lambda: len(bench.downloads.listing()) == 2)


def test_an_earlier_agreement_to_another_revision_is_told(
    shown: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    consent.agree(bench.db, REPOSITORY, "llama3.2", "0" * 40)
    remote_line(shown, "Q8_0").get_button.click()
    gate = gate_of(shown, qtbot)
    assert "You agreed to this licence on 20" in words(gate)
    gate.later_button.click()
    rested(shown, qtbot)


def test_what_is_in_the_way_of_a_download_is_said_on_the_page(
    shown: MainWindow, bench: Workbench, publisher: Publisher, qtbot: QtBot
) -> None:
    consent.agree(bench.db, REPOSITORY, "llama3.2", publisher.commit)
    shown.network.turn(offline=True)
    qtbot.waitUntil(lambda: bench.settings.offline)
    remote_line(shown, "Q8_0").get_button.click()
    rested(shown, qtbot)
    assert "switched off" in shown.models.notice.message.text()
