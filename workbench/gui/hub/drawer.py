"""The drawer of downloads, below the page: it may be closed while they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui import theme
from workbench.gui.hub.traffic import Item, Traffic
from workbench.gui.hub.undo_notice import UndoNotice
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import IconButton, label, text_button

if TYPE_CHECKING:
    from workbench.gui.hub.download_row import DownloadRow
    from workbench.hub.downloads import Download

LOOK_EVERY_MS = 2000  # another process may work on the same queue
TALLEST = 320  # pixels at 100 % text
EMPTY = later("Nothing is being downloaded. Find a model on the Models page; its quantisations have a Download button.")


class DownloadsDrawer(QFrame):
    """``opened`` is emitted with a finished download whose model is to be opened, ``closed`` when it is put away,
    ``token_wished`` when an access token is to be entered."""

    opened = Signal(object)
    token_wished = Signal()
    closed = Signal()

    def __init__(self, traffic: Traffic, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "drawer")
        self.setAccessibleName(tr("Downloads"))
        self.traffic = traffic
        self.rows: list[DownloadRow] = []
        self.notice = UndoNotice()
        self.notice.undone.connect(traffic.put_back)
        self.notice.settled.connect(traffic.delete)
        self.empty = label(tr(EMPTY), role="muted", wrap=True)
        self.clear_button = text_button(tr("Clear finished"), kind="ghost")
        self.clear_button.clicked.connect(traffic.clear_done)
        self.close_button = IconButton("close", tr("Close the drawer; downloads go on (Esc)"))
        self.close_button.clicked.connect(self.put_away)
        self._inside = QWidget()
        self._inside.setProperty("role", "drawer-inside")
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.area = _Area()
        self.area.setWidget(self._inside)
        self._arrange()
        self._timer = QTimer(self, interval=LOOK_EVERY_MS)
        self._timer.timeout.connect(traffic.refresh)
        traffic.changed.connect(self.draw)
        traffic.problem.connect(self.say)
        self.hide()
        self.draw()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label(tr("Downloads"), role="subtitle"))
        head.addStretch(1)
        head.addWidget(self.clear_button)
        head.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.S, Space.L, Space.S)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.notice)
        column.addWidget(self.empty)
        column.addWidget(self.area)

    @Slot()
    def draw(self) -> None:
        """As the queue is now; rows keep their place and the focus."""
        items = self.traffic.items
        by_id = {row.download_id: row for row in self.rows}
        wanted = [item.download.id for item in items]
        if wanted != [row.download_id for row in self.rows]:
            self._rearrange(wanted, by_id)
        for place, item in enumerate(items):
            self.rows[place].draw(item, first=place == 0, last=place == len(items) - 1)
        self.empty.setVisible(not items)
        self.area.setVisible(bool(items))
        self.clear_button.setVisible(any(not item.partial for item in items))

    def _rearrange(self, wanted: list[int], by_id: dict[int, DownloadRow]) -> None:
        focused = next((row for row in self.rows if row.hasFocus()), None)
        place = self.rows.index(focused) if focused is not None else 0
        items = {item.download.id: item for item in self.traffic.items}
        for key, row in by_id.items():
            self._column.removeWidget(row)
            if key not in wanted:
                row.hide()
                row.deleteLater()
        self.rows = []
        for key in wanted:
            row = by_id.get(key) or self._row(key, items)
            self.rows.append(row)
            self._column.addWidget(row)
        if focused is not None and self.rows:
            (focused if focused in self.rows else self.rows[min(place, len(self.rows) - 1)]).setFocus()
        self.area.updateGeometry()

    def _row(self, key: int, items: dict[int, Item]) -> DownloadRow:
        from workbench.gui.hub.download_row import DownloadRow

        row = DownloadRow(items[key])
        row.asked.connect(self._on_wish)
        row.moved.connect(self._on_move)
        return row

    @Slot(object)
    def say(self, problem: Problem) -> None:
        self.notice.tell(problem)

    # --- used --------------------------------------------------------------------------------

    @Slot(str, int)
    def _on_wish(self, wish: str, download_id: int) -> None:
        self.notice.clear()
        if wish == "open":
            self._open(download_id)
        elif wish in ("up", "down"):
            self.traffic.move(download_id, -1 if wish == "up" else 1)
        elif wish == "token":
            self.token_wished.emit()
        elif wish == "remove":
            self._remove(download_id)
        else:
            {
                "pause": self.traffic.pause,
                "resume": self.traffic.resume,
                "cancel": self.traffic.cancel,
            }[wish](download_id)

    def _remove(self, download_id: int) -> None:
        finished = any(item.download.id == download_id and not item.partial for item in self.traffic.items)
        taken = self.traffic.take_off(download_id)
        if taken is not None:
            kept = tr("Its files stay.") if finished else tr("What arrived of it is deleted when this message goes.")
            self.notice.offer(tr("{title} is off the list.", title=taken.title), taken, kept)

    def _open(self, download_id: int) -> None:
        found: Download | None = next(
            (item.download for item in self.traffic.items if item.download.id == download_id), None
        )
        if found is not None:
            self.opened.emit(found)

    @Slot(object, int)
    def _on_move(self, row: DownloadRow, step: int) -> None:
        place = self.rows.index(row) + step
        if 0 <= place < len(self.rows):
            self.rows[place].setFocus(Qt.FocusReason.TabFocusReason)
            self.area.ensureWidgetVisible(self.rows[place])

    def bring(self) -> None:
        """Show it, with the keyboard in it."""
        self.show()
        self.traffic.refresh()
        (self.rows[0] if self.rows else self.close_button).setFocus(Qt.FocusReason.TabFocusReason)

    @Slot()
    def put_away(self) -> None:
        self.notice.clear()
        self.hide()
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.put_away()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()


class _Area(QScrollArea):
    """As high as what is in it, up to a limit."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def sizeHint(self) -> QSize:
        inside = self.widget()
        height = inside.sizeHint().height() if inside is not None else 0
        if inside is not None and inside.hasHeightForWidth():
            height = inside.heightForWidth(self.viewport().width())
        return QSize(super().sizeHint().width(), min(height + 2, theme.px(TALLEST)))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, min(self.sizeHint().height(), theme.px(96)))
