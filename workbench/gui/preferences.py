"""The settings as a dialog, made from their declaration: title, help, bounds and choices are read from it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import ScrollBody
from workbench.gui.widgets.controls import label
from workbench.gui.widgets.sheet import Sheet
from workbench.options import Option
from workbench.settings import OPTIONS, Settings

SHOWN = (
    "theme",
    "text_scale",
    "reading_width",
    "reduced_motion",
    "announcements",
    "rater",
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
WIDTH, HEIGHT = 520, 720  # pixels at 100 % text


class PreferencesDialog(Sheet):
    """Every change is in force at once: ``changed`` is emitted with a dict of it."""

    changed = Signal(object)

    def __init__(self, chosen: Settings, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self.setWindowTitle(tr("Settings"))
        self.fields: dict[str, QWidget] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(Space.XL)
        form.setVerticalSpacing(Space.M)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name in SHOWN:
            declared = OPTIONS[name]
            field = self._field(name, declared, getattr(chosen, name))
            field.setAccessibleName(declared.title)
            self.fields[name] = field
            cell = QVBoxLayout()
            cell.setSpacing(2)
            cell.addWidget(field)
            cell.addWidget(label(declared.description, role="muted", wrap=True))
            form.addRow(declared.title, cell)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.L)
        column.setSpacing(Space.XL)
        body = ScrollBody(tr("Settings"))
        body.column.addLayout(form)
        column.addWidget(body, 1)
        column.addWidget(buttons)
        # The button's picture is drawn for one scheme only.
        buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())

    def _field(self, name: str, declared: Option, value: object) -> QWidget:
        kinds, optional = declared.kinds, declared.optional
        if kinds == (bool,):
            switch = QCheckBox(tr("on"))
            switch.setChecked(bool(value))
            switch.toggled.connect(_Switch(self, name).take)
            return switch
        if declared.is_choice:
            return self._choice(name, [str(kind) for kind in kinds], str(value))
        if kinds == (str,):
            text = QLineEdit(str(value))
            text.setMaxLength(declared.max_length or _MOST)
            text.editingFinished.connect(_Text(self, name, text).take)
            return text
        low, high = _bounds(declared)
        if float in kinds:
            number = QDoubleSpinBox()
            number.lineEdit().setTextMargins(Space.XS, 0, 0, 0)  # the style sheet's padding does not reach it
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


class _Text(QObject):
    """What was written, once the field is left or Enter is pressed."""

    def __init__(self, dialog: PreferencesDialog, name: str, field: QLineEdit) -> None:
        super().__init__(dialog)
        self._dialog, self._name, self._field = dialog, name, field
        self._before = field.text()

    @Slot()
    def take(self) -> None:
        said = " ".join(self._field.text().split())
        if said != self._before:
            self._before = said
            self._dialog.changed.emit({self._name: said})


def _bounds(declared: Option) -> tuple[float, float]:
    return float(declared.bounds.get("ge", 0)), float(declared.bounds.get("le", _MOST))
