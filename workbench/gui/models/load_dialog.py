"""Loading a model with parameters of one's own: the price follows every control, llama.cpp's answer a moment later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.errors import WorkbenchError
from workbench.gui import theme
from workbench.gui.errands import Errands
from workbench.gui.models import words
from workbench.gui.models.asking import ExactAnswer
from workbench.gui.models.breakdown_view import BreakdownView
from workbench.gui.models.load_fields import LoadFields
from workbench.gui.models.remedy_list import RemedyList
from workbench.gui.models.rung_details import both_answers
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet
from workbench.gui.words import family_tone, fit_state, has_gpu
from workbench.hardware.facts import Hardware
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.verdict import Fit, Verdict

if TYPE_CHECKING:
    from workbench.app import Workbench


WIDTH, HEIGHT = 1000, 620  # pixels at 100 % text
BESIDE = 800  # pixels at 100 % text: the price stands beside the controls, else below them


@dataclass(frozen=True, slots=True)
class LoadQuestion:
    """What is to be loaded, and where: ``machine`` None is this computer; ``here`` False only asks."""

    model: ModelFile
    params: RunParams
    machine: Hardware | None = None
    here: bool = True


class LoadDialog(Sheet):
    """``load`` is emitted with the model, the parameters to load with, and whether it is loaded although it is
    too big."""

    load = Signal(object, object, bool)

    def __init__(
        self, workbench: Workbench, errands: Errands, question: LoadQuestion, parent: QWidget | None = None
    ) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self.setWindowTitle(tr("Load {title}", title=question.model.title))
        self._bench, self._errands, self._asked = workbench, errands, question
        self._machine = question.machine
        self.estimate: Fit | None = None
        self.shown: Fit | None = None
        self.fields: LoadFields | None = None
        self.breakdown: BreakdownView | None = None
        self.exact = ExactAnswer(errands, self)
        self.exact.answered.connect(self._on_exact)
        self.exact.refused.connect(self._on_refused)
        # Several changes within one turn of the event loop are one price.
        self._soon = QTimer(self, interval=0, singleShot=True)
        self._soon.timeout.connect(self._price)
        self.state = label(tr("Looking at the machine…"), role="title")
        self.numbers = label(wrap=True)
        self.basis = label(role="muted", wrap=True)
        self.problem = label(tone=Tone.BAD, wrap=True)
        self.problem.hide()
        self.remedies = RemedyList()
        self.remedies.tried.connect(self._on_try)
        self.load_button = text_button(tr("Load"), kind="primary")
        self.load_button.clicked.connect(self._on_load)
        self.load_button.setDefault(True)
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.clicked.connect(self.reject)
        self._arrange()
        self._begin()

    # --- arranged ----------------------------------------------------------------------------

    def _arrange(self) -> None:
        model = self._asked.model
        title = QHBoxLayout()
        title.setSpacing(Space.S)
        title.addWidget(label("●", tone=family_tone(model.family)))
        title.addWidget(label(model.title, role="subtitle", wrap=True), 1)
        title.addWidget(label(model.quantisation, role="chip"))
        self._left = QVBoxLayout()
        self._left.setSpacing(Space.M)
        self._right = QVBoxLayout()
        self._right.setSpacing(Space.M)
        for part in (self.state, self.numbers, self.basis, self.problem):
            self._right.addWidget(part)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(Space.XL)
        self._columns.addLayout(self._left, 1)
        self._columns.addLayout(self._right, 1)
        inside = QWidget()
        inside.setLayout(self._columns)
        self._columns.setContentsMargins(0, 0, Space.S, 0)
        scroll = QScrollArea()
        scroll.setAccessibleName(tr("Parameters, and what they take"))
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        buttons = QHBoxLayout()
        where = label("" if self._asked.here else self._only_asked(), role="muted", wrap=True)
        buttons.addWidget(where, 1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.load_button)
        self.load_button.setVisible(self._asked.here)
        if not self._asked.here:
            self.cancel_button.setText(tr("Close"))
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addLayout(title)
        column.addWidget(scroll, 1)
        column.addLayout(buttons)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= theme.px(BESIDE)
        self._columns.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)

    def _only_asked(self) -> str:
        if self._asked.machine is not None:
            return tr("This asks about {label}: nothing is loaded.", label=self._asked.machine.label)
        return tr("This file is not on this machine: nothing is loaded.")

    def _begin(self) -> None:
        self.load_button.setEnabled(False)
        if self._machine is not None:
            self._ready(self._machine)
        else:
            self._errands.run("look at the machine", self._bench.look(), self._ready, self._fail)

    def _ready(self, machine: Hardware) -> None:
        self._machine = machine
        self.fields = LoadFields(self._asked.model.header, machine, self._asked.params)
        self.fields.changed.connect(self._on_change)
        self._left.addWidget(self.fields)
        self._left.addStretch(1)
        self.breakdown = BreakdownView(machine, family_tone(self._asked.model.family))
        self._right.addWidget(self.breakdown)
        self._right.addWidget(self.remedies)
        self._right.addStretch(1)
        self.fields.context.box.setFocus()
        self._price()

    # --- prices ------------------------------------------------------------------------------

    @Slot()
    def _on_change(self) -> None:
        self._soon.start()

    @Slot()
    def _price(self) -> None:
        """The estimate, at once: some milliseconds of arithmetic; llama.cpp's own answer after a pause."""
        if self.fields is None or self._machine is None:
            return
        wanted = self.fields.params
        self.exact.drop()
        try:
            found = self._bench.fit(self._asked.model, n_ctx=wanted.n_ctx, params=wanted, machine=self._machine)
        except WorkbenchError as error:
            self._fail(error)
            return
        self.problem.hide()
        self.estimate = found
        self._draw(found, asking=True)
        task = self._bench.exact(self._asked.model, n_ctx=wanted.n_ctx, params=wanted, machine=self._machine)
        self.exact.ask(wanted, task)

    @Slot(object, object)
    def _on_exact(self, _wanted: RunParams, found: Fit) -> None:
        self._draw(found)

    @Slot(object, object)
    def _on_refused(self, _wanted: RunParams, error: Exception) -> None:
        if self.estimate is not None:
            self.basis.setText(both_answers(self.estimate, self.estimate, Problem.of(error).message))

    def _draw(self, found: Fit, *, asking: bool = False) -> None:
        assert self._machine is not None
        assert self.breakdown is not None
        assert self.estimate is not None
        assert self.fields is not None
        self.shown = found
        state = fit_state(found, has_gpu=has_gpu(self._machine))
        too_big = found.verdict is Verdict.TOO_BIG
        self.state.setText(state.line)
        theme.mark(self.state, tone=state.tone)
        said = [] if too_big else [words.margin_words(found)]
        said.append(
            tr("context {longest_words}", longest_words=words.longest_words(found))
            if found.max_context
            else tr("no context fits")
        )
        if speed := words.speed_phrase(found, words.no_speed_words(self._machine)):
            said.append(speed)
        self.numbers.setText(" · ".join(said))
        self.numbers.setToolTip("\n".join(map(tr, found.reasons)))
        self.basis.setText(both_answers(self.estimate, found) + (tr(" Asking llama.cpp…") if asking else ""))
        self.breakdown.draw(found.shares)
        self.remedies.show_remedies(found.remedies, found.verdict)
        self.fields.gpu_layers.show_planned(found.params.n_gpu_layers)
        self.load_button.setText(tr("Load anyway") if too_big else tr("Load"))
        self.load_button.setEnabled(True)
        self.setAccessibleDescription(f"{self.state.text()}; {self.numbers.text()}; {self.basis.text()}")

    def _fail(self, error: Exception) -> None:
        self.problem.setText(f"✕ {explained(Problem.of(error))}")
        self.problem.show()

    # --- deciding ----------------------------------------------------------------------------

    @Slot(object)
    def _on_try(self, params: RunParams) -> None:
        if self.fields is not None:
            self.fields.show_params(params)
            self._price()

    @Slot()
    def _on_load(self) -> None:
        if self.shown is None or self.fields is None:
            return
        if self._soon.isActive():  # Enter ended a number: its price is shown first, the next Enter loads
            self._soon.stop()
            self._price()
            return
        params = replace(self.shown.params, n_ctx=self.shown.context)
        self.load.emit(self._asked.model, params, self.shown.verdict is Verdict.TOO_BIG)
        self.accept()

    def done(self, result: int) -> None:
        self.exact.drop()
        super().done(result)
