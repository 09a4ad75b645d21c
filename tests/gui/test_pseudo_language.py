"""The window in a made-up language, longer than English: every word was translated, and there is room for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTranslator
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QGroupBox, QLabel, QLineEdit, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.access import cut_labels, described
from workbench.app import Workbench
from workbench.gui.tr import CONTEXT, tr
from workbench.gui.window import MainWindow

LONGER = 0.4
FROM_BELOW = re.compile(
    # What rooms below the window say stays English: verdicts, facts of the machine, names and figures.
    r"fits|too big|CPU only|memory|processor|GPU|disk|llama\.cpp|RAM|Tiny|Small|Commercial|License|Licen[cs]e"
    r"|Llama|Mi[ns]istral|Gemma|SmolLM2|Apache|Q\d|F16|chatml|it says|\d|^<p|^https:|from specification|^full$"
)


class MadeUp(QTranslator):
    """⟦Every text in these, and longer⟧; what stands in braces stays."""

    def translate(  # type: ignore[override]  # PySide's stub calls the last one by another name
        self,
        context: str,
        source: str,
        disambiguation: str | None = None,
        n: int = -1,
    ) -> str:
        if context != CONTEXT:
            return ""
        letters = len(re.sub(r"\{[^}]*\}", "", source))
        return f"⟦{source}{'~' * round(letters * LONGER)}⟧"

    def isEmpty(self) -> bool:  # noqa: N802  # Qt's
        return False


@pytest.fixture
def made_up(qapp: QApplication) -> Iterator[None]:
    translator = MadeUp()
    assert qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


@pytest.fixture
def window(made_up: None, bench: Workbench, model_file: Callable[..., Path], qtbot: QtBot) -> Iterator[MainWindow]:
    bench.library.add(model_file("one", "Tiny Llama 1M"))
    shown = MainWindow(bench)
    shown.resize(1280, 800)
    shown.show()
    qtbot.waitUntil(lambda: shown.runner.idle and shown.compare.shelf.looked)
    yield shown
    shown.close()
    shown.deleteLater()
    QCoreApplication.sendPostedEvents(shown, QEvent.Type.DeferredDelete)


def texts(root: QWidget) -> Iterator[tuple[QWidget, str]]:
    """Everything that is shown or told, with whose it is."""
    for widget in root.findChildren(QWidget):
        if not widget.isVisible():
            continue
        yield widget, widget.toolTip()
        yield widget, widget.accessibleName()
        if isinstance(widget, QLabel | QAbstractButton):
            yield widget, widget.text()
        elif isinstance(widget, QLineEdit):
            yield widget, widget.placeholderText()
        elif isinstance(widget, QGroupBox):
            yield widget, widget.title()
        elif isinstance(widget, QTabBar):
            yield from ((widget, widget.tabText(place)) for place in range(widget.count()))
        elif isinstance(widget, QComboBox):
            yield from ((widget, widget.itemText(place)) for place in range(widget.count()))


def is_words(text: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", text)) > 0 and "⟦" not in text and not FROM_BELOW.search(text)


@pytest.mark.parametrize("page", ["compare", "models", "machine", "welcome", "votes"])
def test_every_word_of_a_page_is_translated(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    qtbot.waitUntil(lambda: window.runner.idle)
    QApplication.processEvents()
    assert tr("Cancel") == "⟦Cancel~~⟧"
    untold = {f"{described(widget)}: {text!r}" for widget, text in texts(window) if is_words(text)}
    assert not untold, "\n".join(sorted(untold))


@pytest.mark.parametrize("page", ["compare", "models", "machine", "welcome", "votes"])
def test_longer_words_have_room(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    qtbot.waitUntil(lambda: window.runner.idle)
    QApplication.processEvents()
    with suppress(qtbot.TimeoutError):  # what is cut is said below
        qtbot.waitUntil(lambda: not cut_labels(window), timeout=3000)
    assert not cut_labels(window)


def test_every_entry_of_the_menus_is_translated(window: MainWindow) -> None:
    untold = [
        action.text()
        for menu in window.menuBar().actions()
        for action in [menu, *menu.menu().actions()]
        if action.text() and not action.text().startswith("⟦")
    ]
    assert untold == []
