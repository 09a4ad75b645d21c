"""Above the composer: that more was asked after what is shown, on another branch, and the way there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout

from workbench.chat.tree import Ahead
from workbench.gui.theme import Space
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import label, text_button

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage


class AheadRow(QFrame):
    """Hidden while nothing was asked after what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("What was asked after this"))
        self.told = label(role="small", wrap=True)
        self.show_button = text_button(tr("Show it"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, Space.XS)
        row.setSpacing(Space.S)
        row.addWidget(self.told, 1)
        row.addWidget(self.show_button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def draw(self, ahead: Ahead) -> None:
        if ahead.turns:
            self.told.setText(_told(ahead))
        self.show_button.setToolTip(
            tr("All panes show the newest of these branches")
            if ahead.branches > 1
            else tr("All panes show that branch")
        )
        self.setVisible(ahead.turns > 0)


class AheadPart(QObject):
    """Puts the row into the page's composer."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._looked_at: tuple[int | None, int | None] | None = None
        self.row = AheadRow()
        self.row.show_button.clicked.connect(self._show)
        page.composer.add_above(self.row, self.row.show_button)
        page.drawn.connect(self._look)
        page.conversation_changed.connect(self._look)

    @Slot()
    def _look(self) -> None:
        diary = self._page.record.diary
        standing = diary.conversation_id, diary.head
        if standing != self._looked_at:  # the tree grows where the next prompt goes, and nowhere else
            self._looked_at = standing
            self.row.draw(self._page.record.ahead())

    @Slot()
    def _show(self) -> None:
        head = self._page.record.diary.head
        if head is not None:
            self._page.do(partial(self._page.record.show_branch, head))
            self._page.composer.setFocus()


def _told(ahead: Ahead) -> str:
    prompts = counted(ahead.turns, "later prompt")
    if ahead.branches == 1:
        return tr("{prompts} on another branch. The next prompt begins a new one here.", prompts=prompts)
    return tr(
        "{prompts} on {n} other branches. The next prompt begins a new one here.", prompts=prompts, n=ahead.branches
    )
