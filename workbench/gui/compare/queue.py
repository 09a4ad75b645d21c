"""Prompts that wait their turn, as chips above the composer: taken away, put elsewhere, and kept over a restart."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.waking import Awake
from workbench.gui import theme
from workbench.gui.notify import Notifier
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel, FlowLayout, IconButton, label, text_button

if TYPE_CHECKING:
    from workbench.gui.pages.compare import ComparePage

log = logging.getLogger(__name__)

MOST_CHIPS = 6
LONG_ANSWER_S = 60.0
_LETTERS = 120


class QueueRow(QFrame):
    """``doomed`` and ``carried`` name places in the queue; hidden while nothing waits."""

    doomed = Signal(int)
    carried = Signal(int, int)
    go_on = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Prompts that wait"))
        self.told = label(role="small", wrap=True)
        self.button = text_button(tr("Go on"), kind="plain")
        self.button.setToolTip(tr("Send what waits, one after the other"))
        self.button.clicked.connect(self.go_on)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(self.told, 1)
        head.addWidget(self.button)
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self._chips.setSizePolicy(policy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, Space.XS)
        column.setSpacing(Space.XS)
        column.addLayout(head)
        column.addWidget(self._chips)
        self.hide()

    def draw(self, prompts: Sequence[str], *, paused: bool, problem: str | None = None) -> None:
        place = next((one.property("place") for one in self._chips.findChildren(IconButton) if one.hasFocus()), None)
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for index, prompt in enumerate(prompts[:MOST_CHIPS]):
            self._flow.addWidget(self._chip(index, prompt, len(prompts)))
        if len(prompts) > MOST_CHIPS:
            self._flow.addWidget(label(tr("and {count} more", count=len(prompts) - MOST_CHIPS), role="muted"))
        self.told.setText(_told(len(prompts), paused=paused, problem=problem))
        theme.mark(self.told, role="small", tone=Tone.CAUTION if paused else Tone.MUTED)
        self.button.setVisible(paused)
        self.setVisible(bool(prompts))
        if place is not None and prompts:
            self._focus(place)

    def _chip(self, index: int, prompt: str, count: int) -> QWidget:
        chip = QFrame()
        chip.setProperty("role", "card")
        row = QHBoxLayout(chip)
        row.setContentsMargins(Space.S, 0, 0, 0)
        row.setSpacing(0)
        words = ElidedLabel()
        line = " ".join(prompt[: 4 * _LETTERS].split())[:_LETTERS]
        words.setText(tr("{number}. {prompt}", number=index + 1, prompt=line))
        words.setFixedWidth(min(theme.px(220), words.fontMetrics().horizontalAdvance(words.text()) + theme.px(4)))
        row.addWidget(words)
        row.addSpacing(Space.XS)
        deeds = [
            (
                "arrow-left",
                tr("Ask “{prompt}” earlier", prompt=line),
                partial(self.carried.emit, index, index - 1),
                index,
            ),
            (
                "arrow-right",
                tr("Ask “{prompt}” later", prompt=line),
                partial(self.carried.emit, index, index + 1),
                count - 1 - index,
            ),
            ("close", tr("Do not ask “{prompt}”", prompt=line), partial(self.doomed.emit, index), 1),
        ]
        for icon, said, deed, possible in deeds:
            button = IconButton(icon, said)
            button.setEnabled(possible > 0)
            button.setProperty("place", f"{index} {icon}")
            button.clicked.connect(deed)
            row.addWidget(button)
        return chip

    def _focus(self, place: str) -> None:
        """Where the keyboard was; where that is gone, the nearest there is."""
        buttons = [one for one in self._chips.findChildren(IconButton) if one.isEnabled() and not one.isHidden()]
        same = [one for one in buttons if one.property("place") == place]
        for button in (same or buttons)[:1]:
            button.setFocus(Qt.FocusReason.OtherFocusReason)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())


class PromptQueueing(QObject):
    """Joins the row to the comparison, keeps what waits with its conversation, and holds off sleep meanwhile."""

    def __init__(self, page: ComparePage, awake: Awake | None = None) -> None:
        super().__init__(page)
        self._page = page
        self._row = page.composer.queue
        self._awake = awake or Awake()
        self._notifier = Notifier(page)
        self._key = self._current()
        self._shown: tuple[object, ...] = ()
        self._kept: tuple[str, ...] = ()
        self._busy_since: float | None = None
        self._row.doomed.connect(self._on_remove)
        self._row.carried.connect(self._on_move)
        self._row.go_on.connect(self._on_go_on)
        page.conversation_changed.connect(self._on_conversation)
        # Later: another conversation says so only after it was drawn.
        page.drawn.connect(self._follow, Qt.ConnectionType.QueuedConnection)
        page.destroyed.connect(self._awake.let_go)
        self._restore()

    @property
    def comparison_key(self) -> str:
        """Under which the queue is kept."""
        return f"queue {self._key or 'new'}"

    @Slot(int)
    def _on_remove(self, index: int) -> None:
        self._page.comparison.unqueue(index)
        self._follow()

    @Slot(int, int)
    def _on_move(self, index: int, to: int) -> None:
        self._page.comparison.move(index, to)
        self._follow()

    @Slot()
    def _on_go_on(self) -> None:
        self._page.do(self._page.comparison.go_on)

    @Slot()
    def _on_conversation(self) -> None:
        self._key = self._current()
        self._restore()

    def _restore(self) -> None:
        """What was waiting in this conversation waits again, until somebody says to go on."""
        prompts = _read(self._page.bench.conversations.draft(self.comparison_key))
        self._page.comparison.put_queue(prompts)
        self._kept = self._page.comparison.queue
        self._follow()

    @Slot()
    def _follow(self) -> None:
        if not self._page.errands.open:
            self._awake.let_go()
            return  # the end: what waits was kept when it came
        comparison = self._page.comparison
        if self._current() != self._key:
            self._take_key()
        if comparison.queue != self._kept:
            self._kept = comparison.queue
            kept = json.dumps(self._kept) if self._kept else ""
            self._page.bench.conversations.keep_draft(self.comparison_key, kept, of=self._key)
        if comparison.busy and comparison.queue:
            self._awake.hold()
        elif not comparison.busy:
            self._awake.let_go()
        shown = (comparison.queue, comparison.paused, self._awake.problem if self._awake.held else None)
        if shown != self._shown:
            self._shown = shown
            self._row.draw(comparison.queue, paused=comparison.paused, problem=shown[2])
        self._tell_end()

    def _take_key(self) -> None:
        """The first prompt of a new comparison made a conversation of it: what waits goes with it, and so do the
        options that it was begun with."""
        self._page.bench.conversations.keep_draft(self.comparison_key, "")
        self._key, self._kept = self._current(), ()
        self._page.record.set_options(self._page.comparison.options, self._page.record.context)

    def _tell_end(self) -> None:
        comparison, now = self._page.comparison, time.monotonic()
        if comparison.busy:
            self._busy_since = self._busy_since or now
        elif self._busy_since is not None:
            lasted, self._busy_since = now - self._busy_since, None
            if lasted > LONG_ANSWER_S:
                self._notifier.tell(tr("All models have answered"), self._page.record.title)

    def _current(self) -> int | None:
        return self._page.record.diary.conversation_id


def _told(count: int, *, paused: bool, problem: str | None) -> str:
    if paused:
        return tr("{count} waiting, held back until you go on", count=count)
    said = tr("{count} waiting, asked when all panes are quiet", count=count)
    if problem is not None:
        return tr("{said}. This computer may fall asleep meanwhile: {problem}", said=said, problem=problem)
    return said


def _read(kept: str) -> list[str]:
    if not kept:
        return []
    try:
        found = json.loads(kept)
    except ValueError:
        log.warning("what was kept of waiting prompts cannot be read")
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
