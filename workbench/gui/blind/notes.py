"""A comment and tags that go with a vote, and who gives it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QHBoxLayout, QLineEdit, QWidget

from workbench.gui.theme import Space
from workbench.gui.tr import tr

LONGEST_NAME = 60
_BETWEEN = re.compile(r"[,\s]+")


class TagField(QLineEdit):
    """Words, with or without a "#" before them; each is completed from the tags that were used before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Tags of this vote"))
        self.setPlaceholderText(tr("#tone #facts"))
        self._known = QStringListModel(self)
        completer = _LastWord(self)
        completer.setModel(self._known)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setCompleter(completer)

    @property
    def tags(self) -> tuple[str, ...]:
        words = [word.lstrip("#") for word in _BETWEEN.split(self.text())]
        return tuple(dict.fromkeys(word for word in words if word))

    def set_tags(self, tags: Sequence[str]) -> None:
        self.setText(" ".join(f"#{tag.replace(' ', '-')}" for tag in tags))

    def know(self, tags: Sequence[str]) -> None:
        self._known.setStringList(sorted(f"#{tag}" for tag in tags if " " not in tag))


class _LastWord(QCompleter):
    """Completes the last of several words."""

    def __init__(self, field: TagField) -> None:
        super().__init__(field)
        self._field = field

    def splitPath(self, path: str) -> list[str]:
        word = _BETWEEN.split(path)[-1]
        return [word if word.startswith("#") or not word else f"#{word}"]

    def pathFromIndex(self, index: QModelIndex | QPersistentModelIndex) -> str:
        words = _BETWEEN.split(self._field.text())
        return " ".join([*words[:-1], str(index.data())]) + " "


class Notes(QWidget):
    """Hidden until one of the three is wanted.  ``done`` is emitted when Enter or Esc ends the writing, ``rater_named``
    with the name when it is written; the name stays, the others go with the vote."""

    done = Signal()
    rater_named = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comment = QLineEdit()
        self.comment.setAccessibleName(tr("Comment on this vote"))
        self.comment.setPlaceholderText(tr("Why? One line, kept with the vote"))
        self.tags = TagField()
        self.rater = QLineEdit()
        self.rater.setMaxLength(LONGEST_NAME)
        self.rater.setAccessibleName(tr("Who judges"))
        self.rater.setPlaceholderText(tr("Who judges? A name"))
        self.rater.editingFinished.connect(self._on_rater)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(self.comment, 3)
        row.addWidget(self.tags, 2)
        row.addWidget(self.rater, 2)
        for field in (self.comment, self.tags, self.rater):
            field.returnPressed.connect(self.done)
        self.hide()

    def clear(self) -> None:
        self.comment.clear()
        self.tags.clear()
        self.hide()

    @Slot()
    def write_comment(self) -> None:
        self.show()
        self.comment.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def write_tags(self) -> None:
        self.show()
        self.tags.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def write_rater(self) -> None:
        self.show()
        self.rater.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def _on_rater(self) -> None:
        self.rater_named.emit(" ".join(self.rater.text().split()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.done.emit()
        else:
            super().keyPressEvent(event)
