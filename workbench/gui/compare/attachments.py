"""Text files that go with the next prompt: a paperclip, the files as chips, and what is wrong with one in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QWidget

from workbench.chat.unsent import Since, since
from workbench.errors import UsageError
from workbench.gui.compare.bubble import attachment_words
from workbench.gui.theme import Tone
from workbench.gui.tr import explained, tr
from workbench.gui.widgets.controls import FlowLayout, IconButton, text_button

if TYPE_CHECKING:
    from workbench.chat.attachments import Attachment
    from workbench.gui.pages.compare import ComparePage


class AttachmentBar(QWidget):
    """A button for each file that takes it away again; hidden while there is none."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.attachments: tuple[Attachment, ...] = ()
        self._shown: tuple[tuple[Attachment, Since], ...] = ()
        self._flow = FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(tr("Attached files"))
        self.hide()

    def add(self, attachment: Attachment) -> None:
        """One of the same name and text is there already, and stays one; a file that was read before is read anew."""
        others = tuple(one for one in self.attachments if one.path is None or one.path != attachment.path)
        if attachment not in self.attachments:
            self.show_all((*others, attachment))
        else:
            self.look()

    def remove(self, attachment: Attachment) -> None:
        self.show_all(tuple(one for one in self.attachments if one != attachment))

    @Slot()
    def clear(self) -> None:
        self.show_all(())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def show_all(self, attachments: tuple[Attachment, ...]) -> None:
        """These in place of those there are."""
        if attachments != self.attachments:
            self.attachments = attachments
            self.look()
            self.changed.emit()

    def look(self) -> None:
        """What became of the files meanwhile."""
        found = tuple((one, since(one)) for one in self.attachments)
        if found == self._shown:
            return
        self._shown = found
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for attachment, became in found:
            self._flow.addWidget(self._chip(attachment, became))
        self.setVisible(bool(found))

    def _chip(self, attachment: Attachment, became: Since) -> QWidget:
        said = attachment_words(attachment)
        tip = tr("Read as {encoding}; click to take it away again", encoding=attachment.encoding)
        if became is Since.CHANGED:
            said = tr("{file} · changed since", file=said)
            tip = tr("The prompt takes along what was read before. Attach the file again to read it anew.")
        elif became is Since.GONE:
            said = tr("{file} · not there any more", file=said)
            tip = tr("The file was deleted or moved. The prompt takes along what was read of it before.")
        chip = text_button(f"{said}   ✕", kind="small")
        chip.setAccessibleName(tr("Take {file} away again", file=said))
        chip.setToolTip(tip)
        if became is not Since.SAME:
            chip.setProperty("tone", Tone.CAUTION.value)
        chip.clicked.connect(partial(self.remove, attachment))
        return chip


class Attachments(QObject):
    """Puts the bar into the page's composer, what is in it is kept by ``UnsentPart``; ``take`` is for files that were
    dropped on the window."""

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
        self.bar.changed.connect(page.counting.start)

    @Slot()
    def choose(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self._page, tr("Attach text files"), "", tr("All files ({pattern})", pattern="*")
        )
        self.take([Path(name) for name in names])

    def take(self, paths: Sequence[Path]) -> None:
        """Each that is text; of the others the composer says why not."""
        from workbench.chat.attachments import MAX_FILES, read

        refused = []
        for path in paths:
            if len(self.bar.attachments) >= MAX_FILES:
                refused.append(tr("At most {count} files go with a prompt.", count=MAX_FILES))
                break
            try:
                self.bar.add(read(path))
            except UsageError as error:
                refused.append(explained(error))
        if refused:
            self._page.composer.say(" ".join(refused))
        self._page.composer.setFocus()

    def _dress(self, text: str) -> str:
        from workbench.chat.attachments import with_attachments

        return with_attachments(text, self.bar.attachments)
