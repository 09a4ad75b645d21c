"""One answer on the presenter's screen: a name or a letter, the text, and its figures where they are asked for."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout

from workbench.gui import theme
from workbench.gui.present.slides import Said
from workbench.gui.theme import Points
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel, label
from workbench.gui.widgets.text_view import AnswerView

WINDOW_PX = 14  # the height of an answer's type in the window, which its distances are made for

_DISTANCE = re.compile(r'(cellpadding="|margin-top:|margin-bottom:|padding-left:)(\d+)')
_SIZE = re.compile(r"font-size:([\d.]+)pt")


class SlideText(AnswerView):
    """An answer's text as large as the screen asks for, not as the window's."""

    def __init__(self) -> None:
        self._pixels = 24
        super().__init__(name=tr("Answer"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys belong to the presenter

    def set_pixels(self, pixels: int) -> None:
        if pixels != self._pixels:
            self._pixels = pixels
            self._on_theme()
            if not self.is_markdown:
                self.show_text(self.raw_text)

    def setHtml(self, text: str) -> None:
        """Sizes that are told in the text grow with it."""
        by_type = self._pixels / (Points.BODY * theme.scale())
        grown = _SIZE.sub(lambda size: f"font-size:{round(float(size[1]) * by_type)}px", text)
        wider = max(1.0, self._pixels / WINDOW_PX)
        super().setHtml(_DISTANCE.sub(lambda found: f"{found[1]}{round(int(found[2]) * wider)}", grown))

    def _fit_type(self) -> None:
        font = self.font()
        font.setPixelSize(self._pixels)
        self.setFont(font)
        self.document().setDefaultFont(font)
        self.document().setIndentWidth(round(self._pixels * 1.8))


class Column(QFrame):
    """``show_said`` draws it all; nothing but the letter tells who answers while names are hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        # On one line, so that all answers begin at the same height; quantisations stand at its end.
        self.name = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self.state = label(role="muted", wrap=True)
        self.text = SlideText()
        self.figures = label(role="muted", wrap=True)
        self.layout_ = QVBoxLayout(self)
        self.layout_.addWidget(self.name)
        self.layout_.addWidget(self.state)
        self.layout_.addWidget(self.text, 1)
        self.layout_.addWidget(self.figures)
        self._drawn: tuple[object, ...] = ()

    def fit(self, pixels: int) -> None:
        """``pixels`` is the height of the answer's type."""
        margin = round(pixels * 0.9)
        self.layout_.setContentsMargins(margin, margin, margin, round(margin * 0.7))
        self.layout_.setSpacing(round(pixels * 0.6))
        _set_type(self.name, round(pixels * 1.05), bold=True)
        for small in (self.state, self.figures):
            _set_type(small, max(14, round(pixels * 0.62)))
        self.text.set_pixels(pixels)

    def show_said(self, said: Said, name: str, *, hidden: bool, waiting: bool, figures: bool) -> None:
        """``waiting``: the answer is held back until all of them are there, so that its speed tells nothing."""
        from workbench.chat.exports.facts import figures_of

        self.name.setText(name)
        self.text.setAccessibleName(tr("Answer of {model}", model=name))
        self.state.setText(_state(said, hidden=hidden, waiting=waiting))
        self.state.setVisible(bool(self.state.text()))
        answer = said.answer
        text = "" if waiting else answer.text if answer is not None else said.pane.text if said.writing else ""
        drawn = (text, answer is not None)
        if drawn != self._drawn:
            goes_on = self._drawn and answer is None and not self._drawn[1] and text.startswith(str(self._drawn[0]))
            if answer is not None:
                self.text.show_markdown(text)
            elif goes_on:
                self.text.append_text(text[len(str(self._drawn[0])) :])
            else:
                self.text.show_text(text)
            self._drawn = drawn
        told: list[str] = []
        if answer is not None and not hidden and not waiting:
            # Below the text, so that all answers begin at the same height.
            told = [*map(tr, answer.chips), *(figures_of(answer) if figures else ())]
        self.figures.setText(" · ".join(told))
        self.figures.setVisible(bool(told))

    def scroll_by(self, pages: float) -> None:
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.value() + round(pages * bar.pageStep()))


def _state(said: Said, *, hidden: bool, waiting: bool) -> str:
    """What is to be said where there is no text, or beside it."""
    answer = said.answer
    if waiting:
        return tr("Writing…")
    if answer is not None and answer.error is not None:
        return tr("This answer failed.") if hidden else tr("Failed: {reason}", reason=answer.error.message)
    if answer is not None:
        return ""
    if said.writing:
        return tr("Writing…") if hidden or not said.pane.phase else tr(said.pane.phase)
    if said.exchange is not None:
        return tr("No answer")
    return tr("Loading…") if said.pane.busy else ""


def _set_type(widget: QLabel, pixels: int, *, bold: bool = False) -> None:
    """A style sheet, since the window's own decides the size of every other label."""
    weight = QFont.Weight.DemiBold.value if bold else QFont.Weight.Normal.value
    widget.setStyleSheet(f"font-size: {pixels}px; font-weight: {weight};")
