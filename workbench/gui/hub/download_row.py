"""One download in the drawer: phase, bytes, speed, time left, why it waits, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from workbench.errors import GatedModelError
from workbench.gui import theme
from workbench.gui.hub.traffic import Item
from workbench.gui.hub.words import download_words, progress_of
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, later, tr
from workbench.gui.widgets.controls import ElidedLabel, IconButton, label, text_button
from workbench.gui.widgets.text_view import LinkQuestion
from workbench.hub.download_rows import State
from workbench.hub.transfer import Phase

if TYPE_CHECKING:
    from workbench.hub.download_rows import Failure

BAR_HEIGHT = 6
_TONES = {
    Phase.FAILED: Tone.BAD,
    Phase.PAUSED: Tone.CAUTION,
    Phase.WAITING: Tone.CAUTION,
    Phase.DONE: Tone.GOOD,
    Phase.REPAIRING: Tone.CAUTION,
}
_GOES_ON = {State.PAUSED: later("Resume"), State.CANCELLED: later("Resume"), State.FAILED: later("Retry")}


class DownloadRow(QFrame):
    """``asked`` is emitted with what is wished ("pause", "resume", "cancel", "remove", "up", "down", "open", "token")
    and the download's number; ``moved`` with itself and -1 or 1 where the focus is to go up or down."""

    asked = Signal(str, int)
    moved = Signal(object, int)

    def __init__(self, item: Item, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "rung")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.item = item
        self.name = ElidedLabel()
        self.name.setProperty("role", "strong")
        self.repository = ElidedLabel()
        self.repository.setProperty("role", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT)
        self.said = label(role="small", wrap=True)
        self.why = label(role="small", wrap=True)
        self.page_button = text_button(tr("Open its page"), kind="link")
        self.page_button.clicked.connect(self._on_page)
        self.open_button = text_button(tr("Open"), kind="small")
        self.pause_button = text_button(tr("Pause"), kind="small")
        self.resume_button = text_button(tr("Resume"), kind="small")
        self.cancel_button = text_button(tr("Cancel"), kind="small")
        self.up_button = IconButton("arrow-up", tr("Earlier in the queue (Alt+Up)"))
        self.down_button = IconButton("arrow-down", tr("Later in the queue (Alt+Down)"))
        self.remove_button = IconButton("delete-outline", tr("Remove (Del)"))
        self.token_button = text_button(tr("Enter a token…"), kind="small")
        self._wishes = {
            "token": self.token_button,
            "open": self.open_button,
            "pause": self.pause_button,
            "resume": self.resume_button,
            "cancel": self.cancel_button,
            "up": self.up_button,
            "down": self.down_button,
            "remove": self.remove_button,
        }
        for wish, button in self._wishes.items():
            button.setProperty("wish", wish)
            button.clicked.connect(self._on_button)
        self._arrange()
        self.draw(item, first=True, last=True)

    @property
    def download_id(self) -> int:
        return self.item.download.id

    def draw(self, item: Item, *, first: bool, last: bool) -> None:
        self.item = item
        download, state, phase = item.download, item.state, item.phase
        title = download.wanted.path.rsplit("/", 1)[-1]
        parts = len(download.wanted.files)
        self.name.setText(tr("{title} and {parts} more", title=title, parts=parts - 1) if parts > 1 else title)
        self.repository.setText(
            tr(
                "{repository}, commit {commit}",
                repository=download.wanted.repository,
                commit=download.wanted.commit[:8],
            )
        )
        self._draw_bar()
        said = download_words(download, state)
        self.said.setText(said)
        theme.mark(self.said, tone=_TONES.get(phase, Tone.MUTED))
        failure = state.error if state is not None and state.error is not None else download.reason
        why = _why(failure, state.note if state is not None else None)
        self.why.setText(why)
        self.why.setVisible(bool(why))
        self.page_button.setVisible(failure is not None and failure.page is not None)
        self.token_button.setVisible(failure is not None and failure.code == GatedModelError.code)
        self._draw_buttons(first=first, last=last)
        self.setAccessibleName(f"{self.name.text()}: {said}. {why}")
        self.setAccessibleDescription(
            tr("Space pauses or goes on, Enter opens a finished one, Delete removes, Alt with Up or Down moves it")
        )
        for wish, button in self._wishes.items():
            button.setAccessibleName(f"{button.text() or wish.capitalize()} {title}")

    def _draw_bar(self) -> None:
        done, total = progress_of(self.item.download, self.item.state)
        # Thousandths: the bar counts in 32 bits, files in more.
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * min(1.0, done / total)) if total else 0)
        self.bar.setVisible(self.item.phase is not Phase.DONE)

    def _draw_buttons(self, *, first: bool, last: bool) -> None:
        state = self.item.download.state
        self.open_button.setVisible(state is State.DONE)
        self.pause_button.setVisible(state is State.QUEUED)
        self.resume_button.setVisible(state in _GOES_ON)
        self.resume_button.setText(tr(_GOES_ON.get(state, "Resume")))
        self.cancel_button.setVisible(state in (State.QUEUED, State.PAUSED, State.FAILED))
        self.up_button.setVisible(state is not State.DONE)
        self.down_button.setVisible(state is not State.DONE)
        self.up_button.setEnabled(not first)
        self.down_button.setEnabled(not last)
        kept = tr("its files stay") if state is State.DONE else tr("what arrived is deleted")
        self.remove_button.setToolTip(tr("Take it off the list; {kept} (Del)", kept=kept))

    def _arrange(self) -> None:
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self.name)
        names.addWidget(self.repository)
        row = QHBoxLayout()
        row.setSpacing(Space.XS)
        row.addLayout(names, 1)
        for button in self._wishes.values():
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        below = QHBoxLayout()
        below.setSpacing(Space.S)
        below.addWidget(self.why, 1)
        below.addWidget(self.page_button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S - 2, Space.S, Space.S - 2)
        column.setSpacing(Space.XS)
        column.addLayout(row)
        column.addWidget(self.bar)
        column.addWidget(self.said)
        column.addLayout(below)

    # --- used --------------------------------------------------------------------------------

    @Slot()
    def _on_button(self) -> None:
        self._ask(str(self.sender().property("wish")))

    def _ask(self, wish: str) -> None:
        if self._wishes[wish].isVisibleTo(self) and self._wishes[wish].isEnabled():
            self.asked.emit(wish, self.download_id)

    @Slot()
    def _on_page(self) -> None:
        failure = self.item.download.reason or (self.item.state.error if self.item.state is not None else None)
        if failure is not None and failure.page is not None:
            LinkQuestion(QUrl(failure.page), QDesktopServices.openUrl, self.window()).open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, with_alt = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            up = key == Qt.Key.Key_Up
            if with_alt:
                self._ask("up" if up else "down")
            else:
                self.moved.emit(self, -1 if up else 1)
        elif key == Qt.Key.Key_Space:
            self._ask("pause" if self.item.download.state is State.QUEUED else "resume")
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._ask("open")
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._ask("remove")
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)


def _why(failure: Failure | None, note: str | None) -> str:
    return " ".join(filter(None, [explained(failure) if failure is not None else "", tr(note or "")]))
