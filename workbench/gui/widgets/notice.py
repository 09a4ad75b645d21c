"""A line across the window for what belongs to no pane: what happened, what to do, details to copy."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, SignalInstance, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import Explained, tr
from workbench.gui.widgets.controls import IconButton, label, text_button


class Notice(QFrame):
    """Hidden while there is nothing to say; never takes the focus."""

    shown = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "problem")
        self._details = ""
        self._passing = ""
        self.message = label(role="strong", wrap=True)
        self.hint = label(wrap=True)
        for words in (self.message, self.hint):
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.copy: QPushButton = text_button(tr("Copy details"), kind="ghost")
        self.copy.clicked.connect(self._on_copy)
        self.action: QPushButton = text_button("", kind="small")
        self.action.clicked.connect(self._on_action)
        self.other: QPushButton = text_button("", kind="small")
        self.other.clicked.connect(self._on_other)
        self._acts: list[Callable[[], object]] = []
        self.dismiss = IconButton("close", tr("Dismiss this message"))
        self.dismiss.clicked.connect(self.clear)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self.message)
        column.addWidget(self.hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.M, Space.S, Space.S, Space.S)
        row.addLayout(column, 1)
        row.addWidget(self.action, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.other, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def say(self, message: str, hint: str | None = None, *, details: str = "", tone: Tone = Tone.BAD) -> None:
        theme.mark(self, tone=tone)
        self._details = details
        self.message.setText(message)
        self.hint.setText(hint or "")
        self.hint.setVisible(bool(hint))
        self.copy.setVisible(bool(details))
        self._acts.clear()
        self.action.hide()
        self.other.hide()
        self.setAccessibleName(message)
        self.setAccessibleDescription(hint or "")
        self.show()
        self.shown.emit(True)

    def tell(self, problem: Explained, *, details: str = "") -> None:
        """What went wrong, in the language of the window."""
        self.say(f"✕ {tr(problem.message)}", tr(problem.hint or ""), details=details)

    def suggest(self, words: str, act: Callable[[], object]) -> None:
        """A button for what to do about what is said now; a second one after it for another way."""
        button = self.other if self._acts else self.action
        self._acts.append(act)
        button.setText(words)
        button.show()

    def pass_with(self, moment: SignalInstance) -> None:
        """What is said now is over when ``moment`` is emitted; what is said instead by then stays."""
        self._passing = self.message.text()
        moment.connect(self._on_passed, Qt.ConnectionType.UniqueConnection)

    @Slot()
    def _on_passed(self) -> None:
        if self._passing and self.message.text() == self._passing:
            self.clear()
        self._passing = ""

    @Slot()
    def _on_action(self) -> None:
        self._acts[0]()

    @Slot()
    def _on_other(self) -> None:
        self._acts[1]()

    @Slot()
    def clear(self) -> None:
        self.hide()
        self.shown.emit(False)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._details)
