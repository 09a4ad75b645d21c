"""Panes beside each other with handles between them; where the handles stood is remembered per number of panes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSettings, QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QWidget

from workbench.gui import theme
from workbench.gui.compare.pane_view import WIDTH, PaneView
from workbench.gui.tr import tr

MOST_COLUMNS = 4
_SHARES = 10_000  # a splitter's sizes are kept as shares of this, so that they mean the same in another window


class Columns(QScrollArea):
    """Up to four panes; a window that is too narrow for them scrolls sideways.

    ``kept`` is where the handles are remembered, None: nowhere.
    """

    def __init__(self, kept: QSettings | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = kept
        self._alone: PaneView | None = None
        self._held = 0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Panes"))
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.splitterMoved.connect(self._on_moved)
        self.setWidget(self.splitter)
        theme.changed.connect(self._keep_readable)

    @property
    def views(self) -> list[PaneView]:
        widgets = (self.splitter.widget(index) for index in range(self.splitter.count()))
        return [widget for widget in widgets if isinstance(widget, PaneView)]

    def hold(self, views: Sequence[PaneView]) -> None:
        """Show these, in this order, as wide as they were when there were so many last."""
        if self.views == list(views) and len(views) == self._held:
            return
        self._held = len(views)  # a view that was closed has left the splitter by itself
        for index, view in enumerate(views):
            if self.splitter.widget(index) is not view:
                self.splitter.insertWidget(index, view)
            view.show()
        self._keep_readable()
        self.splitter.setSizes(self._remembered(len(views)))

    def show_alone(self, view: PaneView | None) -> None:
        """Only this one has the room, the others go on unseen; None: all of them again."""
        self._alone = view
        for each in self.views:
            each.setVisible(view is None or each is view)
        self._keep_readable()
        if view is None:
            self.splitter.setSizes(self._remembered(len(self.views)))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(200))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        focused = self.focusWidget()
        if focused is not None:
            self.ensureWidgetVisible(focused, 0, 0)

    def _remembered(self, count: int) -> list[int]:
        said = str(self._kept.value(_key(count), "")) if self._kept is not None else ""
        shares = [int(part) for part in said.split("/") if part.isdecimal()]
        return shares if len(shares) == count and all(shares) else [_SHARES] * count

    @Slot(int, int)
    def _on_moved(self, _position: int, _index: int) -> None:
        sizes = self.splitter.sizes()
        if self._kept is not None and self._alone is None and any(sizes):
            shares = [max(1, round(_SHARES * size / sum(sizes))) for size in sizes]
            self._kept.setValue(_key(len(sizes)), "/".join(map(str, shares)))

    @Slot()
    def _keep_readable(self) -> None:
        views = [view for view in self.views if not view.isHidden()]
        for view in views:
            view.setMinimumWidth(theme.px(WIDTH))
        handles = max(0, len(views) - 1) * self.splitter.handleWidth()
        self.splitter.setMinimumWidth(len(views) * theme.px(WIDTH) + handles)


def _key(count: int) -> str:
    return f"columns/{count}"
