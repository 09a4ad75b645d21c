"""A prompt and one model's answer to it: light text while it is written, Markdown and figures when it has ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.answer import CUT_SHORT, Answer, Problem
from workbench.chat.footing import Difference
from workbench.chat.pane import Exchange, Pane
from workbench.errors import DoesNotFitError
from workbench.gui import names
from workbench.gui.compare import words
from workbench.gui.compare.answer_footer import AnswerFooter, menu_entries
from workbench.gui.compare.bubble import PromptBubble
from workbench.gui.compare.thinking import ThinkingFold
from workbench.gui.compare.wishes import Wish
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.widgets.text_view import AnswerView

if TYPE_CHECKING:
    from workbench.gui.compare.candidates import TokenView

ONE_LINE = 40  # characters of a chip: Qt would break a shorter one too if it were let
CALM = frozenset({CUT_SHORT["cancelled"], CUT_SHORT["imported"]})  # nothing went wrong
TOLD = ("template:", "The template wrote a system prompt")  # how chips begin that tell what was done


class ExchangeView(QFrame):
    """``wished`` carries a ``Wish`` and its argument; ``opened``: the reader opened something that is to be seen;
    ``load_anyway`` and ``load_options`` are those of its problem."""

    wished = Signal(str, object)
    opened = Signal()
    load_anyway = Signal()
    load_options = Signal()

    def __init__(self, pane: Pane, exchange: Exchange) -> None:
        super().__init__()
        self.prompt = exchange.prompt
        self.exchange = exchange
        self.answer: Answer | None = None
        self._written = 0
        self._stands: tuple[Exchange, bool, bool] | None = None  # newest, quiet
        self._name = pane.model.title if pane.model is not None else tr("the model")
        self.bubble = PromptBubble(exchange.prompt)
        self.bubble.wished.connect(self.wished)
        self.bubble.edited.connect(self.opened)
        self.waiting = label(role="muted", wrap=True)  # one long line would widen all that is written
        self.thinking = ThinkingFold(self._name)
        self.text = AnswerView(grows=True, name=tr("Answer of {model}", model=self._name))
        self.text.hide()
        self._settling = QTimer(self, singleShot=True, interval=0)
        self._settling.timeout.connect(self._settle)
        self.text.height_changed.connect(self._settling.start)
        self.tokens: TokenView | None = None
        self._instead: QWidget | None = None
        self.differences: tuple[Difference, ...] = ()
        self.compared: tuple[Answer, ...] = ()
        self.problem: ProblemCard | None = None
        self.chips = _Row()
        self.unlike = text_button(tr("≠ not asked alike"), kind="small")
        self.unlike.setProperty("tone", "caution")
        self.unlike.clicked.connect(self.explain)
        self.unlike.hide()
        self.goes_on = label(role="chip", tone=Tone.ACCENT)
        self.goes_on.hide()
        self.author = label(role="chip", tone=Tone.MUTED)
        self.author.hide()
        for chip in (self.author, self.unlike, self.goes_on):
            self.chips.add(chip)
        self._make_footer()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        for part in (self.bubble, self.thinking, self.waiting, self.text, self.chips, self.footer):
            column.addWidget(part)
        self.chips.hide()
        self.footer.hide()

    @property
    def chip_texts(self) -> list[str]:
        chips = self.chips.findChildren(QLabel)
        return [found.text() for found in chips if not found.isHidden()]

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
        self.footer.copy.setEnabled(bool(answer.text))
        self.footer.offer(self.sure, possible=any(not choice.thinking for choice in answer.choices))
        self.footer.offer(self.asked, possible=answer.footing is not None)
        self.footer.show()

    def draw_exchange(self, exchange: Exchange, *, newest: bool, quiet: bool) -> None:
        """Where it stands among attempts and branches; ``quiet`` says that its pane does not answer."""
        if (exchange, newest, quiet) == self._stands:
            return
        self.exchange, self._stands = exchange, (exchange, newest, quiet)
        self.bubble.draw(exchange.siblings, exchange.turn_id, quiet=quiet)
        self.footer.attempts.draw(exchange.attempts, exchange.generation_id)
        self.footer.attempts.setEnabled(quiet)
        if exchange.continued is not None:
            self.goes_on.setText(tr("⤷ goes on from the answer of {model}", model=names.of_answer(exchange.continued)))
        elif exchange.unread and exchange.answer is not None:
            self.goes_on.setText(tr("⤷ left out of what the model reads next"))
        self.goes_on.setWordWrap(len(self.goes_on.text()) > ONE_LINE)
        self.goes_on.setVisible(exchange.continued is not None or (exchange.unread and exchange.answer is not None))
        self._show_chip_row()

    def tell_author(self, pane: Pane) -> None:
        """Who answered, where that is not the model that the pane has now, or is none of this computer."""
        answer = self.answer
        another = answer is not None and (
            not answer.path or (pane.model is not None and pane.model.name != answer.model)
        )
        if answer is not None and another:
            self.author.setText(tr("answered by {model}", model=names.of_answer(answer)))
            self.author.setWordWrap(len(self.author.text()) > ONE_LINE)
        if self.author.isHidden() == another:
            self.author.setVisible(another)
            self._show_chip_row()

    def compare(self, differences: tuple[Difference, ...], compared: tuple[Answer, ...]) -> None:
        """Say where the models that answered this prompt were not asked alike; ``compared`` are all answers to it."""
        self.differences, self.compared = differences, compared
        self.unlike.setVisible(bool(differences))
        self._show_chip_row()
        self.unlike.setToolTip("\n".join(map(str, differences)))
        self.unlike.setAccessibleName(tr("Not asked alike: {what}", what=", ".join(one.what for one in differences)))

    def set_again(self, *, possible: bool, newest: bool) -> None:
        """Whether this answer can be made again: not while its pane answers, or has no model."""
        self.footer.offer(self.again, possible=possible)
        self.footer.tell_again(newest=newest)
        if self.problem is not None:
            self.problem.offer(possible=possible and newest)

    @Slot()
    def copy(self) -> None:
        """The answer as Markdown, as the model wrote it."""
        self._wish(Wish.COPY)

    @Slot()
    def explain(self) -> None:
        """How this answer was asked for."""
        from workbench.gui.compare.footing_dialog import FootingDialog

        if self.answer is not None:
            FootingDialog(self.answer, self.differences, self.compared, self.window()).open()

    @Slot(bool)
    def show_tokens(self, shown: bool) -> None:
        """The answer token by token, in place of how it reads."""
        from workbench.gui.compare.candidates import TokenView

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
        if shown:
            self.show_instead(None)
        self.tokens.setVisible(shown)
        self.text.setVisible(not shown)
        self.opened.emit()

    def show_instead(self, widget: QWidget | None) -> None:
        """Something else in the place of the answer; None: the answer as it reads."""
        if self._instead is not None:
            self._instead.hide()
            self._instead.deleteLater()
        self._instead = widget
        if widget is not None:
            self.sure.setChecked(False)
            layout = self.layout()
            assert isinstance(layout, QVBoxLayout)
            layout.insertWidget(layout.indexOf(self.text), widget)
            QWidget.setTabOrder(self.text, widget)
        self.text.setVisible(widget is None and bool(self.answer is None or self.answer.text))
        if widget is not None:
            self.opened.emit()

    def _make_footer(self) -> None:
        self.footer = footer = AnswerFooter()
        self.figures, self.sure, self.asked, self.again = footer.figures, footer.sure, footer.asked, footer.again
        self.sure.toggled.connect(self.show_tokens)
        self.asked.clicked.connect(self.explain)
        self.again.clicked.connect(partial(self._wish, Wish.AGAIN))
        footer.copy.clicked.connect(self.copy)
        footer.attempts.stepped.connect(partial(self.wished.emit, Wish.ATTEMPT))
        self._entries = menu_entries(footer, self._wish, self.quote, self.bubble.edit)
        footer.menu.addSeparator()
        self._sure_entry = footer.add(tr("How sure was it: token by token"), self.sure.toggle)
        self._asked_entry = footer.add(tr("How it was asked…"), self.explain)
        footer.menu_opens.connect(self._enable_entries)

    def _wish(self, wish: Wish) -> None:
        self.wished.emit(wish, None)

    @Slot()
    def _settle(self) -> None:
        """Once more, after it: a text that finds its height while the layout is at work leaves its neighbours where
        the old height put them, and Qt asks nobody again."""
        layout = self.layout()
        assert layout is not None
        layout.invalidate()
        layout.activate()
        self.updateGeometry()

    @Slot()
    def quote(self) -> None:
        """What is selected, else all of it."""
        chosen = self.text.textCursor().selection().toPlainText() if self.text.isVisible() else ""
        self.wished.emit(Wish.QUOTE, chosen)

    @Slot()
    def _enable_entries(self) -> None:
        """What can be wished of it now."""
        newest, quiet = (self._stands[1], self._stands[2]) if self._stands is not None else (False, False)
        kept = self.exchange.turn_id is not None
        told = self.answer is not None and bool(self.answer.text) and self.answer.error is None
        possible = {
            Wish.COPY: self.answer is not None and bool(self.answer.text),
            Wish.QUOTE: self.answer is not None and bool(self.answer.text),
            Wish.AGAIN: self.footer.offers(self.again),
            Wish.EDIT: kept and quiet,
            Wish.BRANCH_HERE: kept and quiet and not newest,
            Wish.CONTINUE_ALL: kept and quiet and told,
            Wish.CONTINUE_OWN: kept and quiet,
            Wish.DIFFERENCES: told,
            Wish.EXPORT: kept,
        }
        for wish, entry in self._entries.items():
            entry.setEnabled(possible[wish])
        self._entries[Wish.AGAIN].setToolTip(self.again.toolTip())
        self._sure_entry.setEnabled(self.footer.offers(self.sure))
        self._asked_entry.setEnabled(self.footer.offers(self.asked))

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
            calm = chip in CALM or chip.startswith(TOLD)
            tone = Tone.MUTED if calm else Tone.CAUTION
            shown = tr(chip)
            self.chips.add(label(shown, role="chip", tone=tone, wrap=len(shown) > ONE_LINE))
        for condition in answer.conditions:  # what held the machine back: the speeds below were measured so
            shown = tr(condition)
            held_back = label(shown, role="chip", tone=Tone.CAUTION, wrap=len(shown) > ONE_LINE)
            held_back.setToolTip(tr("Measured so: at another time it may be faster"))
            self.chips.add(held_back)
        self._show_chip_row()

    def _show_chip_row(self) -> None:
        self.chips.setVisible(bool(self.differences) or bool(self.chip_texts))


class ProblemCard(QFrame):
    """What went wrong, what to do next, and the details to hand on.

    Of a model that is judged too big: ``load_anyway`` and ``load_options`` are two more ways on.
    """

    load_anyway = Signal()
    load_options = Signal()

    def __init__(self, problem: Problem, model: str) -> None:
        super().__init__()
        self.setProperty("role", "problem")
        message, hint = tr(problem.message), tr(problem.hint or "")
        self._details = "\n".join(filter(None, [f"{model}: {message}", hint, f"code: {problem.code}"]))
        self.message = label(f"✕ {message}", role="strong", tone=Tone.BAD, wrap=True)
        self.hint = label(hint, wrap=True)
        self.hint.setVisible(bool(problem.hint))
        for part in (self.message, self.hint):
            part.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        copy = text_button(tr("Copy details"), kind="link")
        copy.clicked.connect(self.copy_details)
        self.anyway = text_button(tr("Load anyway"), kind="small")
        self.anyway.setToolTip(tr("llama.cpp has the last word; the system may become slow"))
        self.anyway.clicked.connect(self.load_anyway)
        self.options = text_button(tr("What would fit…"), kind="small")
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
        return tr("Stopped before the first word.")
    if answer.stop_reason == "unfinished":
        return tr("The program ended before the first word.")
    return tr("The model answered with nothing.")
