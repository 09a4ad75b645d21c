"""The list of kept conversations: open one, or delete with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from workbench.chat.conversations import Listed
from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label, show_below

WIDTH, ROWS = 500, 10
ID = int(Qt.ItemDataRole.UserRole)
TITLE, WHEN, BIN = range(3)


class RecentList(QFrame):
    """A popup.  What is deleted stays in the list, struck out, until the list closes; then ``doomed`` says so."""

    opened = Signal(int)
    doomed = Signal(list)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popup")
        self._doomed: set[int] = set()
        self.list = _make_list()
        self.list.itemClicked.connect(self._clicked)
        self.list.itemActivated.connect(self._open)
        self.note = label(role="muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(self.list)
        column.addWidget(self.note)

    def open_below(self, anchor: QWidget, listed: Sequence[Listed], current: int | None) -> None:
        self.fill(listed, current)
        row = max(self.list.sizeHintForRow(0), theme.px(28))
        self.list.setFixedHeight(row * min(max(len(listed), 1), ROWS) + 4)
        self.setFixedWidth(theme.px(WIDTH))
        show_below(self, anchor)
        self.list.setFocus()

    def fill(self, listed: Sequence[Listed], current: int | None) -> None:
        self.list.clear()
        self._doomed.clear()
        for entry in listed:
            item = QTreeWidgetItem([entry.title or "Untitled", when(entry.changed_at), ""])
            item.setData(TITLE, ID, entry.id)
            item.setToolTip(TITLE, entry.title)
            self.list.addTopLevelItem(item)
            self._dress(item)
            if entry.id == current:
                self.list.setCurrentItem(item)
        self.list.setVisible(bool(listed))
        none = "Nothing was asked yet: conversations are kept here."
        self.note.setText("Enter opens. Del deletes; Del again takes it back." if listed else none)

    @Slot()
    def toggle_deleted(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._doomed ^= {item.data(TITLE, ID)}
            self._dress(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.toggle_deleted()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        doomed, self._doomed = sorted(self._doomed), set()
        if doomed:
            self.doomed.emit(doomed)

    def _dress(self, item: QTreeWidgetItem) -> None:
        gone = item.data(TITLE, ID) in self._doomed
        font = item.font(TITLE)
        font.setStrikeOut(gone)
        item.setFont(TITLE, font)
        item.setIcon(BIN, theme.icon("undo" if gone else "trash-can-outline"))
        item.setText(BIN, "Undo" if gone else "")
        item.setToolTip(BIN, "Take the deletion back" if gone else "Delete")

    @Slot(QTreeWidgetItem, int)
    def _clicked(self, item: QTreeWidgetItem, column: int) -> None:
        if column == BIN:
            self.toggle_deleted()
        else:
            self._open(item)

    @Slot(QTreeWidgetItem)
    def _open(self, item: QTreeWidgetItem) -> None:
        chosen = int(item.data(TITLE, ID))
        if chosen not in self._doomed and self.isVisible():
            self.hide()
            self.opened.emit(chosen)


def when(timestamp: str) -> str:
    """A stored time as people write it, in this machine's time zone: "today 14:05", "3 May"."""
    moment = datetime.fromisoformat(timestamp).astimezone()
    now = datetime.now().astimezone()
    if moment.date() == now.date():
        return f"today {moment:%H:%M}"
    return f"{moment.day} {moment:%b}" if moment.year == now.year else f"{moment.day} {moment:%b %Y}"


def _make_list() -> QTreeWidget:
    made = QTreeWidget()
    made.setAccessibleName("Recent conversations")
    made.setColumnCount(3)
    made.setHeaderHidden(True)
    made.setRootIsDecorated(False)
    made.setUniformRowHeights(True)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = made.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(TITLE, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(WHEN, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(BIN, QHeaderView.ResizeMode.ResizeToContents)
    return made
