"""The presenter: prompts one by one, large, blind where it is wished, and as one page in the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.app import Workbench
from workbench.chat.decks.deck import Deck, DeckPrompt
from workbench.chat.library import Prompt
from workbench.engine.fake import FakeBackend, say
from workbench.gui import theme
from workbench.gui.blind.hiding import hide_names
from workbench.gui.compare.parts import part
from workbench.gui.present.mode import Presenter, PresenterPart
from workbench.gui.present.slides import sources
from workbench.gui.window import MainWindow

Key = Qt.Key


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(say("# Refunds\n\nWithin **30** days."))


@pytest.fixture
def seated(window: MainWindow, model_file: Callable[..., Path], qtbot: QtBot) -> MainWindow:
    """Two models that have answered one prompt, and a deck of two."""
    page = window.compare
    for name in ("one", "two"):
        page.open_file(model_file(name, title=f"Model {name}"))
    qtbot.waitUntil(lambda: all(pane.model is not None for pane in page.comparison.panes))
    page.record.ask("What is asked first?")
    qtbot.waitUntil(lambda: not page.comparison.busy)
    page.bench.history.decks.save(Deck("Demo", (DeckPrompt("Deck one?"), DeckPrompt("Deck two?"))))
    return window


@pytest.fixture
def presenter(seated: MainWindow, qtbot: QtBot) -> Presenter:
    shown = Presenter(seated.compare)
    shown.resize(1280, 720)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def press(presenter: Presenter, *keys: Qt.Key) -> None:
    for key in keys:
        QTest.keyClick(presenter, key)


def names(presenter: Presenter) -> list[str]:
    return [column.name.text() for column in presenter.columns]


def test_it_shows_the_newest_prompt_with_its_answers_and_no_figures(presenter: Presenter) -> None:
    assert presenter.prompt.text() == "What is asked first?"
    assert [column.text.raw_text for column in presenter.columns] == ["# Refunds\n\nWithin **30** days."] * 2
    assert all("one" in name or "two" in name for name in names(presenter))
    assert not any(column.figures.isVisible() for column in presenter.columns)
    press(presenter, Key.Key_P)
    assert all("tokens" in column.figures.text() for column in presenter.columns)


def test_a_deck_is_asked_prompt_by_prompt_and_kept_as_a_conversation(
    presenter: Presenter, qtbot: QtBot, bench: Workbench
) -> None:
    presenter.take(sources(bench.history)[0])
    assert (presenter.prompt.text(), presenter.place.text()) == ("Deck one?", "Prompt 2 of 3: Space asks it")
    assert [column.text.raw_text for column in presenter.columns] == ["", ""]
    press(presenter, Key.Key_Space)
    qtbot.waitUntil(lambda: all(column.text.raw_text for column in presenter.columns) and not presenter.slides.writing)
    press(presenter, Key.Key_Right)
    assert presenter.prompt.text() == "Deck two?"
    press(presenter, Key.Key_Left, Key.Key_Left)
    assert presenter.prompt.text() == "What is asked first?"
    press(presenter, Key.Key_Space)
    assert "asked already" in presenter.said.text()
    stored = bench.conversations.load(bench.conversations.listed()[0].id)
    assert stored is not None
    assert [turn.prompt for turn in stored.turns] == ["What is asked first?", "Deck one?"]


def test_blind_names_nobody_and_holds_answers_back_until_all_are_there(
    presenter: Presenter, qtbot: QtBot, bench: Workbench, backend: FakeBackend
) -> None:
    press(presenter, Key.Key_B, Key.Key_P)
    assert names(presenter) == ["A", "B"]
    assert not any(column.figures.isVisible() for column in presenter.columns), "speed would tell"
    backend.tokens_per_s = 200.0
    presenter.take(sources(bench.history)[0])
    press(presenter, Key.Key_Space)
    seen: list[tuple[str, ...]] = []

    def watch() -> bool:
        seen.append(tuple(column.text.raw_text for column in presenter.columns))
        return not presenter.slides.writing

    qtbot.waitUntil(watch)
    qtbot.waitUntil(lambda: all(column.text.raw_text for column in presenter.columns))
    assert all(len({bool(text) for text in texts}) == 1 for texts in seen), "no answer is there before the other"
    press(presenter, Key.Key_R)
    assert sorted(names(presenter)) == sorted(presenter.slides.names())
    assert not {"A", "B"} & set(names(presenter))


def test_a_prompt_asked_while_the_models_are_busy_is_sent_when_they_are_ready(
    presenter: Presenter, qtbot: QtBot, bench: Workbench
) -> None:
    presenter.take(sources(bench.history)[0])
    press(presenter, Key.Key_Space)
    press(presenter, Key.Key_Right, Key.Key_Space)
    assert presenter.prompt.text() == "Deck two?"
    assert "as soon as the models are ready" in presenter.said.text()
    qtbot.waitUntil(lambda: presenter.slides.to_ask is None and not presenter.slides.writing)
    assert presenter.prompt.text() == "Deck two?"
    assert [slide.prompt for slide in presenter.slides.all] == ["What is asked first?", "Deck one?", "Deck two?"]
    qtbot.waitUntil(lambda: all(column.text.raw_text for column in presenter.columns))


def test_names_that_a_vote_waits_for_are_not_told(presenter: Presenter, seated: MainWindow) -> None:
    hide_names(seated.compare, hidden=True)
    presenter.slides.hidden = True
    press(presenter, Key.Key_R)
    assert presenter.slides.hidden
    assert "until the votes are given" in presenter.said.text()
    hide_names(seated.compare, hidden=False)
    press(presenter, Key.Key_R)
    assert not presenter.slides.hidden


def test_the_whole_conversation_is_saved_as_one_page(presenter: Presenter, qtbot: QtBot, tmp_path: Path) -> None:
    presenter.save_to(str(tmp_path / "page.html"))
    qtbot.waitUntil(lambda: presenter.said.text().endswith("page.html"))
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "What is asked first?" in text
    assert "one · " in text
    press(presenter, Key.Key_B)
    presenter.save_to(str(tmp_path / "blind.html"))
    qtbot.waitUntil(lambda: presenter.said.text().endswith("blind.html"))
    assert "one · " not in (tmp_path / "blind.html").read_text("utf-8")
    presenter.save_to(str(tmp_path / "none" / "page.html"))
    qtbot.waitUntil(lambda: "cannot be written" in presenter.said.text())


@pytest.mark.parametrize(
    ("width", "height", "least"), [(1280, 720, 18), (1920, 1080, 28), (3840, 2160, 58), (800, 600, 13)]
)
def test_type_grows_with_the_screen_and_nothing_is_wider_than_it(
    presenter: Presenter, width: int, height: int, least: int
) -> None:
    press(presenter, Key.Key_P)
    presenter.resize(width, height)
    assert presenter.size().width() == width, "nothing in it needs more room"
    assert all(column.text.font().pixelSize() >= least for column in presenter.columns)
    assert presenter.prompt.font().pixelSize() > presenter.columns[0].text.font().pixelSize()
    for column in presenter.columns:
        heading = column.text.document().begin()
        found = heading.begin().fragment().charFormat().font().pixelSize()
        assert found > column.text.font().pixelSize(), "a heading stays larger than the text"


def test_type_is_as_much_larger_as_in_the_window_and_by_keys(
    seated: MainWindow, qapp: QApplication, qtbot: QtBot
) -> None:
    shown = Presenter(seated.compare)
    shown.resize(1280, 720)
    shown.show()
    qtbot.waitExposed(shown)

    def pixels() -> int:
        return shown.columns[0].text.font().pixelSize()

    plain = pixels()
    theme.apply(qapp, "light", 1.5)
    assert pixels() == pytest.approx(1.5 * plain, abs=1)
    press(shown, Key.Key_Minus)
    assert pixels() < 1.5 * plain - 1
    theme.apply(qapp, "light", 1.0)
    QTest.keyClick(shown, Key.Key_Plus, Qt.KeyboardModifier.ShiftModifier)
    assert pixels() == plain
    press(shown, *[Key.Key_Plus] * 20)
    assert pixels() == pytest.approx(2 * plain, abs=1)
    assert shown.width() == 1280, "nothing in it needs more room, however large"


def test_the_keys_are_told_and_step_back(presenter: Presenter) -> None:
    assert presenter.keys.isVisible()
    where = presenter.columns[0].geometry()
    presenter.keys.hide()
    assert presenter.columns[0].geometry() == where, "nothing jumps"
    press(presenter, Key.Key_Right)
    assert presenter.keys.isVisible()


def test_only_the_keys_of_every_day_are_told_until_all_are_asked_for(presenter: Presenter) -> None:
    assert "Space" in presenter.keys.text()
    assert "other\N{NO-BREAK SPACE}screen" not in presenter.keys.text()
    press(presenter, Key.Key_Question)
    assert "other\N{NO-BREAK SPACE}screen" in presenter.keys.text()
    press(presenter, Key.Key_Question)
    assert "other\N{NO-BREAK SPACE}screen" not in presenter.keys.text()


def test_a_long_prompt_leaves_room_for_the_answers(presenter: Presenter, bench: Workbench) -> None:
    bench.history.prompts.save(Prompt(0, "long", "word " * 2_000, folder="Texts"))
    presenter.take(next(one for one in sources(bench.history) if one.name == "Texts"))
    assert presenter.columns[0].height() > presenter.height() // 3


def test_nothing_to_present_says_what_to_do(window: MainWindow, qtbot: QtBot) -> None:
    shown = Presenter(window.compare)
    qtbot.addWidget(shown)
    assert "Nothing to present yet" in shown.prompt.text()
    assert "deck" in shown.place.text()
    press(shown, Key.Key_Right, Key.Key_Left, Key.Key_Space)
    assert "no prompt to ask yet" in shown.said.text()
    press(shown, Key.Key_D)
    assert "no decks" in shown.said.text()
    shown.save_to("nowhere.html")
    assert "nothing to save" in shown.said.text()


def test_it_is_opened_by_its_shortcut_and_left_with_escape(seated: MainWindow, qtbot: QtBot) -> None:
    here = part(seated.compare, PresenterPart)
    action = seated.findChild(QAction, "present")
    assert action.shortcut() == QKeySequence("Ctrl+Shift+P")
    action.trigger()
    shown = here.presenter
    assert shown is not None
    assert shown.isFullScreen()
    qtbot.waitUntil(lambda: not seated.compare.comparison.busy)
    assert all(pane.loaded for pane in seated.compare.comparison.panes), "warmed up"
    here.button.click()
    assert here.presenter is shown
    press(shown, Key.Key_Escape)
    qtbot.waitUntil(lambda: here.presenter is None)


def test_closing_the_window_closes_it_too(seated: MainWindow, qtbot: QtBot) -> None:
    part(seated.compare, PresenterPart).button.click()
    shown = part(seated.compare, PresenterPart).presenter
    assert shown is not None
    seated.close()
    assert not shown.isVisible()
