"""The one prompt for all panes: never disabled, keeps its text when it cannot be sent, and says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.plan import RunPlan
from workbench.gui import theme
from workbench.gui.compare import long_paragraphs
from workbench.gui.compare.queue import QueueRow
from workbench.gui.compare.run_plan import RunLine
from workbench.gui.compare.words import NARROW_SPACE, counted_models
from workbench.gui.direction import OwnSide
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button

MOST_LINES = 6
PAUSE_MS = 500  # after the last key: then the tokens are counted and the draft is kept
_SEND_KEYS = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter})


class Composer(QFrame):
    """``paused`` is emitted when typing has rested for half a second, ``sent`` when the prompt was taken, ``settled``
    at the end.

    ``dress`` makes of the typed text what is asked: parts that add something to it put theirs here.
    """

    send = Signal()
    stop_all = Signal()
    paused = Signal()
    sent = Signal()
    settled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self.dress: Callable[[str], str] = str
        self.edit = PromptEdit()
        self.edit.send.connect(self.send)
        self.edit.textChanged.connect(self._typed)
        self.notice = label(role="small", tone=Tone.CAUTION, wrap=True)
        self.notice.hide()
        self.queue = QueueRow()
        self.plan = RunLine()
        self.count = label("–", role="muted")
        self.count.setAccessibleName(tr("Prompt length in tokens"))
        self.stop_button = text_button(tr("■ Stop all"))
        self.stop_button.setAccessibleName(tr("Stop all answers"))
        self.stop_button.clicked.connect(self.stop_all)
        self.stop_button.hide()
        self.send_button = text_button(tr("Send to all"), kind="primary")
        self.send_button.setToolTip(tr("Ctrl+Enter"))
        self.send_button.clicked.connect(self.send)
        self._rest = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._rest.timeout.connect(self.paused)
        row = self._row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.plan, 1)
        row.addWidget(self.count)
        row.addWidget(self.stop_button)
        row.addWidget(self.send_button)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.S, Space.S)
        column.setSpacing(Space.XS)
        column.addWidget(self.queue)
        column.addWidget(self.edit)
        column.addWidget(self.notice)
        column.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setFocusProxy(self.edit)

    @property
    def text(self) -> str:
        return self.edit.toPlainText()

    @property
    def prompt(self) -> str:
        """What is asked: the text, and what parts add to it."""
        return self.dress(self.text)

    def add_above(self, row: QWidget, button: QWidget) -> None:
        """Above the text; the Tab key meets the row's button before it."""
        self._column.insertWidget(self._column.indexOf(self.edit), row)
        QWidget.setTabOrder(self.queue.button, button)

    def add_row(self, row: QWidget) -> None:
        """Below the text."""
        self._column.insertWidget(self._column.indexOf(self.edit) + 1, row)

    def add_tool(self, button: QWidget) -> None:
        """Before all else below the text; the Tab key meets it there too."""
        self._row.insertWidget(0, button)
        QWidget.setTabOrder(self.edit, button)

    def take_sent(self) -> None:
        """The prompt was taken: the text is gone from here, and parts let go of what they added."""
        self.set_text("")
        self.sent.emit()

    def set_text(self, text: str) -> None:
        self.edit.setPlainText(text)

    def settle(self) -> None:
        """The end: what was typed last is kept, and nothing more will be."""
        self.edit.textChanged.disconnect(self._typed)
        self._rest.stop()
        self.settled.emit()

    def say(self, notice: str) -> None:
        """A quiet line about why nothing was sent; empty to take it away."""
        self.notice.setText(notice)
        self.notice.setVisible(bool(notice))

    @Slot(int)
    def give_way(self, shown: int) -> None:
        """What stands in the place of the panes, the first of the stage, says itself what comes first."""
        theme.mark(self.send_button, kind="plain" if shown else "primary")

    def draw(self, *, models: int, busy: bool, plan: RunPlan | None) -> None:
        words = tr("Ask {models}…   (Ctrl+Enter sends)", models=counted_models(models))
        if busy:
            words = tr("Ask on: it waits until the panes are quiet   (Ctrl+Enter)")
        if words != self.edit.placeholderText():
            self.edit.setPlaceholderText(words)
            self.edit.viewport().update()  # Qt draws other words only once the old ones were hidden
        self.send_button.setText(tr("Queue") if busy else tr("Send") if models == 1 else tr("Send to all"))
        self.send_button.setToolTip(
            tr("Sent as soon as every pane has answered (Ctrl+Enter)") if busy else tr("Ctrl+Enter")
        )
        self.stop_button.setVisible(busy)
        self.plan.draw(models, plan)

    def show_counts(self, counts: Mapping[str, tuple[int, int]]) -> None:
        """``counts`` gives used and possible tokens by model; the fullest is shown, all in the tool tip."""
        if not counts:
            self.count.setText("–")
            self.count.setToolTip(tr("Counted with a model's own tokenizer, once one is loaded"))
            theme.mark(self.count, tone=Tone.NONE)
            return
        used, most = max(counts.values(), key=lambda pair: pair[0] / max(1, pair[1]))
        over = used >= most
        said = tr("{used:,} / {most:,}{space}tokens", used=used, most=most, space=NARROW_SPACE)
        self.count.setText(f"✕ {said}" if over else said)
        lines = [tr("{name}: {used:,} of {most:,}", name=name, used=a, most=b) for name, (a, b) in counts.items()]
        self.count.setToolTip("\n".join(lines))
        theme.mark(self.count, tone=Tone.BAD if over else Tone.CAUTION if used > 0.9 * most else Tone.NONE)

    @Slot()
    def _typed(self) -> None:
        self.say("")
        self._rest.start()


class PromptEdit(QPlainTextEdit):
    """Grows with its text up to six lines; Ctrl+Enter (⌘⏎) sends, Enter begins a line, Tab moves on."""

    send = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Prompt"))
        self.setTabChangesFocus(True)
        self._in_pieces = False  # a long paragraph is
        OwnSide(self)
        self.setAcceptDrops(False)  # a dropped file belongs to the window
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(2)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        theme.changed.connect(self._fit)
        self._fit()

    def toPlainText(self) -> str:
        whole = self.document()
        return (
            long_paragraphs.text_between(whole, 0, whole.characterCount()) if self._in_pieces else super().toPlainText()
        )

    def setPlainText(self, text: str) -> None:
        self._in_pieces = long_paragraphs.are_in(text)
        super().setPlainText("" if self._in_pieces else text)
        if self._in_pieces:
            long_paragraphs.insert(self.textCursor(), text)

    def insertFromMimeData(self, source: QMimeData) -> None:
        text = source.text()
        if len(text) <= long_paragraphs.LONGEST:
            super().insertFromMimeData(source)
            return
        self._in_pieces = self._in_pieces or long_paragraphs.are_in(text)
        long_paragraphs.insert(self.textCursor(), text)  # of many lines, too: Qt's own way takes twice as long
        self.ensureCursorVisible()

    def createMimeDataFromSelection(self) -> QMimeData:
        if not self._in_pieces:
            return super().createMimeDataFromSelection()
        chosen, data = self.textCursor(), QMimeData()
        data.setText(long_paragraphs.text_between(self.document(), chosen.selectionStart(), chosen.selectionEnd()))
        return data

    def keyPressEvent(self, event: QKeyEvent) -> None:
        command = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier
        if event.key() in _SEND_KEYS and event.modifiers() & command:
            self.send.emit()
            event.accept()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        # A plain text document measures its height in lines.
        lines = min(max(2, int(self.document().size().height())), MOST_LINES)
        margins = self.contentsMargins()
        rest = 2 * int(self.document().documentMargin()) + margins.top() + margins.bottom()
        return QSize(theme.px(200), lines * self.fontMetrics().lineSpacing() + rest)

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(120), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        self.updateGeometry()
        at_most = self.document().size().height() <= MOST_LINES
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policy.ScrollBarAlwaysOff if at_most else policy.ScrollBarAsNeeded)
