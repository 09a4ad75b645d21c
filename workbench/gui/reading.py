"""How answers are read: the size of their text, and how wide a line may be."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QFontMetrics

SMALLEST, LARGEST, STEP = 0.6, 3.0, 0.1


class _Reading(QObject):
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.zoom = 1.0
        self.characters = 90

    def set(self, zoom: float, characters: int) -> None:
        zoom = min(max(round(zoom, 2), SMALLEST), LARGEST)
        if (zoom, characters) != (self.zoom, self.characters):
            self.zoom, self.characters = zoom, characters
            self.changed.emit()


_reading = _Reading()
changed = _reading.changed


def zoom() -> float:
    """The size of the text of answers beside that of all other text: 1 is the same."""
    return _reading.zoom


def set_zoom(value: float) -> None:
    """Kept between ``SMALLEST`` and ``LARGEST``; ``changed`` is emitted when it is another."""
    _reading.set(value, _reading.characters)


def zoom_by(steps: int) -> None:
    set_zoom(_reading.zoom + steps * STEP)


def set_characters(count: int) -> None:
    """The most average characters in a line of an answer; 0: as many as there is room for."""
    _reading.set(_reading.zoom, count)


def widest(metrics: QFontMetrics) -> int | None:
    """Pixels that the column of answers takes at most, None for all there are; ``metrics`` are of plain text."""
    if not _reading.characters:
        return None
    return round(metrics.averageCharWidth() * _reading.characters * _reading.zoom)
