"""What is typed and attached stays with its conversation until it is sent: over a switch to another, and a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QGuiApplication

from workbench.chat.unsent import Unsent
from workbench.gui.compare.attachments import AttachmentBar

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage


class UnsentPart(QObject):
    """What is typed for nothing that was begun yet goes along to a new comparison, and to the one that is opened at
    the start."""

    def __init__(self, page: ComparePage, bar: AttachmentBar) -> None:
        super().__init__(page)
        self._page, self._bar = page, bar
        self._unsent = Unsent(page.bench.conversations)
        self._of = self._current()
        if self._of is not None and not self._unsent.is_there(self._of):
            self._unsent.move(None, self._of)
        self._show()
        page.composer.paused.connect(self._keep_text)
        page.composer.settled.connect(self._keep_text)
        page.composer.sent.connect(self._on_sent)
        page.conversation_changed.connect(self._turn)
        bar.changed.connect(self._keep_files)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.applicationStateChanged.connect(self._on_state)

    @Slot()
    def _keep_text(self) -> None:
        self._follow()
        self._unsent.keep_text(self._of, self._page.composer.text)

    @Slot()
    def _keep_files(self) -> None:
        self._follow()
        self._unsent.keep_files(self._of, self._bar.attachments)

    @Slot()
    def _on_sent(self) -> None:
        self._follow()
        self._bar.clear()
        self._unsent.forget(self._of)

    @Slot()
    def _turn(self) -> None:
        """To what was begun in the conversation that is shown now."""
        before, after = self._of, self._current()
        if before == after:
            return
        self._of = after
        text, files = self._page.composer.text, self._bar.attachments
        along = after is None and not self._unsent.is_there(None)
        self._unsent.keep_text(before, "" if along else text)
        self._unsent.keep_files(before, () if along else files)
        if along:
            self._unsent.keep_text(after, text)
            self._unsent.keep_files(after, files)
        else:
            self._show()

    @Slot(Qt.ApplicationState)
    def _on_state(self, state: Qt.ApplicationState) -> None:
        """Back from another program, which may have written the files."""
        if state is Qt.ApplicationState.ApplicationActive:
            self._bar.look()

    def _follow(self) -> None:
        """The first prompt of a new comparison makes a conversation of it."""
        if self._of is None and self._current() is not None:
            self._unsent.forget(None)
            self._of = self._current()

    def _show(self) -> None:
        self._page.composer.set_text(self._unsent.text(self._of))
        self._bar.show_all(self._unsent.files(self._of))

    def _current(self) -> int | None:
        return self._page.record.diary.conversation_id
