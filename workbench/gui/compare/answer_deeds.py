"""What is wished of one exchange, done: the page's record keeps the tree, this only asks it."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication, QTextCursor

from workbench.chat.pane import Exchange, Pane
from workbench.gui import names
from workbench.gui.compare.wishes import Wish
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.gui.compare.differences import Differences
    from workbench.gui.pages.compare import ComparePage


class AnswerDeeds(QObject):
    """Hears ``page.row.wished``; what cannot be done now is said in the composer."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        page.row.wished.connect(self.do)

    @cached_property
    def differences(self) -> Differences:
        """Its keys are there with the first answers that can differ."""
        from workbench.gui.compare.differences import Differences

        made = Differences(self._page)
        self._page.conversation_changed.connect(made.leave)
        return made

    @Slot(object, object, str, object)
    def do(self, pane: Pane, exchange: Exchange, wish: str, argument: object) -> None:
        match Wish(wish), argument:
            case Wish.COPY, _:
                copy(exchange)
            case Wish.QUOTE, str(chosen):
                self.quote(chosen or (exchange.answer.text if exchange.answer is not None else ""))
            case Wish.AGAIN, _:
                self._page.regenerate(pane, exchange)
            case Wish.DIFFERENCES, _:
                self.differences.choose(pane, exchange)
            case Wish.EXPORT, _:
                from workbench.gui.compare.export_dialog import open_export

                open_export(self._page)
            case known, _:
                if exchange.turn_id is not None:
                    self._in_the_tree(pane, exchange, exchange.turn_id, known, argument)

    def quote(self, text: str) -> None:
        """As a quotation below what was typed already, with the cursor after it."""
        quoted = "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))
        composer = self._page.composer
        composer.set_text("\n\n".join(filter(None, [composer.text.rstrip(), quoted])) + "\n\n")
        composer.edit.moveCursor(QTextCursor.MoveOperation.End)
        composer.setFocus()

    def _in_the_tree(self, pane: Pane, exchange: Exchange, turn_id: int, wish: Wish, argument: object) -> None:
        page, record = self._page, self._page.record
        match wish, argument:
            case Wish.EDIT, str(prompt):
                page.commit_options()
                page.do(partial(record.edit, turn_id, prompt))
            case Wish.BRANCH, int(other):
                page.do(partial(record.show_branch, other))
            case Wish.ATTEMPT, int(generation):
                page.do(partial(record.show_attempt, pane, turn_id, generation))
            case Wish.BRANCH_HERE, _:
                page.do(partial(self._branch, turn_id))
            case Wish.CONTINUE_ALL, _:
                page.do(partial(self._continue, exchange, turn_id, pane))
            case Wish.CONTINUE_OWN, _:
                page.do(partial(self._continue, exchange, turn_id, None))

    def _branch(self, turn_id: int) -> None:
        self._page.record.branch_at(turn_id)
        self._page.composer.say(tr("The next prompt follows this one. What came after it stays as another branch."))
        self._page.composer.setFocus()

    def _continue(self, exchange: Exchange, turn_id: int, pane: Pane | None) -> None:
        record = self._page.record
        newest = any(one.exchanges and one.exchanges[-1].turn_id == turn_id for one in self._page.comparison.panes)
        if not newest:
            record.branch_at(turn_id)
        record.continue_with(pane)
        if pane is None:
            self._page.composer.say(tr("With the next prompt each pane goes on from its own answer."))
        else:
            name = names.of_answer(exchange.answer) if exchange.answer is not None else ""
            self._page.composer.say(tr("With the next prompt all panes go on from the answer of {model}.", model=name))
        self._page.composer.setFocus()


def copy(exchange: Exchange) -> None:
    """Markdown, as the model wrote it."""
    if exchange.answer is not None:
        QGuiApplication.clipboard().setText(exchange.answer.text)
