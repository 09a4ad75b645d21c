"""Text files that go with the next prompt: a paperclip, the files as chips, and what is wrong with one in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QWidget

from workbench.chat.attachments import MAX_FILES, Attachment, read, with_attachments
from workbench.errors import UsageError
from workbench.gui.compare.bubble import attachment_words
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import FlowLayout, IconButton, text_button

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage


class AttachmentBar(QWidget):
    """A button for each file that takes it away again; hidden while there is none."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.attachments: tuple[Attachment, ...] = ()
        self._flow = FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(tr("Attached files"))
        self.hide()

    def add(self, attachment: Attachment) -> None:
        """One of the same name and text is there already, and stays one."""
        if attachment not in self.attachments:
            self._show((*self.attachments, attachment))

    def remove(self, attachment: Attachment) -> None:
        self._show(tuple(one for one in self.attachments if one != attachment))

    @Slot()
    def clear(self) -> None:
        self._show(())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def _show(self, attachments: tuple[Attachment, ...]) -> None:
        if attachments == self.attachments:
            return
        self.attachments = attachments
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for attachment in attachments:
            said = attachment_words(attachment)
            chip = text_button(f"{said}   ✕", kind="small")
            chip.setAccessibleName(tr("Take {file} away again", file=said))
            chip.setToolTip(tr("Read as {encoding}; click to take it away again", encoding=attachment.encoding))
            chip.clicked.connect(partial(self.remove, attachment))
            self._flow.addWidget(chip)
        self.setVisible(bool(attachments))
        self.changed.emit()


class Attachments(QObject):
    """Puts the bar into the page's composer; ``take`` is for files that were dropped on the window."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.bar = AttachmentBar()
        self.clip = IconButton("paperclip", tr("Attach text files"))
        self.clip.clicked.connect(self.choose)
        composer = page.composer
        composer.add_row(self.bar)
        composer.add_tool(self.clip)
        composer.dress = self._dress
        composer.sent.connect(self.bar.clear)
        page.conversation_changed.connect(self.bar.clear)
        self.bar.changed.connect(page.counting.start)

    @Slot()
    def choose(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self._page, tr("Attach text files"), "", tr("All files ({pattern})", pattern="*")
        )
        self.take([Path(name) for name in names])

    def take(self, paths: Sequence[Path]) -> None:
        """Each that is text; of the others the composer says why not."""
        refused = []
        for path in paths:
            if len(self.bar.attachments) >= MAX_FILES:
                refused.append(tr("At most {count} files go with a prompt.", count=MAX_FILES))
                break
            try:
                self.bar.add(read(path))
            except UsageError as error:
                refused.append(" ".join(filter(None, [error.message, error.hint])))
        if refused:
            self._page.composer.say(" ".join(refused))
        self._page.composer.setFocus()

    def _dress(self, text: str) -> str:
        return with_attachments(text, self.bar.attachments)
