"""The one place where a model's text meets Qt: it fetches nothing and opens no link unasked."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from types import ModuleType

from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QGuiApplication,
    QResizeEvent,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QMessageBox, QPushButton, QSizePolicy, QTextBrowser, QWidget

from workbench.gui import reading, theme
from workbench.gui.theme import Points, Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import text_button
from workbench.gui.widgets.piecewise import GOES_ON, Piecewise, moved

UNASKED = 30_000  # characters of Markdown that are laid out without being asked for
AT_ONCE = 3_000  # of them in one go
PIECE = 12_000  # characters laid out between two visits of the event loop
LONGEST_BLOCK = 3_000  # characters: each frame of a stream costs the layout of its last block

_NEAR_BOTTOM_PX = 8
_LINE_END = re.compile("\r\n|\r|\n")


class AnswerView(QTextBrowser):
    """Plain text while an answer streams, Markdown when it has ended; a very long one stays plain until ``formatted``
    is pressed, and is then laid out piece by piece.

    With ``grows`` the view is as high as its text and has no scroll bar: for a column of answers inside a
    scroll area.  ``height_changed`` is emitted when that height is another.
    """

    height_changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, grows: bool = False, name: str = "") -> None:
        super().__init__(parent)
        self.opens = QDesktopServices.openUrl  # tests put their own here
        self._grows = grows
        self._source = ""
        self._is_markdown = False
        self._to_come: deque[str] = deque()
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._show_next)
        self.piecewise = Piecewise(self)
        self.piecewise.replaced.connect(self._keep_place)
        self.formatted: QPushButton | None = None  # made for a long text
        self.setOpenLinks(False)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setAcceptDrops(False)  # a dropped file belongs to the window
        self.setAccessibleName(name or tr("Answer"))
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self._fit_type()
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        if grows:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self.document().documentLayout().documentSizeChanged.connect(self._fit_height)
        self.anchorClicked.connect(self._on_link)
        theme.changed.connect(self._on_theme)
        reading.changed.connect(self._on_theme)

    # --- what is shown -----------------------------------------------------------------------

    @property
    def raw_text(self) -> str:
        """The text as the model wrote it."""
        return self._source

    @property
    def is_markdown(self) -> bool:
        return self._is_markdown

    @property
    def is_at_work(self) -> bool:
        """Whether some of it is still to come, or to be laid out."""
        return bool(self._to_come) or self.piecewise.is_at_work

    def append_text(self, text: str) -> None:
        """Add to the end of a streaming answer; stays at the bottom only if it was there."""
        if self._is_markdown or self._offers:
            self.show_text(self._source)
        self._source += text
        if not self._to_come:
            first, *rest = _plain_pieces(text)
            self._insert(first)
        else:
            rest = _plain_pieces(text)
        if rest:  # what was written while nobody looked
            self._to_come.extend(rest)
            self._next.start()

    def _insert(self, text: str) -> None:
        with_bottom = self.at_bottom
        for start in range(0, len(text), LONGEST_BLOCK):
            cursor = QTextCursor(self.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(text[start : start + LONGEST_BLOCK])
            self._end_long_block()
        if with_bottom:
            self.to_bottom()

    def _end_long_block(self) -> None:
        """Begin a new block where the last line of a long one begins: Qt lays a block out as a whole each time."""
        block = self.document().lastBlock()
        if block.length() <= LONGEST_BLOCK:
            return
        layout = block.layout()
        start = layout.lineAt(layout.lineCount() - 1).textStart() if layout.lineCount() > 1 else 0
        if not start:  # not laid out yet, as in a pane that is not seen
            start = _units(block.text()[: block.text().rfind(" ") + 1])
        if not start:
            return
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + start)
        cursor.insertBlock()
        cursor.block().previous().setUserState(GOES_ON)

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied knows nothing of blocks that go on."""
        cursor = self.textCursor()
        if self._is_markdown or not cursor.hasSelection():
            return super().createMimeDataFromSelection()
        pieces = []
        place, end = cursor.selectionStart(), cursor.selectionEnd()
        while place < end:
            block = self.document().findBlock(place)
            after = block.position() + block.length()
            cursor.setPosition(place)
            cursor.setPosition(min(end, after - 1), QTextCursor.MoveMode.KeepAnchor)
            pieces.append(cursor.selectedText())
            pieces.append("\n" if after <= end and block.userState() != GOES_ON else "")
            place = after
        data = QMimeData()
        data.setText("".join(pieces).replace("\u2028", "\n"))
        return data

    def show_text(self, text: str) -> None:
        """Plain text in place of what was shown."""
        self._source, self._is_markdown = text, False
        self._offer(possible=False)
        self._begin(_plain_pieces(text))

    def show_markdown(self, text: str) -> None:
        """The finished answer, in place of what was shown; a long one is laid out part by part where it stands."""
        if len(text) > UNASKED:
            self._stand(text)
            self._offer(possible=len(text) <= import_markdown().MAX_RENDERED_CHARACTERS)
        elif len(text) > AT_ONCE and not (self._is_markdown and text == self._source):
            self._stand(text)
            self.format_now()
        else:
            self._source, self._is_markdown = text, True
            self._forget_pieces()
            self._offer(possible=False)
            self._keeping_place(lambda: self.setHtml(import_markdown().to_html(text)))

    def _stand(self, text: str) -> None:
        """Plain, as it may stand there already but for its end."""
        if self._is_markdown or not self._source or not text.startswith(self._source):
            self.show_text(text)
        elif len(text) > len(self._source):
            self.append_text(text[len(self._source) :])

    @Slot()
    def format_now(self) -> None:
        """The text as Markdown, some parts each time the event loop comes by."""
        if self._is_markdown:  # in other colours or sizes
            self.show_text(self._source)
        self._is_markdown = True
        self._offer(possible=False)
        if not self._to_come:
            self._lay_out()

    def _lay_out(self) -> None:
        lines = len(_LINE_END.split(self._source))
        parts = (
            import_markdown().parts(self._source)
            if len(self._source) <= UNASKED
            else import_markdown().long_parts(self._source, PIECE)
        )
        if not self.piecewise.begin(parts, lines, from_end=self._reads_the_end):
            self._keeping_place(lambda: self.setHtml(import_markdown().to_html(self._source)))

    @property
    def _reads_the_end(self) -> bool:
        """Rather than the beginning."""
        if not self._grows:
            bar = self.verticalScrollBar()
            return bar.value() > bar.maximum() / 2
        return self.visibleRegion().boundingRect().center().y() > self.height() / 2

    def _begin(self, found: list[str]) -> None:
        """The first piece at once, so that it never shows nothing."""
        self._forget_pieces()
        first, *rest = found
        self._keeping_place(lambda: self.setPlainText(first))
        self._to_come.extend(rest)
        if rest:
            self._next.start()

    @Slot()
    def _show_next(self) -> None:
        if not self._to_come:
            return
        self._insert(self._to_come.popleft())
        if self._to_come:
            self._next.start()
        elif self._is_markdown:
            self._lay_out()

    @Slot(float, float, float)
    def _keep_place(self, top: float, bottom: float, by: float) -> None:
        bar = self.verticalScrollBar()
        if not self._grows:
            bar.setValue(round(moved(bar.value(), top, bottom, by)))

    def _forget_pieces(self) -> None:
        self._to_come.clear()
        self._next.stop()
        self.piecewise.stop()

    @property
    def at_bottom(self) -> bool:
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - _NEAR_BOTTOM_PX

    @Slot()
    def to_bottom(self) -> None:
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def _keeping_place(self, change: Callable[[], None]) -> None:
        bar = self.verticalScrollBar()
        with_bottom, place = self.at_bottom, bar.value()
        change()
        bar.setValue(bar.maximum() if with_bottom else min(place, bar.maximum()))

    def _fit_type(self) -> None:
        font = self.font()
        font.setPointSizeF(Points.BODY * theme.scale() * reading.zoom())
        self.setFont(font)
        # Wide enough for two digits and a point before the items of a list.
        self.document().setIndentWidth(round(theme.px(26) * reading.zoom()))

    @Slot()
    def _on_theme(self) -> None:
        self._fit_type()
        if self._is_markdown and len(self._source) > UNASKED:
            self.format_now()
        elif self._is_markdown:
            self.show_markdown(self._source)

    # --- nothing from outside ----------------------------------------------------------------

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Nothing: no picture, no style sheet, no file, from wherever the text says."""
        return None

    @Slot(QUrl)
    def _on_link(self, url: QUrl) -> None:
        LinkQuestion(url, self.opens, self.window()).open()

    # --- as high as its text -----------------------------------------------------------------

    @Slot()
    def _fit_height(self) -> None:
        height = self.sizeHint().height()
        if height != self.height() or height != self.minimumHeight():
            self.setFixedHeight(height)
            self.height_changed.emit()

    def sizeHint(self) -> QSize:
        if not self._grows:
            return super().sizeHint()
        margins = self.contentsMargins()
        height = self.document().size().height() + margins.top() + margins.bottom() + 2
        return QSize(super().sizeHint().width(), max(int(height + 0.999), self.fontMetrics().lineSpacing()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_button()
        if self._grows:
            self._fit_height()

    @property
    def _offers(self) -> bool:
        return self.formatted is not None and not self.formatted.isHidden()

    def _offer(self, *, possible: bool) -> None:
        """Whether a long text can be laid out as Markdown."""
        if possible and self.formatted is None:
            self.formatted = text_button(tr("Show as Markdown"), self, kind="small")
            self.formatted.setToolTip(tr("This text is long: it is laid out piece by piece"))
            self.formatted.clicked.connect(self.format_now)
            QWidget.setTabOrder(self, self.formatted)
        if self.formatted is not None:
            self.formatted.setVisible(possible)
            self._place_button()

    def _place_button(self) -> None:
        if self.formatted is not None:
            size = self.formatted.sizeHint()
            self.formatted.setGeometry(self.width() - size.width() - Space.XS, 0, size.width(), size.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            reading.zoom_by(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        elif self._grows:
            event.ignore()  # the column around it scrolls
        else:
            super().wheelEvent(event)


def import_markdown() -> ModuleType:
    """The parser and the highlighter, imported for the first answer that has ended."""
    from workbench.gui import markdown

    return markdown


def _plain_pieces(text: str) -> list[str]:
    """The text in parts that end with lines where that can be."""
    found, start = [], 0
    while len(text) - start > 2 * PIECE:
        end = text.rfind("\n", start, start + 2 * PIECE) + 1 or start + 2 * PIECE
        found.append(text[start:end])
        start = end
    return [*found, text[start:]]


def _units(text: str) -> int:
    """Its length as Qt counts it."""
    return len(text.encode("utf-16-le")) // 2


class LinkQuestion(QMessageBox):
    """Shows where a link really leads before it is opened; only web addresses are."""

    def __init__(self, url: QUrl, opens: Callable[[QUrl], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._url, self._opens = url, opens
        address = bytes(url.toEncoded().data()).decode("ascii", "replace")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Link"))
        self.setTextFormat(Qt.TextFormat.PlainText)
        web = url.scheme() in ("http", "https") and bool(url.host())
        self.setText(
            tr("Open this address in the browser?") if web else tr("This link is not opened: it is no web address.")
        )
        self.setInformativeText(address if len(address) <= 600 else address[:600] + "…")
        self._address = address
        self._copy = self.addButton(tr("Copy address"), QMessageBox.ButtonRole.ActionRole)
        self._open = self.addButton(tr("Open"), QMessageBox.ButtonRole.AcceptRole) if web else None
        self.setDefaultButton(self.addButton(QMessageBox.StandardButton.Cancel))
        self.buttonClicked.connect(self._on_button)

    @Slot(object)
    def _on_button(self, button: object) -> None:
        if button is self._copy:
            QGuiApplication.clipboard().setText(self._address)
        elif self._open is not None and button is self._open:
            self._opens(self._url)
