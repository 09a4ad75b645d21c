"""Everything a window tells: what is read in it, on hovering, and by a screen reader."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QWidget

FORBIDDEN = re.compile(
    r"alpha|beta|gamma|llama|gemma|mi[ns]istral|mistral|\bF16\b|\bQ\d_\w+|tok/s|TTFT|first token|tokens per second",
    re.IGNORECASE,
)
"""Names, families, quantisations and speeds of the models that these tests compare."""
_TOLD = ("text", "toolTip", "accessibleName", "accessibleDescription", "windowTitle", "placeholderText", "statusTip",
         "whatsThis", "toPlainText", "title")  # fmt: skip


def told(window: QWidget) -> list[tuple[str, str]]:
    """What is told, each with where: of everything that can be seen now, and of every menu."""
    QCoreApplication.sendPostedEvents()
    found: list[tuple[str, str]] = []
    for widget in (window, *window.findChildren(QWidget)):
        if widget is not window and not widget.isVisibleTo(window):
            continue
        where = type(widget).__name__
        found += [(where, said) for said in _of(widget)]
        if isinstance(widget, QComboBox):
            found += [(where, widget.itemText(place)) for place in range(widget.count())]
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            found += [(where, said) for said in _cells(widget)]
    for action in window.findChildren(QAction):
        found += [("QAction", said) for said in (action.text(), action.toolTip())]
    return [(where, said) for where, said in found if said]


def unblinding(window: QWidget) -> list[tuple[str, str]]:
    """What of all that could tell who answers, or how fast."""
    return [(where, said) for where, said in told(window) if FORBIDDEN.search(said)]


def _of(widget: QWidget) -> Iterator[str]:
    for name in _TOLD:
        read = getattr(widget, name, None)
        if callable(read):
            said = read()
            if isinstance(said, str):
                yield said


def _cells(view: QAbstractItemView) -> Iterator[str]:
    model = view.model()
    roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
    for row in range(model.rowCount()):
        for column in range(model.columnCount()):
            for role in roles:
                said = model.index(row, column).data(role)
                if isinstance(said, str):
                    yield said
