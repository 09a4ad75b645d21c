"""What a screen reader is told while panes answer: beginnings, ends and failures, and whole sentences now and then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

from workbench.chat.answer import Answer
from workbench.chat.pane import Pane, PaneState
from workbench.gui.blind.hiding import names_hidden
from workbench.gui.compare.words import REASONS, tokens
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage

PAUSE_MS = 4000  # at least, between two sentences out of running answers
LONGEST = 300  # characters of an answer at once

_SENTENCES = re.compile(r".*[.!?…:。！？](?=\s|$)|.*\n", re.DOTALL)


class Announcer(QObject):
    """The setting ``announcements`` says how much: "ends" tells when answers begin, end and fail; "all" reads them too,
    sentence by sentence, one pane at a time; "off" is silent.  What is told goes through ``say``, which tests replace.
    """

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._states: dict[int, PaneState] = {}
        self._read: dict[int, int] = {}  # characters of the running answer that were told, by pane
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self.read_on)
        self.say = announce
        page.drawn.connect(self.look)

    @property
    def mode(self) -> str:
        return self._page.bench.settings.announcements

    @Slot()
    def look(self) -> None:
        """Tell what has changed since the last time."""
        panes = self._page.comparison.panes
        for pane in panes:
            before = self._states.get(pane.id)
            self._states[pane.id] = pane.state
            if before is None or before is pane.state or self.mode == "off" or names_hidden(self._page):
                continue  # before a blind vote, who answers first and for how long is not to be known
            words = self._change(pane, before)
            if words:
                self.say(self._page, words)
        known = {pane.id for pane in panes}
        for gone in [pane_id for pane_id in self._states if pane_id not in known]:
            del self._states[gone]
        if self.mode == "all" and not self._pause.isActive():
            self.read_on()

    @Slot()
    def read_on(self) -> None:
        """The sentences that were finished since, of the pane in use, else of the first that has any."""
        in_use = self._page.row.in_use
        if self.mode != "all" or names_hidden(self._page):
            return
        for pane in sorted(self._page.comparison.panes, key=lambda pane: pane.id != in_use):
            found = self._sentences(pane)
            if found:
                self.say(self._page, tr("{pane}: {text}", pane=self._name(pane), text=found))
                self._pause.start()
                return

    def _sentences(self, pane: Pane) -> str:
        if pane.state is not PaneState.STREAMING:
            return ""
        start = self._read.get(pane.id, 0)
        whole = _SENTENCES.match(pane.text, start)
        if whole is None:
            return ""
        self._read[pane.id] = whole.end()
        text = " ".join(whole[0].split())
        return text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"

    def _change(self, pane: Pane, before: PaneState) -> str:
        name = self._name(pane)
        if pane.state is PaneState.STREAMING and before is not PaneState.STREAMING:
            self._read[pane.id] = 0
            return tr("{pane} begins to answer.", pane=name)
        if pane.state is PaneState.LOADING and before is not PaneState.LOADING:
            return tr("{pane} is being loaded.", pane=name)
        ended = pane.exchanges[-1].answer if pane.exchanges and not pane.busy else None
        if ended is None or before in (PaneState.EMPTY, PaneState.READY, PaneState.FAILED):
            return ""
        return ending(name, ended)

    def _name(self, pane: Pane) -> str:
        number = self._page.comparison.panes.index(pane) + 1
        if pane.model is None:
            return tr("Pane {number}", number=number)
        return tr("Pane {number}, {model}", number=number, model=pane.model.title)


def ending(name: str, answer: Answer) -> str:
    """ "Pane 1, SmolLM2 135M: answer finished, 212 tokens."."""
    if answer.error is not None:
        return tr("{pane}: failed: {why}", pane=name, why=answer.error.message)
    reason = tr(REASONS.get(answer.stop_reason, answer.stop_reason))
    counted = tokens(answer.completion_tokens) if answer.completion_tokens is not None else ""
    if answer.stop_reason in ("end", "stop_string"):
        return tr("{pane}: answer finished, {tokens}.", pane=name, tokens=counted)
    if not counted:
        return tr("{pane}: answer ended: {reason}.", pane=name, reason=reason)
    return tr("{pane}: answer ended: {reason}, {tokens}.", pane=name, reason=reason, tokens=counted)


def announce(widget: QWidget, words: str) -> None:
    """To the screen reader, where one listens."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))
