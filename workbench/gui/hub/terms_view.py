"""A licence in plain words: what it allows, what it asks, and where its own text is."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.hub.words import citations, licence_chip, plain_tip
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import clear
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.text_view import LinkQuestion
from workbench.hub.terms import Terms

TEXT_HEIGHT = 320  # pixels at 100 % text
SHIPPED = later("The whole text, as this program brings it")
PLAIN_WORDS = later("In our words, to help reading; what binds is the licence itself.")


class TermsView(QWidget):
    """``text`` is the licence as the repository ships it; else the one that comes with this program is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Space.S)
        self.text: QPlainTextEdit | None = None

    def draw(
        self,
        terms: Terms,
        *,
        text: str | None = None,
        text_from: str | None = None,
        page: str | None = None,
        multimodal: bool | None = None,
    ) -> None:
        """``text_from`` is the file of the repository that ``text`` is; ``page`` is the model's own; ``multimodal``
        None: nobody said whether it sees pictures."""
        clear(self._column)
        self.text = None
        chip = licence_chip(terms)
        badge = QHBoxLayout()
        badge.addWidget(label(chip.text, role="chip", tone=chip.tone))
        badge.addStretch(1)
        self._column.addLayout(badge)
        self._say(tr(terms.summary))
        self._list(tr("You have to"), terms.duties)
        self._list(tr("You may not"), terms.limits)
        for threshold in terms.thresholds:
            self._say(
                tr(
                    "Above {limit:,} {unit} ({measure}): {then}",
                    limit=threshold.limit,
                    unit=threshold.unit,
                    measure=threshold.measure,
                    then=threshold.then,
                ),
                tone=Tone.CAUTION,
            )
        clause = terms.eu_multimodal if multimodal is not False else None
        if clause is not None:
            self._say(clause if multimodal else tr("If it sees pictures: {clause}", clause=clause), tone=Tone.CAUTION)
        for note in terms.notes:
            self._say(note, role="muted")
        words = label(tr(PLAIN_WORDS), role="muted", wrap=True)
        words.setToolTip(plain_tip(citations(terms.sources)))
        self._column.addWidget(words)
        for link in terms.links:
            self._link(link.title, link.address)
        if page is not None:
            self._link(tr("The model’s page"), page)
        self._show_text(text if text is not None else terms.text, text_from)

    def _say(self, text: str, *, role: str = "", tone: Tone = Tone.NONE) -> None:
        self._column.addWidget(label(text, role=role, tone=tone, wrap=True))

    def _list(self, title: str, items: tuple[str, ...]) -> None:
        if items:
            self._column.addWidget(label(title, role="strong"))
        for item in items:
            self._say(f"–  {item}")

    def _link(self, title: str, address: str) -> None:
        # The whole address: where a button leads is seen before it is pressed.
        button = text_button(address, kind="link")
        button.setProperty("compact", True)
        button.setAccessibleName(f"{title}: {address}")
        button.setToolTip(plain_tip(title))
        button.setProperty("address", address)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.clicked.connect(self._on_link)
        self._column.addWidget(button)

    def _show_text(self, text: str | None, text_from: str | None) -> None:
        if not text:
            self._say(
                tr("Its text does not come with the model or with this program: read it at an address above."),
                role="muted",
            )
            return
        self._column.addWidget(
            label(
                tr("The whole text: the repository’s {text_from}", text_from=text_from) if text_from else tr(SHIPPED),
                role="strong",
                wrap=True,
            )
        )
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setProperty("role", "mono")
        self.text.setAccessibleName(tr("The whole licence"))
        self.text.setFixedHeight(theme.px(TEXT_HEIGHT))
        self._column.addWidget(self.text)

    @Slot()
    def _on_link(self) -> None:
        address = str(self.sender().property("address"))
        LinkQuestion(QUrl(address), QDesktopServices.openUrl, self.window()).open()
