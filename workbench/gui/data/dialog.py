"""What lies on this computer, and what can be done with it: look, back up, restore, delete."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QCloseEvent, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

from workbench.gui.data.backup_card import BackupCard
from workbench.gui.data.erase_card import EraseCard
from workbench.gui.data.words import KINDS
from workbench.gui.errands import Errands, errand
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.cards import Card, ScrollBody, clear
from workbench.gui.widgets.controls import ElidedLabel, label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.sheet import Sheet
from workbench.hardware.words import human_bytes
from workbench.store.holdings import Holding, Kind, holdings

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.gui.window import MainWindow

WIDTH, HEIGHT = 640, 680
LANE = "data"


class DataDialog(Sheet):
    def __init__(self, workbench: Workbench, window: MainWindow) -> None:
        super().__init__(WIDTH, HEIGHT, window)
        self.setWindowTitle(tr("Your data"))
        self._paths = workbench.paths
        self._errands = Errands(window.pump, window.runner)
        self.notice = Notice()
        self.backup = BackupCard(workbench, window, self._errands, self.notice)
        self.erase = EraseCard(workbench, window, self.notice)
        self.sizes = QGridLayout()
        self.sizes.setHorizontalSpacing(Space.L)
        self.sizes.setVerticalSpacing(Space.XS)
        self.sizes.setColumnStretch(0, 1)
        body = ScrollBody(tr("Your data"))
        intro = tr("Everything lies on this computer, in folders of your own account. Nothing is sent anywhere.")
        body.column.addWidget(label(intro, role="muted", wrap=True))
        body.column.addWidget(self._where())
        body.column.addWidget(self.backup)
        body.column.addWidget(self.erase)
        close = text_button(tr("Close"))
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(body, 1)
        column.addWidget(self.notice)
        column.addLayout(row)
        self.backup.done.connect(self.measure)
        self.measure()

    @Slot()
    def measure(self) -> None:
        """Away from the window's thread: there may be thousands of files."""
        self._errands.run("measure data", errand(partial(holdings, self._paths)), self._draw, lane=LANE)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.backup.cancel()
        self._errands.close()
        super().closeEvent(event)

    def reject(self) -> None:
        self.close()

    def _where(self) -> Card:
        card = Card(tr("Where it lies"))
        folder = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        folder.setText(str(self._paths.data))
        folder.setAccessibleName(tr("Data folder: {folder}", folder=str(self._paths.data)))
        folder.setProperty("role", "mono")
        self.show_folder = text_button(tr("Open the folder"))
        self.show_folder.clicked.connect(self._open_folder)
        copy = text_button(tr("Copy path"))
        copy.clicked.connect(self._copy_path)
        row = QHBoxLayout()
        row.addWidget(folder, 1)
        row.addWidget(copy)
        row.addWidget(self.show_folder)
        card.body.addLayout(row)
        card.body.addLayout(self.sizes)
        self._draw(())
        return card

    def _draw(self, found: Sequence[Holding]) -> None:
        clear(self.sizes)
        by_kind = {one.kind: one for one in found}
        for row, kind in enumerate(Kind):
            one = by_kind.get(kind)
            self._line(row, tr(KINDS[kind]), one, role="")
        total = Holding(Kind.HISTORY, (), sum(one.size_bytes for one in found), sum(one.file_count for one in found))
        self._line(len(Kind), tr("Altogether"), total if found else None, role="strong")
        self.erase.know(found)

    def _line(self, row: int, words: str, one: Holding | None, *, role: str) -> None:
        name = label(words, role=role, wrap=True)
        size = label(human_bytes(one.size_bytes) if one else "…", role=role)
        files = label(counted(one.file_count, "file") if one else "", role="muted", tone=Tone.MUTED)
        name.setAccessibleName(tr("{what}: {size}", what=words, size=size.text()))
        self.sizes.addWidget(name, row, 0)
        for column, shown in ((1, size), (2, files)):
            self.sizes.addWidget(shown, row, column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    @Slot()
    def _open_folder(self) -> None:
        open_folder(self._paths.data)

    @Slot()
    def _copy_path(self) -> None:
        QGuiApplication.clipboard().setText(str(self._paths.data))


def open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
