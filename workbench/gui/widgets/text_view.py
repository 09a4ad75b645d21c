"""The one place where a model's text meets Qt: it fetches nothing and opens no link unasked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import ModuleType

from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QGuiApplication,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QMessageBox, QPushButton, QSizePolicy, QTextBrowser, QWidget

from workbench.gui import reading, theme
from workbench.gui.theme import Points, Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import text_button

AT_ONCE = 30_000  # characters of Markdown that are laid out in one go
PIECE = 12_000  # characters laid out between two visits of the event loop
LONGEST_BLOCK = 3_000  # characters: each frame of a stream costs the layout of its last block

_NEAR_BOTTOM_PX = 8
_GOES_ON = 1  # state of a block that is no paragraph of its own: the next one belongs to it


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
        self._shown = 0  # of the source, as plain text
        self._to_come: deque[str] = deque()
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._show_next)
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

    def append_text(self, text: str) -> None:
        """Add to the end of a streaming answer; stays at the bottom only if it was there."""
        if self._is_markdown or self._to_come or self._offers:
            self.show_text(self._source)
            self._show_all()
        self._source += text
        self._shown += len(text)
        with_bottom = self.at_bottom
        for start in range(0, len(text), LONGEST_BLOCK):  # one piece, but for what was written while nobody looked
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
        cursor.block().previous().setUserState(_GOES_ON)

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
            pieces.append("\n" if after <= end and block.userState() != _GOES_ON else "")
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
        """The finished answer, in place of what was shown."""
        if len(text) > AT_ONCE:
            if self._is_markdown or self._source != text or self._shown != len(text):
                self.show_text(text)
            self._offer(possible=len(text) <= _markdown().MAX_RENDERED_CHARACTERS)
            return
        self._source, self._is_markdown, self._shown = text, True, 0
        self._forget_pieces()
        self._offer(possible=False)
        self._keeping_place(lambda: self.setHtml(_markdown().to_html(text)))

    @Slot()
    def format_now(self) -> None:
        """The long text as Markdown, one piece each time the event loop comes by."""
        self._is_markdown, self._shown = True, 0
        self._offer(possible=False)
        self._begin(list(_markdown().pieces(self._source, PIECE)))

    def _begin(self, found: list[str]) -> None:
        """The first piece at once, so that it never shows nothing."""
        self._forget_pieces()
        self._shown = 0
        first, *rest = found or [""]
        if self._is_markdown:
            self._keeping_place(lambda: self.setHtml(_markdown().to_html(first)))
        else:
            self._shown = len(first)
            self._keeping_place(lambda: self.setPlainText(first))
        self._to_come.extend(rest)
        if rest:
            self._next.start()

    @Slot()
    def _show_next(self) -> None:
        if not self._to_come:
            return
        piece = self._to_come.popleft()
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if self._is_markdown:
            cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())  # no item of a list that stands before it
            cursor.insertHtml(_markdown().to_html(piece))
        else:
            cursor.insertText(piece)
            self._end_long_block()
            self._shown += len(piece)
        if self._to_come:
            self._next.start()

    def _show_all(self) -> None:
        while self._to_come:
            self._show_next()

    def _forget_pieces(self) -> None:
        self._to_come.clear()
        self._next.stop()

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
        if self._is_markdown and len(self._source) > AT_ONCE:
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


def _markdown() -> ModuleType:
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
