"""What the prices on the Models page assume: context, KV type, and which machine."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.errors import UsageError
from workbench.gui.models.stock import Terms
from workbench.gui.models.words import tokens_words
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, later, tr
from workbench.gui.widgets.controls import FlowLayout, label
from workbench.hardware.examples import EXAMPLES, named
from workbench.hardware.facts import Hardware

CONTEXTS = (4096, 8192, 16384, 32768, 131072)
KV_TYPES = (
    ("f16", later("f16 (full precision)")),
    ("q8_0", later("q8_0 (half the memory)")),
    ("q4_0", later("q4_0 (a quarter)")),
)
THIS_COMPUTER = later("this computer")


class TermsBar(QWidget):
    """``changed`` is emitted with the new ``Terms``."""

    changed = Signal(object)

    def __init__(self, context: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._described: Hardware | None = None
        self.context = _box(tr("Context"))
        for n_ctx in sorted({*CONTEXTS, context}):
            self.context.addItem(tr("{tokens_words} tokens", tokens_words=tokens_words(n_ctx)), n_ctx)
        self.context.addItem(tr("trained maximum"), None)
        self.context.setCurrentIndex(self.context.findData(context))
        self.kv_type = _box(tr("KV cache type"))
        for name, words in KV_TYPES:
            self.kv_type.addItem(tr(words), name)
        self.machine = _box(tr("Machine: choose or describe one"))
        self.machine.setToolTip(tr("Choose a machine, or describe one: “12 GB card + 32 GB RAM”, then Enter"))
        self.machine.addItems([tr(THIS_COMPUTER), *(example.label for example in EXAMPLES)])
        self.machine.setEditable(True)
        self.machine.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.problem = label(tone=Tone.BAD, wrap=True)
        self.problem.hide()
        self._arrange()
        self.context.currentIndexChanged.connect(self._on_change)
        self.kv_type.currentIndexChanged.connect(self._on_change)
        self.machine.activated.connect(self._on_machine)
        edit = self.machine.lineEdit()
        assert edit is not None
        edit.editingFinished.connect(self._on_machine)

    @property
    def terms(self) -> Terms:
        return Terms(self.context.currentData(), self.kv_type.currentData(), self._described)

    @Slot()
    def _on_change(self) -> None:
        self.changed.emit(self.terms)

    @Slot()
    def _on_machine(self) -> None:
        """A machine was chosen, or described in the user's own words."""
        words = self.machine.currentText().strip()
        try:
            found = None if words.casefold() in ("", tr(THIS_COMPUTER)) else named(words)
        except UsageError as error:
            self.problem.setText(f"✕ {explained(error)}")
            self.problem.show()
            return
        self.problem.hide()
        self.machine.setEditText(found.label if found is not None else tr(THIS_COMPUTER))
        if found != self._described:
            self._described = found
            self.changed.emit(self.terms)

    def _arrange(self) -> None:
        boxes = QWidget()
        flow = FlowLayout(boxes, gap=Space.L)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        boxes.setSizePolicy(policy)
        for words, box in (
            (tr("Context"), self.context),
            (tr("KV cache"), self.kv_type),
            (tr("Would it fit on"), self.machine),
        ):
            flow.addWidget(_pair(words, box))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addWidget(boxes)
        column.addWidget(self.problem)


def _box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return box


def _pair(words: str, box: QComboBox) -> QWidget:
    pair = QWidget()
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(Space.S)
    said = label(words, role="muted")
    said.setBuddy(box)
    row.addWidget(said)
    row.addWidget(box, 0, Qt.AlignmentFlag.AlignVCenter)
    return pair
