"""What leads from votes to answers, and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Slot

from workbench.chat.votes.ballots import Contender, Vote
from workbench.chat.votes.listing import VoteListing
from workbench.errors import UsageError
from workbench.gui import names
from workbench.gui.blind.mode import BlindMode
from workbench.gui.pages.compare import ComparePage
from workbench.gui.pages.votes import VotesPage
from workbench.gui.theme import Tone
from workbench.gui.tr import explained, tr
from workbench.gui.votes.judged import NextPair
from workbench.models.file import ModelFile


class VoteWays(QObject):
    """``go`` shows a page of the window by its name."""

    def __init__(
        self, compare: ComparePage, blind: BlindMode, votes: VotesPage, listing: VoteListing, go: Callable[[str], None]
    ) -> None:
        super().__init__(votes)
        self._compare, self._blind, self._votes, self._listing, self._go = compare, blind, votes, listing, go
        blind.changed.connect(self._on_blind)
        blind.voted.connect(self._on_voted)
        votes.pair_wished.connect(self._on_pair)
        votes.vote_wished.connect(self._on_back)
        votes.opened.connect(self._on_opened)
        votes.ranking.first_wished.connect(self._on_first)
        compare.shelf.changed.connect(votes.rename)
        self._on_blind()

    @Slot()
    def _on_blind(self) -> None:
        self._votes.hold(held=self._blind.hiding)

    @Slot()
    def _on_back(self) -> None:
        self._go("compare")
        self._blind.stage.take_keys()

    @Slot()
    def _on_voted(self) -> None:
        if self._votes.isVisible():
            self._votes.refresh()

    @Slot()
    def _on_first(self) -> None:
        self._go("compare")
        if not self._blind.on:
            self._blind.toggle()

    @Slot(object)
    def _on_pair(self, pair: NextPair) -> None:
        """The vote that teaches most: on what is there, or on a new prompt to these two."""
        self._go("compare")
        if pair.place is None:
            self._ask_about(pair.first, pair.second)
            return
        try:
            self._compare.load_conversation(pair.place.conversation_id)
            self._blind.begin_with([pair.place.turn_id], pair.place.conversation_id)
        except UsageError as error:
            self._compare.composer.say(explained(error))

    def _ask_about(self, first: Contender, second: Contender) -> None:
        """A new comparison of the two, as far as their files are in the library, with the next prompt blind."""
        page = self._compare
        page.new_comparison()
        wanted = [next((file for file in page.shelf.models if _is(file, one)), None) for one in (first, second)]
        for pane in page.comparison.panes[2:]:
            page.close_pane(pane)
        while len(page.comparison.panes) < len(wanted):
            page.add_pane()
        for pane, file in zip(page.comparison.panes, wanted, strict=False):
            if file is not None:
                page.pick(pane, file)
        if not self._blind.on:
            self._blind.toggle()
        missing = [
            names.current().brief(one) for one, file in zip((first, second), wanted, strict=True) if file is None
        ]
        if missing:
            page.composer.say(tr("Not in the library: {names}.", names=", ".join(missing)))
        page.composer.setFocus()

    @Slot(object)
    def _on_opened(self, vote: Vote) -> None:
        place = self._listing.place(vote)
        if place is None:
            self._votes.notice.say(tr("The answers of this vote are not here any more."), tone=Tone.CAUTION)
            return
        self._go("compare")
        self._compare.load_conversation(place.conversation_id)
        self._compare.do(partial(self._compare.record.show_branch, place.turn_id))


def _is(file: ModelFile, contender: Contender) -> bool:
    if contender.sha256 is not None and file.sha256 is not None:
        return file.sha256 == contender.sha256
    return (file.name, file.quantisation) == (contender.model, contender.quantisation)
