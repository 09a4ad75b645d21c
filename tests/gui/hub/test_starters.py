"""First run: one model of each family, all got with one click, each licence asked for on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.loopback_hub import LoopbackHub
from tests.loopback_types import Faults
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.hub.gate_dialog import GateDialog
from workbench.gui.hub.starters_card import StartersCard, together_words
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hub.suggesting import QUANTISATION, suggested

Q4_K_M = 15


@pytest.fixture
def published(hub: LoopbackHub, bench: Workbench, tmp_path: Path) -> list[str]:
    """Of each suggested model one repository is there; their names."""
    names = []
    for number, each in enumerate(suggested(bench.catalogue, LAPTOP_WITHOUT_GPU).models):
        name = each.entry.gguf_repositories[-1].name
        path = write_model(
            tmp_path / "published" / f"m{number}-{QUANTISATION}.gguf",
            text={"general.name": f"Model {number}"},
            file_type=Q4_K_M,
            layers=2 + number,
        )
        hub.add(name, {path.name: path}, card={"license": each.entry.licence.value})
        names.append(name)
    return names


@pytest.fixture
def card(window: MainWindow, qtbot: QtBot) -> StartersCard:
    window.show_page("welcome")
    qtbot.waitUntil(lambda: len(window.welcome.together.rows) == 3)
    return window.welcome.together


@pytest.fixture
def answer(card: StartersCard, qtbot: QtBot) -> Callable[[bool], str]:
    """Answers the licence that is asked for now; the repository that it is of."""

    def answered(agree: bool) -> str:
        def asked() -> list[GateDialog]:
            return [found for found in card.findChildren(GateDialog) if found.isVisible()]

        qtbot.waitUntil(lambda: bool(asked()))
        (dialog,) = asked()
        (dialog.agree_button if agree else dialog.later_button).click()
        return dialog.gate.repository

    return answered


def test_one_click_walks_through_the_licences_and_queues_all_three(
    card: StartersCard, published: list[str], answer: Callable[[bool], str], window: MainWindow, qtbot: QtBot
) -> None:
    assert card.get_button.text().startswith("Get all three (")
    card.get_button.click()
    assert [answer(True) for _ in published] == published
    qtbot.waitUntil(lambda: not card.getting.busy)
    assert "3 downloads queued." in words(card.notice)
    qtbot.waitUntil(
        lambda: sorted(item.download.wanted.repository for item in window.traffic.items) == sorted(published)
    )
    assert window.dock.drawer.isVisible()


def test_a_licence_that_is_not_agreed_to_leaves_the_others(
    card: StartersCard, published: list[str], answer: Callable[[bool], str], qtbot: QtBot
) -> None:
    card.get_button.click()
    for agree in (True, False, True):
        answer(agree)
    qtbot.waitUntil(lambda: not card.getting.busy)
    declined = card.rows[1].found.entry.title
    assert f"Not agreed to: {declined}." in words(card.notice)
    assert "2 downloads queued." in words(card.notice)


def test_one_that_the_hub_does_not_have_is_named_and_leaves_the_others(
    card: StartersCard, published: list[str], answer: Callable[[bool], str], hub: LoopbackHub, qtbot: QtBot
) -> None:
    hub.break_(published[0], Faults(status=404))
    card.get_button.click()
    for _ in published[1:]:
        answer(True)
    qtbot.waitUntil(lambda: not card.getting.busy)
    assert f"✕ {card.rows[0].found.entry.title}: " in words(card.notice)


def test_offline_it_says_so_in_place(card: StartersCard, window: MainWindow, qtbot: QtBot) -> None:
    window.network.turn(offline=True)
    qtbot.waitUntil(lambda: window.bench.settings.offline)
    card.get_button.click()
    qtbot.waitUntil(lambda: not card.getting.busy)
    assert "Nothing was queued." in words(card.notice)
    assert "✕" in card.notice.hint.text()


def test_what_is_on_this_machine_is_marked_and_not_got_again(
    card: StartersCard, bench: Workbench, window: MainWindow, qtbot: QtBot
) -> None:
    title = card.rows[0].found.entry.title
    write_model(bench.paths.models / "mine.gguf", text={"general.name": title})
    window.welcome.look_around()
    qtbot.waitUntil(lambda: card.rows[0].state.text() == "✓ on this machine")
    assert card.get_button.text().startswith("Get both (")


def test_whether_they_fit_side_by_side_is_said_in_one_line(card: StartersCard, bench: Workbench) -> None:
    assert card.said.text().startswith("● They fit this machine side by side: about ")
    memory = LAPTOP_WITHOUT_GPU.memory
    for free, said in ((3_500_000_000, "◐ They fit this machine one after the other"), (10**8, "✕ Too big")):
        small = replace(LAPTOP_WITHOUT_GPU, memory=replace(memory, available_bytes=free))
        assert together_words(suggested(bench.catalogue, small)).startswith(said)
