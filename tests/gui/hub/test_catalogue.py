"""The catalogue on the Models page: families first, badges with sources, ladders from headers, search over both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.hub.conftest import ENTRY, REPOSITORY, Publisher, remote_line, rested
from tests.loopback_hub import LoopbackHub
from workbench.app import Workbench
from workbench.gui.hub.catalogue_card import CatalogueCard
from workbench.gui.hub.entry_row import EntryRow
from workbench.gui.hub.own_catalogues import OwnCataloguesView
from workbench.gui.hub.words import plain_tip
from workbench.gui.window import MainWindow
from workbench.hub import catalogue
from workbench.models.file import Family


@pytest.fixture
def card(window: MainWindow, qtbot: QtBot) -> CatalogueCard:
    window.show_page("models")
    rested(window, qtbot)
    return window.models.catalogue


def row(card: CatalogueCard, entry_id: str) -> EntryRow:
    return next(row for row in card.rows if row.entry.id == entry_id)


def tip_of(row: EntryRow, text: str) -> str:
    return next(label.toolTip() for label in row.findChildren(QLabel) if text in label.text())


def test_families_are_tabs_and_their_models_go_from_small_to_large(card: CatalogueCard, qtbot: QtBot) -> None:
    assert [row.entry.family for row in card.rows] == [Family.LLAMA] * len(card.rows)
    qtbot.mouseClick(card.tabs[Family.GEMMA], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not card.busy)
    sizes = [row.entry.parameters.value for row in card.rows]
    assert sizes == sorted(sizes)
    assert {row.entry.family for row in card.rows} == {Family.GEMMA}


def test_a_row_says_licence_gate_and_context_before_any_click(card: CatalogueCard) -> None:
    said = words(row(card, ENTRY))
    assert "Llama 3.2 Community License · commercial: conditions" in said
    assert "original is gated" in said
    assert "128k\N{NO-BREAK SPACE}tokens" in said
    assert "commercial: conditions" in row(card, ENTRY).button.accessibleDescription()


def test_every_badge_names_its_source_and_date_on_hover(card: CatalogueCard) -> None:
    tip = tip_of(row(card, ENTRY), "tokens")
    assert "Source: " in tip
    assert "read 20" in tip


def test_what_nobody_confirmed_is_marked_so(card: CatalogueCard, qtbot: QtBot) -> None:
    card.show_family(Family.MISTRAL)
    qtbot.waitUntil(lambda: not card.busy)
    assert "gate not known (unconfirmed)" in words(row(card, "mistral-nemo-instruct-2407"))


def test_where_the_article_and_the_primary_source_differ_both_are_shown(card: CatalogueCard) -> None:
    found = row(card, "llama-4-scout-17b-16e-instruct")
    (first, *_) = found.entry.claims
    tip = tip_of(found, "sources differ")
    assert first.said_by.split()[0] in tip
    found.set_open(is_open=True)
    said = words(found)
    assert first.claim in said
    assert f"Primary source: {first.finding}" in said


def test_a_tip_never_renders_what_a_catalogue_says_as_html() -> None:
    assert "<img" not in plain_tip("<img src=x>")


def test_opening_a_row_reads_headers_only_and_offers_every_quantisation(shown: MainWindow, hub: LoopbackHub) -> None:
    (opened,) = shown.models.catalogue.opened
    assert "nothing was downloaded but headers" in words(opened)
    assert {line.fit.model.quantisation for line in shown.models.lines} >= {"F16", "Q8_0"}
    assert remote_line(shown, "Q8_0").get_button.text() == "Download"
    assert remote_line(shown, "Q8_0").get_button.isVisible()
    assert hub.sent_bytes("LICENSE.txt") == 0


def test_a_model_on_this_machine_is_marked_as_installed(
    card: CatalogueCard, window: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    assert row(card, ENTRY).here.isHidden()
    folder = bench.paths.models.joinpath(*REPOSITORY.split("/"))
    folder.mkdir(parents=True)
    name, path = next(iter(publisher.files.items()))
    (folder / name).write_bytes(path.read_bytes())
    window.models.refresh()
    rested(window, qtbot)
    assert row(card, ENTRY).here.isVisible()


def test_words_narrow_the_catalogue_over_all_families_at_once(
    card: CatalogueCard, window: MainWindow, qtbot: QtBot
) -> None:
    window.models.lookup.field.setText("3 instruct apache")
    qtbot.waitUntil(lambda: not card.busy)
    assert {row.entry.licence.value for row in card.rows} == {"apache-2.0"}
    window.models.lookup.field.clear()
    qtbot.waitUntil(lambda: not card.busy)
    assert {row.entry.family for row in card.rows} == {Family.LLAMA}


def test_enter_searches_the_hub_and_a_hit_shows_what_fits(
    card: CatalogueCard, window: MainWindow, publisher: Publisher, qtbot: QtBot
) -> None:
    lookup = window.models.lookup
    lookup.field.setText("llama-3.2")
    qtbot.keyClick(lookup.field, Qt.Key.Key_Return)
    rested(window, qtbot)
    (hit,) = lookup.hits
    assert hit.hit.repository == REPOSITORY
    assert "Llama 3.2 Community License · commercial: conditions" in words(hit)
    assert "2 GGUF files" in words(hit)
    qtbot.mouseClick(hit.show_button, Qt.MouseButton.LeftButton)
    rested(window, qtbot)
    assert {line.fit.model.quantisation for line in window.models.lines} == {"F16", "Q8_0"}


def test_a_search_offline_says_so_in_place(card: CatalogueCard, window: MainWindow, qtbot: QtBot) -> None:
    window.network.turn(offline=True)
    qtbot.waitUntil(lambda: window.bench.settings.offline)
    window.models.lookup.field.setText("anything")
    window.models.lookup.look_up()
    rested(window, qtbot)
    assert "switched off" in window.models.lookup.notice.message.text()


def test_a_model_without_gguf_files_offers_a_search_instead(card: CatalogueCard) -> None:
    found = row(card, "llama-3.2-11b-vision-instruct")
    found.set_open(is_open=True)
    assert "No repository with GGUF files of it is known" in words(found)
    assert not found.busy


# --- as the hub says it is now -----------------------------------------------------------------


def test_an_entry_says_of_when_it_is_and_takes_over_what_the_hub_says(
    shown: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    (opened,) = shown.models.catalogue.opened
    assert opened.age is not None
    assert opened.age.said.text().startswith(f"As of {opened.entry.provenance.dated}")
    opened.age.button.click()
    rested(shown, qtbot)
    assert opened.entry.asked_at is not None
    assert opened.age.said.text().startswith(f"As of {opened.entry.asked_at[:10]}, by the hub;")
    known = next(one for one in opened.entry.gguf_repositories if one.name == REPOSITORY)
    assert known.commit == publisher.commit
    assert bench.catalogue.entry(ENTRY) == opened.entry
    assert "128k\N{NO-BREAK SPACE}tokens" in words(opened), "the badges are still there"


def test_a_refresh_that_is_refused_says_so_in_the_entry(shown: MainWindow, qtbot: QtBot) -> None:
    (opened,) = shown.models.catalogue.opened
    assert opened.age is not None
    shown.network.turn(offline=True)
    qtbot.waitUntil(lambda: shown.bench.settings.offline)
    opened.age.button.click()
    rested(shown, qtbot)
    assert "switched off" in opened.age.notice.message.text()
    assert opened.entry.asked_at is None


# --- catalogues of the user --------------------------------------------------------------------


@pytest.fixture
def document(bench: Workbench, tmp_path: Path) -> Path:
    """A catalogue of one more Llama."""
    entry = bench.catalogue.entry(ENTRY)
    assert entry is not None
    mine = replace(entry, id="my-own-llama", title="My own Llama")
    path = tmp_path / "mine.json"
    path.write_bytes(catalogue.write([mine], title="Mine", dated=entry.provenance.dated))
    return path


@pytest.fixture
def own(card: CatalogueCard, qtbot: QtBot) -> OwnCataloguesView:
    qtbot.mouseClick(card.own.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not card.busy)
    return card.own


def titles(card: CatalogueCard) -> list[str]:
    return [row.entry.title for row in card.rows]


def test_a_catalogue_is_added_from_a_file_taken_away_and_brought_back(
    card: CatalogueCard, own: OwnCataloguesView, document: Path, qtbot: QtBot
) -> None:
    count = len(card.rows)
    own.field.setText(str(document))
    qtbot.keyClick(own.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not card.busy and len(own.rows) == 1)
    assert "My own Llama" in titles(card)
    assert card.tabs[Family.LLAMA].text() == f"Llama  {count + 1}"
    assert "Mine · " in words(own.rows[0])
    assert str(document) in words(own.rows[0])
    own.rows[0].remove_button.click()
    qtbot.waitUntil(lambda: not card.busy and not own.rows)
    assert "My own Llama" not in titles(card)
    own.notice.undo_button.click()
    qtbot.waitUntil(lambda: not card.busy and len(own.rows) == 1)
    assert "My own Llama" in titles(card)


def test_a_catalogue_with_a_mistake_is_refused_in_place(
    card: CatalogueCard, own: OwnCataloguesView, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "broken.json").write_text("{}")
    own.field.setText(str(tmp_path / "broken.json"))
    own.add_button.click()
    qtbot.waitUntil(lambda: not card.busy)
    assert "✕" in own.notice.message.text()
    assert own.rows == []
    assert own.field.text(), "so that it can be mended"


def test_what_is_wrong_with_a_kept_catalogue_is_said_with_it(
    bench: Workbench, card: CatalogueCard, own: OwnCataloguesView, qtbot: QtBot
) -> None:
    folder = bench.paths.data / "catalogue"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "old.json").write_text("{")
    own.button.click()
    own.button.click()
    qtbot.waitUntil(lambda: len(own.rows) == 1)
    assert "✕ " in words(own.rows[0])
    assert own.button.text().endswith("✕ 1")
