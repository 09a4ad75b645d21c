"""All panes: up to four beside each other, more in tabs of groups; one of them can have all the room."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSettings, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from workbench.chat.footing import differences
from workbench.gui import theme
from workbench.gui.compare.columns import MOST_COLUMNS, Columns
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.compare.linked import LinkedScroll
from workbench.gui.compare.pane_view import WIDTH, PaneView
from workbench.gui.theme import Space
from workbench.gui.tr import tr

MAX_PANES = 8


class PaneRow(QWidget):
    """``in_use`` is the id of the pane that had the focus last, ``alone`` that of the one with all the room.

    ``wished`` tells a pane, one of its exchanges, what is wished of it and the wish's argument; ``rearranged`` that
    other panes are seen now.
    """

    wished = Signal(object, object, str, object)
    rearranged = Signal()

    def __init__(self, kept: QSettings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = kept
        self._views: list[PaneView] = []
        self._groups: list[Columns] = []
        self.in_use: int | None = None
        self.alone: int | None = None
        self.linked = LinkedScroll(self)
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setElideMode(Qt.TextElideMode.ElideRight)
        self.tabs.setAccessibleName(tr("Groups of panes"))
        self.tabs.hide()
        self._stack = QStackedWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addWidget(self.tabs)
        column.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(self._on_tab)
        self._back = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.show_all)
        self._back.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._back.setEnabled(False)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus)

    @property
    def views(self) -> list[PaneView]:
        """Of all panes, also those in other tabs."""
        return list(self._views)

    @property
    def groups(self) -> list[list[PaneView]]:
        """What each tab shows; one group has no tab."""
        return [group.views for group in self._groups]

    # --- which panes are seen ----------------------------------------------------------------

    def arrange(self, views: list[PaneView]) -> None:
        """Show these, in this order; a view that is left out is deleted."""
        if self.alone is not None and views != self._views:
            self.focus_one(None)
        for old in self._views:
            if old not in views:
                old.hide()
                old.setParent(None)
                old.deleteLater()
        for view in views:
            if view not in self._views:
                view.wished.connect(self.wished)
                view.one_wished.connect(self.toggle_one)
        self._views = list(views)
        self._regroup()
        self.linked.follow([view.transcript for view in views])
        self.draw_tabs()

    def focus_pane(self, number: int) -> None:
        """The first pane is 1; its tab is brought to the front."""
        if 0 < number <= len(self._views):
            view = self._views[number - 1]
            if self.alone is not None and self.alone != view.pane.id:
                self.focus_one(view.pane.id)
            self._show_group_of(view)
            view.header.model.setFocus()

    @Slot()
    def focus_next(self) -> None:
        """The pane after the one in use, round and round."""
        self._focus_beside(1)

    @Slot()
    def focus_previous(self) -> None:
        self._focus_beside(-1)

    @Slot()
    def next_group(self) -> None:
        self._turn(1)

    @Slot()
    def previous_group(self) -> None:
        self._turn(-1)

    def focus_one(self, pane_id: int | None) -> None:
        """Give this pane all the room, the others go on unseen; None: show them all again."""
        view = next((view for view in self._views if view.pane.id == pane_id), None)
        self.alone = view.pane.id if view is not None else None
        for group in self._groups:
            holds = view is not None and view in group.views
            group.show_alone(view if holds else None)
        if view is not None:
            self._show_group_of(view)
        for each in self._views:
            each.header.show_alone(alone=each is view)
        self._back.setEnabled(view is not None)
        self.tabs.setVisible(len(self._groups) > 1 and view is None)
        self.rearranged.emit()

    @Slot(object)
    def toggle_one(self, pane_id: object) -> None:
        self.focus_one(None if self.alone is not None or not isinstance(pane_id, int) else pane_id)

    @Slot()
    def toggle_in_use(self) -> None:
        """The pane in use alone, or all again."""
        shown = [view.pane.id for group in self._groups[self._stack.currentIndex() :][:1] for view in group.views]
        in_use = self.in_use if self.in_use in [view.pane.id for view in self._views] else None
        self.toggle_one(in_use if in_use is not None else next(iter(shown), None))

    @Slot()
    def show_all(self) -> None:
        self.focus_one(None)

    def draw_tabs(self) -> None:
        """The numbers and the models of each group; three points after them while one of them answers."""
        first = 1
        for index, group in enumerate(self._groups):
            names = ", ".join(_short_name(view) for view in group.views)
            busy = any(view.pane.busy for view in group.views)
            last = first + len(group.views) - 1
            said = tr("{first}–{last}: {names}", first=first, last=last, names=names)
            first = last + 1
            if self.tabs.tabText(index) != (text := f"{said} …" if busy else said):
                self.tabs.setTabText(index, text)
                self.tabs.setTabToolTip(index, tr("{names} (Ctrl+Page Up and Page Down)", names=said))

    # --- answers beside each other -----------------------------------------------------------

    def tell_differences(self) -> None:
        """Say beside finished answers where the models were not asked alike; the newest exchanges correspond.

        What was compared before is not compared again: only new answers cost something.
        """
        beside: dict[int, list[ExchangeView]] = {}
        for view in self._views:
            for before_end, exchange in view.transcript.shown():
                beside.setdefault(before_end, []).append(exchange)
        for asked in beside.values():
            alike = [shown for shown in asked if shown.prompt == asked[0].prompt]
            answers = tuple(shown.answer for shown in alike if shown.answer is not None)
            if len(answers) < len(alike) or all(shown.compared == answers for shown in alike):
                continue
            found = differences(answers)
            for shown in alike:
                shown.compare(found, answers)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(200))

    # --- within ------------------------------------------------------------------------------

    def _regroup(self) -> None:
        wanted = grouped(self._views)
        while len(self._groups) < len(wanted):
            self._groups.append(Columns(self._kept))
            self._stack.addWidget(self._groups[-1])
            self.tabs.addTab("")
            QWidget.setTabOrder(self.tabs, self._groups[-1])
        # First those that gain panes: a view that changes its group must not be shown in two.
        for group, views in zip(self._groups, wanted, strict=False):
            group.hold(views)
        while len(self._groups) > max(1, len(wanted)):
            gone = self._groups.pop()
            self._stack.removeWidget(gone)
            gone.deleteLater()
            self.tabs.removeTab(self.tabs.count() - 1)
        self.tabs.setVisible(len(self._groups) > 1)

    def _show_group_of(self, view: PaneView) -> None:
        index = next((index for index, group in enumerate(self._groups) if view in group.views), 0)
        self.tabs.setCurrentIndex(index)
        self._stack.setCurrentIndex(index)

    def _turn(self, step: int) -> None:
        if len(self._groups) > 1 and self.alone is None:
            self.tabs.setCurrentIndex((self.tabs.currentIndex() + step) % len(self._groups))
            self._groups[self.tabs.currentIndex()].views[0].header.model.setFocus()

    def _focus_beside(self, step: int) -> None:
        ids = [view.pane.id for view in self._views]
        focused = QApplication.focusWidget()
        within = focused is not None and self.isAncestorOf(focused)
        at = ids.index(self.in_use) if self.in_use in ids else -1
        # From outside the panes, the one in use comes first.
        self.focus_pane((at + step) % len(ids) + 1 if within or at < 0 else at + 1)

    @Slot(int)
    def _on_tab(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        self.rearranged.emit()

    @Slot(QWidget, QWidget)
    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        for view in self._views:
            if new is not None and view.isAncestorOf(new):
                self.in_use = view.pane.id


def grouped(views: Sequence[PaneView]) -> list[list[PaneView]]:
    """As few groups as hold them, as equally large as can be."""
    count = max(1, -(-len(views) // MOST_COLUMNS))
    size = -(-len(views) // count)
    return [list(views[start : start + size]) for start in range(0, len(views), size)] if views else [[]]


def _short_name(view: PaneView) -> str:
    model = view.pane.model
    return model.title if model is not None else tr("no model")
