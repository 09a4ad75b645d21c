"""The window in a made-up language, longer than English: every word was translated, and there is room for it.

Words of the rooms below are English with marks around them here, so that it is seen where the window shows them so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTranslator
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QGroupBox, QLabel, QLineEdit, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.access import cut_labels, described
from tests.unit.models.described_models import model, with_ram
from workbench.app import Workbench
from workbench.chat.answer import Answer
from workbench.chat.footing import Footing, differences
from workbench.engine.fake import FakeBackend, endless
from workbench.engine.refusal import no_context
from workbench.gui.compare.footing_dialog import FootingDialog
from workbench.gui.hub.self_check import SelfCheckDialog
from workbench.gui.models.remedy_list import RemedyList
from workbench.gui.tr import CONTEXT, tr
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.models.fit import fit
from workbench.models.params import RunParams
from workbench.words import Said, said

LONGER = 0.4
UNTOLD = "‹"
NAMES = re.compile(
    # Names of models, files, licences and quantisations, figures with their units, and what a chat template is called.
    r"Llama|Mi[ns]istral|Gemma|SmolLM2|Apache|Community Licen[cs]e|Q\d|F16|chatml|\d|^<p|^https:|^RAM$|^/|\.gguf"
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
def made_up(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Said.__new__

    def marked(cls: type[Said], template: str, values: dict[str, object]) -> Said:
        plain = made(cls, template, values)
        sentence = str.__new__(cls, f"‹{plain}›")
        sentence.template, sentence.values = plain.template, plain.values
        return sentence

    monkeypatch.setattr(Said, "__new__", marked)
    translator = MadeUp()
    assert qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A file of the library that cannot be used any more."""
    return tmp_path / "elsewhere" / "broken.gguf"


@pytest.fixture
def window(
    made_up: None, bench: Workbench, model_file: Callable[..., Path], broken: Path, qtbot: QtBot
) -> Iterator[MainWindow]:
    bench.library.add(model_file("one", "Tiny Llama 1M"))
    bench.library.add(model_file(broken.stem, "Tiny Gemma 1M"))
    broken.write_bytes(b"<!DOCTYPE html>")
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
    return len(re.findall(r"[^\W\d_]{2,}", text)) > 0 and "⟦" not in text and not NAMES.search(text)


def untold(root: QWidget) -> str:
    """What stands there in English, a line each."""
    QApplication.processEvents()
    found = {f"{described(widget)}: {text!r}" for widget, text in texts(root) if is_words(text) or UNTOLD in text}
    return "\n".join(sorted(found))


def shows(root: QWidget, english: str) -> bool:
    """Whether this sentence, or its template, is told in the made-up language."""
    return any(f"⟦{english}" in text for _, text in texts(root))


@pytest.mark.parametrize("page", ["compare", "models", "machine", "welcome", "votes"])
def test_every_word_of_a_page_is_translated(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    qtbot.waitUntil(lambda: window.runner.idle)
    assert tr("Cancel") == "⟦Cancel~~⟧"
    assert not untold(window)


@pytest.mark.parametrize("page", ["compare", "models", "machine", "welcome", "votes"])
def test_longer_words_have_room(window: MainWindow, qtbot: QtBot, page: str) -> None:
    window.show_page(page)
    qtbot.waitUntil(lambda: window.runner.idle)
    QApplication.processEvents()
    with suppress(qtbot.TimeoutError):  # what is cut is said below
        qtbot.waitUntil(lambda: not cut_labels(window), timeout=3000)
    assert not cut_labels(window)


def test_every_entry_of_the_menus_is_translated(window: MainWindow) -> None:
    english = [
        action.text()
        for menu in window.menuBar().actions()
        for action in [menu, *menu.menu().actions()]
        if action.text() and not action.text().startswith("⟦")
    ]
    assert english == []


# --- what the rooms below say ------------------------------------------------------------------


def ask(window: MainWindow, prompt: str, qtbot: QtBot) -> None:
    chosen = next(one for one in window.bench.library.files() if one.title == "Tiny Llama 1M")
    window.show_page("compare")
    window.compare.open_model(chosen)
    window.compare.composer.set_text(prompt)
    window.compare.send()
    qtbot.waitUntil(lambda: window.runner.idle and not window.compare.comparison.busy)


def test_what_is_wrong_with_a_file_is_translated(window: MainWindow, broken: Path, qtbot: QtBot) -> None:
    window.show_page("machine")
    qtbot.waitUntil(lambda: window.runner.idle)
    qtbot.waitUntil(
        lambda: shows(window, f"{broken.name} is a web page, not a model: the download was answered with a page.")
    )
    window.open_file(broken)
    qtbot.waitUntil(lambda: window.runner.idle)
    assert not untold(window)


def test_a_verdict_with_its_reasons_is_translated(window: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    memory = replace(LAPTOP_WITHOUT_GPU.memory, available_bytes=400_000_000)
    bench.machine = lambda: replace(LAPTOP_WITHOUT_GPU, memory=memory)  # type: ignore[method-assign]
    window.show_page("models")
    window.models.refresh()
    qtbot.waitUntil(lambda: window.runner.idle and bool(window.models.lines))
    window.models.lines[0].toggle()
    qtbot.waitUntil(lambda: window.runner.idle)
    qtbot.waitUntil(lambda: shows(window, "too big by "))
    qtbot.waitUntil(lambda: shows(window, "Weights: "))
    assert not untold(window)


def test_what_would_help_is_translated(made_up: None, qtbot: QtBot) -> None:
    found = fit(model(), with_ram(11), n_ctx=32_768)
    steps = RemedyList()
    qtbot.addWidget(steps)
    steps.show_remedies(found.remedies, found.verdict)
    steps.show()
    assert any("⟦Keep the cache in 8 bits" in text and "⟦then it fits in RAM" in text for _, text in texts(steps))
    assert not untold(steps)


def test_what_was_not_asked_alike_is_translated(made_up: None, qtbot: QtBot) -> None:
    short, whole = Footing(placement=said("{n} of {everything} layers", n=1, everything=2)), Footing(placement="whole")
    plain = Answer("Llama", "/m.gguf", "llama", "Q8_0", False, "2", "end", completion_tokens=2)
    plain = replace(plain, temperature=0.1, top_k=40, top_p=0.9, min_p=0.0, repetition_penalty=1.0, seed=1)
    answers = [replace(plain, footing=short), replace(plain, temperature=0.2, footing=whole)]
    dialog = FootingDialog(answers[0], differences(answers), answers)
    qtbot.addWidget(dialog)
    dialog.show()
    assert shows(dialog, "temperature")
    assert not untold(dialog)


def test_what_the_network_is_used_for_is_translated(window: MainWindow, qtbot: QtBot) -> None:
    dialog = SelfCheckDialog(window.bench, window)
    qtbot.addWidget(dialog)
    dialog.show()
    assert shows(dialog, "Downloading models")
    assert not untold(dialog)


@pytest.mark.parametrize("backend", [FakeBackend(load_error=no_context("one.gguf", RunParams(n_ctx=4096), []))])
def test_why_a_model_was_not_loaded_is_translated(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "2 + 2?", qtbot)
    qtbot.waitUntil(lambda: shows(window, "There is no room for ⟦a context of 4,096 tokens for one.gguf"))
    qtbot.waitUntil(lambda: shows(window, "Choose a shorter context, or close a pane."))
    assert not untold(window)


@pytest.mark.parametrize("flags", [{"max_tokens": 3}])
@pytest.mark.parametrize("backend", [FakeBackend(endless)])
def test_a_chip_of_an_answer_is_translated(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "2 + 2?", qtbot)
    qtbot.waitUntil(lambda: shows(window, "cut off at the token limit"))
    assert not untold(window)


def test_what_cannot_be_asked_is_said_translated(window: MainWindow, qtbot: QtBot) -> None:
    ask(window, "2 + 2?", qtbot)
    window.compare.send()
    qtbot.waitUntil(lambda: shows(window, "The prompt is empty."))
    assert not untold(window)
