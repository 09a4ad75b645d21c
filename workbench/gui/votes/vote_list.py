"""All votes as a table, and what can be done about the one that is selected."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from workbench.chat.votes.ballots import Ballots
from workbench.gui.blind.notes import TagField
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.votes.judged import Listing
from workbench.gui.votes.vote_table import VoteRow, VoteTable
from workbench.gui.widgets.controls import FlowLayout, label, text_button


class VoteList(QWidget):
    """``changed`` follows every vote that was withdrawn, put back or annotated; ``opened`` has a vote whose answers
    somebody wants to see."""

    changed = Signal()
    opened = Signal(object)

    def __init__(self, ballots: Ballots, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ballots = ballots
        self.table = VoteTable()
        self.table.chosen.connect(self._on_chosen)
        self.table.doubleClicked.connect(self._on_open)
        self.empty = label(tr("No vote to list: with the first one that is given, it appears here."), wrap=True)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.table)
        self.withdraw = text_button(tr("Withdraw"))
        self.withdraw.setToolTip(tr("It counts no more, stays in the list, and can be put back"))
        self.withdraw.clicked.connect(self._on_withdraw)
        self.put_back = text_button(tr("Put back"))
        self.put_back.clicked.connect(self._on_put_back)
        self.open = text_button(tr("Show the answers"))
        self.open.clicked.connect(self._on_open)
        self.tags = TagField()
        self.comment = QLineEdit()
        self.comment.setAccessibleName(tr("Comment on this vote"))
        self.comment.setPlaceholderText(tr("Comment"))
        self.save = text_button(tr("Keep tags and comment"))
        self.save.clicked.connect(self._on_save)
        self.tags.returnPressed.connect(self._on_save)
        self.comment.returnPressed.connect(self._on_save)
        self.told = label(role="muted", wrap=True)
        fields = QHBoxLayout()
        fields.setSpacing(Space.S)
        fields.addWidget(self.tags, 2)
        fields.addWidget(self.comment, 3)
        fields.addWidget(self.save)
        ways = FlowLayout(gap=Space.S)
        for button in (self.withdraw, self.put_back, self.open):
            ways.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.S, Space.XL, Space.L)
        column.setSpacing(Space.S)
        column.addWidget(self._stack, 1)
        column.addWidget(self.told)
        column.addLayout(fields)
        column.addLayout(ways)

    def draw(self, listing: Listing) -> None:
        self.tags.know(listing.tags)
        self.table.show_rows(listing.rows)
        self._stack.setCurrentWidget(self.table if listing.rows else self.empty)
        self._on_chosen()

    @Slot()
    def _on_chosen(self) -> None:
        chosen = self.table.selected
        one = chosen[0] if len(chosen) == 1 else None
        self.withdraw.setEnabled(any(row.counts for row in chosen))
        self.put_back.setEnabled(any(not row.counts for row in chosen))
        self.open.setEnabled(one is not None and one.vote.turn is not None)
        for field in (self.tags, self.comment, self.save):
            field.setEnabled(one is not None)
        self.tags.set_tags(one.vote.tags if one is not None else ())
        self.comment.setText(one.vote.comment if one is not None else "")
        self.told.setText(_told(chosen, len(self.table.votes.rows)))

    @Slot()
    def _on_withdraw(self) -> None:
        for row in self.table.selected:
            if row.counts:
                self._ballots.withdraw(row.vote.id)
        self.changed.emit()

    @Slot()
    def _on_put_back(self) -> None:
        for row in self.table.selected:
            if not row.counts:
                self._ballots.put_back(row.vote.id)
        self.changed.emit()

    @Slot()
    def _on_save(self) -> None:
        chosen = self.table.selected
        if len(chosen) == 1:
            self._ballots.annotate(chosen[0].vote.id, self.comment.text().strip(), self.tags.tags)
            self.changed.emit()

    @Slot()
    def _on_open(self) -> None:
        chosen = self.table.selected
        if len(chosen) == 1 and chosen[0].vote.turn is not None:
            self.opened.emit(chosen[0].vote)


def _told(chosen: tuple[VoteRow, ...], count: int) -> str:
    if not chosen:
        return tr("{count:,} votes. Select one to withdraw it or to change its tags.", count=count)
    if len(chosen) == 1:
        return chosen[0].story.replace("\n", "  ·  ")[:400]
    return tr("{count:,} votes are selected.", count=len(chosen))
