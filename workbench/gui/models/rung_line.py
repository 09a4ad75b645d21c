"""One quantisation of a model: how it fits, what it costs, and what can be done with it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.models import words
from workbench.gui.models.rung_columns import BUTTONS, COLUMNS, INSET, Cell
from workbench.gui.models.rung_details import RungDetails
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel, IconButton, label, text_button
from workbench.gui.words import fit_state
from workbench.hardware.words import human_bytes
from workbench.models.verdict import Fit, Rung, Verdict

LEAST = 260  # pixels at 100 % text: the page may become as narrow as this
_TOGGLES = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space})
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class Getting(enum.Enum):
    """Of a file on the hub: what its button says."""

    OFFERED = "Download"
    ASKING = "Asking…"
    COMING = "On its way"
    HERE = "✓ Here"


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be done with a line: ``open`` on this computer only, and only with a file that is here.

    ``no_speed`` says why a speed is unknown on the machine that is asked about.  By the model's path: ``getting``
    has files of the hub, ``held`` those of the library, with what is to be said of where they lie.
    """

    has_gpu: bool
    open: bool = True
    no_speed: str = ""
    getting: Mapping[Path, Getting] = field(default_factory=dict)
    held: Mapping[Path, tuple[str, str]] = field(default_factory=dict)


class RungLine(QFrame):
    """``load`` is emitted with the fit to load as planned, ``options`` with the fit and the parameters to begin
    with (None: its own), ``looked_at`` when the line is hovered or left, ``moved`` with itself and -1 or
    1, ``opened`` with itself when the details are shown, ``wanted`` with the model to download, ``menu`` with
    itself and the button under which its menu belongs."""

    load = Signal(object)
    options = Signal(object, object)
    looked_at = Signal(object)
    moved = Signal(object, int)
    opened = Signal(object)
    wanted = Signal(object)
    menu = Signal(object, object)
    INSET = INSET

    def __init__(self, rung: Rung, offer: Offer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "rung")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.rung, self.offer = rung, offer
        self.estimate: Fit = rung.fit
        self.word = label(role="strong")
        self.code = label(role="muted")
        self.name = ElidedLabel(Qt.TextElideMode.ElideMiddle)  # files of one model differ at the end
        self.name.setProperty("role", "muted")
        self.name.setContentsMargins(0, 0, Space.S, 0)
        self.chip = label(tr("recommended"), role="chip", tone=Tone.ACCENT)
        self.reason = label(role="small", wrap=True)
        self.advice = QWidget()
        self.fit_narrow = label(wrap=True)
        self.facts_narrow = label(role="muted", wrap=True)
        self.cells = {name: Cell(width) for name, width in COLUMNS}
        self.open_button = text_button(tr("Open"), kind="small")
        self.open_button.clicked.connect(self._on_open)
        self.get_button = text_button(tr("Download"), kind="small")
        self.get_button.clicked.connect(self._on_get)
        self.anyway = text_button(tr("Load anyway…"), kind="small")
        self.anyway.clicked.connect(self._on_options)
        self.more = IconButton("tune-variant", tr("Load options"))
        self.more.clicked.connect(self._on_options)
        self.menu_button = IconButton("dots-vertical", tr("More: verify, show, move, remove"))
        self.menu_button.clicked.connect(self._on_menu)
        self.fold = IconButton("chevron-down", tr("Show details"))
        self.fold.clicked.connect(self.toggle)
        self.details = RungDetails()
        self.details.tried.connect(self._on_try)
        self.details.hide()
        self._arrange()
        self.draw(rung, offer)

    @property
    def fit(self) -> Fit:
        return self.rung.fit

    @property
    def text(self) -> str:
        """The whole line as it is read out."""
        return self.accessibleName()

    # --- drawing -----------------------------------------------------------------------------

    def draw(self, rung: Rung, offer: Offer) -> None:
        """A new price; what llama.cpp said of the old one is forgotten."""
        self.rung, self.offer, self.estimate = rung, offer, rung.fit
        self._draw()

    def draw_exact(self, found: Fit) -> None:
        """llama.cpp's own answer to the same question."""
        self.rung = Rung(found, self.rung.word, self.rung.loss, self.rung.recommended, self.rung.reason)
        self._draw()

    def draw_advice(self, rung: Rung) -> None:
        """Whether it is the recommended one, now that another line's numbers are exact."""
        if (rung.recommended, rung.reason) != (self.rung.recommended, self.rung.reason):
            self.rung = replace(self.rung, recommended=rung.recommended, reason=rung.reason)
            self._draw()

    def draw_refused(self, why: str) -> None:
        """llama.cpp could not be asked: the estimate stands."""
        self.details.draw(self.estimate, self.fit, refused=why, more=self._no_speed())

    def _draw(self) -> None:
        found, model = self.fit, self.fit.model
        state = fit_state(found, has_gpu=self.offer.has_gpu)
        too_big = found.verdict is Verdict.TOO_BIG
        self.word.setText(tr(self.rung.word))
        self.code.setText(model.quantisation)
        theme.mark(self.word, tone=Tone.MUTED if too_big else Tone.NONE)
        where, tip = self.offer.held.get(model.path, ("", ""))
        self.name.setText(f"{where} · {model.name}" if where else model.name)
        self.name.set_tip(tip)
        self.advice.setVisible(self.rung.recommended)
        self.reason.setText(tr(self.rung.reason))
        said = state.line
        self._draw_cells(said, state.tone)
        self.fit_narrow.setText(f"{said} · {words.basis_words(found)}")
        theme.mark(self.fit_narrow, tone=state.tone)
        self.facts_narrow.setText(self._facts_in_one())
        self.open_button.setVisible(self.offer.open and not too_big)
        self.anyway.setVisible(self.offer.open and too_big)
        self.more.setVisible(self.anyway.isHidden())  # which opens the same dialog
        self._draw_getting()
        self.menu_button.setVisible(bool(where))
        name = f"{model.title} {model.quantisation}"
        for button, what in (
            (self.open_button, tr("Open {name}", name=name)),
            (self.anyway, tr("Load anyway: {name}", name=name)),
            (self.more, tr("Load options of {name}", name=name)),
            (self.menu_button, tr("Verify, show, move or remove {name}", name=name)),
            (self.get_button, f"{self.get_button.text()} {name}"),
        ):
            button.setAccessibleName(what)
        self.details.draw(self.estimate, found, more=self._no_speed())
        self._say(said)

    def draw_offer(self, offer: Offer) -> None:
        """Only what can be done with it is another."""
        self.offer = offer
        self._draw_getting()

    def _draw_getting(self) -> None:
        state = self.offer.getting.get(self.fit.model.path)
        self.get_button.setVisible(state is not None)
        if state is not None:
            self.get_button.setText(tr(state.value))
            self.get_button.setEnabled(state is Getting.OFFERED)

    def _draw_cells(self, said: str, tone: Tone) -> None:
        found, model, loss = self.fit, self.fit.model, self.rung.loss
        cells = self.cells
        cells["fit"].draw(said, words.basis_words(found), tone=tone)
        cells["fit"].setToolTip("\n".join(map(tr, found.reasons)))
        cells["size"].draw(human_bytes(model.size_bytes), words.bits_words(model))
        cells["context"].draw(words.longest_words(found))
        cells["context"].setToolTip(
            tr("{max_context:,} tokens", max_context=found.max_context) if found.max_context else ""
        )
        self._draw_speed(cells["speed"])
        cells["loss"].draw(words.loss_words(loss, model) or "–")
        tip = words.loss_tip(loss, model) if loss is not None else tr("Nothing was published about this quantisation.")
        cells["loss"].setToolTip(tip)

    def _draw_speed(self, cell: Cell) -> None:
        speed = self.fit.speed
        if speed is not None:
            cell.draw(words.speed_words(speed), tr(speed.basis))
            cell.setToolTip(words.speed_tip(speed))
        elif self.fit.verdict is Verdict.TOO_BIG:
            cell.draw("–")
            cell.setToolTip(tr("It does not fit: no speed can be expected"))
        else:
            cell.draw(tr("unknown"))  # the page says once why
            cell.setToolTip(self._no_speed())

    def _no_speed(self) -> str:
        """Why no speed is known of what fits, as a sentence."""
        said = words.speed_phrase(self.fit, self.offer.no_speed) if self.fit.speed is None else ""
        return said[:1].upper() + said[1:]

    def _facts_in_one(self) -> str:
        found, model, loss = self.fit, self.fit.model, self.rung.loss
        longest = (
            tr("{longest_words} tokens", longest_words=words.longest_words(found))
            if found.max_context
            else tr("no context fits")
        )
        said = [human_bytes(model.size_bytes), words.bits_words(model), longest]
        if found.speed is not None:
            said.append(f"{words.speed_words(found.speed)} ({tr(found.speed.basis)})")
        elif found.verdict is not Verdict.TOO_BIG:
            said.append(tr("speed unknown"))
        if loss is not None:
            said.append(tr("quality loss{gap}{loss_words}", gap=words.GAP, loss_words=words.loss_words(loss, model)))
        return f"{words.GAP}· ".join(said)  # no line begins with a dot

    def _say(self, said: str) -> None:
        recommended = tr(", recommended: {reason}", reason=self.rung.reason) if self.rung.recommended else ""
        model = self.fit.model
        self.setAccessibleName(
            f"{model.title}, {tr(self.rung.word)} {model.quantisation}{recommended}: {said}, "
            f"{words.basis_words(self.fit)}; {self._facts_in_one()}"
        )
        self.setAccessibleDescription(tr("Enter shows details; the memory bar above shows what it would add"))

    # --- arranged ----------------------------------------------------------------------------

    def _arrange(self) -> None:
        self._title = title = QHBoxLayout()
        title.setSpacing(Space.S)
        for part in (self.word, self.code):
            title.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
        title.addStretch(1)
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addLayout(title)
        for below in (self.name, self.fit_narrow, self.facts_narrow):
            names.addWidget(below)
        names.addStretch(1)
        advice = QHBoxLayout(self.advice)
        advice.setContentsMargins(0, 0, 0, 0)
        advice.setSpacing(Space.S)
        advice.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignTop)
        advice.addWidget(self.reason, 1)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addLayout(names, 1)
        for cell in self.cells.values():
            row.addWidget(cell, 0, Qt.AlignmentFlag.AlignTop)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.XS)
        buttons.addStretch(1)
        for button in (self.open_button, self.anyway, self.get_button, self.more, self.menu_button, self.fold):
            buttons.addWidget(button)
        self._buttons = QWidget()
        buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.setLayout(buttons)
        row.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S - 2, Space.S, Space.S - 2)
        column.setSpacing(Space.XS)
        column.addLayout(row)
        column.addWidget(self.advice)
        column.addWidget(self.details)
        self.set_wide(wide=False)

    def minimumSizeHint(self) -> QSize:
        # The columns shall not keep the page from becoming narrow: then they are shown as text.
        return QSize(theme.px(LEAST), super().minimumSizeHint().height())

    @property
    def wide_at(self) -> int:
        """Pixels from which every column has room beside the name; columns of all lines then stand above each other."""
        columns = sum(theme.px(width) for _, width in COLUMNS) + theme.px(BUTTONS)
        return self._title.sizeHint().width() + columns + Space.S * (len(COLUMNS) + 1 + 2)

    def set_wide(self, *, wide: bool) -> None:
        """In columns, else as text; never from within a resize, whose layouts still have the other height."""
        for cell in self.cells.values():
            cell.setVisible(wide)
        self.fit_narrow.setVisible(not wide)
        self.facts_narrow.setVisible(not wide)
        # Whichever buttons a line has.
        self._buttons.setMinimumWidth(theme.px(BUTTONS) if wide else 0)

    # --- used --------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return not self.details.isHidden()

    @Slot()
    def toggle(self) -> None:
        """Show or hide what the verdict stands on, and what would help."""
        self.details.setVisible(self.details.isHidden())
        theme.mark(self, open=self.is_open)
        self.fold.say(tr("Hide details") if self.is_open else tr("Show details"))
        self.fold.show_icon("chevron-up" if self.is_open else "chevron-down")
        if self.is_open:
            self.opened.emit(self)

    @Slot()
    def _on_open(self) -> None:
        self.load.emit(self.fit)

    @Slot()
    def _on_options(self) -> None:
        self.options.emit(self.fit, None)

    @Slot()
    def _on_get(self) -> None:
        self.wanted.emit(self.fit.model)

    @Slot()
    def _on_menu(self) -> None:
        self.menu.emit(self, self.menu_button)

    @Slot(object)
    def _on_try(self, params: object) -> None:
        self.options.emit(self.fit, params)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _TOGGLES:
            self.toggle()
        elif event.key() in _MOVES:
            self.moved.emit(self, _MOVES[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.toggle()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.looked_at.emit(self)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.looked_at.emit(None)
