"""The one prompt for all panes: never disabled, keeps its text when it cannot be sent, and says why."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.plan import RunPlan
from workbench.gui import theme
from workbench.gui.compare.words import MODES, NARROW_SPACE, counted_models
from workbench.gui.theme import Space, Tone
from workbench.gui.widgets.controls import ElidedLabel, label, text_button

MOST_LINES = 6
PAUSE_MS = 500  # after the last key: then the tokens are counted and the draft is kept
_SEND_KEYS = frozenset({Qt.Key.Key_Return, Qt.Key.Key_Enter})


class Composer(QFrame):
    """``paused`` is emitted when typing has rested for half a second."""

    send = Signal()
    stop_all = Signal()
    paused = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self.edit = PromptEdit()
        self.edit.send.connect(self.send)
        self.edit.textChanged.connect(self._typed)
        self.notice = label(role="small", tone=Tone.CAUTION, wrap=True)
        self.notice.hide()
        self.plan = ElidedLabel()
        self.plan.setProperty("role", "muted")
        self.count = label("–", role="muted")
        self.count.setAccessibleName("Prompt length in tokens")
        self.stop_button = text_button("■ Stop all")
        self.stop_button.setAccessibleName("Stop all answers")
        self.stop_button.clicked.connect(self.stop_all)
        self.stop_button.hide()
        self.send_button = text_button("Send to all", kind="primary")
        self.send_button.setToolTip("Ctrl+Enter")
        self.send_button.clicked.connect(self.send)
        self._rest = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._rest.timeout.connect(self.paused)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.plan, 1)
        row.addWidget(self.count)
        row.addWidget(self.stop_button)
        row.addWidget(self.send_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.S, Space.S)
        column.setSpacing(Space.XS)
        column.addWidget(self.edit)
        column.addWidget(self.notice)
        column.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setFocusProxy(self.edit)

    @property
    def text(self) -> str:
        return self.edit.toPlainText()

    def set_text(self, text: str) -> None:
        self.edit.setPlainText(text)

    def settle(self) -> None:
        """The end: what was typed last has been kept, and nothing more will be."""
        self.edit.textChanged.disconnect(self._typed)
        self._rest.stop()

    def say(self, notice: str) -> None:
        """A quiet line about why nothing was sent; empty to take it away."""
        self.notice.setText(notice)
        self.notice.setVisible(bool(notice))

    def draw(self, *, models: int, busy: bool, plan: RunPlan | None) -> None:
        self.edit.setPlaceholderText(f"Ask {counted_models(models)}…   (Ctrl+Enter sends)")
        self.send_button.setText("Send" if models == 1 else "Send to all")
        self.stop_button.setVisible(busy)
        self.plan.setText(plan_words(plan) if plan is not None and models > 1 else "")

    def show_counts(self, counts: Mapping[str, tuple[int, int]]) -> None:
        """``counts`` gives used and possible tokens by model; the fullest is shown, all in the tool tip."""
        if not counts:
            self.count.setText("–")
            self.count.setToolTip("Counted with a model's own tokenizer, once one is loaded")
            theme.mark(self.count, tone=Tone.NONE)
            return
        used, most = max(counts.values(), key=lambda pair: pair[0] / max(1, pair[1]))
        over = used >= most
        self.count.setText(f"{'✕ ' if over else ''}{used:,} / {most:,}{NARROW_SPACE}tokens")
        self.count.setToolTip("\n".join(f"{name}: {a:,} of {b:,}" for name, (a, b) in counts.items()))
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
        self.setAccessibleName("Prompt")
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)  # a dropped file belongs to the window
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(2)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        theme.changed.connect(self._fit)
        self._fit()

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


def plan_words(plan: RunPlan) -> str:
    """ "In turn: 3 models share 2 processor cores: one answers at a time"."""
    mode, reasons = MODES[plan.mode.value], "; ".join(plan.reasons)
    if not reasons or reasons.casefold().startswith(mode.casefold()):
        return reasons or mode
    return f"{mode}: {reasons}"
