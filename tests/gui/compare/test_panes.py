"""Panes: choosing, closing, unloading, errors, settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage, slow
from workbench.chat.pane import PaneState
from workbench.engine.fake import FakeBackend, fake_model, say
from workbench.errors import GenerationError, ModelLoadError
from workbench.gui import theme
from workbench.gui.compare.dialogs import PaneSettingsDialog, RenderedPromptDialog
from workbench.gui.compare.pane_view import WIDTH
from workbench.gui.compare.record import PaneSettings
from workbench.models.file import Family


def test_an_empty_pane_says_what_to_do(open_page: OpenPage) -> None:
    opened = open_page()
    assert len(opened.panes) == 2
    assert "Choose a model" in opened.views[0].empty.words.text()
    assert opened.views[0].empty.choose.isVisible()


def test_a_model_goes_into_the_first_empty_pane_then_a_new_one_then_the_one_in_use(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(*[ALPHA] * 8)
    assert [pane.model.title if pane.model else None for pane in opened.panes] == [ALPHA] * 8
    opened.page.row.focus_pane(2)
    opened.choose(BETA)
    assert [pane.model.title if pane.model else None for pane in opened.panes] == [ALPHA, BETA] + [ALPHA] * 6
    assert not opened.page.bar.add.isEnabled()


def test_the_picker_lists_every_model_with_its_fit(open_page: OpenPage) -> None:
    opened = open_page()
    picker = opened.views[0].picker
    opened.views[0].open_picker()
    opened.until_quiet()
    titles, fits = zip(*picker.rows(), strict=True)
    assert titles == (f"{ALPHA} · F16", f"{BETA} · F16")
    assert all(fit.startswith("● fits in RAM · ") for fit in fits)
    picker.filter.setText("gemma")
    assert [row[0] for row in picker.rows()] == [f"{BETA} · F16"]


def test_enter_in_the_filter_picks_the_row(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page()
    opened.views[1].open_picker()
    picker = opened.views[1].picker
    qtbot.keyClicks(picker.filter, "beta")
    qtbot.keyClick(picker.filter, Qt.Key.Key_Return)
    assert opened.panes[1].model is not None
    assert opened.panes[1].model.title == BETA
    assert not picker.isVisible()


def test_the_second_line_says_how_the_model_fits(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.until(lambda: opened.views[0].header.line.text().startswith("● fits in RAM"))
    opened.ask("Hello")
    opened.until(lambda: opened.views[0].header.line.text().startswith("◉ in memory"))


def test_a_load_error_is_shown_in_its_pane_with_hint_and_details(open_page: OpenPage) -> None:
    backend = FakeBackend(load_error=ModelLoadError("alpha could not be loaded.", hint="Try a smaller one."))
    opened = open_page(backend)
    opened.choose(ALPHA)
    opened.ask("Hello")
    card = opened.last(0).problem
    assert card is not None
    assert opened.panes[0].state is PaneState.FAILED
    assert card.message.text() == "✕ alpha could not be loaded."
    assert card.hint.text() == "Try a smaller one."
    card.copy_details()
    assert "code: model_load" in QGuiApplication.clipboard().text()
    assert opened.page.composer.edit.isEnabled()


def test_one_failing_pane_does_not_disturb_the_others(open_page: OpenPage) -> None:
    backend = FakeBackend(say(["fine"]))
    opened = open_page(backend)
    opened.choose(ALPHA, BETA)
    opened.page.record.configure(opened.panes[0], PaneSettings(256, None, None))
    opened.ask("word " * 300)
    assert opened.panes[0].state is PaneState.FAILED
    assert "context holds 256" in opened.last(0).problem.message.text()  # type: ignore[union-attr]
    assert opened.last(1).text.raw_text == "fine"


def test_an_error_while_answering_can_be_tried_again(open_page: OpenPage) -> None:
    backend = FakeBackend(say(["fine"]), answer_error=GenerationError("It broke.", hint="Again."))
    opened = open_page(backend)
    opened.choose(ALPHA)
    opened.ask("Hello")
    assert opened.last(0).problem is not None
    backend.answer_error = None
    opened.page.regenerate(opened.panes[0])
    opened.until_quiet()
    assert opened.last(0).problem is None
    assert opened.last(0).text.raw_text == "fine"


def test_a_file_that_is_no_model_is_an_error_in_the_pane(open_page: OpenPage, tmp_path: Path) -> None:
    opened = open_page()
    bad = tmp_path / "notes.gguf"
    bad.write_text("not a model")
    opened.page.open_file(bad)
    opened.until_quiet()
    card = opened.views[0].notice.card
    assert card is not None
    assert "notes.gguf" in card.message.text()
    opened.choose(ALPHA)
    assert opened.views[0].notice.card is None


def test_closing_a_pane_stops_its_generation_and_frees_it(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.send("Count.")
    opened.until_written(0, 1)
    opened.page.close_pane(opened.panes[0])
    opened.until(lambda: opened.backend.closed_streams == 1 and opened.backend.live == 1)
    assert [view.pane.model.title for view in opened.views if view.pane.model] == [BETA]
    assert opened.panes[0].state is PaneState.STREAMING


def test_the_last_pane_stays(open_page: OpenPage) -> None:
    opened = open_page()
    opened.page.close_pane(opened.panes[0])
    opened.page.close_pane(opened.panes[0])
    assert len(opened.panes) == 1
    assert not opened.views[0].header.close_button.isVisible()


def test_unloading_frees_the_model_and_says_so(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.ask("Hello")
    assert opened.backend.live == 1
    with qtbot.waitSignal(opened.page.memory_changed):
        opened.views[0].unload_action.trigger()
    opened.until_quiet()
    assert opened.backend.live == 0
    assert opened.panes[0].state is PaneState.READY
    assert opened.views[0].header.line.text().startswith("● fits in RAM")
    assert not opened.views[0].unload_action.isEnabled()


def test_a_model_asked_right_after_unloading_is_loaded_again(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["fine"])))
    opened.choose(ALPHA)
    opened.ask("Hello")
    opened.page.unload(opened.panes[0])
    opened.ask("Again")
    assert opened.last(0).text.raw_text == "fine"
    assert opened.panes[0].loaded
    assert opened.backend.opened == 2


def test_context_threads_and_template_belong_to_the_pane(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA, BETA)
    opened.views[0].settings_action.trigger()
    dialog = opened.page.findChild(PaneSettingsDialog)
    assert dialog is not None
    dialog.context.setValue(512)
    dialog.threads.setValue(1)
    dialog.template.setCurrentIndex(dialog.template.findData("none"))
    dialog._accept()
    assert [pane.params.n_ctx for pane in opened.panes] == [512, 1024]
    assert opened.panes[0].template == "none"
    opened.ask("Hello")
    assert sorted(request.n_threads for request in opened.backend.requests)[0] == 1


def test_what_the_model_read_can_be_seen_and_copied(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.ask("<b>Hello</b>")
    opened.views[0].prompt_action.trigger()
    dialog = opened.page.findChild(RenderedPromptDialog)
    assert dialog is not None
    assert dialog.text.toPlainText() == "<user> <b>Hello</b>"
    dialog._copy()
    assert QGuiApplication.clipboard().text() == "<user> <b>Hello</b>"
    dialog.close()


def test_random_weights_are_labelled_wherever_they_answer(open_page: OpenPage) -> None:
    opened = open_page()
    opened.page.open_model(fake_model("noise", Family.MISTRAL, synthetic=True))
    assert opened.views[0].header.synthetic.isVisible()


def test_quitting_while_panes_stream_keeps_what_was_written(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.send("Count.")
    opened.until_written(0, 1)
    opened.close()
    assert opened.backend.live == 0
    answer = opened.panes[0].exchanges[-1].answer
    assert answer is not None
    assert answer.stop_reason == "cancelled"
    assert answer.text.startswith("word0")


@pytest.mark.parametrize("width", [700, 1000, 1600])
def test_panes_never_become_too_narrow_to_read(open_page: OpenPage, width: int) -> None:
    opened = open_page()
    opened.page.add_pane()
    opened.page.add_pane()
    opened.page.resize(width, 600)
    opened.until(lambda: min(view.width() for view in opened.views) >= 244)
    _controls_have_names_and_size(opened)


def _controls_have_names_and_size(opened: Opened) -> None:
    from PySide6.QtWidgets import QAbstractButton

    for button in opened.page.findChildren(QAbstractButton):
        if button.isVisible() and button.objectName() != "qt_toolbutton":
            assert button.accessibleName() or button.text(), button
            assert min(button.width(), button.height()) >= 28, (button.accessibleName() or button.text(), button.size())


def test_the_options_open_and_close_from_the_keyboard(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page()
    page = opened.page
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.composer.edit.setFocus()
    qtbot.keyClick(page.composer.edit, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    assert page.panel.isVisible()
    assert page.panel.system.hasFocus()
    qtbot.keyClick(page.panel.system, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    assert not page.panel.isVisible()


def test_nothing_is_cut_off_at_large_text(open_page: OpenPage, qapp: QApplication) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.page.toggle_options()
    theme.apply(qapp, "dark", 1.5)
    opened.until(lambda: min(view.width() for view in opened.views) >= theme.px(WIDTH))
    _controls_have_names_and_size(opened)
    panel = opened.page.panel
    for field in (panel.system, panel.seed, panel.context, panel.mode):
        assert field.mapTo(panel, field.rect().topRight()).x() < panel.width()
