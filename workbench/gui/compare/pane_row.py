"""The panes beside each other, with handles between them; a narrow window scrolls sideways."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QSplitter, QWidget

from workbench.chat.footing import differences
from workbench.gui import theme
from workbench.gui.compare.pane_view import WIDTH, PaneView


class PaneRow(QScrollArea):
    """``in_use`` is the id of the pane that had the focus last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Panes")
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self.setWidget(self._splitter)
        self.in_use: int | None = None
        theme.changed.connect(self._keep_readable)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus)

    @property
    def views(self) -> list[PaneView]:
        widgets = (self._splitter.widget(index) for index in range(self._splitter.count()))
        return [widget for widget in widgets if isinstance(widget, PaneView)]

    def focus_pane(self, number: int) -> None:
        """The first pane is 1."""
        views = self.views
        if 0 < number <= len(views):
            views[number - 1].header.model.setFocus()

    def arrange(self, views: list[PaneView]) -> None:
        """Show these, in this order, equally wide; a view that is left out is deleted."""
        for old in self.views:
            if old not in views:
                old.hide()
                old.setParent(None)
                old.deleteLater()
        for index, view in enumerate(views):
            if self._splitter.widget(index) is not view:
                self._splitter.insertWidget(index, view)
            view.show()
        self._keep_readable()
        self._splitter.setSizes([1000] * len(views))

    def tell_differences(self) -> None:
        """Say beside finished answers where the models were not asked alike; the newest exchanges correspond.

        What was compared before is not compared again: only new answers cost something.
        """
        columns = [view.transcript.views[::-1] for view in self.views]
        for number in range(max(map(len, columns), default=0)):
            asked = [column[number] for column in columns if number < len(column)]
            alike = [view for view in asked if view.prompt == asked[0].prompt]
            answers = tuple(view.answer for view in alike if view.answer is not None)
            if len(answers) < len(alike) or all(view.compared == answers for view in alike):
                continue
            found = differences(answers)
            for view in alike:
                view.compare(found, answers)

    @Slot(QWidget, QWidget)
    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        for view in self.views:
            if new is not None and view.isAncestorOf(new):
                self.in_use = view.pane.id

    @Slot()
    def _keep_readable(self) -> None:
        views = self.views
        for view in views:
            view.setMinimumWidth(theme.px(WIDTH))
        handles = max(0, len(views) - 1) * self._splitter.handleWidth()
        self._splitter.setMinimumWidth(len(views) * theme.px(WIDTH) + handles)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(200))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        focused = self.focusWidget()
        if focused is not None:
            self.ensureWidgetVisible(focused, 0, 0)
