"""A sampling and a system prompt of a pane's own: as the others until one says otherwise."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.engine.base import Sampling
from workbench.gui import theme
from workbench.gui.compare import fields
from workbench.gui.theme import Space
from workbench.gui.tr import tr

MOST_SEED = 2_147_483_647
LINES = 4


class OwnAsking(QWidget):
    """``shared`` are what the others have: what own fields begin with."""

    def __init__(self, sampling: Sampling | None, system: str | None, shared: Sampling, shared_system: str) -> None:
        super().__init__()
        self._shared = shared
        self.own_sampling = QCheckBox(tr("A sampling of its own"))
        self.own_sampling.setToolTip(tr("Otherwise as the others: the answers are compared on the same footing"))
        self.own_system = QCheckBox(tr("A system prompt of its own"))
        self.own_system.setToolTip(self.own_sampling.toolTip())
        self.temperature = fields.share("temperature", 0, 5, 0.1)
        self.top_k = fields.whole("top_k", 0, 1_000_000, tr("0 (all)"))
        self.top_p = fields.share("top_p", 0.01, 1, 0.05)
        self.min_p = fields.share("min_p", 0, 1, 0.01)
        self.penalty = fields.share("repetition_penalty", 0.01, 5, 0.05)
        self.seed = QLineEdit()
        self.seed.setValidator(QIntValidator(0, MOST_SEED, self.seed))
        self.seed.setPlaceholderText(tr("as the others"))
        self.seed.setAccessibleName(tr("Seed"))
        self.system = fields.text_field(tr("System prompt of this pane"), tr("Empty: this pane has none"))
        self._fill(sampling or shared, own_seed=sampling.seed if sampling is not None else None)
        self.system.setPlainText(shared_system if system is None else system)
        self._lay_out()
        self.own_sampling.setChecked(sampling is not None)
        self.own_system.setChecked(system is not None)
        self.own_sampling.toggled.connect(self._show)
        self.own_system.toggled.connect(self._show)
        self._show()

    @property
    def chosen_sampling(self) -> Sampling | None:
        """None: as the others."""
        if not self.own_sampling.isChecked():
            return None
        return replace(
            self._shared,
            temperature=self.temperature.value(),
            top_k=self.top_k.value(),
            top_p=self.top_p.value(),
            min_p=self.min_p.value(),
            repetition_penalty=self.penalty.value(),
            seed=int(self.seed.text()) if self.seed.text() else None,
        )

    @property
    def chosen_system(self) -> str | None:
        """None: as the others; empty: none."""
        return self.system.toPlainText() if self.own_system.isChecked() else None

    def _fill(self, sampling: Sampling, *, own_seed: int | None) -> None:
        self.temperature.setValue(sampling.temperature)
        self.top_k.setValue(sampling.top_k)
        self.top_p.setValue(sampling.top_p)
        self.min_p.setValue(sampling.min_p)
        self.penalty.setValue(sampling.repetition_penalty)
        self.seed.setText("" if own_seed is None else str(own_seed))

    @Slot()
    def _show(self) -> None:
        self._values.setVisible(self.own_sampling.isChecked())
        self.system.setVisible(self.own_system.isChecked())

    def _lay_out(self) -> None:
        self._values = QWidget()
        grid = QGridLayout(self._values)
        grid.setContentsMargins(Space.XL, 0, 0, Space.S)
        grid.setHorizontalSpacing(Space.S)
        grid.setVerticalSpacing(Space.XS)
        rows: tuple[tuple[str, QWidget], ...] = (
            (fields.title_of("temperature"), self.temperature),
            (fields.title_of("top_k"), self.top_k),
            (fields.title_of("top_p"), self.top_p),
            (fields.title_of("min_p"), self.min_p),
            (fields.title_of("repetition_penalty"), self.penalty),
            (tr("Seed"), self.seed),
        )
        for number, (title, field) in enumerate(rows):
            row, pair = divmod(number, 2)
            grid.addWidget(fields.named(title, field), row, 2 * pair)
            grid.addWidget(field, row, 2 * pair + 1)
        for column in (1, 3):
            grid.setColumnStretch(column, 1)
        self.system.setFixedHeight(LINES * self.system.fontMetrics().lineSpacing() + theme.px(20))
        inner = QVBoxLayout(self)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(Space.XS)
        inner.addWidget(self.own_sampling)
        inner.addWidget(self._values)
        inner.addWidget(self.own_system)
        inner.addWidget(self.system)
