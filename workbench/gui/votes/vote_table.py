"""Every vote as a row: newest first, fast with thousands of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from workbench.chat.votes.ballots import Vote
from workbench.gui import names, theme
from workbench.gui.tr import later, tr
from workbench.stats.outcome import Outcome

Index = QModelIndex | QPersistentModelIndex
COLUMNS = (
    (later("When"), 160),
    (later("Prompt"), 200),
    (later("A"), 186),
    (later("B"), 186),
    (later("Said"), 128),
    (later("Tags"), 112),
    (later("Comment"), 160),
)
SAID = {
    Outcome.LEFT: later("◀ A is better"),
    Outcome.RIGHT: later("B is better ▶"),
    Outcome.TIE: later("= tie"),
    Outcome.BOTH_BAD: later("✕ both bad"),
}


@dataclass(frozen=True, slots=True)
class VoteRow:
    vote: Vote
    prompt: str

    @property
    def counts(self) -> bool:
        return self.vote.withdrawn_at is None

    def cell(self, column: int) -> str:
        """All but who answered: that is told beside the others of the list."""
        vote = self.vote
        match column:
            case 0:
                return _moment(vote.voted_at)
            case 1:
                return self.prompt.strip().split("\n")[0] or tr("(gone)")
            case 4:
                said = tr(SAID[vote.outcome])
                return said if self.counts else tr("{said}, withdrawn", said=said)
            case 5:
                return " ".join(f"#{tag}" for tag in vote.tags)
        return vote.comment

    @property
    def story(self) -> str:
        """All there is to say about it, a line each."""
        vote = self.vote
        left, right = (names.current().whole(side.contender) for side in (vote.left, vote.right))
        lines = [self.prompt, f"A: {left}", f"B: {right}", self.cell(4)]
        if not vote.blind:
            lines.append(tr("Not blind: the names were known."))
        if vote.automatic:
            lines.append(tr("The two answers are the same text: nobody was asked."))
        if vote.repeats is not None:
            lines.append(tr("An earlier pair, asked again with the sides exchanged: it measures the rater."))
        if vote.source:
            lines.append(tr("Out of the file {name}.", name=vote.source))
        if vote.rater:
            lines.append(tr("Judged by {name}.", name=vote.rater))
        return "\n".join(lines)


class VoteModel(QAbstractTableModel):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[VoteRow, ...] = ()
        self._told: Mapping[str, str] = {}  # what contenders are called, by their names

    def show_rows(self, rows: Sequence[VoteRow]) -> None:
        self.beginResetModel()
        self.rows = tuple(rows)
        sides = (side for row in rows for side in (row.vote.left, row.vote.right))
        self._told = names.current().told(side.contender for side in sides)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return tr(COLUMNS[section][0])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._named(row, index.column()) or row.cell(index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return row.story
            case Qt.ItemDataRole.FontRole if not row.counts:
                struck = QFont()
                struck.setStrikeOut(True)
                return struck
        return None

    def _named(self, row: VoteRow, column: int) -> str:
        side = {2: row.vote.left, 3: row.vote.right}.get(column)
        return self._told[side.contender.name] if side is not None else ""


class VoteTable(QTableView):
    """``chosen`` tells the rows that are selected, as they are now."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("All votes"))
        self.votes = VoteModel(self)
        self.setModel(self.votes)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # a quantisation stands at the end of a name
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        theme.changed.connect(self._dress)
        self._dress()

    @property
    def selected(self) -> tuple[VoteRow, ...]:
        """Those that are selected, from the top."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return tuple(self.votes.rows[row] for row in rows)

    def show_rows(self, rows: Sequence[VoteRow]) -> None:
        """The same votes stay selected, and in view."""
        kept = {row.vote.id for row in self.selected}
        place = self.verticalScrollBar().value()
        self.votes.show_rows(rows)
        for number, row in enumerate(rows):
            if row.vote.id in kept:
                flags = self.selectionModel().SelectionFlag
                self.selectionModel().select(self.votes.index(number, 0), flags.Select | flags.Rows)
        self.verticalScrollBar().setValue(place)
        self.selectionModel().selectionChanged.connect(self._on_selection, Qt.ConnectionType.UniqueConnection)
        self.chosen.emit()

    @Slot()
    def _on_selection(self) -> None:
        self.chosen.emit()

    @Slot()
    def _dress(self) -> None:
        self.verticalHeader().setDefaultSectionSize(theme.px(34))
        for column, (_, width) in enumerate(COLUMNS):
            self.setColumnWidth(column, theme.px(width))


def _moment(written: str) -> str:
    """Day and time here, as the list shows it; what is not understood as it stands."""
    try:
        return datetime.fromisoformat(written).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return written
