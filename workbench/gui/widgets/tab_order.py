"""The Tab key in the order in which things are read, also where parts come and go."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QLayout, QMainWindow, QScrollArea, QSplitter, QWidget


class ReadInOrder(QWidget):
    """What a window is filled with: Tab goes through it as it is read."""

    def focusNextPrevChild(self, forward: bool) -> bool:
        return step(self.window(), forward=forward) or super().focusNextPrevChild(forward)


def reading_order(root: QWidget) -> list[QWidget]:
    """What takes the Tab key inside a window, as its layouts place it; Qt's own order is that of creation.

    Qt's chain is not walked: PySide lets go of wrappers of what it meets there, and of their children's.
    """
    return list(_inside(root))


def step(window: QWidget, *, forward: bool) -> bool:
    """The keyboard to what is read next, or before; False where what has it is nothing that Tab comes to."""
    order = reading_order(window)
    now = window.focusWidget()
    if now not in order:
        return False
    target = order[(order.index(now) + (1 if forward else -1)) % len(order)]
    target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
    return True


def _inside(widget: QWidget | None) -> Iterator[QWidget]:
    if isinstance(widget, QMainWindow):
        yield from _inside(widget.centralWidget())
    elif isinstance(widget, QScrollArea):
        yield from _inside(widget.widget())
    elif isinstance(widget, QSplitter):
        for place in range(widget.count()):
            part = widget.widget(place)
            if part is not None and not part.isHidden():
                yield from _with_what_is_inside(part)
    elif widget is not None and (layout := widget.layout()) is not None:
        yield from _placed(layout)


def _placed(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None and not widget.isHidden():
            yield from _with_what_is_inside(widget)
        elif inner is not None:
            yield from _placed(inner)


def _with_what_is_inside(widget: QWidget) -> Iterator[QWidget]:
    if _takes_tab(widget):
        yield widget
    yield from _inside(widget)


def _takes_tab(widget: QWidget) -> bool:
    policy = widget.focusPolicy()
    if isinstance(widget, QAbstractButton) and _is_beside_the_chosen(widget):
        return False
    return widget.isEnabled() and policy & Qt.FocusPolicy.TabFocus == Qt.FocusPolicy.TabFocus


def _is_beside_the_chosen(button: QAbstractButton) -> bool:
    """Of several that exclude each other Tab stops at the one that is chosen; the arrows lead to the others."""
    group: QButtonGroup | None = button.group()
    if group is None or not group.exclusive():
        return False
    chosen: QAbstractButton | None = group.checkedButton()
    return chosen is not None and chosen is not button
