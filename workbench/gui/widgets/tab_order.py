"""The Tab key in the order in which things are read, also where parts come and go."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QMainWindow, QScrollArea, QWidget


def reading_order(root: QWidget) -> list[QWidget]:
    """What takes the Tab key inside a window, as its layouts place it; Qt's own order is that of creation.

    Qt's chain is not walked: PySide lets go of wrappers of what it meets there, and of their children's.
    """
    return list(_inside(root))


def _inside(widget: QWidget | None) -> Iterator[QWidget]:
    if isinstance(widget, QMainWindow):
        yield from _inside(widget.centralWidget())
    elif isinstance(widget, QScrollArea):
        yield from _inside(widget.widget())
    elif widget is not None and (layout := widget.layout()) is not None:
        yield from _placed(layout)


def _placed(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None and not widget.isHidden():
            if _takes_tab(widget):
                yield widget
            yield from _inside(widget)
        elif inner is not None:
            yield from _placed(inner)


def _takes_tab(widget: QWidget) -> bool:
    policy = widget.focusPolicy()
    return widget.isEnabled() and policy & Qt.FocusPolicy.TabFocus == Qt.FocusPolicy.TabFocus
