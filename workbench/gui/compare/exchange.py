"""A prompt and one model's answer to it: light text while it is written, Markdown and figures when it has ended."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.answer import CUT_SHORT, Answer, Problem
from workbench.chat.footing import Difference
from workbench.chat.pane import Exchange, Pane
from workbench.errors import DoesNotFitError
from workbench.gui import theme
from workbench.gui.compare import words
from workbench.gui.compare.candidates import TokenView
from workbench.gui.compare.footing_dialog import FootingDialog
from workbench.gui.compare.thinking import ThinkingFold
from workbench.gui.theme import Space, Tone
from workbench.gui.widgets.controls import FlowLayout, IconButton, label, text_button
from workbench.gui.widgets.text_view import AnswerView

PROMPT_LINES = 4
ONE_LINE = 36  # characters of a chip: Qt would break a shorter one too if it were let
NARROW = 300  # pixels at 100 % text: figures and buttons have no room beside each other


class ExchangeView(QFrame):
    """``load_anyway`` and ``load_options`` are those of its problem."""

    load_anyway = Signal()
    load_options = Signal()

    def __init__(self, pane: Pane, exchange: Exchange) -> None:
        super().__init__()
        self.prompt = exchange.prompt
        self.answer: Answer | None = None
        self._written = 0
        self._name = pane.model.title if pane.model is not None else "the model"
        self._bubble = PromptBubble(exchange.prompt)
        self.waiting = label(role="muted")
        self.thinking = ThinkingFold(self._name)
        self.text = AnswerView(grows=True, name=f"Answer of {self._name}")
        self.text.hide()
        self.tokens: TokenView | None = None
        self.differences: tuple[Difference, ...] = ()
        self.compared: tuple[Answer, ...] = ()
        self.problem: ProblemCard | None = None
        self.chips = _Row()
        self.unlike = text_button("≠ not asked alike", kind="small")
        self.unlike.setProperty("tone", "caution")
        self.unlike.clicked.connect(self.explain)
        self.unlike.hide()
        self.chips.add(self.unlike)
        self.figures = label(role="muted", wrap=True)
        self._footer = self._make_footer()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        for part in (self._bubble, self.thinking, self.waiting, self.text, self.chips, self._footer):
            column.addWidget(part)
        self.chips.hide()
        self._footer.hide()

    @property
    def chip_texts(self) -> list[str]:
        return [found.text() for found in self.chips.findChildren(QLabel)]

    def draw_live(self, pane: Pane) -> None:
        """Add what was written since the last time."""
        self.thinking.draw_live(pane.thinking, answering=bool(pane.text))
        if len(pane.text) > self._written:
            self.text.append_text(pane.text[self._written :])
            self._written = len(pane.text)
            self.text.show()
        self.waiting.setText(_waiting_words(pane))
        self.waiting.setVisible(not pane.text and not pane.thinking)

    def draw_answer(self, answer: Answer) -> None:
        if answer is self.answer:
            return
        self.answer = answer
        self.waiting.hide()
        self.thinking.draw_answer(answer)
        self.text.setVisible(bool(answer.text))
        if answer.text:
            self.text.show_markdown(answer.text)
        elif answer.error is None:
            self.waiting.setText(_nothing_written(answer))
            self.waiting.show()
        self._show_problem(answer.error)
        self._show_chips(answer)
        self.figures.setText(words.answer_figures(answer))
        self.figures.setToolTip(words.answer_details(answer))
        self._copy.setEnabled(bool(answer.text))
        self.sure.setVisible(any(not choice.thinking for choice in answer.choices))
        self.asked.setVisible(answer.footing is not None)
        self._footer.show()

    def compare(self, differences: tuple[Difference, ...], compared: tuple[Answer, ...]) -> None:
        """Say where the models that answered this prompt were not asked alike; ``compared`` are all answers to it."""
        self.differences, self.compared = differences, compared
        self.unlike.setVisible(bool(differences))
        self.chips.setVisible(bool(differences) or bool(self.chip_texts))
        self.unlike.setToolTip("\n".join(map(str, differences)))
        self.unlike.setAccessibleName("Not asked alike: " + ", ".join(one.what for one in differences))

    def set_again(self, *, possible: bool) -> None:
        """Whether this answer can be made again: only the last one, and not while the pane answers."""
        self.again.setVisible(possible)
        if self.problem is not None:
            self.problem.offer(possible=possible)

    def copy(self) -> None:
        if self.answer is not None:
            QGuiApplication.clipboard().setText(self.answer.text)

    @Slot()
    def explain(self) -> None:
        """How this answer was asked for."""
        if self.answer is not None:
            FootingDialog(self.answer, self.differences, self.compared, self.window()).open()

    @Slot(bool)
    def show_tokens(self, shown: bool) -> None:
        """The answer token by token, in place of how it reads."""
        if self.answer is None:
            return
        if self.tokens is None:
            # Made when it is first wanted: thousands of tokens are not free, and most answers are only read.
            self.tokens = TokenView(self.text.accessibleName())
            self.tokens.show_choices(self.answer.text, self.answer.choices)
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.insertWidget(layout.indexOf(self.text), self.tokens)
            QWidget.setTabOrder(self.text, self.tokens)
        self.tokens.setVisible(shown)
        self.text.setVisible(not shown)

    def _make_footer(self) -> QWidget:
        self.sure = IconButton("percent-outline", "How sure was it: token by token")
        self.sure.setCheckable(True)
        self.sure.toggled.connect(self.show_tokens)
        self.sure.hide()
        self.asked = IconButton("information-outline", "How it was asked")
        self.asked.clicked.connect(self.explain)
        self.asked.hide()
        self._copy = IconButton("content-copy", "Copy the answer")
        self._copy.clicked.connect(self.copy)
        self.again = IconButton("refresh", "Answer this again")
        self.again.hide()
        return _Footer(self.figures, (self.sure, self.asked, self._copy, self.again))

    def _show_problem(self, problem: Problem | None) -> None:
        if problem is not None:
            self.problem = ProblemCard(problem, self._name)
            self.problem.load_anyway.connect(self.load_anyway)
            self.problem.load_options.connect(self.load_options)
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.insertWidget(layout.indexOf(self.chips), self.problem)

    def _show_chips(self, answer: Answer) -> None:
        for chip in answer.chips:
            calm = chip == CUT_SHORT["cancelled"] or chip.startswith("template:")
            tone = Tone.MUTED if calm else Tone.CAUTION
            self.chips.add(label(chip, role="chip", tone=tone, wrap=len(chip) > ONE_LINE))
        self.chips.setVisible(bool(answer.chips) or bool(self.differences))


class PromptBubble(QFrame):
    """A prompt as it was asked; a long one shows its first lines until it is opened."""

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self.setProperty("role", "prompt")
        self._prompt = prompt
        self._open = False
        self._label = label(role="small", wrap=True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._label.setAccessibleName("Prompt")
        self._more = text_button("Show all", kind="link")
        self._more.setProperty("compact", True)
        self._more.clicked.connect(self._toggle)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S + 2, Space.S - 2, Space.S + 2, Space.S - 2)
        column.setSpacing(0)
        column.addWidget(self._label)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    @Slot()
    def _toggle(self) -> None:
        self._open = not self._open
        self._show()

    def _show(self) -> None:
        short = self._shortened()
        self._more.setVisible(short != self._prompt)
        self._more.setText("Show less" if self._open else "Show all")
        self._label.setText(self._prompt if self._open else short)

    def _shortened(self) -> str:
        """The first lines as they break at this width, roughly: measuring it all would be slow for a long text."""
        width = max(self.width() - 2 * Space.M, theme.px(120))
        metrics = QFontMetrics(self._label.font())
        per_line = max(8, width // max(1, metrics.averageCharWidth()))
        kept: list[str] = []
        used = 0
        for line in self._prompt.split("\n"):
            rows = max(1, -(-len(line) // per_line))
            if used + rows > PROMPT_LINES:
                left = (PROMPT_LINES - used) * per_line
                return "\n".join([*kept, line[:left].rstrip()]).rstrip() + "…"
            kept.append(line)
            used += rows
        return self._prompt


class ProblemCard(QFrame):
    """What went wrong, what to do next, and the details to hand on.

    Of a model that is judged too big: ``load_anyway`` and ``load_options`` are two more ways on.
    """

    load_anyway = Signal()
    load_options = Signal()

    def __init__(self, problem: Problem, model: str) -> None:
        super().__init__()
        self.setProperty("role", "problem")
        self._details = "\n".join(filter(None, [f"{model}: {problem.message}", problem.hint, f"code: {problem.code}"]))
        self.message = label(f"✕ {problem.message}", role="strong", tone=Tone.BAD, wrap=True)
        self.hint = label(problem.hint or "", wrap=True)
        self.hint.setVisible(bool(problem.hint))
        for part in (self.message, self.hint):
            part.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        copy = text_button("Copy details", kind="link")
        copy.clicked.connect(self.copy_details)
        self.anyway = text_button("Load anyway", kind="small")
        self.anyway.setToolTip("llama.cpp has the last word; the system may become slow")
        self.anyway.clicked.connect(self.load_anyway)
        self.options = text_button("What would fit…", kind="small")
        self.options.clicked.connect(self.load_options)
        self._too_big = problem.code == DoesNotFitError.code
        ways = FlowLayout(gap=Space.S)
        for button in (self.options, self.anyway, copy):
            ways.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.M, Space.XS)
        column.setSpacing(Space.XS)
        column.addWidget(self.message)
        column.addWidget(self.hint)
        column.addLayout(ways)
        self.offer(possible=True)

    def offer(self, *, possible: bool) -> None:
        """Whether what was too big can still be asked for: in the newest answer of a quiet pane."""
        for button in (self.options, self.anyway):
            button.setVisible(self._too_big and possible)

    @Slot()
    def copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self._details)


class _Footer(QWidget):
    """Figures and buttons beside each other, below each other in a narrow pane: the answer must not grow wider."""

    def __init__(self, figures: QWidget, buttons: Sequence[QWidget]) -> None:
        super().__init__()
        row = QHBoxLayout()
        row.setSpacing(Space.XS)
        row.addStretch(1)
        for button in buttons:
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(Space.XS)
        self._box.addWidget(figures, 1)
        self._box.addLayout(row)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < theme.px(NARROW)
        self._box.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)


class _Row(QWidget):
    """Chips, wrapped."""

    def __init__(self) -> None:
        super().__init__()
        self._flow = FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, chip: QWidget) -> None:
        self._flow.addWidget(chip)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())


def _waiting_words(pane: Pane) -> str:
    line = words.pane_line(pane, None)
    return line.text


def _nothing_written(answer: Answer) -> str:
    if answer.stop_reason == "cancelled":
        return "Stopped before the first word."
    if answer.stop_reason == "unfinished":
        return "The program ended before the first word."
    return "The model answered with nothing."
