"""One model: a row that opens to its ladder, one line per quantisation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.models.rung_columns import RungTitles
from workbench.gui.models.rung_line import Offer, RungLine
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import clear
from workbench.gui.widgets.controls import label
from workbench.gui.words import FitState, family_tone, fit_state, parameter_count
from workbench.hardware.facts import Hardware
from workbench.models.ladder import with_fits
from workbench.models.verdict import Ladder, Rung

LINES_AT_ONCE = 2
STATE = 140  # pixels at 100 % text: the states of most models begin below each other
NARROW = 700  # pixels at 100 % text: below it the summary stands under the title


class LadderView(QWidget):
    """``load`` and ``options`` are those of its lines; ``looked_at`` carries a line, or None,
    ``opened`` a line whose details are shown, ``folded`` the view itself and whether it is open now; ``wanted`` and
    ``menu`` are those of its lines."""

    load = Signal(object)
    options = Signal(object, object)
    looked_at = Signal(object)
    opened = Signal(object)
    folded = Signal(object, bool)
    wanted = Signal(object)
    menu = Signal(object, object)

    def __init__(self, ladder: Ladder, offer: Offer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ladder, self.offer = ladder, offer
        self.family = ""
        self.lines: list[RungLine] = []
        self._skipped: list[QLabel] = []
        # A line takes some milliseconds to make: a few in each turn of the event loop, so that nothing halts.
        self._growing = QTimer(self, interval=0)
        self._growing.timeout.connect(self._grow)
        self._arranging = QTimer(self, interval=0, singleShot=True)
        self._arranging.timeout.connect(self._arrange)
        theme.changed.connect(self._arranging.start)
        self._wide = False
        self.dot = label("●")
        self.button = FoldButton()
        self.button.clicked.connect(self._on_button)
        self.summary = label(role="muted", wrap=True)
        self.state = label(role="small")
        self.titles = RungTitles()
        self.titles.hide()
        self._body = QWidget()
        self._body.hide()
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(Space.L, 0, 0, 0)
        self._column.setSpacing(0)
        self._head = QGridLayout()
        self._head.setHorizontalSpacing(Space.S)
        self._head.setVerticalSpacing(0)
        self._head.addWidget(self.dot, 0, 0)
        self._head.addWidget(self.button, 0, 1)
        self._head.setColumnStretch(1, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addLayout(self._head)
        column.addWidget(self.titles)
        column.addWidget(self._body)
        self.draw(ladder, offer)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # After it: changed within, the layouts that are at work would give the lines the heights they had.
        self._arranging.start()

    @Slot()
    def _arrange(self) -> None:
        """Beside each other what has room; the lines of one ladder all alike."""
        beside = self.width() >= theme.px(NARROW)
        self._head.addWidget(self.summary, *((0, 2) if beside else (2, 1)))
        self._head.addWidget(self.state, *((0, 3) if beside else (1, 1)))
        self._head.setColumnStretch(2, 3 if beside else 0)
        across = Qt.AlignmentFlag.AlignRight if beside else Qt.AlignmentFlag.AlignLeft
        self.summary.setAlignment(across | Qt.AlignmentFlag.AlignVCenter)
        # Of the column: a label keeps in its size hint the minimum it had, also when it gets a smaller one.
        self._head.setColumnMinimumWidth(3, theme.px(STATE) if beside else 0)
        # Below a title everything begins where its button does.
        inset = self.dot.sizeHint().width() + Space.S + FoldButton.INSET - RungLine.INSET
        under = 0 if beside else FoldButton.INSET
        self.summary.setContentsMargins(under, 0, 0, 0 if beside else Space.XS)
        self.state.setContentsMargins(under, 0, 0, 0)
        self._column.setContentsMargins(inset, 0, 0, 0)
        self._wide = self.width() - inset >= max((line.wide_at for line in self.lines), default=0)
        self.titles.setContentsMargins(inset, 0, 0, 0)
        self._show_titles()
        for line in self.lines:
            line.set_wide(wide=self._wide)

    @property
    def key(self) -> tuple[Path, ...]:
        """The files it stands for."""
        return files_of(self.ladder)

    @property
    def is_open(self) -> bool:
        return not self._body.isHidden()

    def draw(self, ladder: Ladder, offer: Offer) -> None:
        """A new price, or other files; lines that stay keep their details and the focus."""
        self.ladder, self.offer = _without_lone_advice(ladder), offer
        self._draw_head()
        if not self.is_open:
            self._drop_lines()
        elif self.lines:
            self._draw_lines()
        else:
            self._build()

    def choose_anew(self, machine: Hardware) -> None:
        """Recommend by what the lines say now, llama.cpp's own answers among them."""
        if len(self.lines) != len(self.ladder.rungs):
            return
        said = replace(self.ladder, rungs=tuple(line.rung for line in self.lines))
        self.ladder = _without_lone_advice(with_fits(said, [line.fit for line in self.lines], machine))
        for line, rung in zip(self.lines, self.ladder.rungs, strict=True):
            line.draw_advice(rung)
        self._draw_head()

    def set_open(self, *, is_open: bool) -> None:
        if is_open == self.is_open:
            return
        if is_open and not self.lines:
            self._build()
        self._body.setVisible(is_open)
        self._show_titles()
        self._draw_head()

    def _show_titles(self) -> None:
        """Of the columns, once for all lines; in a narrow page each line says it all as text."""
        self.titles.setVisible(self.is_open and self._wide and bool(self.lines))

    def _draw_head(self) -> None:
        ladder = self.ladder
        first = ladder.rungs[0].fit.model if ladder.rungs else None
        theme.mark(self.dot, tone=family_tone(first.family) if first else Tone.MUTED)
        self.button.draw(ladder.title, is_open=self.is_open)
        said = []
        if first is not None:
            if first.synthetic:
                said.append(tr("synthetic, answers are noise"))
            said += [
                tr("{parameter_count} parameters", parameter_count=parameter_count(first.parameter_count)),
                _counted(len(ladder.rungs)),
            ]
        best = ladder.recommended or (ladder.rungs[0] if len(ladder.rungs) == 1 else None)
        if best is not None:
            said.append(best.fit.model.quantisation)
            self._draw_state(fit_state(best.fit, has_gpu=self.offer.has_gpu))
        elif ladder.rungs:
            smallest = min((rung.fit for rung in ladder.rungs), key=lambda fit: fit.short_by_bytes)
            self._draw_state(fit_state(smallest, has_gpu=self.offer.has_gpu))
        self.summary.setText(" · ".join(said))
        self.button.setAccessibleDescription(f"{self.summary.text()} · {self.state.text()}")

    def _draw_state(self, state: FitState) -> None:
        self.state.setText(state.line)
        theme.mark(self.state, tone=state.tone)

    def _draw_lines(self) -> None:
        """Those that are here are drawn anew, those that are gone go, and new ones come where they belong."""
        self._growing.stop()
        known = {line.fit.model.path: line for line in self.lines}
        self.lines = []
        for place, rung in enumerate(self.ladder.rungs):
            line = known.pop(rung.fit.model.path, None)
            if line is None:
                line = self._line(rung)
            else:
                line.draw(rung, self.offer)
            if self._column.indexOf(line) != place:
                self._column.insertWidget(place, line)
            self.lines.append(line)
        for gone in known.values():
            gone.hide()
            self._column.removeWidget(gone)
            gone.deleteLater()
        self._draw_skipped()

    @property
    def building(self) -> bool:
        return self._growing.isActive() or self._arranging.isActive()

    def _build(self) -> None:
        self._drop_lines()
        self._growing.start()
        self._grow()

    def _drop_lines(self) -> None:
        self._growing.stop()
        self.lines, self._skipped = [], []
        clear(self._column)

    @Slot()
    def _grow(self) -> None:
        for rung in self.ladder.rungs[len(self.lines) :][:LINES_AT_ONCE]:
            line = self._line(rung)
            self.lines.append(line)
            self._column.addWidget(line)
        if len(self.lines) == len(self.ladder.rungs):
            self._growing.stop()
            self._draw_skipped()

    def _line(self, rung: Rung) -> RungLine:
        line = RungLine(rung, self.offer)
        line.load.connect(self.load)
        line.options.connect(self.options)
        line.looked_at.connect(self.looked_at)
        line.moved.connect(self._on_move)
        line.opened.connect(self.opened)
        line.wanted.connect(self.wanted)
        line.menu.connect(self.menu)
        line.set_wide(wide=self._wide)
        self._arranging.start()
        return line

    def _draw_skipped(self) -> None:
        """Below the lines: what was left out, and why."""
        for said in self._skipped:
            said.deleteLater()
        self._skipped = [label(f"{name}: {tr(why)}", role="muted", wrap=True) for name, why in self.ladder.skipped]
        for said in self._skipped:
            self._column.addWidget(said)

    @Slot()
    def _on_button(self) -> None:
        self.set_open(is_open=not self.is_open)
        self.folded.emit(self, self.is_open)

    @Slot(object, int)
    def _on_move(self, line: RungLine, step: int) -> None:
        place = self.lines.index(line) + step
        if 0 <= place < len(self.lines):
            self.lines[place].setFocus(Qt.FocusReason.TabFocusReason)
        elif place < 0:
            self.button.setFocus(Qt.FocusReason.TabFocusReason)


class FoldButton(QPushButton):
    """A title that opens and closes what stands below it; its text begins ``INSET`` pixels from its edge."""

    INSET = 5  # as the style sheet has it: padding and border

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "row")
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._title, self._sign = "", ""

    def draw(self, title: str, *, is_open: bool) -> None:
        self._title, self._sign = title, "▾" if is_open else "▸"
        self.setAccessibleName(tr("{title}, open", title=title) if is_open else tr("{title}, closed", title=title))
        self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        room = self.width() - theme.px(40)
        title = self.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideRight, max(room, theme.px(60)))
        self.setToolTip(self._title if title != self._title else "")
        self.setText(f"{self._sign}  {title.replace('&', '&&')}")


def _without_lone_advice(ladder: Ladder) -> Ladder:
    """Nothing to choose from is nothing to recommend."""
    if len(ladder.rungs) != 1:
        return ladder
    return replace(ladder, rungs=(replace(ladder.rungs[0], recommended=False, reason=""),))


def files_of(ladder: Ladder) -> tuple[Path, ...]:
    return tuple(rung.fit.model.path for rung in ladder.rungs)


def _counted(count: int) -> str:
    return tr("1 quantisation") if count == 1 else tr("{count} quantisations", count=count)
