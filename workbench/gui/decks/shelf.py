"""The decks there are, and the runs of decks: chosen from lists, with what can be done about each below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from workbench.gui import names, theme
from workbench.gui.decks.words import prompts_words
from workbench.gui.hub.undo_notice import UndoNotice
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button

if TYPE_CHECKING:
    from workbench.chat.decks.rows import ListedDeck, ListedRun

_ID = Qt.ItemDataRole.UserRole
_BEGINNING = 100


class DeckShelf(QWidget):
    """``run``, ``edited`` and ``removed`` name a deck, ``opened`` a run; ``undone`` a deck that is to come back;
    ``earlier``: more runs are wanted than those that are shown."""

    made = Signal()
    imported = Signal()
    run = Signal(int)
    edited = Signal(int)
    removed = Signal(int)
    opened = Signal(int)
    earlier = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = UndoNotice()
        self.notice.hide()
        self.nothing = label(
            tr(
                "A deck asks its prompts of every model in the panes, each prompt by itself. Write one, or import a "
                "file: text with one prompt on each line, CSV, JSON or JSON lines."
            ),
            role="muted",
            wrap=True,
        )
        self.make_button = text_button(tr("New deck"), kind="primary")
        self.import_button = text_button(tr("Import a file…"))
        self.back = text_button(tr("Back to the panes"), kind="ghost")
        self.decks = _list(tr("Decks"))
        self.runs = _list(tr("Runs of decks"))
        self.run_button = text_button(tr("Run on the models in the panes"), kind="primary")
        self.edit_button = text_button(tr("Edit"))
        self.remove_button = text_button(tr("Delete"))
        self.open_button = text_button(tr("Open this run"))
        self.earlier_button = text_button(tr("Earlier runs…"), kind="ghost")
        self._runs_head = label(tr("Runs"), role="subtitle")
        for button, signal in ((self.make_button, self.made), (self.import_button, self.imported),
                               (self.back, self.left), (self.earlier_button, self.earlier)):  # fmt: skip
            button.clicked.connect(signal)
        self.run_button.clicked.connect(self._on_run)
        self.edit_button.clicked.connect(self._on_edit)
        self.remove_button.clicked.connect(self._on_remove)
        self.open_button.clicked.connect(self._on_open)
        self.decks.itemActivated.connect(self._on_edit)
        self.runs.itemActivated.connect(self._on_open)
        self.decks.currentRowChanged.connect(self._enable)
        self.runs.currentRowChanged.connect(self._enable)
        self._lay_out()

    def draw(
        self, decks: Sequence[ListedDeck], runs: Sequence[ListedRun], running: int | None, *, earlier: bool = False
    ) -> None:
        """``earlier``: there are more runs than these."""
        _fill(self.decks, [(one.id, _deck_words(one)) for one in decks])
        _fill(self.runs, [(one.id, _run_words(one, running=one.id == running)) for one in runs])
        self.nothing.setVisible(not decks)
        theme.mark(self.make_button, kind="plain" if decks else "primary")  # with decks, to run one comes first
        self.decks.setVisible(bool(decks))
        for widget in (self._runs_head, self.runs, self.open_button):
            widget.setVisible(bool(runs))
        self.earlier_button.setVisible(earlier)
        self._enable()

    def say(self, message: str, hint: str | None = None) -> None:
        self.notice.say(message, hint, tone=Tone.CAUTION)

    @Slot()
    def _enable(self) -> None:
        chosen = self.decks.currentItem() is not None
        for button in (self.run_button, self.edit_button, self.remove_button):
            button.setVisible(self.decks.count() > 0)
            button.setEnabled(chosen)
        self.open_button.setEnabled(self.runs.currentItem() is not None)

    @Slot()
    def _on_run(self) -> None:
        self.run.emit(_chosen(self.decks))

    @Slot()
    def _on_edit(self) -> None:
        self.edited.emit(_chosen(self.decks))

    @Slot()
    def _on_remove(self) -> None:
        self.removed.emit(_chosen(self.decks))

    @Slot()
    def _on_open(self) -> None:
        self.opened.emit(_chosen(self.runs))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label(tr("Decks"), role="title"), 1)
        for button in (self.back, self.import_button, self.make_button):
            head.addWidget(button)
        deeds = QHBoxLayout()
        deeds.setSpacing(Space.S)
        for button in (self.run_button, self.edit_button, self.remove_button):
            deeds.addWidget(button)
        deeds.addStretch(1)
        below = QHBoxLayout()
        below.setSpacing(Space.S)
        below.addWidget(self.open_button)
        below.addWidget(self.earlier_button)
        below.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.notice)
        column.addWidget(self.nothing)
        column.addWidget(self.decks, 1)
        column.addLayout(deeds)
        column.addSpacing(Space.S)
        column.addWidget(self._runs_head)
        column.addWidget(self.runs, 1)
        column.addLayout(below)
        column.addStretch(0)


def _list(name: str) -> QListWidget:
    made = QListWidget()
    made.setAccessibleName(name)
    made.setTextElideMode(Qt.TextElideMode.ElideRight)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return made


def _fill(view: QListWidget, entries: Sequence[tuple[int, str]]) -> None:
    """The one that was chosen stays so; else the first is."""
    before = _chosen(view) if view.currentItem() is not None else None
    view.clear()
    for entry_id, words in entries:
        item = QListWidgetItem(words)
        item.setData(_ID, entry_id)
        view.addItem(item)
        if entry_id == before:
            view.setCurrentItem(item)
    if view.currentItem() is None and entries:
        view.setCurrentRow(0)


def _chosen(view: QListWidget) -> int:
    return int(view.currentItem().data(_ID))


def _deck_words(deck: ListedDeck) -> str:
    first = " ".join(deck.first.split())
    beginning = first if len(first) <= _BEGINNING else f"{first[:_BEGINNING].rstrip()}…"
    return tr("{name} · {prompts} · {beginning}", name=deck.name, prompts=prompts_words(deck.count),
              beginning=beginning)  # fmt: skip


def _run_words(run: ListedRun, *, running: bool) -> str:
    models = ", ".join(map(names.current().file, run.models))
    if running:
        return tr("▸ {name} · running · {models}", name=run.title, models=models)
    mark = "●" if run.done == run.total else "◐" if run.done else "○"
    return tr("{mark} {name} · {done:,} of {total:,} answers · {models}", mark=mark, name=run.title, done=run.done,
              total=run.total, models=models)  # fmt: skip
