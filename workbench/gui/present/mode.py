"""The presenter: one prompt and its answers on a whole screen, steered by keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QMenu, QScrollArea, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.errors import UsageError
from workbench.gui import names, theme
from workbench.gui.blind.hiding import names_hidden
from workbench.gui.tr import explained, tr
from workbench.gui.widgets.controls import label

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage
    from workbench.gui.present.column import Column
    from workbench.gui.present.slides import Source

EXPORT_LANE = "export"
SMALLEST_PX = 15
ZOOM_STEP, LEAST_ZOOM, MOST_ZOOM = 0.125, 0.75, 2.0
HARMLESS = Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier
"""Modifiers that a key may come with: many keyboards have the plus above another sign."""
LONGEST_PROMPT = 600  # characters that are shown in full size


class PresenterPart(QObject):
    """The button on the page's bar, and the presenter while there is one."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.presenter: Presenter | None = None
        self.button = page.bar.add_button(
            tr("Present"), "presentation-play", tr("Large, on the whole screen (Ctrl+Shift+P)")
        )
        self.button.clicked.connect(self.show)

    @Slot()
    def show(self) -> None:
        """On the whole screen; the one that is open already comes to the front."""
        if self.presenter is None:
            self.presenter = open_presenter(self._page)
            self.presenter.destroyed.connect(self._on_gone)
        self.presenter.activateWindow()

    @Slot()
    def _on_gone(self) -> None:
        self.presenter = None


def open_presenter(page: ComparePage) -> Presenter:
    """The presenter of what the page shows, on its screen; it ends with Esc, and with the page."""
    presenter = Presenter(page)
    presenter.setGeometry(page.screen().geometry())
    presenter.showFullScreen()
    presenter.warm()
    return presenter


class Presenter(QWidget):
    """Asks through the page, so that everything that is presented is kept as a conversation like any other."""

    def __init__(self, page: ComparePage) -> None:
        from workbench.gui.present.keys_line import KeysLine
        from workbench.gui.present.slides import Slides

        super().__init__(page.window(), Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "page")
        self.setWindowTitle(tr("Presenter"))
        self.setAccessibleName(tr("Presenter"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._page = page
        self._errands = page.errands.branch()  # what is being saved is saved, also when nobody hears of it
        self.slides = Slides(page.comparison.panes)
        self.slides.hidden = names_hidden(page)
        self.figures = False
        self.zoom = 1.0
        self._wished = False  # the prompt that is shown is to be asked when the models are quiet
        self.columns: list[Column] = []
        self.prompt = QLabel()
        self.prompt.setTextFormat(Qt.TextFormat.PlainText)
        self.prompt.setWordWrap(True)
        self.place = label(role="muted")
        self.said = label(role="muted", wrap=True)
        self.said.hide()
        self._answers = QHBoxLayout()
        self.keys = KeysLine(self)
        self._lay_out()
        page.drawn.connect(self._follow)
        page.conversation_changed.connect(self._follow)
        page.window().installEventFilter(self)
        theme.changed.connect(self._fit_all)
        self._fit()
        self._draw()
        self.keys.wake()

    @Slot()
    def warm(self) -> None:
        """Load what may stay in memory, so that the first answer begins at once."""
        if not self._page.comparison.busy and not self._page.record.wanted:
            self._page.do(self._page.comparison.warm)

    # --- what keys do ------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keys.wake()
        deeds: dict[Qt.Key, Callable[[], object]] = {
            Qt.Key.Key_Right: partial(self.step, 1),
            Qt.Key.Key_Left: partial(self.step, -1),
            Qt.Key.Key_Space: self.ask,
            Qt.Key.Key_R: self.reveal,
            Qt.Key.Key_B: self.turn_blind,
            Qt.Key.Key_P: self.show_figures,
            Qt.Key.Key_D: self.choose_prompts,
            Qt.Key.Key_S: self.save_page,
            Qt.Key.Key_M: self.other_screen,
            Qt.Key.Key_Plus: partial(self.zoom_by, ZOOM_STEP),
            Qt.Key.Key_Equal: partial(self.zoom_by, ZOOM_STEP),
            Qt.Key.Key_Minus: partial(self.zoom_by, -ZOOM_STEP),
            Qt.Key.Key_Escape: self.close,
            Qt.Key.Key_Question: self.keys.turn,
            Qt.Key.Key_Down: partial(self.scroll_by, 0.4),
            Qt.Key.Key_Up: partial(self.scroll_by, -0.4),
            Qt.Key.Key_PageDown: partial(self.scroll_by, 0.9),
            Qt.Key.Key_PageUp: partial(self.scroll_by, -0.9),
        }
        deed = deeds.get(Qt.Key(event.key()))
        if deed is None or event.modifiers() & ~HARMLESS:
            super().keyPressEvent(event)
            return
        deed()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.MouseMove:
            self.keys.wake()
        elif event.type() is QEvent.Type.Close and watched is self._page.window():
            self.close()  # a window of its own would keep the program alive
        return super().eventFilter(watched, event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.keys.wake()
        super().mouseMoveEvent(event)

    def step(self, by: int) -> None:
        """To another prompt."""
        self._wished = False
        self.slides.step(by)
        self._say("")
        self._draw()

    def ask(self) -> None:
        """Send the prompt that is shown to all models, where it was not sent yet, as soon as they are quiet; else say
        why not."""
        self._wished = False
        prompt, why_not = self.slides.to_ask, ""
        if self.slides.shown is None:
            why_not = tr("There is no prompt to ask yet.")
        elif prompt is None:
            why_not = tr("This prompt is asked already. D chooses more of them.")
        elif self._page.comparison.busy:
            self._wished = True
            why_not = tr("Asked as soon as the models are ready.")
        elif self._page.record.wanted:
            why_not = tr("Wait until the models of this conversation are found.")
        else:
            why_not = self._send(prompt)
        self._say(why_not)
        self._draw()

    def _send(self, prompt: str) -> str:
        """Why it cannot be sent; empty where it was."""
        try:
            self._page.record.ask(prompt)
        except UsageError as error:
            return explained(error)
        self.slides.sent()
        self._page.do(_nothing)  # the page draws what began, and this follows it
        return ""

    def reveal(self) -> None:
        """Show the names."""
        if self._may_tell_names():
            self.slides.hidden = False
            self._draw()

    def turn_blind(self) -> None:
        """Hide the names, and hold answers back until all are there; or not any more."""
        if not self.slides.hidden:
            self.slides.hidden = True
            self._draw()
        else:
            self.reveal()

    def show_figures(self) -> None:
        """Speeds and lengths below the answers, or not."""
        self.figures = not self.figures
        self._draw()

    def zoom_by(self, step: float) -> None:
        """Larger or smaller type."""
        self.zoom = min(MOST_ZOOM, max(LEAST_ZOOM, self.zoom + step))
        self._fit_all()

    def scroll_by(self, pages: float) -> None:
        """All answers together."""
        for column in self.columns:
            column.scroll_by(pages)

    def choose_prompts(self) -> None:
        """A menu of the decks and of the library's folders."""
        from workbench.gui.present.slides import sources

        found = sources(self._page.bench.history)
        if not found:
            self._say(tr("There are no decks and no prompts in the library yet."))
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for source in found:
            name = source.name or tr("Prompt library")
            count = len(source.prompts)
            words = tr("{name}: 1 prompt", name=name) if count == 1 else tr("{name}: {n} prompts", name=name, n=count)
            menu.addAction(words.replace("&", "&&")).triggered.connect(partial(self.take, source))
        menu.popup(self.mapToGlobal(QPoint(self.width() // 3, self.height() // 3)))

    def take(self, source: Source, _checked: bool = False) -> None:
        """Present the prompts of a deck or folder next."""
        self.slides.take(source)
        self._say("")
        self._draw()

    def save_page(self) -> None:
        """Everything that was asked and answered as one file to send round."""
        name = re.sub(r"[^\w\- ]+", "", self._page.record.title).strip()[:60] or "comparison"
        dialog = QFileDialog(self, tr("Save as a page"), f"{name}.html", tr("HTML pages (*.html)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_to)
        dialog.open()

    @Slot(str)
    def save_to(self, name: str) -> None:
        from workbench.chat.exports.exporting import exporting

        conversation_id = self._page.record.diary.conversation_id
        if conversation_id is None:
            self._say(tr("There is nothing to save yet: ask something first."))
            return
        task = exporting(
            self._page.bench.history, conversation_id, Path(name), hidden=self.slides.hidden, names=names.current()
        )
        self._say(tr("Saving…"))
        self._errands.run("export", task, self._saved, self._not_saved, lane=EXPORT_LANE)

    def _saved(self, path: Path) -> None:
        self._say(tr("Saved: {file}", file=str(path)))

    def _not_saved(self, error: Exception) -> None:
        problem = Problem.of(error)
        self._say(explained(problem))

    def other_screen(self) -> None:
        """To the next screen, such as a projector."""
        screens = QGuiApplication.screens()
        if len(screens) < 2:
            self._say(tr("There is one screen only."))
            return
        there = screens[(screens.index(self.screen()) + 1) % len(screens)]
        self.showNormal()
        self.windowHandle().setScreen(there)  # where a program may not place its own windows, this is what counts
        self.setGeometry(there.geometry())
        self.showFullScreen()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._errands.close()
        self._page.window().removeEventFilter(self)
        self._page.window().activateWindow()
        self._page.setFocus()

    # --- within ------------------------------------------------------------------------------

    def _may_tell_names(self) -> bool:
        if names_hidden(self._page):
            self._say(tr("The names are hidden until the votes are given on the Compare page."))
            return False
        return True

    def _say(self, words: str) -> None:
        self.said.setText(words)
        self.said.setVisible(bool(words))

    @Slot()
    def _follow(self) -> None:
        self.slides.panes = self._page.comparison.panes
        self.slides.follow()
        if names_hidden(self._page):
            self.slides.hidden = True
        if self._wished and not self._page.comparison.busy:
            self.ask()
        self._draw()

    def _draw(self) -> None:
        slides, shown = self.slides, self.slides.shown
        if shown is None:
            self.prompt.setText(tr("Nothing to present yet"))
            self.place.setText(tr("D chooses a deck or prompts of the library; or ask something on the Compare page."))
        else:
            self.prompt.setText(shown.prompt)
            place = tr("Prompt {n} of {count}", n=slides.at + 1, count=len(slides.all))
            ask = tr("Prompt {n} of {count}: Space asks it", n=slides.at + 1, count=len(slides.all))
            self.place.setText(ask if slides.to_ask is not None else place)
        self._fit_prompt()
        said, told = slides.said(), slides.names()
        if len(said) != len(self.columns):
            self._arrange(len(said))
        held_back = slides.hidden and slides.writing
        for column, one, name in zip(self.columns, said, told, strict=True):
            column.show_said(one, name, hidden=slides.hidden, waiting=held_back, figures=self.figures)

    def _arrange(self, count: int) -> None:
        from workbench.gui.present.column import Column

        while len(self.columns) > count:
            self.columns.pop().deleteLater()
        while len(self.columns) < count:
            self.columns.append(Column())
            self.columns[-1].text.viewport().setMouseTracking(True)
            self.columns[-1].text.viewport().installEventFilter(self)
            self._answers.addWidget(self.columns[-1], 1)
        self._fit()

    def _lay_out(self) -> None:
        self._top = QScrollArea()
        self._top.setWidgetResizable(True)
        self._top.setFrameShape(QFrame.Shape.NoFrame)
        self._top.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._top.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._top.setWidget(self.prompt)
        self._rows = QVBoxLayout(self)
        self._rows.addWidget(self.place)
        self._rows.addWidget(self._top)
        self._rows.addLayout(self._answers, 1)
        self._rows.addWidget(self.said)
        self._rows.addWidget(self.keys)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_all()

    @Slot()
    def _fit_all(self) -> None:
        self._fit()
        self._fit_prompt()

    def _fit(self) -> None:
        """Everything as large as the window allows: type is told by its size, and by how many share it."""
        base = self._base()
        share = {0: 1.0, 1: 1.1, 2: 1.0, 3: 0.86, 4: 0.76}.get(len(self.columns), 0.6)
        for column in self.columns:
            column.fit(max(SMALLEST_PX, round(base * share)))
        self._rows.setContentsMargins(round(base * 1.6), round(base * 0.8), round(base * 1.6), round(base * 0.5))
        self._rows.setSpacing(round(base * 0.5))
        self._answers.setSpacing(round(base * 0.7))
        small = max(SMALLEST_PX - 1, round(base * 0.6))
        for one in (self.place, self.said):
            one.setStyleSheet(f"font-size: {small}px;")
        self.keys.fit(small)

    def _fit_prompt(self) -> None:
        """A long prompt in smaller type, and never more than about a third of the screen."""
        large = 1.5 if len(self.prompt.text()) <= LONGEST_PROMPT // 3 else 1.1
        if len(self.prompt.text()) > LONGEST_PROMPT:
            large = 0.8
        self.prompt.setStyleSheet(f"font-size: {round(self._base() * large)}px; font-weight: 600;")
        margins = self._rows.contentsMargins()
        width = self.width() - margins.left() - margins.right()
        self._top.setFixedHeight(min(self.prompt.heightForWidth(width) + 4, self.height() // 3))

    def _base(self) -> float:
        # Whoever reads larger text in the window does so here.
        larger = self.zoom * theme.scale()
        return max(SMALLEST_PX, larger * min(self.width() / 62, self.height() / 34))


def _nothing() -> None:
    pass
