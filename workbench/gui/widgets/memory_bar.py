"""A bar that shows what fills a device's memory: each model, other programs, and what is free."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from workbench.gui import theme
from workbench.gui.memory import DeviceMemory
from workbench.gui.theme import Space, Tone, mix
from workbench.gui.widgets.controls import label


class MemoryBar(QWidget):
    """``height`` in pixels at 100 % text."""

    def __init__(self, parent: QWidget | None = None, *, height: int = 8, minimum_width: int = 72) -> None:
        super().__init__(parent)
        self._height, self._minimum_width = height, minimum_width
        self.memory: DeviceMemory | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Memory")

    def show_memory(self, memory: DeviceMemory) -> None:
        if memory == self.memory:
            return
        self.memory = memory
        self.setToolTip("\n".join(memory.lines))
        self.setAccessibleName(f"Memory of {memory.name}")
        self.setAccessibleDescription("; ".join(memory.lines))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(2 * self._minimum_width), theme.px(self._height))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(self._minimum_width), theme.px(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        outline = QPainterPath()
        outline.addRoundedRect(area, area.height() / 2, area.height() / 2)
        painter.setClipPath(outline)
        painter.fillRect(area, QColor(theme.current().track))
        if self.memory is not None and self.memory.total_bytes:
            left = area.left()
            for color, size_bytes in _stripes(self.memory):
                width = area.width() * size_bytes / self.memory.total_bytes
                painter.fillRect(QRectF(left, area.top(), width, area.height()), QColor(color))
                left += width
        painter.end()


def _stripes(memory: DeviceMemory) -> list[tuple[str, int]]:
    tokens = theme.current()
    models = [(piece_color(piece.tone, piece.strength), piece.size_bytes) for piece in memory.pieces]
    return [*models, (tokens.faint, memory.others_bytes)]


def piece_color(tone: Tone, strength: float) -> str:
    tokens = theme.current()
    return mix(tokens.color(tone), tokens.surface, strength)


class MemoryStrip(QFrame):
    """One short bar per device for the top of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(Space.L)
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
            meter.show_memory(memory)


class _Meter(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._name = label(role="muted")
        self._bar = MemoryBar()
        self._bar.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._figures: QLabel = label(role="small")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        for part in (self._name, self._bar, self._figures):
            row.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)

    @property
    def text(self) -> str:
        return f"{self._name.text()} {self._figures.text()}"

    def show_memory(self, memory: DeviceMemory) -> None:
        self._name.setText(memory.name)
        self._bar.show_memory(memory)
        self._figures.setText(memory.short)
        self.setToolTip("\n".join(memory.lines))


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
