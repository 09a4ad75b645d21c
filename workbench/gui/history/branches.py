"""The open conversation as a tree: every prompt that was asked, on whichever branch, and which way is shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout

from workbench.chat.stored import TurnNode
from workbench.gui import theme
from workbench.gui.history.tree_model import one_line
from workbench.gui.theme import Space
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage

WIDTH, HEIGHT = 560, 460
TURN = int(Qt.ItemDataRole.UserRole)
SHOWN, NOT_SHOWN = "●", "○"
ROW = 30  # pixels at 100 % text
LONGEST = 200  # characters of a prompt


class BranchesDialog(Sheet):
    """A turn with one successor goes on below itself in the same column; only where the way parts it goes deeper."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(WIDTH, HEIGHT, page)
        self._page = page
        self.setWindowTitle(tr("Branches"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(tr("Branches of this conversation"))
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels([tr("Prompt"), tr("Answers")])
        self.tree.setUniformRowHeights(True)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.itemActivated.connect(self._choose)
        self.tree.currentItemChanged.connect(self._look)
        self.note = label(role="muted", wrap=True)
        self.show_button = text_button(tr("Show this branch"), kind="primary")
        self.show_button.clicked.connect(self._choose)
        close = text_button(tr("Close"))
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(self.note)
        column.addWidget(self.tree, 1)
        column.addLayout(row)
        self.fill(page.record.tree(), self._on_path())

    def fill(self, nodes: Sequence[TurnNode], shown: Collection[int]) -> None:
        self.tree.clear()
        below: dict[int | None, list[TurnNode]] = {}
        for node in nodes:
            below.setdefault(node.parent_id, []).append(node)
        root = self.tree.invisibleRootItem()
        waiting = [(root, node) for node in reversed(below.get(None, []))]
        last: QTreeWidgetItem | None = None
        while waiting:  # no recursion: a conversation may be a thousand turns long
            parent, node = waiting.pop()
            item = _item(node, is_shown=node.id in shown)
            parent.addChild(item)
            after = below.get(node.id, [])
            under = item if len(after) > 1 else parent
            waiting += [(under, one) for one in reversed(after)]
            if node.id in shown:
                last = item
        self.tree.expandAll()
        if last is not None:
            self.tree.setCurrentItem(last)
            self.tree.scrollToItem(last)
        branches = sum(1 for node in nodes if node.id not in below)
        many = tr("{n} branches. {shown} is the one that is shown.", n=branches, shown=SHOWN)
        one = tr("One branch so far. Editing a prompt makes another; nothing is lost by it.")
        none = tr("Nothing was asked in this conversation yet.")
        self.note.setText(none if not nodes else one if branches < 2 else many)
        self._look()

    def _on_path(self) -> set[int]:
        """Of the branch that is kept as the one shown, also where a pane has no answer on it."""
        conversation_id = self._page.record.diary.conversation_id
        if conversation_id is None:
            return set()
        stored = self._page.bench.history.conversations.load(conversation_id)
        return {turn.id for turn in stored.turns} if stored is not None else set()

    @Slot()
    def _look(self) -> None:
        self.show_button.setEnabled(self.tree.currentItem() is not None)

    @Slot()
    def _choose(self) -> None:
        item = self.tree.currentItem()
        if item is None:
            return
        turn_id = int(item.data(0, TURN))
        page = self._page
        self.close()
        page.do(partial(page.record.show_branch, turn_id))
        for view in page.row.views:
            view.transcript.show_exchange(turn_id)


def _item(node: TurnNode, *, is_shown: bool) -> QTreeWidgetItem:
    words = one_line(node.prompt[:LONGEST]) or tr("An empty prompt")
    item = QTreeWidgetItem([f"{SHOWN if is_shown else NOT_SHOWN}  {words}", str(node.answered)])
    item.setData(0, TURN, node.id)
    item.setSizeHint(0, QSize(0, theme.px(ROW)))
    item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    state = tr("shown") if is_shown else tr("not shown")
    answers = counted(node.answered, "answer")
    spoken = tr("{prompt}: {answers}, {state}", prompt=words, answers=answers, state=state)
    item.setData(0, int(Qt.ItemDataRole.AccessibleTextRole), spoken)
    return item
