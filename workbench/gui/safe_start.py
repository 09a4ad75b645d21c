"""At a start after a model ended the program: what happened, and how to go on without it happening again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from workbench.chat.pane import Pane
from workbench.gui.pages.compare import ComparePage
from workbench.gui.theme import Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.notice import Notice

if TYPE_CHECKING:
    from workbench.engine.sentinel import Died, Sentinel

APART = later("Always open it in a process of its own")
LEAVE = later("Leave it out")

_ASKED = later("It is opened again when you ask something. In a process of its own it could end nothing but itself.")
_ELSEWHERE = later("Should it happen again: a pane's settings can give the model a process of its own.")


class SafeStart(QObject):
    """Says so until the user has chosen, or dismissed it; else again at the next start."""

    def __init__(self, sentinel: Sentinel, page: ComparePage, notice: Notice) -> None:
        super().__init__(notice)
        self._sentinel, self._page, self._notice = sentinel, page, notice
        died = sentinel.found()
        self._died: Died | None = died
        if died is None:
            return
        concerned = bool(self._panes() or self._wanted())
        notice.say(tr(died.words), tr(_ASKED) if concerned else tr(_ELSEWHERE), tone=Tone.CAUTION)
        if concerned:
            notice.suggest(tr(APART), self._on_apart)
            notice.suggest(tr(LEAVE), self._on_leave)
        notice.dismiss.clicked.connect(self._forget)

    @Slot()
    def _on_apart(self) -> None:
        """It is remembered of the model; its panes keep everything else as it was."""
        record = self._page.record
        for slot in self._wanted():
            record.isolate_wanted(slot)
        for pane in self._panes():
            record.configure(pane, replace(record.settings_of(pane), isolated=True))
        self._done()

    @Slot()
    def _on_leave(self) -> None:
        """The conversation still says which model it was."""
        record = self._page.record
        for slot in self._wanted():
            del record.wanted[slot]
        for pane in self._panes():
            record.leave(pane)
        self._done()

    def _done(self) -> None:
        self._forget()
        self._notice.clear()
        self._page.shelf.refresh()  # which draws the panes

    @Slot()
    def _forget(self) -> None:
        """Dismissing another notice later is nothing to us."""
        if self._died is not None:
            self._died = None
            self._sentinel.forget()

    def _panes(self) -> list[Pane]:
        return [
            pane
            for pane in self._page.comparison.panes
            if self._died is not None and pane.model and self._died.path in pane.model.files and not pane.busy
        ]

    def _wanted(self) -> list[int]:
        """Panes of the restored conversation whose file is still being looked for."""
        wanted = self._page.record.wanted.items()
        return [slot for slot, kept in wanted if self._died is not None and kept.model_path == str(self._died.path)]
