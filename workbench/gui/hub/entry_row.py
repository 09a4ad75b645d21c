"""One model of the catalogue: size, licence, gate and context in a line, which opens to its facts and its ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.errands import Errands
from workbench.gui.hub.entry_age import EntryAge
from workbench.gui.hub.entry_facts import EntryFacts
from workbench.gui.hub.look import Look
from workbench.gui.hub.words import Chip, context_words, doubt, gate_chip, licence_chip, plain_tip, sources_words
from workbench.gui.models.ladder_view import FoldButton
from workbench.gui.models.remote_ladders import RemoteLadders
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.words import family_tone, parameter_count
from workbench.hub.entries import Entry
from workbench.hub.remote import RemoteListing
from workbench.hub.terms import Terms

if TYPE_CHECKING:
    from workbench.app import Workbench

NARROW = 760  # pixels at 100 % text: below it the badges stand under the title
SIZE = 68  # pixels at 100 % text: the parameters of all rows end below each other
CONTEXT = 78  # pixels at 100 % text: "128k tokens"
NO_GGUF = later("No repository with GGUF files of it is known. Search the hub for its name above.")


class EntryRow(QWidget):
    """``found`` is emitted with itself and a listing, ``searched`` with words to ask the hub for, ``folded`` with
    itself and whether it is open now."""

    found = Signal(object, object)
    searched = Signal(str)
    folded = Signal(object, bool)

    def __init__(self, workbench: Workbench, errands: Errands, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self.entry = entry
        self.ladders: RemoteLadders | None = None
        self.look: Look | None = None
        self.age: EntryAge | None = None
        self._facts: EntryFacts | None = None
        self.button = FoldButton()
        self.button.clicked.connect(self.toggle)
        self.parameters = _chip(
            Chip(
                parameter_count(entry.parameters.value) + doubt(entry.parameters),
                Tone.NONE,
                sources_words(entry.parameters),
            ),
            role="strong",
        )
        self.context = label(role="muted")
        self.here = label(tr("✓ on this machine"), role="chip", tone=Tone.GOOD)
        self.here.hide()
        self.badges = QWidget()
        self._arranging = QTimer(self, interval=0, singleShot=True)
        self._arranging.timeout.connect(self._place_badges)
        theme.changed.connect(self._arranging.start)
        self._draw_badges()
        self._body = QWidget()
        self._body.hide()
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(Space.XL, 0, 0, Space.M)
        self._column.setSpacing(Space.S)
        self._head = QGridLayout()
        self._head.setHorizontalSpacing(Space.S)
        self._head.setVerticalSpacing(Space.XS)
        self.dot = label("●", tone=family_tone(entry.family))
        self._head.addWidget(self.dot, 0, 0)
        self._head.addWidget(self.button, 0, 1)
        self.parameters.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._head.addWidget(self.parameters, 0, 2)
        self._head.addWidget(self.context, 0, 3)
        self._head.setColumnStretch(1, 10)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(self._head)
        column.addWidget(self._body)
        self._place_badges()
        self._draw_head()

    def _draw_badges(self) -> None:
        """In a widget of their own, which takes the place of the one before."""
        before, self.badges = self.badges, QWidget()
        flow = FlowLayout(self.badges, gap=Space.XS)
        context = self._context()
        self.context.setText(context.text)
        self.context.setToolTip(plain_tip(context.tip))
        self.context.setAccessibleDescription(context.tip)
        for chip in self._chips():
            flow.addWidget(_chip(chip))
        flow.addWidget(self.here)
        before.hide()
        before.deleteLater()

    def _context(self) -> Chip:
        context = self.entry.context
        if context is None:
            return Chip("", Tone.NONE)
        return Chip(context_words(context.value) + doubt(context), Tone.NONE, sources_words(context))

    def _chips(self) -> list[Chip]:
        entry = self.entry
        licence = licence_chip(Terms.of(entry.licence.value), entry.licence.value)
        tip = f"{licence.tip}\n{sources_words(entry.licence)}"
        chips = [Chip(licence.text + doubt(entry.licence), licence.tone, tip), gate_chip(entry)]
        if entry.status == "announced":
            chips.append(Chip(tr("announced only"), Tone.CAUTION))
        if entry.purpose != "chat":
            chips.append(Chip(tr("for {purpose}", purpose=entry.purpose), Tone.NONE))
        if entry.claims:
            said = "\n\n".join(
                tr(
                    "{said_by}: “{claim}”\nPrimary source: {finding}",
                    said_by=claim.said_by,
                    claim=claim.claim,
                    finding=claim.finding,
                )
                for claim in entry.claims
            )
            chips.append(Chip(tr("sources differ"), Tone.CAUTION, said))
        return chips

    @property
    def is_open(self) -> bool:
        return not self._body.isHidden()

    @property
    def busy(self) -> bool:
        return any(part is not None and part.busy for part in (self.look, self.ladders, self.age))

    def draw_here(self, *, here: bool) -> None:
        """Whether any quantisation of it is on this machine."""
        self.here.setVisible(here)
        self._draw_head()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # After it: changed within, the layouts that are at work would give the rows the heights they had.
        self._arranging.start()

    @Slot()
    def _place_badges(self) -> None:
        beside = self.width() >= theme.px(NARROW)
        # As wide in each row, unless a language has longer words.  Of the columns: a label keeps in its size hint the
        # minimum it had, also when it gets a smaller one.
        self._head.setColumnMinimumWidth(2, theme.px(SIZE))
        self._head.setColumnMinimumWidth(3, theme.px(CONTEXT))
        self._head.addWidget(self.badges, *((0, 4, 1, 1) if beside else (1, 1, 1, 3)), Qt.AlignmentFlag.AlignVCenter)
        self._head.setColumnStretch(4, 19 if beside else 0)
        self.badges.setContentsMargins(0 if beside else FoldButton.INSET, 0, 0, 0)
        under_title = self.dot.sizeHint().width() + Space.S + FoldButton.INSET
        self._column.setContentsMargins(under_title, 0, 0, Space.M)

    def _draw_head(self) -> None:
        self.button.draw(self.entry.title, is_open=self.is_open)
        said = [self.parameters.text(), *filter(None, [self.context.text()]), *(chip.text for chip in self._chips())]
        if not self.here.isHidden():
            said.append(tr("on this machine"))
        self.button.setAccessibleDescription(" · ".join(said))

    # --- opened ------------------------------------------------------------------------------

    @Slot()
    def toggle(self) -> None:
        self.set_open(is_open=not self.is_open)

    def set_open(self, *, is_open: bool) -> None:
        """Opening it the first time asks the hub for its files' headers."""
        if is_open == self.is_open:
            return
        if is_open and self.look is None:
            self._build()
        self._body.setVisible(is_open)
        self._draw_head()
        self.folded.emit(self, is_open)

    def _build(self) -> None:
        self.look = Look(self._bench, self._errands)
        self.look.found.connect(self._on_found)
        self._facts = EntryFacts(self.entry)
        self.age = EntryAge(self._bench, self._errands, self.entry)
        self.age.refreshed.connect(self._on_refreshed)
        self._column.addWidget(self._facts)
        self._column.addWidget(self.age)
        self.choice = QComboBox()
        self.choice.setAccessibleName(tr("Repository with GGUF files of {title}", title=self.entry.title))
        self.choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        known = sorted(self.entry.gguf_repositories, key=lambda each: not each.official)
        for place, each in enumerate(known):
            whose = tr("the publisher’s own") if each.official else tr("by others")
            self.choice.addItem(f"{each.name}  ({whose})", each.name)
            tip = "\n".join(filter(None, [*(one.citation for one in each.sources), each.note]))
            self.choice.setItemData(place, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
        if not known:
            self._say_none()
            return
        self.choice.activated.connect(self._on_choice)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(label(tr("GGUF files"), role="strong"))
        row.addWidget(self.choice, 1)
        self._column.addLayout(row)
        self._column.addWidget(self.look)
        self.look.begin(self.choice.currentData())

    @Slot(object)
    def _on_refreshed(self, entry: Entry) -> None:
        """What the hub says of it now."""
        self.entry = entry
        self._draw_badges()
        self._place_badges()
        self.badges.show()
        before, self._facts = self._facts, EntryFacts(entry)
        if before is not None:
            self._column.replaceWidget(before, self._facts)
            before.deleteLater()
        self._draw_head()

    def _say_none(self) -> None:
        button = text_button(tr("Search the hub for it"), kind="small")
        button.clicked.connect(self._on_search)
        row = QHBoxLayout()
        row.addWidget(label(tr(NO_GGUF), wrap=True), 1)
        row.addWidget(button)
        self._column.addLayout(row)

    @Slot()
    def _on_search(self) -> None:
        self.searched.emit(self.entry.original.value.rsplit("/", 1)[-1])

    @Slot(int)
    def _on_choice(self, _index: int) -> None:
        if self.look is not None:
            self.look.begin(self.choice.currentData())

    @Slot(object)
    def _on_found(self, listing: RemoteListing) -> None:
        self.found.emit(self, listing)

    def show_ladders(self, ladders: RemoteLadders) -> RemoteLadders | None:
        """Put them in the place of those before, which are given back."""
        before, self.ladders = self.ladders, ladders
        if before is not None:
            before.hide()
        self._column.addWidget(ladders)
        return before


def _chip(chip: Chip, *, role: str = "chip") -> QLabel:
    made = label(chip.text, role=role, tone=chip.tone)
    made.setToolTip(plain_tip(chip.tip))
    made.setAccessibleDescription(chip.tip)
    return made
