"""The settings as a dialog, made from their declaration: title, help, bounds and choices are read from it."""

from __future__ import annotations

from typing import get_args

from pydantic.fields import FieldInfo
from PySide6.QtCore import QEvent, QObject, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label
from workbench.settings import Settings

SHOWN = (
    "theme",
    "text_scale",
    "reading_width",
    "reduced_motion",
    "announcements",
    "context",
    "threads",
    "run_mode",
    "prompt_cache_gb",
    "offline",
    "download_mb_per_s",
    "download_connections",
    "other_programs",
)
_EMPTY = {"download_mb_per_s": later("no limit")}
_WORDS = {
    "in_turn": later("In turn"),
    "swap": later("One in memory at a time"),
    "system": later("As the system"),
    "off": later("Nothing"),
    "ends": later("Beginnings and ends"),
    "all": later("All sentences too"),
}
_MOST = 2**31 - 1
WIDTH = 480  # pixels at 100 % text


class PreferencesDialog(QDialog):
    """Every change is in force at once: ``changed`` is emitted with a dict of it."""

    changed = Signal(object)

    def __init__(self, chosen: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings"))
        self.fields: dict[str, QWidget] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(Space.XL)
        form.setVerticalSpacing(Space.M)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name in SHOWN:
            declared = Settings.model_fields[name]
            field = self._field(name, declared, getattr(chosen, name))
            field.setAccessibleName(declared.title or name)
            self.fields[name] = field
            cell = QVBoxLayout()
            cell.setSpacing(2)
            cell.addWidget(field)
            cell.addWidget(label(declared.description or "", role="muted", wrap=True))
            form.addRow(declared.title or name, cell)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.L)
        column.setSpacing(Space.XL)
        column.addLayout(form)
        column.addWidget(buttons)
        # The button's picture is drawn for one scheme only.
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
        self._fit_text()
        theme.changed.connect(self._fit_text)

    @Slot()
    def _fit_text(self) -> None:
        """The dialog changes the text size that it is itself written in."""
        self.setMinimumWidth(theme.px(WIDTH))
        self.adjustSize()

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:  # larger words, some turns of the event loop later
            self.resize(self.size().expandedTo(self.sizeHint()))
        return handled

    def _field(self, name: str, declared: FieldInfo, value: object) -> QWidget:
        kinds = get_args(declared.annotation) or (declared.annotation,)
        if kinds == (bool,):
            switch = QCheckBox(tr("on"))
            switch.setChecked(bool(value))
            switch.toggled.connect(_Switch(self, name).take)
            return switch
        if all(isinstance(kind, str) for kind in kinds):
            return self._choice(name, [str(kind) for kind in kinds], str(value))
        low, high = _bounds(declared)
        if float in kinds:
            number = QDoubleSpinBox()
            number.lineEdit().setTextMargins(Space.XS, 0, 0, 0)  # the style sheet's padding does not reach it
            optional = type(None) in kinds
            number.setRange(0.0 if optional else low, high)
            number.setSingleStep(1.0 if optional else 0.1)
            number.setSpecialValueText(tr(_EMPTY.get(name, "")) if optional else "")
            number.setValue(float(str(value)) if value is not None else number.minimum())
            number.setKeyboardTracking(not optional)
            number.valueChanged.connect(_Change(self, name, empty=number.minimum() if optional else None).take)
            return number
        whole = QSpinBox()
        whole.lineEdit().setTextMargins(Space.XS, 0, 0, 0)
        # An option that may be empty has one value below its least for "the program decides".
        optional = type(None) in kinds
        whole.setRange(int(low) - 1 if optional else int(low), min(int(high), _MOST))
        whole.setSpecialValueText(tr("decided by the program") if optional else "")
        whole.setGroupSeparatorShown(True)
        whole.setValue(int(str(value)) if value is not None else whole.minimum())
        whole.setKeyboardTracking(False)
        whole.valueChanged.connect(_Change(self, name, empty=whole.minimum() if optional else None).take)
        return whole

    def _choice(self, name: str, values: list[str], value: str) -> QComboBox:
        box = QComboBox()
        for each in values:
            box.addItem(tr(_WORDS.get(each, each.replace("_", " ").capitalize())), each)
        box.setCurrentIndex(values.index(value))
        box.currentIndexChanged.connect(_Choice(self, name, box).take)
        return box


class _Change(QObject):
    """A field's number, on its way into the settings."""

    def __init__(self, dialog: PreferencesDialog, name: str, *, empty: float | None = None) -> None:
        super().__init__(dialog)
        self._dialog, self._name, self._empty = dialog, name, empty

    @Slot(object)
    def take(self, value: float) -> None:
        rounded = round(value, 3)
        self._dialog.changed.emit({self._name: None if value == self._empty else rounded})


class _Switch(QObject):
    """A field that is on or off, on its way into the settings."""

    def __init__(self, dialog: PreferencesDialog, name: str) -> None:
        super().__init__(dialog)
        self._dialog, self._name = dialog, name

    @Slot(bool)
    def take(self, on: bool) -> None:
        self._dialog.changed.emit({self._name: on})


class _Choice(QObject):
    def __init__(self, dialog: PreferencesDialog, name: str, box: QComboBox) -> None:
        super().__init__(dialog)
        self._dialog, self._name, self._box = dialog, name, box

    @Slot(int)
    def take(self, index: int) -> None:
        self._dialog.changed.emit({self._name: self._box.itemData(index)})


def _bounds(declared: FieldInfo) -> tuple[float, float]:
    low, high = 0.0, float(_MOST)
    for bound in declared.metadata:
        low = float(getattr(bound, "ge", low))
        high = float(getattr(bound, "le", high))
    return low, high
