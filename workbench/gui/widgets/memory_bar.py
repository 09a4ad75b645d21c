"""A bar that shows what fills a device's memory: each model, other programs, what is free, and what would be added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space, Tone, mix
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label

if TYPE_CHECKING:
    from workbench.gui.memory import Added, DeviceMemory, Ghost

WIDTH = 144  # pixels at 100 % text
LEAST_OVER = 6  # pixels at 100 % text: what is missing can always be seen


class MemoryBar(QWidget):
    """``height`` and ``minimum_width`` in pixels at 100 % text."""

    def __init__(self, parent: QWidget | None = None, *, height: int = 8, minimum_width: int = 72) -> None:
        super().__init__(parent)
        self._height, self._minimum_width = height, minimum_width
        self.memory: DeviceMemory | None = None
        self.added: Added | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Memory"))

    def show_memory(self, memory: DeviceMemory) -> None:
        if memory == self.memory:
            return
        self.memory = memory
        self.setToolTip("\n".join(memory.lines))
        self.setAccessibleName(tr("Memory of {name}", name=memory.name))
        self.setAccessibleDescription("; ".join(memory.lines))
        self.update()

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Draw what a model would add, hatched, and say it; None takes it away."""
        from workbench.gui.memory import Added

        if self.memory is None:
            return
        self.added = ghost.added.get(self.memory.device, Added(0)) if ghost is not None else None
        said = [*self.memory.lines, *([ghost.sentence(self.memory)] if ghost is not None else [])]
        self.setAccessibleDescription("; ".join(said))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(self._height))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(self._minimum_width), theme.px(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = begin_bar(painter, QRectF(self.rect()))
        if self.memory is not None and self.memory.total_bytes:
            left = area.left()
            for color, size_bytes in _stripes(self.memory):
                width = area.width() * size_bytes / self.memory.total_bytes
                painter.fillRect(QRectF(left, area.top(), width, area.height()), QColor(color))
                left += width
            if self.added is not None and self.added.size_bytes:
                self._paint_ghost(painter, area, left, self.memory.total_bytes)
        painter.end()

    def _paint_ghost(self, painter: QPainter, area: QRectF, left: float, total_bytes: int) -> None:
        assert self.added is not None
        added = self.added
        right = min(area.right(), left + area.width() * added.size_bytes / total_bytes)
        over = 0.0
        if added.over_bytes:
            over = max(theme.px(LEAST_OVER), area.width() * added.over_bytes / total_bytes)
            over = min(over, area.width() * added.size_bytes / total_bytes)
            right = area.right() if right - left < over else right
        split = max(area.left(), right - over)
        tokens = theme.current()
        hatch(painter, QRectF(left, area.top(), max(0.0, split - left), area.height()), tokens.accent)
        hatch(painter, QRectF(split, area.top(), right - split, area.height()), tokens.bad)


def begin_bar(painter: QPainter, area: QRectF) -> QRectF:
    """Clip to a rounded bar and paint its empty track."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPainterPath()
    radius = min(area.height() / 2, 6)
    outline.addRoundedRect(area, radius, radius)
    painter.setClipPath(outline)
    painter.fillRect(area, QColor(theme.current().track))
    return area


def hatch(painter: QPainter, area: QRectF, color: str) -> None:
    """Stripes on a pale ground: what is not there yet, told from what is without colour."""
    if area.width() <= 0:
        return
    painter.fillRect(area, QColor(mix(color, theme.current().surface, 0.25)))
    painter.fillRect(area, QBrush(QColor(color), Qt.BrushStyle.BDiagPattern))
    edge = QRectF(area.left(), area.top(), 1.5, area.height())
    painter.fillRect(edge, QColor(color))


def _stripes(memory: DeviceMemory) -> list[tuple[str, int]]:
    tokens = theme.current()
    models = [(piece_color(piece.tone, piece.strength), piece.size_bytes) for piece in memory.pieces]
    return [*models, (tokens.faint, memory.others_bytes)]


def piece_color(tone: Tone, strength: float) -> str:
    tokens = theme.current()
    return mix(tokens.color(tone), tokens.surface, strength)


class MemoryStrip(QFrame):
    """One short bar per device for the top of the window; its figures are shown where all of them have room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(Space.L)
        self._ghost: Ghost | None = None
        self._meters: list[_Meter] = []

    @property
    def texts(self) -> list[str]:
        return [meter.text for meter in self._meters]

    def show_memories(self, memories: tuple[DeviceMemory, ...]) -> None:
        while len(self._meters) > len(memories):
            meter = self._meters.pop()
            self._row.removeWidget(meter)
            meter.deleteLater()
        while len(self._meters) < len(memories):
            self._meters.append(_Meter())
            self._row.addWidget(self._meters[-1])
        for meter, memory in zip(self._meters, memories, strict=True):
            meter.show_memory(memory, self._ghost)
        self._make_room()

    def minimumSizeHint(self) -> QSize:
        return QSize(self._width(figures=False), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(self._width(figures=True, roomy=True), super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        figures = self.width() >= self._width(figures=True)
        for meter in self._meters:
            meter.show_figures(shown=figures)

    def _width(self, *, figures: bool, roomy: bool = False) -> int:
        gaps = self._row.spacing() * max(0, len(self._meters) - 1)
        return gaps + sum(meter.width_for(figures=figures, roomy=roomy) for meter in self._meters)

    def show_ghost(self, ghost: Ghost | None) -> None:
        """What a model would add to each device; None takes it away."""
        self._ghost = ghost
        for meter in self._meters:
            if meter.memory is not None:
                meter.show_memory(meter.memory, ghost)


class _Meter(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.memory: DeviceMemory | None = None
        self._name = label(role="muted")
        self._bar = MemoryBar(minimum_width=32)
        self._bar.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._figures: QLabel = label(role="small")
        self._figures.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)  # as the page ends
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        for part in (self._name, self._bar, self._figures):
            row.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
        theme.changed.connect(self._keep_width)

    @property
    def text(self) -> str:
        return f"{self._name.text()} {self._figures.text()}"

    def show_figures(self, *, shown: bool) -> None:
        self._figures.setVisible(shown)

    def width_for(self, *, figures: bool, roomy: bool) -> int:
        bar = self._bar.sizeHint() if roomy else self._bar.minimumSizeHint()
        width = self._name.sizeHint().width() + Space.S + bar.width()
        return width + (Space.S + self._figures_width() if figures else 0)

    def show_memory(self, memory: DeviceMemory, ghost: Ghost | None) -> None:
        self.memory = memory
        self._name.setText(memory.name)
        self._bar.show_memory(memory)
        self._bar.show_ghost(ghost)
        added = self._bar.added
        self._keep_width()
        theme.mark(self._figures, tone=Tone.BAD if added is not None and added.over_bytes else Tone.NONE)
        self._figures.setText(added.words if added is not None and added.size_bytes else memory.short)
        lines = [*memory.lines, *([ghost.sentence(memory)] if ghost is not None else [])]
        self.setToolTip("\n".join(lines))

    @Slot()
    def _keep_width(self) -> None:
        self._figures.setMinimumWidth(self._figures_width())

    def _figures_width(self) -> int:
        # The words of a ghost take the place of the figures: nothing moves when it comes and goes.
        metrics = self._figures.fontMetrics()
        short = self.memory.short if self.memory is not None else ""
        return max(metrics.horizontalAdvance(words) for words in (short, tr("✕ 88.8 GB over")))


class Swatch(QWidget):
    """A small square in a piece's colour, for legends."""

    def __init__(self, tone: Tone | None, strength: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tone, self._strength = tone, strength
        self.setFixedSize(theme.px(10), theme.px(10))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        color = theme.current().faint if self._tone is None else piece_color(self._tone, self._strength)
        painter.fillRect(self.rect(), QColor(color))
        painter.end()
