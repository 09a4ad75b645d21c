"""By what the sidebar narrows its list: model, tag, folder, date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QSizePolicy, QWidget

from workbench.chat.stored import Query, Wanted
from workbench.gui import names
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label, text_button

DATES = (
    (later("Any time"), 0), (later("Today"), 1), (later("Last 7 days"), 7), (later("Last 30 days"), 30),
    (later("Last year"), 365),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choices:
    models: Sequence[str] = ()
    tags: Sequence[str] = ()
    folders: Sequence[str] = ()


class Filters(QWidget):
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = _box(tr("Only with this model"))
        self.tag = _box(tr("Only with this tag"))
        self.folder = _box(tr("Only in this folder"))
        self.date = _box(tr("Only from this time"))
        for words, days in DATES:
            self.date.addItem(tr(words), days)
        self.offer(Choices())
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(Space.S)
        form.setVerticalSpacing(Space.XS)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for words, box in ((tr("Model"), self.model), (tr("Tag"), self.tag), (tr("Folder"), self.folder),
                           (tr("Time"), self.date)):  # fmt: skip
            said = label(words, role="muted")
            said.setBuddy(box)
            said.setMinimumHeight(box.sizeHint().height())
            form.addRow(said, box)
            box.currentIndexChanged.connect(self._on_change)
        self.reset = text_button(tr("Show all again"), kind="link")
        self.reset.clicked.connect(self.clear)
        form.addRow(self.reset)
        self._on_change()

    @property
    def active(self) -> bool:
        return any(box.currentIndex() > 0 for box in self._boxes)

    def wanted(self) -> Wanted:
        """For a list; the date is not in it, see ``since``."""
        return Wanted(folder=self.folder.currentData(), tag=self.tag.currentData(), model=self.model.currentData())

    def query(self, text: str) -> Query:
        return Query(
            text,
            model=self.model.currentData(),
            tag=self.tag.currentData(),
            folder=self.folder.currentData(),
            since=self.since(),
        )

    def since(self) -> datetime | None:
        days = int(self.date.currentData() or 0)
        if not days:
            return None
        today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=days - 1)

    def offer(self, choices: Choices) -> None:
        """What there is to choose; what was chosen stays chosen, also where it is gone meanwhile."""
        for box, words, offered in (
            (self.model, tr("Any model"), choices.models),
            (self.tag, tr("Any tag"), choices.tags),
            (self.folder, tr("Any folder"), choices.folders),
        ):
            chosen = box.currentData()
            with QSignalBlocker(box):
                box.clear()
                box.addItem(words, None)
                for name in dict.fromkeys([*offered, *([chosen] if chosen is not None else [])]):
                    box.addItem(names.current().file(name) if box is self.model else name, name)
                box.setCurrentIndex(max(box.findData(chosen), 0))

    def choose_tag(self, tag: str | None) -> None:
        """None: any."""
        if tag is not None and self.tag.findData(tag) < 0:
            self.tag.addItem(tag, tag)
        self.tag.setCurrentIndex(max(self.tag.findData(tag), 0))

    @Slot()
    def clear(self) -> None:
        if self.active:
            for box in self._boxes:
                with QSignalBlocker(box):
                    box.setCurrentIndex(0)
            self._on_change()

    @property
    def _boxes(self) -> tuple[QComboBox, ...]:
        return self.model, self.tag, self.folder, self.date

    @Slot()
    def _on_change(self) -> None:
        self.reset.setVisible(self.active)
        self.changed.emit()


def _box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
