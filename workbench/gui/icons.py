"""Material Design icons, drawn from the font that comes with qtawesome.

The library itself is not imported: with it comes a layer over every module of Qt, a third of what a start may take.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

_SHARE = 0.875  # of the icon's height: its glyphs have no margin of their own


def glyph(name: str, color: str, disabled: str) -> QIcon:
    """The icon "play" or "stop-circle-outline" in ``color``, ``#RRGGBB``; raises KeyError for a name there is not."""
    return QIcon(_Glyph(chr(_characters()[name]), color, disabled))


class _Glyph(QIconEngine):
    """Sharp in every size, for it is drawn when it is asked for."""

    def __init__(self, character: str, color: str, disabled: str) -> None:
        super().__init__()
        self._character, self._color, self._disabled = character, color, disabled

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        font = QFont(_family())
        font.setPixelSize(max(1, round(_SHARE * rect.height())))
        painter.save()
        painter.setFont(font)
        painter.setPen(QColor(self._disabled if mode == QIcon.Mode.Disabled else self._color))
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), self._character)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        drawn = QPixmap(size)
        drawn.fill(Qt.GlobalColor.transparent)
        painter = QPainter(drawn)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return drawn


def _folder() -> Path:
    found = find_spec("qtawesome")
    if found is None or found.origin is None:
        raise FileNotFoundError("the icons that come with qtawesome are not installed")
    return Path(found.origin).parent / "fonts"


@lru_cache(maxsize=1)
def _characters() -> dict[str, int]:
    source = next(_folder().glob("materialdesignicons6-*charmap*.json"))
    return {name: int(code, 16) for name, code in json.loads(source.read_text(encoding="utf-8")).items()}


@lru_cache(maxsize=1)
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(next(_folder().glob("materialdesignicons6-*.ttf"))))
    return QFontDatabase.applicationFontFamilies(number)[0]
