"""What a load takes on each device: a bar, and every part with what its number stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.memory import device_names
from workbench.gui.models import words
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import clear
from workbench.gui.widgets.controls import label
from workbench.gui.widgets.memory_bar import LEAST_OVER, Swatch, begin_bar, hatch, piece_color
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import RAM, Kind, Part, Share

_STRENGTHS = {Kind.WEIGHTS: 1.0, Kind.KV: 0.65, Kind.STATE: 0.65, Kind.COMPUTE: 0.4, Kind.OUTPUT: 0.4}
_FAINTEST = 0.22


class BreakdownView(QWidget):
    """One block per device that has to hold something."""

    def __init__(self, machine: Hardware, tone: Tone, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = device_names(machine)
        self._tone = tone
        self._blocks: list[ShareBlock] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Space.M)

    def draw(self, shares: Sequence[Share]) -> None:
        """Called while sliders move: what stays is only given other numbers."""
        shown = [_without_nothing(share) for share in shares if share.total_bytes]
        if [block.layout_key for block in self._blocks] != [_layout_key(share) for share in shown]:
            clear(self._column)
            self._blocks = [ShareBlock(self._name(share), self._tone, share) for share in shown]
            for block in self._blocks:
                self._column.addWidget(block)
        for block, share in zip(self._blocks, shown, strict=True):
            block.draw(share)

    def _name(self, share: Share) -> str:
        return tr("Main memory") if share.device == RAM else self._names.get(share.device, share.device)


class ShareBlock(QWidget):
    def __init__(self, name: str, tone: Tone, share: Share) -> None:
        super().__init__()
        self.layout_key = _layout_key(share)
        self._name = name
        self._title = label(name, role="strong")
        self._total = label(wrap=True)
        self._total.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.bar = ShareBar(tone)
        self._sizes: list[QLabel] = []
        self._bases: list[QLabel] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._total, 1)
        grid.addLayout(head, 0, 0, 1, 4)
        grid.addWidget(self.bar, 1, 0, 1, 4)
        for row, part in enumerate(share.parts, 2):
            size, basis = label(), label(role="muted")
            size.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(Swatch(tone, strength_of(part)), row, 0, Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(label(tr(words.KIND_WORDS[part.kind]), role="small"), row, 1)
            grid.addWidget(size, row, 2)
            grid.addWidget(basis, row, 3)
            self._sizes.append(size)
            self._bases.append(basis)
        self.draw(share)

    def draw(self, share: Share) -> None:
        over = share.short_by_bytes
        said = tr(
            "{total} of {available}", total=human_bytes(share.total_bytes), available=human_bytes(share.available_bytes)
        )
        self._total.setText(tr("✕ {said}: {over} too much", said=said, over=human_bytes(over)) if over else said)
        theme.mark(self._total, tone=Tone.BAD if over else Tone.NONE)
        for size, basis, part in zip(self._sizes, self._bases, share.parts, strict=True):
            size.setText(human_bytes(part.size_bytes))
            basis.setText(tr(words.BASIS_WORDS[part.basis]))
        self.bar.draw(share)
        parts = ", ".join(f"{tr(words.KIND_WORDS[part.kind])} {human_bytes(part.size_bytes)}" for part in share.parts)
        self.bar.setAccessibleName(f"{self._name}: {self._total.text()}")
        self.bar.setAccessibleDescription(parts)


class ShareBar(QWidget):
    """The parts beside each other; what is more than there is, hatched in the bad colour."""

    def __init__(self, tone: Tone) -> None:
        super().__init__()
        self._tone = tone
        self._share: Share | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def draw(self, share: Share) -> None:
        if share != self._share:
            self._share = share
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(160), theme.px(12))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = begin_bar(painter, QRectF(self.rect()))
        share = self._share
        if share is not None and share.total_bytes:
            whole = max(share.available_bytes, share.total_bytes)
            left = area.left()
            for part in share.parts:
                width = area.width() * part.size_bytes / whole
                color = QColor(piece_color(self._tone, strength_of(part)))
                painter.fillRect(QRectF(left, area.top(), width, area.height()), color)
                left += width
            if share.short_by_bytes:
                limit = area.left() + area.width() * share.available_bytes / whole
                limit = min(limit, area.right() - theme.px(LEAST_OVER))
                over = QRectF(limit, area.top(), area.right() - limit, area.height())
                hatch(painter, over, theme.current().bad)
        painter.end()


def _without_nothing(share: Share) -> Share:
    return replace(share, parts=tuple(part for part in share.parts if part.size_bytes))


def strength_of(part: Part) -> float:
    return _STRENGTHS.get(part.kind, _FAINTEST)


def _layout_key(share: Share) -> tuple[object, ...]:
    return share.device, *(part.kind for part in share.parts)
