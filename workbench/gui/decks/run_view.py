"""One run of a deck: how far it is, prompt by prompt and model by model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workbench.gui import theme
from workbench.gui.decks.table_model import DeckTableModel
from workbench.gui.decks.words import progress_words
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel, label, text_button

if TYPE_CHECKING:
    from workbench.chat.decks.rows import DeckTable
    from workbench.chat.decks.run import DeckProgress
    from workbench.chat.decks.task import DeckNews

NARROWEST, WIDEST = 150, 240  # pixels of a column at 100 % text
FEW_COLUMNS = 5  # the prompt's own included: more have no room for long names
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class RunTable(QTableView):
    """``opened`` names the row of a prompt."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Prompts and models of this run"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.doubleClicked.connect(self._on_opened)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        self.opened.emit(index.row())


class RunView(QWidget):
    """``opened`` names a turn whose answers are to be seen in the panes."""

    opened = Signal(int)
    start = Signal()
    stop = Signal()
    vote = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = DeckTableModel(self)
        self._fresh = True  # nothing was asked yet
        self.title = ElidedLabel()
        self.title.setProperty("role", "subtitle")
        self.told = label(role="muted", wrap=True)
        self.notice = label(role="small", tone=Tone.CAUTION, wrap=True)
        self.notice.hide()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("How much of the deck is answered"))
        self.back = text_button(tr("All decks"), kind="ghost")
        self.start_button = text_button(tr("Go on"), kind="primary")
        self.stop_button = text_button(tr("■ Stop"))
        self.vote_button = text_button(tr("Vote on it blind"))
        self.vote_button.setToolTip(tr("Judge the answers of this deck without knowing who gave them"))
        self.open_button = text_button(tr("Show in the panes"))
        self.open_button.setToolTip(tr("The answers to the chosen prompt, side by side"))
        self.view = RunTable()
        self.view.setModel(self.model)
        self.view.opened.connect(self._on_row)
        for button, signal in ((self.back, self.left), (self.start_button, self.start),
                               (self.stop_button, self.stop), (self.vote_button, self.vote)):  # fmt: skip
            button.clicked.connect(signal)
        self.open_button.clicked.connect(self._on_open)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(self.back)
        head.addWidget(self.title, 1)
        deeds = QHBoxLayout()
        deeds.setSpacing(Space.S)
        deeds.addWidget(self.told, 1)
        for button in (self.open_button, self.vote_button, self.stop_button, self.start_button):
            deeds.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addLayout(deeds)
        column.addWidget(self.notice)
        column.addWidget(self.view, 1)

    def show_run(self, table: DeckTable, *, running: bool) -> None:
        from workbench.chat.decks.rows import CellState
        from workbench.chat.decks.run import DeckProgress

        self.model.show_table(table)
        self.title.setText(table.title)
        header = self.view.horizontalHeader()
        header.setMinimumSectionSize(theme.px(NARROWEST))
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        widest = theme.px(WIDEST if self.model.columnCount() <= FEW_COLUMNS else NARROWEST)
        for column in range(1, self.model.columnCount()):
            self.view.setColumnWidth(column, min(max(theme.px(NARROWEST), header.sectionSizeHint(column)), widest))
        self.view.verticalHeader().setDefaultSectionSize(theme.px(32))
        if table.rows:
            self.view.selectRow(0)
        self._fresh = table.count(CellState.TO_DO) == table.total
        done, failed = table.count(CellState.DONE), table.count(CellState.FAILED)
        self.draw(DeckProgress(done, failed, table.total), running=running)

    def take(self, news: DeckNews) -> None:
        self.model.take(news.cells)
        self.draw(news.progress, running=True)

    def draw(self, progress: DeckProgress, *, running: bool) -> None:
        self.told.setText(progress_words(progress))
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        self.stop_button.setVisible(running)
        self.start_button.setVisible(not running and progress.done < progress.total)
        self.start_button.setText(tr("Run") if self._fresh else tr("Go on"))
        self.vote_button.setEnabled(not running and progress.done >= 2)
        self.open_button.setEnabled(not running)

    def say(self, notice: str) -> None:
        self.notice.setText(notice)
        self.notice.setVisible(bool(notice))

    @Slot(int)
    def _on_row(self, row: int) -> None:
        turn_id = self.model.turn_at(row)
        if turn_id is not None and self.open_button.isEnabled():
            self.opened.emit(turn_id)

    @Slot()
    def _on_open(self) -> None:
        self._on_row(self.view.currentIndex().row())
