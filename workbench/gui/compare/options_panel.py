"""What all panes share: system prompt, sampling, limits, and how several models take turns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workbench.chat.options import Options, SamplingMode
from workbench.chat.plan import RunMode
from workbench.gui import theme
from workbench.gui.compare import fields
from workbench.gui.compare.answer_form import AnswerForm
from workbench.gui.compare.words import ALTERNATIVES_HELP, EXACTNESS_HELP, EXACTNESSES, MODES, POLICIES, SAMPLINGS
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import IconButton, label, text_button

if TYPE_CHECKING:
    from workbench.engine.base import Tool

WIDTH = 330
REST_MS = 300
MOST_TOKENS = 10_000_000
MOST_SEED = 2_147_483_647
MOST_ALTERNATIVES = 20


class OptionsPanel(QFrame):
    """``changed`` carries the options and the context, once typing has rested."""

    changed = Signal(object, int)
    closed = Signal()

    def __init__(self, defaults: Options, context: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._defaults, self._default_context = defaults, context
        self._repeat_last_n = defaults.sampling.repeat_last_n
        self._tools: tuple[Tool, ...] = defaults.tools
        self._tool_choice = defaults.tool_choice
        whose = tr("What each vendor recommends comes first; the values below count where nothing is known.")
        self.whose = label(whose, role="muted", wrap=True)
        self._make_fields()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.commit)
        self._lay_out()
        self.show_options(defaults, context)
        self._watch()

    def show_options(self, options: Options, context: int) -> None:
        """Fill the fields, without saying that they changed."""
        sampling = options.sampling
        self._repeat_last_n = sampling.repeat_last_n
        blockers = [QSignalBlocker(field) for field in self._fields]
        self.system.setPlainText(options.system)
        self.temperature.setValue(sampling.temperature)
        self.top_k.setValue(sampling.top_k)
        self.top_p.setValue(sampling.top_p)
        self.min_p.setValue(sampling.min_p)
        self.penalty.setValue(sampling.repetition_penalty)
        self.seed.setText("" if sampling.seed is None else str(sampling.seed))
        self.max_tokens.setValue(options.max_tokens or 0)
        self.stop.setPlainText("\n".join(options.stop))
        self.context.setValue(context)
        self.form.show_constraint(options.constraint)
        self.alternatives.setValue(options.alternatives)
        self._tools = options.tools
        self._tool_choice = options.tool_choice
        for combo, value in (
            (self.mode, options.mode),
            (self.sampling_mode, options.sampling_mode),
            (self.policy, options.policy),
            (self.exactness, options.exactness),
        ):
            combo.setCurrentIndex(combo.findData(value.value))
        self._show_whose()
        for blocker in blockers:
            blocker.unblock()

    def options(self) -> Options:
        from workbench.engine.base import ContextPolicy, Mode, Sampling

        sampling = Sampling(
            temperature=self.temperature.value(),
            top_k=self.top_k.value(),
            top_p=self.top_p.value(),
            min_p=self.min_p.value(),
            repetition_penalty=self.penalty.value(),
            repeat_last_n=self._repeat_last_n,
            seed=int(self.seed.text()) if self.seed.text() else None,
        )
        return Options(
            system=self.system.toPlainText(),
            sampling=sampling,
            max_tokens=self.max_tokens.value() or None,
            stop=tuple(line for line in self.stop.toPlainText().split("\n") if line),
            mode=RunMode(self.mode.currentData()),
            sampling_mode=SamplingMode(self.sampling_mode.currentData()),
            policy=ContextPolicy(self.policy.currentData()),
            constraint=self.form.constraint,
            tools=self._tools,
            tool_choice=self._tool_choice,
            alternatives=self.alternatives.value(),
            exactness=Mode(self.exactness.currentData()),
        )

    def add_tool(self, button: QWidget) -> None:
        """A part's button, in the head."""
        self._head.insertWidget(1, button)

    @Slot()
    def commit(self) -> None:
        """Say what stands in the fields, now."""
        self._rest.stop()
        self.form.judge()
        self.changed.emit(self.options(), self.context.value())

    def commit_pending(self) -> None:
        """What was typed a moment ago counts for the question that is sent now."""
        if self._rest.isActive():
            self.commit()

    @Slot()
    def _reset(self) -> None:
        self.show_options(replace(self._defaults, system=self.system.toPlainText()), self._default_context)
        self.commit()

    # --- fields ------------------------------------------------------------------------------

    def _make_fields(self) -> None:
        self.system = fields.text_field(tr("System prompt"), tr("How the models should answer (optional)"))
        self.temperature = fields.share("temperature", 0, 5, 0.1)
        self.top_k = fields.whole("top_k", 0, 1_000_000, tr("0 (all)"))
        self.top_p = fields.share("top_p", 0.01, 1, 0.05)
        self.min_p = fields.share("min_p", 0, 1, 0.01)
        self.penalty = fields.share("repetition_penalty", 0.01, 5, 0.05)
        self.seed = QLineEdit()
        self.seed.setValidator(QIntValidator(0, MOST_SEED, self.seed))
        self.seed.setPlaceholderText(tr("fresh each time"))
        self.seed.setAccessibleName(tr("Seed"))
        self.seed.setToolTip(tr("The same seed, model and settings give the same answer"))
        self.max_tokens = fields.whole("max_tokens", 0, MOST_TOKENS, tr("no limit"))
        self.stop = fields.text_field(tr("Stop strings"), tr("One a line"))
        self.context = fields.whole("context", 256, MOST_TOKENS, "")
        self.context.setSingleStep(1024)
        self.mode = fields.choice(tr("Several models"), MODES, fields.tip_of("run_mode"))
        self.sampling_mode = fields.choice(tr("Sampling"), SAMPLINGS, fields.tip_of("sampling_mode"))
        self.policy = fields.choice(tr("Prompt too long"), POLICIES, fields.tip_of("context_policy"))
        self.exactness = fields.choice(tr("Prompt cache"), EXACTNESSES, EXACTNESS_HELP)
        self.alternatives = fields.whole(
            "alternatives", 0, MOST_ALTERNATIVES, tr("none"), title=tr("Alternatives"), tip=ALTERNATIVES_HELP
        )
        self.form = AnswerForm()
        self._fields: tuple[QWidget, ...] = (
            self.system, self.temperature, self.top_k, self.top_p, self.min_p, self.penalty, self.seed,
            self.max_tokens, self.stop, self.context, self.mode, self.sampling_mode, self.policy, self.exactness,
            self.alternatives,
        )  # fmt: skip

    def _watch(self) -> None:
        for edit in (self.system, self.stop):
            edit.textChanged.connect(self._rest.start)
        for number in (self.temperature, self.top_p, self.min_p, self.penalty):
            number.valueChanged.connect(self._rest.start)
        for whole in (self.top_k, self.max_tokens, self.context, self.alternatives):
            whole.valueChanged.connect(self._rest.start)
        self.seed.textChanged.connect(self._rest.start)
        for combo in (self.mode, self.sampling_mode, self.policy, self.exactness):
            combo.currentIndexChanged.connect(self._rest.start)
        self.sampling_mode.currentIndexChanged.connect(self._show_whose)
        self.form.changed.connect(self._rest.start)

    @Slot()
    def _show_whose(self) -> None:
        """A vendor's own sampling comes before the fields where it is known."""
        self.whose.setVisible(self.sampling_mode.currentData() == SamplingMode.VENDOR.value)

    def _lay_out(self) -> None:
        close = IconButton("close", tr("Close the options"))
        close.clicked.connect(self.closed)
        head = self._head = QHBoxLayout()
        head.addWidget(label(tr("Same for all"), role="subtitle"), 1)
        head.addWidget(close)
        body = QWidget()
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, Space.S, 0)
        inner.setSpacing(Space.XS)
        inner.addWidget(fields.named(tr("System prompt"), self.system))
        inner.addWidget(self.system)
        inner.addSpacing(Space.S)
        inner.addLayout(self._form())
        inner.addSpacing(Space.XS)
        inner.addWidget(fields.named(tr("Stop strings"), self.stop))
        inner.addWidget(self.stop)
        inner.addSpacing(Space.XS)
        inner.addWidget(fields.named(tr("Output format"), self.form.kind))
        inner.addWidget(self.form)
        reset = text_button(tr("Back to the defaults"), kind="link")
        reset.clicked.connect(self._reset)
        inner.addWidget(reset, 0, Qt.AlignmentFlag.AlignLeft)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.XS, Space.S)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(area, 1)
        theme.changed.connect(self._resize)
        self._resize()

    def _form(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.XS)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget], ...] = (
            (fields.title_of("sampling_mode"), self.sampling_mode),
            ("", self.whose),
            (fields.title_of("temperature"), self.temperature),
            (fields.title_of("top_k"), self.top_k),
            (fields.title_of("top_p"), self.top_p),
            (fields.title_of("min_p"), self.min_p),
            (fields.title_of("repetition_penalty"), self.penalty),
            (tr("Seed"), self.seed),
            (fields.title_of("max_tokens"), self.max_tokens),
            (fields.title_of("context"), self.context),
            (fields.title_of("context_policy"), self.policy),
            (fields.title_of("run_mode"), self.mode),
            (tr("Prompt cache"), self.exactness),
            (tr("Alternatives"), self.alternatives),
        )
        for row, (title, field) in enumerate(rows):
            if not title:
                grid.addWidget(field, row, 0, 1, 2)
                continue
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(fields.named(title, field), row, 0)
            grid.addWidget(field, row, 1)
        return grid

    @Slot()
    def _resize(self) -> None:
        self.setFixedWidth(theme.px(WIDTH))
        for edit, lines in ((self.system, 4), (self.stop, 2)):
            edit.setFixedHeight(lines * edit.fontMetrics().lineSpacing() + theme.px(20))
