"""The fields that sampling and prompts are set with: named, limited and explained as the settings are."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QPlainTextEdit, QSpinBox, QWidget

from workbench.gui.direction import OwnSide
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label
from workbench.settings import OPTIONS


def title_of(option: str) -> str:
    """As the settings call it."""
    return tr(OPTIONS[option].title)


def tip_of(option: str) -> str:
    return tr(OPTIONS[option].description)


def named(text: str, field: QWidget) -> QWidget:
    """The words before a field."""
    made = label(text, role="muted")
    made.setBuddy(field)
    made.setToolTip(field.toolTip())
    return made


def share(option: str, least: float, most: float, step: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.lineEdit().setTextMargins(Space.XS, 0, 0, 0)  # the style sheet's padding does not reach it
    box.setRange(least, most)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setAccessibleName(title_of(option))
    box.setToolTip(tip_of(option))
    return box


def choice(name: str, words: Mapping[str, str], tip: str) -> QComboBox:
    combo = QComboBox()
    for value, said in words.items():
        combo.addItem(tr(said), value)
    combo.setAccessibleName(name)
    combo.setToolTip(tr(tip))
    return combo


def whole(
    option: str, least: int, most: int, at_least_words: str, *, title: str | None = None, tip: str | None = None
) -> QSpinBox:
    box = QSpinBox()
    box.lineEdit().setTextMargins(Space.XS, 0, 0, 0)
    box.setRange(least, most)
    box.setSpecialValueText(at_least_words)
    box.setGroupSeparatorShown(True)
    box.setAccessibleName(title or title_of(option))
    box.setToolTip(tr(tip) if tip else tip_of(option))
    return box


def text_field(name: str, placeholder: str) -> QPlainTextEdit:
    edit = QPlainTextEdit()
    edit.setProperty("role", "field")
    edit.setAccessibleName(name)
    edit.setPlaceholderText(placeholder)
    edit.setTabChangesFocus(True)
    OwnSide(edit)
    return edit
