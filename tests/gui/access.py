"""What somebody can use in a window: found by what widgets are, so that parts that come later are found too."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QAccessible, QImage, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QPlainTextEdit,
    QRadioButton,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

from workbench.gui.widgets.controls import ElidedLabel

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit,
    QTabBar, QTextEdit,
)  # fmt: skip
PARTS_OF_OTHERS = (QAbstractSpinBox, QComboBox, QLineEdit, QTabBar, QMenuBar, QAbstractItemView)
MOST_STEPS = 600


def controls(root: QWidget) -> list[QWidget]:
    """Everything visible and enabled that can be used; what Qt builds a control of is not counted beside it."""
    return [found for found in root.findChildren(QWidget) if _is_one(found) and found.isVisible() and found.isEnabled()]


def _is_one(widget: QWidget) -> bool:
    if isinstance(widget, QScrollBar | QHeaderView | QMenu) or not isinstance(widget, CONTROLS):
        return False
    above = widget.parentWidget()
    while above is not None and not above.isWindow():
        if isinstance(above, PARTS_OF_OTHERS):
            return False
        above = above.parentWidget()
    return not (isinstance(widget, QTextEdit | QPlainTextEdit) and widget.focusPolicy() == Qt.FocusPolicy.NoFocus)


def told(widget: QWidget) -> str:
    """What a screen reader says of it."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name).strip() if interface is not None else ""


def described(widget: QWidget) -> str:
    """For a failing test: what it is, what it says, and where it stands."""
    above, path = widget.parentWidget(), []
    while above is not None and len(path) < 3:
        path.append(type(above).__name__)
        above = above.parentWidget()
    return f"{type(widget).__name__} {told(widget)!r} in {' in '.join(path)}"


def tab_chain(window: QWidget) -> list[QWidget]:
    """What has the keyboard after each press of Tab, until it begins anew."""
    found: list[QWidget] = []
    for _ in range(MOST_STEPS):
        now = window.focusWidget() or window
        press(now, Qt.Key.Key_Tab)
        after = window.focusWidget()
        if after is None or after in found[:1]:
            break
        found.append(after)
        if len(found) > 1 and found.count(after) > 3:
            break
    return found


def press(widget: QWidget, key: Qt.Key) -> None:
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QCoreApplication.sendEvent(widget, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))


def by_arrows(widget: QWidget, reached: set[QWidget]) -> bool:
    """One of several that exclude each other: the arrows go there from whichever Tab comes to."""
    if not isinstance(widget, QAbstractButton):
        return False
    group = widget.group()
    if group is not None and group.exclusive():
        return any(other in reached for other in group.buttons())
    beside = widget.parentWidget().findChildren(QAbstractButton) if widget.autoExclusive() else []
    return any(other in reached for other in beside if other.autoExclusive())


def shows_focus(widget: QWidget) -> bool:
    """Whether it looks different with the keyboard than without."""
    window = widget.window()
    before = window.focusWidget()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    with_it = picture(widget)
    widget.clearFocus()
    QApplication.processEvents()
    without = picture(widget)
    if before is not None:
        before.setFocus()
    return with_it != without


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def buttons(root: QWidget) -> Iterator[QAbstractButton]:
    for widget in controls(root):
        if isinstance(widget, QAbstractButton):
            yield widget


def target(button: QAbstractButton) -> int:
    """The smaller side of what can be hit, in pixels; the words beside a box can be hit too."""
    if isinstance(button, QCheckBox | QRadioButton):
        return button.height()
    return min(button.width(), button.height())


def labels(root: QWidget) -> list[QLabel]:
    return [found for found in root.findChildren(QLabel) if found.isVisible() and found.text()]


def cut_labels(root: QWidget) -> list[str]:
    """Labels whose words do not fit and are not shortened by a "…" either, with what they would need in pixels."""
    found = []
    for one in labels(root):
        if isinstance(one, ElidedLabel):
            continue
        least = one.heightForWidth(one.width()) if one.wordWrap() else 0
        if not one.wordWrap() and one.width() < one.sizeHint().width() - 1:
            found.append(f"{described(one)}: {one.width()} of {one.sizeHint().width()} pixels wide")
        elif one.height() < least - 1:
            found.append(f"{described(one)}: {one.height()} of {least} pixels high")
    return found
