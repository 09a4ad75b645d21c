"""A deck as text: one prompt on each line, or prompts of many lines between lines of three dashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.decks.words import prompts_words
from workbench.gui.direction import OwnSide
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, tr
from workbench.gui.widgets.controls import label, text_button

if TYPE_CHECKING:
    from workbench.chat.decks.deck import Deck

_REST_MS = 300


class DeckEditor(QWidget):
    """``saved`` is emitted with the deck, whose id is ``deck_id``: None for a new one."""

    saved = Signal(object, object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        from workbench.chat.decks.deck import Deck

        super().__init__(parent)
        self.deck_id: int | None = None
        self._before = Deck("", ())
        self.name = QLineEdit()
        self.name.setAccessibleName(tr("Name of the deck"))
        self.name.setPlaceholderText(tr("Name of the deck"))
        self.text = QPlainTextEdit()
        OwnSide(self.text)
        self.text.setAccessibleName(tr("Prompts of the deck"))
        self.text.setTabChangesFocus(True)
        self.text.setProperty("role", "field")
        self.text.setPlaceholderText(tr("One prompt on each line.\nFor longer ones, put a line with --- between them."))
        self.count = label(role="muted")
        self.notice = label(role="small", tone=Tone.BAD, wrap=True)
        self.notice.hide()
        self.save_button = text_button(tr("Save"), kind="primary")
        self.cancel_button = text_button(tr("Cancel"))
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._count)
        self.text.textChanged.connect(self._rest.start)
        self.save_button.clicked.connect(self._on_save)
        self.cancel_button.clicked.connect(self.left)
        below = QHBoxLayout()
        below.setSpacing(Space.S)
        below.addWidget(self.count, 1)
        below.addWidget(self.cancel_button)
        below.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.name)
        column.addWidget(self.text, 1)
        column.addWidget(self.notice)
        column.addLayout(below)

    def edit(self, deck: Deck | None, deck_id: int | None = None) -> None:
        """None: a new one."""
        from workbench.chat.decks.deck import Deck, as_text

        self.deck_id, self._before = deck_id, deck or Deck("", ())
        self.name.setText(self._before.name)
        self.text.setPlainText(as_text(self._before.prompts) if self._before.prompts else "")
        self.notice.hide()
        self._count()
        self.name.setFocus()

    @Slot()
    def _count(self) -> None:
        from workbench.chat.decks.deck import parse

        self._rest.stop()
        self.count.setText(prompts_words(len(parse(self.text.toPlainText()))))

    @Slot()
    def _on_save(self) -> None:
        from workbench.chat.decks.deck import Deck, DeckError, parse

        name = self.name.text().strip() or tr("Deck")
        try:
            deck = Deck(name, parse(self.text.toPlainText(), self._before.prompts)).checked()
        except DeckError as error:
            self.notice.setText(explained(error))
            theme.mark(self.notice, tone=Tone.BAD)
            self.notice.show()
            self.text.setFocus()
            return
        self.saved.emit(deck, self.deck_id)
