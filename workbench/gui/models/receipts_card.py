"""The last loads: what was predicted for each, what llama.cpp reported, what the process grew by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Slot
from PySide6.QtGui import QBrush, QColor, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from workbench.gui import names, theme
from workbench.gui.models import words
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import label, text_button
from workbench.hardware.words import human_bytes
from workbench.models.receipt import Receipt

COLUMNS = (
    later("Model"),
    later("Quantisation"),
    later("Context"),
    later("Predicted"),
    "llama.cpp",
    later("Difference"),
    later("Process grew by"),
    later("When"),
)
NUMBERS_FROM = 2
EXPLAINED = later(
    "After every load what was predicted is compared with what llama.cpp reports. More "
    "than 2 % apart is marked △: worth a report, which the button copies: numbers, "
    "parameters and versions, of paths the file's name alone."
)
EMPTY = later("No model was loaded yet. Ask a model something on the Compare page, and its receipt is kept here.")
ROWS = 8  # without scrolling
NAME_WIDTH = 170  # pixels at 100 % text


class ReceiptsCard(Card):
    """``versions`` are what a report names beside the numbers."""

    def __init__(self, versions: Callable[[], Sequence[str]]) -> None:
        super().__init__(tr("Receipts: predicted and taken"))
        self._versions = versions
        self.receipts: tuple[Receipt, ...] = ()
        self.note = label(tr(EMPTY), role="muted", wrap=True)
        self.table = _Table()
        self.table.hide()
        self.copy_button = text_button(tr("Copy as text"))
        self.copy_button.setToolTip(tr("The selected loads, or all of them"))
        self.copy_button.clicked.connect(self.copy)
        self.copy_button.hide()
        below = QHBoxLayout()
        below.setSpacing(Space.M)
        below.addWidget(self.note, 1)
        below.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(self.table)
        self.body.addLayout(below)

    def draw(self, receipts: Sequence[Receipt]) -> None:
        """Newest first."""
        if tuple(receipts) == self.receipts:
            return
        self.receipts = tuple(receipts)
        self.note.setText(tr(EXPLAINED) if receipts else tr(EMPTY))
        self.table.setVisible(bool(receipts))
        self.copy_button.setVisible(bool(receipts))
        self.table.fill(self.receipts)

    @Slot()
    def copy(self) -> None:
        """The selected rows as a report, without a selection all of them."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()}) or range(len(self.receipts))
        QGuiApplication.clipboard().setText(
            words.receipt_report([self.receipts[row] for row in rows], self._versions())
        )


class _Table(QTableWidget):
    """As high as its rows, up to eight; Tab leaves it, the arrows move in it."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setProperty("role", "plain")
        self.setAccessibleName(tr("Receipts"))
        for column, title in enumerate(COLUMNS):
            item = QTableWidgetItem(tr(title))
            item.setTextAlignment(_alignment(column))
            self.setHorizontalHeaderItem(column, item)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)

    def fill(self, receipts: Sequence[Receipt]) -> None:
        self.setRowCount(len(receipts))
        for row, receipt in enumerate(receipts):
            flagged = receipt.flagged
            texts = (
                names.current().title(receipt.model_name, receipt.quantisation),
                receipt.quantisation,
                f"{receipt.params.n_ctx:,}",
                human_bytes(receipt.predicted_bytes),
                human_bytes(receipt.reported_bytes),
                ("△ " if flagged else "") + words.signed_percent(receipt.difference),
                words.growth_words(receipt),
                words.made_words(receipt),
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{receipt.model_name}: {words.receipt_line(receipt)}")
                item.setTextAlignment(_alignment(column))
                if flagged and COLUMNS[column] == "Difference":
                    item.setForeground(QBrush(QColor(theme.current().color(Tone.CAUTION))))
                self.setItem(row, column, item)
        self._stretch_names()
        self.updateGeometry()

    def _stretch_names(self) -> None:
        """Names take the room that is left, and never less than can be told apart."""
        rest = sum(self.columnWidth(column) for column in range(1, len(COLUMNS)))
        self.setColumnWidth(0, max(theme.px(NAME_WIDTH), self.viewport().width() - rest))

    def sizeHint(self) -> QSize:
        row = self.sizeHintForRow(0) if self.rowCount() else theme.px(28)
        header = self.horizontalHeader().sizeHint().height()
        crowded = self.horizontalHeader().length() > self.viewport().width()
        bar = self.horizontalScrollBar().sizeHint().height() if crowded else 0
        return QSize(super().sizeHint().width(), header + row * min(self.rowCount(), ROWS) + bar + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(120), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._stretch_names()
        self.updateGeometry()  # the bar below comes and goes with the width

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column >= NUMBERS_FROM else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
