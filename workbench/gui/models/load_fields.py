"""The parameters of a load as controls: a slider and a number for the context, choices for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QSlider, QSpinBox, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label
from workbench.hardware.facts import Hardware
from workbench.models.header import Header
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.shape import shape_of

STEP = 256  # tokens: what llama.cpp rounds a context up to
UNKNOWN_LONGEST = 131_072  # where the file does not say what it was trained for
MOST_SEQUENCES = 16
MICRO_BATCHES = (64, 128, 256, 512, 1024, 2048)
KV_TYPES = ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
FLASH = (("auto", later("automatic")), ("on", later("on")), ("off", later("off")))
_NOTCHES = 1000


class LoadFields(QWidget):
    """``changed`` is emitted with the ``RunParams`` that the controls show."""

    changed = Signal(object)

    def __init__(self, header: Header, machine: Hardware, params: RunParams, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        shape = shape_of(header)
        self._base = params
        self._trained = shape.n_ctx_train
        self.context = ContextField()
        self.sequences = _number(tr("Parallel sequences"), 1, MOST_SEQUENCES)
        self.micro_batch = _choice(tr("Micro-batch, tokens"), [(size, f"{size:,}") for size in MICRO_BATCHES])
        self.type_k = _choice(tr("KV cache type of K"), [(name, name) for name in KV_TYPES])
        self.type_v = _choice(tr("KV cache type of V"), [(name, name) for name in KV_TYPES])
        self.flash = _choice(tr("Flash attention"), [(value, tr(words)) for value, words in FLASH])
        self.swa_full = QCheckBox(tr("Keep the whole context in window layers"))
        self.swa_full.setToolTip(tr("Needed only to go back far in a conversation without reading it again"))
        self.gpu_layers = LayersField(tr("Layers on the GPU"), shape.n_layer + 1)
        self.experts = _number(tr("Layers whose experts stay in RAM"), 0, max(0, shape.n_layer))
        self._has_window = bool(shape.window)
        self._has_gpu = bool(machine.devices)
        self._has_experts = self._has_gpu and bool(header.integer(f"{shape.architecture}.expert_count"))
        self._arrange()
        self.show_params(params)
        self._connect()

    @property
    def params(self) -> RunParams:
        ubatch = int(self.micro_batch.currentData())
        return replace(
            self._base,
            n_ctx=self.context.value,
            n_seq_max=self.sequences.value(),
            n_batch=max(RunParams().n_batch, ubatch),
            n_ubatch=ubatch,
            type_k=self.type_k.currentData(),
            type_v=self.type_v.currentData(),
            flash_attn=self.flash.currentData(),
            swa_full=self.swa_full.isChecked(),
            n_gpu_layers=self.gpu_layers.value if self._has_gpu else ALL_LAYERS,
            n_cpu_moe=self.experts.value() if self._has_experts else 0,
        )

    def show_params(self, params: RunParams) -> None:
        """Set every control; ``changed`` is not emitted."""
        self._base = params
        self.sequences.setValue(params.n_seq_max)
        self._limit_context()
        with QSignalBlocker(self):
            self.context.show_value(params.n_ctx)
        _select(self.micro_batch, params.n_ubatch, f"{params.n_ubatch:,}")
        _select(self.type_k, params.type_k, params.type_k)
        _select(self.type_v, params.type_v, params.type_v)
        _select(self.flash, params.flash_attn, params.flash_attn)
        self.swa_full.setChecked(params.swa_full)
        self.gpu_layers.show_value(params.n_gpu_layers)
        self.experts.setValue(params.n_cpu_moe)

    def _limit_context(self) -> None:
        longest = self._trained or UNKNOWN_LONGEST
        self.context.set_longest(longest * self.sequences.value())

    def _arrange(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(Space.L)
        form.setVerticalSpacing(Space.S)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(tr("Context, tokens"), self.context)
        form.addRow(tr("Parallel sequences"), self.sequences)
        form.addRow(tr("Micro-batch"), self.micro_batch)
        types = QHBoxLayout()
        types.setSpacing(Space.S)
        for words, box in ((tr("K"), self.type_k), (tr("V"), self.type_v)):
            types.addWidget(label(words, role="muted"))
            types.addWidget(box, 1)
        form.addRow(tr("KV cache type"), types)
        form.addRow(tr("Flash attention"), self.flash)
        if self._has_window:
            form.addRow(tr("Window cache"), self.swa_full)
        if self._has_gpu:
            form.addRow(tr("GPU layers"), self.gpu_layers)
        if self._has_experts:
            form.addRow(tr("Experts in RAM"), self.experts)
        for absent, there in (
            (self.swa_full, self._has_window),
            (self.gpu_layers, self._has_gpu),
            (self.experts, self._has_experts),
        ):
            if not there:
                absent.setParent(self)
                absent.hide()

    def _connect(self) -> None:
        self.context.changed.connect(self._on_change)
        self.sequences.valueChanged.connect(self._on_sequences)
        for box in (self.micro_batch, self.type_k, self.type_v, self.flash):
            box.currentIndexChanged.connect(self._on_change)
        self.swa_full.toggled.connect(self._on_change)
        self.gpu_layers.changed.connect(self._on_change)
        self.experts.valueChanged.connect(self._on_change)

    @Slot()
    def _on_sequences(self) -> None:
        self._limit_context()
        self._on_change()

    @Slot()
    def _on_change(self) -> None:
        self.changed.emit(self.params)


class ContextField(QWidget):
    """A number in steps of 256 tokens, and a slider on a logarithmic scale."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = _number(tr("Context, tokens"), STEP, STEP)
        self.box.setSingleStep(STEP)
        self.box.setKeyboardTracking(False)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _NOTCHES)
        self.slider.setPageStep(_NOTCHES // 10)
        self.slider.setAccessibleName(tr("Context, tokens"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self.slider, 1)
        row.addWidget(self.box)
        self.slider.valueChanged.connect(self._on_slider)
        self.box.valueChanged.connect(self._on_box)

    @property
    def value(self) -> int:
        return self.box.value()

    def set_longest(self, tokens: int) -> None:
        self.box.setMaximum(max(STEP, -(-tokens // STEP) * STEP))
        self._follow()

    def show_value(self, tokens: int) -> None:
        self.box.setValue(_stepped_up(tokens))
        self._follow()

    @Slot(int)
    def _on_slider(self, notch: int) -> None:
        share = notch / _NOTCHES
        tokens = _stepped(STEP * (self.box.maximum() / STEP) ** share)
        if tokens != self.box.value():
            with QSignalBlocker(self.box):
                self.box.setValue(tokens)
            self.changed.emit()

    @Slot()
    def _on_box(self) -> None:
        rounded = _stepped_up(self.box.value())
        with QSignalBlocker(self.box):
            self.box.setValue(rounded)
        self._follow()
        self.changed.emit()

    def _follow(self) -> None:
        """The slider goes where the number is."""
        longest = max(self.box.maximum() / STEP, 1 + 1e-9)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(_NOTCHES * math.log(self.box.value() / STEP) / math.log(longest)))


class LayersField(QWidget):
    """As many layers as fit, decided by the planner, or a number of one's own."""

    changed = Signal()

    def __init__(self, name: str, most: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.automatic = QCheckBox(tr("as many as fit"))
        self.automatic.setAccessibleName(tr("{name}: as many as fit", name=name))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, most)
        self.slider.setAccessibleName(name)
        self.box = _number(name, 0, most)
        self.box.setSuffix(tr(" of {most}", most=most))
        numbers = QHBoxLayout()
        numbers.setSpacing(Space.M)
        numbers.addWidget(self.slider, 1)
        numbers.addWidget(self.box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.automatic)
        column.addLayout(numbers)
        self.slider.valueChanged.connect(self.box.setValue)
        self.box.valueChanged.connect(self._on_box)
        self.automatic.toggled.connect(self._on_automatic)

    @property
    def value(self) -> int:
        return ALL_LAYERS if self.automatic.isChecked() else self.box.value()

    def show_value(self, n_gpu_layers: int) -> None:
        with QSignalBlocker(self):
            self.automatic.setChecked(n_gpu_layers == ALL_LAYERS)
            self.box.setValue(self.box.maximum() if n_gpu_layers == ALL_LAYERS else n_gpu_layers)
        self._enable()

    def show_planned(self, n_gpu_layers: int) -> None:
        """What the planner chose, while it is left to it."""
        if self.automatic.isChecked():
            with QSignalBlocker(self):
                self.box.setValue(self.box.maximum() if n_gpu_layers == ALL_LAYERS else n_gpu_layers)

    @Slot(int)
    def _on_box(self, layers: int) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(layers)
        self.changed.emit()

    @Slot()
    def _on_automatic(self) -> None:
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        own = not self.automatic.isChecked()
        self.slider.setEnabled(own)
        self.box.setEnabled(own)


def _stepped(tokens: float) -> int:
    return max(STEP, round(tokens / STEP) * STEP)


def _stepped_up(tokens: int) -> int:
    """As llama.cpp does it: never less than was asked for."""
    return max(STEP, -(-tokens // STEP) * STEP)


def _number(name: str, least: int, most: int) -> QSpinBox:
    box = QSpinBox()
    box.lineEdit().setTextMargins(Space.XS, 0, 0, 0)  # the style sheet's padding does not reach it
    box.setRange(least, most)
    box.setGroupSeparatorShown(True)
    box.setAccessibleName(name)
    return box


def _choice(name: str, values: Sequence[tuple[object, str]]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for value, words in values:
        box.addItem(words, value)
    return box


def _select(box: QComboBox, value: object, words: str) -> None:
    """A value that is not among the usual ones is added: nothing is changed that was not touched."""
    if box.findData(value) < 0:
        box.addItem(words, value)
    box.setCurrentIndex(box.findData(value))
