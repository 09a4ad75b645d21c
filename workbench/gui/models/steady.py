"""A page that stays where it is while parts of it come and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QEvent, QObject, QPoint, QTimer, Slot
from PySide6.QtWidgets import QScrollArea, QWidget

SETTLED_MS = 60  # after the last part moved


class Steady(QObject):
    """One part of a page keeps its height on the screen."""

    # Of the class too: Qt may still ask while Python has taken the object's own attributes down.
    _mark: QWidget | None = None

    def __init__(self, page: QScrollArea) -> None:
        super().__init__(page)
        self._page = page
        self._height = 0
        self._until = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._until.timeout.connect(self._settle)
        page.viewport().installEventFilter(self)

    @property
    def holding(self) -> bool:
        return self._until.isActive()

    @contextmanager
    def hold(self, parts: Iterable[QWidget]) -> Iterator[None]:
        """Of the parts the first that is in sight stays, while something is drawn and for a moment after that; at
        the top of the page the top does."""
        self._settle()  # what was drawn just before may not have been laid out yet
        inside = self._page.widget()
        if inside is not None and self._page.isVisible() and self._page.verticalScrollBar().value() > 0:
            self._mark = next((part for part in parts if self._in_sight(part)), None)
        if inside is None or self._mark is None:
            yield
            return
        self._height = self._height_of(self._mark)
        self._mark.destroyed.connect(self._let_go)
        inside.installEventFilter(self)
        yield
        self._restore()
        self._until.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Wheel:
            self._let_go()  # from here on the user says what is looked at
        elif self._mark is not None and event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            QTimer.singleShot(0, self, self._restore)
            self._until.start()  # parts still move
        return super().eventFilter(watched, event)

    @Slot()
    def _restore(self) -> None:
        if self._mark is None or not self._mark.isVisible():
            return
        inside = self._page.widget()
        if inside is not None and (layout := inside.layout()) is not None:
            layout.activate()
        bar = self._page.verticalScrollBar()
        bar.setValue(bar.value() + self._height_of(self._mark) - self._height)

    @Slot()
    def _settle(self) -> None:
        """Once more into its place, then no longer: on a busy machine parts may have moved since."""
        self._restore()
        self._let_go()

    @Slot()
    def _let_go(self) -> None:
        self._until.stop()
        self._mark = None

    def _height_of(self, part: QWidget) -> int:
        return part.mapTo(self._page.viewport(), QPoint(0, 0)).y()

    def _in_sight(self, part: QWidget) -> bool:
        return part.isVisible() and 0 <= self._height_of(part) < self._page.viewport().height()
