"""The one place where a model's text meets Qt: it fetches nothing and opens no link unasked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QResizeEvent, QTextCursor, QTextOption, QWheelEvent
from PySide6.QtWidgets import QMessageBox, QSizePolicy, QTextBrowser, QWidget

from workbench.gui import theme
from workbench.gui.markdown import to_html

_NEAR_BOTTOM_PX = 8


class AnswerView(QTextBrowser):
    """Plain text while an answer streams, Markdown when it has ended.

    With ``grows`` the view is as high as its text and has no scroll bar: for a column of answers inside a
    scroll area.  ``height_changed`` is emitted when that height is another.
    """

    height_changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, grows: bool = False, name: str = "Answer") -> None:
        super().__init__(parent)
        self.opens = QDesktopServices.openUrl  # tests put their own here
        self._grows = grows
        self._source = ""
        self._is_markdown = False
        self.setOpenLinks(False)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setAcceptDrops(False)  # a dropped file belongs to the window
        self.setAccessibleName(name)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self._set_indent()
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        if grows:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self.document().documentLayout().documentSizeChanged.connect(self._fit_height)
        self.anchorClicked.connect(self._on_link)
        theme.changed.connect(self._on_theme)

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
        if self._is_markdown:
            self.show_text(self._source)
        self._source += text
        with_bottom = self.at_bottom
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        if with_bottom:
            self.to_bottom()

    def show_text(self, text: str) -> None:
        """Plain text in place of what was shown."""
        self._source, self._is_markdown = text, False
        self._keeping_place(lambda: self.setPlainText(text))

    def show_markdown(self, text: str) -> None:
        """The finished answer, in place of what was shown."""
        self._source, self._is_markdown = text, True
        self._keeping_place(lambda: self.setHtml(to_html(text)))

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

    def _set_indent(self) -> None:
        # Wide enough for two digits and a point before the items of a list.
        self.document().setIndentWidth(theme.px(26))

    @Slot()
    def _on_theme(self) -> None:
        self._set_indent()
        if self._is_markdown:
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
        if self._grows:
            self._fit_height()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._grows:
            event.ignore()  # the column around it scrolls
        else:
            super().wheelEvent(event)


class LinkQuestion(QMessageBox):
    """Shows where a link really leads before it is opened; only web addresses are."""

    def __init__(self, url: QUrl, opens: Callable[[QUrl], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._url, self._opens = url, opens
        address = bytes(url.toEncoded().data()).decode("ascii", "replace")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Link")
        self.setTextFormat(Qt.TextFormat.PlainText)
        web = url.scheme() in ("http", "https") and bool(url.host())
        self.setText("Open this address in the browser?" if web else "This link is not opened: it is no web address.")
        self.setInformativeText(address if len(address) <= 600 else address[:600] + "…")
        self._address = address
        self._copy = self.addButton("Copy address", QMessageBox.ButtonRole.ActionRole)
        self._open = self.addButton("Open", QMessageBox.ButtonRole.AcceptRole) if web else None
        self.setDefaultButton(self.addButton(QMessageBox.StandardButton.Cancel))
        self.buttonClicked.connect(self._on_button)

    @Slot(object)
    def _on_button(self, button: object) -> None:
        if button is self._copy:
            QGuiApplication.clipboard().setText(self._address)
        elif self._open is not None and button is self._open:
            self._opens(self._url)
