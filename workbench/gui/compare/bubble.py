"""A prompt as it was asked: its first lines, what was attached to it, its branches, and a pencil to ask it anew."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout

from workbench.gui import theme
from workbench.gui.compare.stepper import Stepper
from workbench.gui.compare.wishes import Wish
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import FlowLayout, IconButton, label, text_button

if TYPE_CHECKING:
    from workbench.chat.attachments import Attachment

PROMPT_LINES = 4
EDITED_LINES = 10
MOST_SHOWN = 100_000  # characters of a prompt that is opened: a label lays all of it out


class PromptBubble(QFrame):
    """``wished`` is as that of the exchange; ``edited``: the prompt can be written anew now."""

    wished = Signal(str, object)
    edited = Signal()

    def __init__(self, prompt: str) -> None:
        from workbench.chat.attachments import parted

        super().__init__()
        self.setProperty("role", "prompt")
        self._prompt = prompt
        self._parted = parted(prompt)
        self._open = False
        self._label = label(role="small", wrap=True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._label.setAccessibleName(tr("Prompt"))
        self._more = text_button(tr("Show all"), kind="link")
        self._more.setProperty("compact", True)
        self._more.clicked.connect(self._toggle)
        self.branches = Stepper(tr("The branch before"), tr("The next branch"))
        self.branches.stepped.connect(partial(self.wished.emit, Wish.BRANCH))
        self.pencil = IconButton("pencil-outline", tr("Edit the prompt: asks a branch, this one stays"))
        self.pencil.clicked.connect(self.edit)
        self.pencil.hide()
        self.editor: PromptEditor | None = None
        self.folds = [AttachmentFold(attachment) for attachment in self._parted.attachments]
        self._lay_out()
        self._show()

    def draw(self, siblings: tuple[int, ...], turn_id: int | None, *, quiet: bool) -> None:
        """``siblings`` are the turns beside this one, itself among them; nothing is asked while it is not quiet."""
        self.branches.draw(siblings, turn_id)
        self.branches.setEnabled(quiet)
        self.pencil.setVisible(turn_id is not None)
        self.pencil.setEnabled(quiet)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    @Slot()
    def edit(self) -> None:
        """In place: Ctrl+Enter asks it as a branch, Esc leaves it as it was."""
        if self.editor is None:
            self.editor = PromptEditor(self._prompt)
            self.editor.asked.connect(self._on_asked)
            self.editor.left.connect(self._leave)
            self._column.addWidget(self.editor)
        self._head(shown=False)
        self.edited.emit()
        self.editor.edit.setFocus()

    @Slot(str)
    def _on_asked(self, prompt: str) -> None:
        self._leave()
        self.wished.emit(Wish.EDIT, prompt)

    @Slot()
    def _leave(self) -> None:
        if self.editor is not None:
            self.editor.hide()
            self.editor.deleteLater()
            self.editor = None
        self._head(shown=True)
        self.pencil.setFocus()

    def _head(self, *, shown: bool) -> None:
        for part in (self._label, self.pencil, *self.folds):
            part.setVisible(shown)
        self.branches.setVisible(shown and self.branches.several)
        self._more.setVisible(shown and self._shortened() != self._parted.text)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(Space.XS)
        head.addWidget(self._label, 1)
        head.addWidget(self.branches, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.pencil, 0, Qt.AlignmentFlag.AlignTop)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.S + 2, Space.S - 2, Space.XS, Space.S - 2)
        self._column.setSpacing(0)
        self._column.addLayout(head)
        self._column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        for fold in self.folds:
            self._column.addWidget(fold)

    @Slot()
    def _toggle(self) -> None:
        self._open = not self._open
        self._show()

    def _show(self) -> None:
        if self.editor is not None:
            return
        text, short = self._parted.text, self._shortened()
        self._more.setVisible(short != text)
        self._more.setText(tr("Show less") if self._open else tr("Show all"))
        self._label.setText(_at_most(text) if self._open else short)

    def _shortened(self) -> str:
        """The first lines as they break at this width, roughly: measuring it all would be slow for a long text."""
        text = self._parted.text
        width = max(self.width() - 2 * Space.M, theme.px(120))
        metrics = QFontMetrics(self._label.font())
        per_line = max(8, width // max(1, metrics.averageCharWidth()))
        kept: list[str] = []
        used = 0
        for line in text[: (per_line + 1) * (PROMPT_LINES + 1)].split("\n"):  # more than there is room for
            rows = max(1, -(-len(line) // per_line))
            if used + rows > PROMPT_LINES:
                left = (PROMPT_LINES - used) * per_line
                return "\n".join([*kept, line[:left].rstrip()]).rstrip() + "…"
            kept.append(line)
            used += rows
        return text


class PromptEditor(QFrame):
    """The whole prompt, to be asked otherwise."""

    asked = Signal(str)
    left = Signal()

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self._was = prompt
        self.edit = _Lines(prompt)
        self.edit.sent.connect(self._ask)
        self.edit.left.connect(self.left)
        self.ask: QPushButton = text_button(tr("Ask this as a branch"), kind="primary")
        self.ask.setToolTip(tr("Ctrl+Enter; what was asked and answered before stays as another branch"))
        self.ask.clicked.connect(self._ask)
        cancel = text_button(tr("Leave it"), kind="plain")
        cancel.setToolTip(tr("Esc"))
        cancel.clicked.connect(self.left)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, Space.XS, Space.XS, Space.XS)
        column.setSpacing(Space.S)
        column.addWidget(self.edit)
        ways = FlowLayout(gap=Space.S)
        ways.addWidget(self.ask)
        ways.addWidget(cancel)
        keys = label(tr("Ctrl+Enter asks, Esc leaves"), role="muted")
        keys.setMinimumHeight(cancel.sizeHint().height())
        ways.addWidget(keys)
        column.addLayout(ways)

    @Slot()
    def _ask(self) -> None:
        prompt = self.edit.toPlainText()
        if prompt.strip():
            self.asked.emit(prompt)


class _Lines(QPlainTextEdit):
    sent = Signal()
    left = Signal()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("role", "field")
        self.setAccessibleName(tr("Prompt, to be asked as a branch"))
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)  # a dropped file belongs to the window
        lines = min(max(3, self.document().blockCount() + 1), EDITED_LINES)
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + theme.px(20))
        self.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        command = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and event.modifiers() & command:
            self.sent.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class AttachmentFold(QFrame):
    """ "▸ notes.md · 2,310 characters"; opened, its text."""

    def __init__(self, attachment: Attachment) -> None:
        super().__init__()
        self._attachment = attachment
        self.button = text_button("", kind="link")
        self.button.setCheckable(True)
        self.button.setProperty("compact", True)
        self.button.toggled.connect(self._fold)
        self._text: QPlainTextEdit | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, Space.XS, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        self._say()

    @Slot(bool)
    def _fold(self, opened: bool) -> None:
        if self._text is None:
            self._text = QPlainTextEdit(self._attachment.text)
            self._text.setReadOnly(True)
            self._text.setProperty("role", "mono")
            self._text.setTabChangesFocus(True)
            self._text.setAccessibleName(self._attachment.name)
            self._text.setFixedHeight(theme.px(180))
            self._column.addWidget(self._text)
        self._text.setVisible(opened)
        self._say()

    def _say(self) -> None:
        said = attachment_words(self._attachment)
        opened = self.button.isChecked()
        self.button.setText(f"{'▾' if opened else '▸'} {said}")
        self.button.setAccessibleName(
            tr("Hide the attached file {file}", file=said) if opened else tr("Show the attached file {file}", file=said)
        )


def attachment_words(attachment: Attachment) -> str:
    """ "notes.md · 2,310 characters"."""
    return tr("{name} · {count} characters", name=attachment.name, count=f"{len(attachment.text):,}")


def _at_most(text: str) -> str:
    if len(text) <= MOST_SHOWN:
        return text
    more = tr("… and {count} characters more", count=f"{len(text) - MOST_SHOWN:,}")
    return f"{text[:MOST_SHOWN]}\n{more}"
