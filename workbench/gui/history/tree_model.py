"""Conversations in their groups as Qt's views take them; ten thousand are no more work than ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFont

from workbench.chat.stored import DECK, Listed
from workbench.gui import names, theme
from workbench.gui.direction import isolated
from workbench.gui.history.grouping import Group, when
from workbench.gui.tr import counted, tr

ENTRY = int(Qt.ItemDataRole.UserRole)
TITLE, WHEN = 0, 1
_GROUP = 0  # the internal id of groups; that of an entry is the number of its group, plus one
NO_INDEX = QModelIndex()

_GROUP_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
_ENTRY_FLAGS = _GROUP_FLAGS | Qt.ItemFlag.ItemNeverHasChildren
_TITLE_FLAGS = _ENTRY_FLAGS | Qt.ItemFlag.ItemIsEditable
_ROLES = frozenset(
    {
        int(role)
        for role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.EditRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
            Qt.ItemDataRole.DecorationRole,
            Qt.ItemDataRole.FontRole,
            Qt.ItemDataRole.ForegroundRole,
            Qt.ItemDataRole.TextAlignmentRole,
        )
    }
    | {ENTRY}
)

Index = QModelIndex | QPersistentModelIndex


class ConversationTree(QAbstractItemModel):
    """Two levels, two columns.  ``renamed`` is emitted when a title was edited in its place."""

    renamed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.groups: Sequence[Group] = ()
        self._current: int | None = None
        self.hides: Callable[[], bool] = bool  # whether no model may be named now

    def show(self, groups: Sequence[Group]) -> None:
        self.beginResetModel()
        self.groups = groups
        self.endResetModel()

    def mark(self, conversation_id: int | None) -> None:
        """The one that is open."""
        before, self._current = self._current, conversation_id
        for one in {before, conversation_id} - {None}:
            index = self.index_of(one)
            if index.isValid():
                self.dataChanged.emit(index, index.siblingAtColumn(WHEN))

    def index_of(self, conversation_id: int | None) -> QModelIndex:
        for number, group in enumerate(self.groups):
            for row, entry in enumerate(group.entries):
                if entry.id == conversation_id:
                    return self.createIndex(row, TITLE, number + 1)
        return QModelIndex()

    def entry(self, index: Index) -> Listed | None:
        """None for a group."""
        if not index.isValid() or index.internalId() == _GROUP:
            return None
        return self.groups[index.internalId() - 1].entries[index.row()]

    # --- Qt's own ----------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = NO_INDEX) -> QModelIndex:
        # Asked for every entry whenever the list changes: no more is called from here than must be.
        if not parent.isValid():
            inside, number = len(self.groups), _GROUP
        elif parent.internalId() == _GROUP:
            inside, number = len(self.groups[parent.row()].entries), parent.row() + 1
        else:
            return QModelIndex()
        return self.createIndex(row, column, number) if 0 <= row < inside and 0 <= column < 2 else QModelIndex()

    def parent(self, child: Index = NO_INDEX) -> QModelIndex:  # type: ignore[override]  # QObject has one of no argument
        if not child.isValid() or child.internalId() == _GROUP:
            return QModelIndex()
        return self.createIndex(child.internalId() - 1, TITLE, _GROUP)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        if not parent.isValid():
            return len(self.groups)
        if parent.internalId() != _GROUP or parent.column() != TITLE:
            return 0
        return len(self.groups[parent.row()].entries)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 2

    def hasChildren(self, parent: Index = NO_INDEX) -> bool:
        return not parent.isValid() or (parent.internalId() == _GROUP and parent.column() == TITLE)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or index.internalId() == _GROUP:
            return _GROUP_FLAGS
        return _TITLE_FLAGS if index.column() == TITLE else _ENTRY_FLAGS

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        entry = self.entry(index)
        if entry is None or role != Qt.ItemDataRole.EditRole:
            return False
        self.renamed.emit(entry, str(value))
        return True

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role not in _ROLES:
            return None
        entry = self.entry(index)
        if entry is not None:
            return self._entry_data(entry, index.column(), role)
        return self._group_data(self.groups[index.row()], index.column(), role) if index.isValid() else None

    def _group_data(self, group: Group, column: int, role: int) -> object:
        if role == Qt.ItemDataRole.DisplayRole:
            return group.title if column == TITLE else f"{len(group.entries):,}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            number = counted(len(group.entries), "conversation")
            return tr("{group}: {number}", group=group.title, number=number)
        if role == Qt.ItemDataRole.DecorationRole and column == TITLE and group.folder is not None:
            return theme.icon("folder-outline")
        if role == Qt.ItemDataRole.ForegroundRole:
            return QBrush(QColor(theme.current().muted))
        if role == Qt.ItemDataRole.TextAlignmentRole and column == WHEN:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _entry_data(self, entry: Listed, column: int, role: int) -> object:
        if role == Qt.ItemDataRole.DisplayRole:
            title = isolated(one_line(entry.title)) or tr("Untitled")
            return title if column == TITLE else when(entry.changed_at)
        if role == Qt.ItemDataRole.EditRole:
            return entry.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return told(entry, with_models=not self.hides())
        if role == Qt.ItemDataRole.AccessibleTextRole and column == TITLE:
            return spoken(entry, is_open=entry.id == self._current)
        if role == Qt.ItemDataRole.DecorationRole and column == TITLE:
            return _icon(entry)
        if role == Qt.ItemDataRole.FontRole and column == TITLE and entry.id == self._current:
            font = QFont()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.ForegroundRole and column == WHEN:
            return QBrush(QColor(theme.current().muted))
        if role == Qt.ItemDataRole.TextAlignmentRole and column == WHEN:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return entry if role == ENTRY else None


def one_line(text: str) -> str:
    return " ".join(text.split())


def told(entry: Listed, *, with_models: bool) -> str:
    """Everything known of it, as a tool tip: escaped, since Qt takes what looks like markup for markup."""
    models = ", ".join(map(names.current().file, entry.models))
    lines = [
        one_line(entry.title) or tr("Untitled"),
        tr("Models: {names}", names=models) if models and with_models else "",
        tr("Tags: {tags}", tags=", ".join(entry.tags)) if entry.tags else "",
        tr("Folder: {folder}", folder=entry.folder) if entry.folder else "",
        tr("Imported from {source}", source=entry.source) if entry.source else "",
    ]
    said = "\n".join(filter(None, lines))
    escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
    return f"<qt>{escaped}</qt>"


def spoken(entry: Listed, *, is_open: bool) -> str:
    parts = [
        one_line(entry.title) or tr("Untitled"),
        tr("open now") if is_open else "",
        tr("pinned") if entry.pinned else "",
        tr("deck") if entry.kind == DECK else "",
        ", ".join(entry.tags),
    ]
    return ", ".join(filter(None, parts))


def _icon(entry: Listed) -> object:
    if entry.pinned:
        return theme.icon("pin-outline")
    return theme.icon("cards-outline") if entry.kind == DECK else None
