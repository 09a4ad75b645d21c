"""Which way writing runs: text that is typed stands at its own side, and a title keeps its order among other words."""

from __future__ import annotations

import unicodedata

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QPlainTextEdit

_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_FIRST_STRONG, _END = "\u2068", "\u2069"
_LOOKED_AT = 200  # paragraphs, at most, that are searched for a letter


def isolated(text: str) -> str:
    """``text``, its marks and an "…" at its end in the order of its own language, in a line that runs otherwise."""
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text):
        return f"{_FIRST_STRONG}{text}{_END}"
    return text


class OwnSide(QObject):
    """Keeps the text of a field at the side where its first letter begins: Qt leaves it at the left."""

    def __init__(self, edit: QPlainTextEdit) -> None:
        super().__init__(edit)
        self._edit = edit
        edit.textChanged.connect(self._look)
        self._look()

    @Slot()
    def _look(self) -> None:
        document = self._edit.document()
        option = document.defaultTextOption()
        side = Qt.AlignmentFlag.AlignRight if self._runs_leftwards() else Qt.AlignmentFlag.AlignLeft
        if option.alignment() != side:
            option.setAlignment(side)
            document.setDefaultTextOption(option)

    def _runs_leftwards(self) -> bool:
        block = self._edit.document().firstBlock()
        for _ in range(_LOOKED_AT):
            if not block.isValid():
                break
            for letter in block.text()[:_LOOKED_AT]:
                strength = unicodedata.bidirectional(letter)
                if strength in _RIGHT_TO_LEFT or strength == "L":
                    return strength != "L"
            block = block.next()
        return False
