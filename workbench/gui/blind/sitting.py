"""Votes on the answers to one prompt or to several, prompt by prompt.  Knows no Qt.

Every vote is a row at once; an undone one is a row that does not count.  What is written in ``as_json`` is enough to
go on where a closed window left off.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.gui.blind.sheet import NAMED_ITSELF, Entry, Sheet
from workbench.stats.outcome import Outcome

if TYPE_CHECKING:
    from workbench.chat.votes import blind
    from workbench.chat.votes.ballots import Ballots, Contender, Side, Vote
    from workbench.chat.votes.ratings import Ratings


@dataclass(frozen=True, slots=True)
class Shown:
    """One side as it is read: no name, no figure; ``warnings`` are what matters to a judge."""

    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The pair that is asked about: ``number`` of ``of``, all prompts together."""

    prompt: str
    left: Shown
    right: Shown
    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a pair.  ``outcome`` None: skipped, and there is no ``vote``.  ``again``: an earlier pair, asked
    once more, of which ``left`` and ``right`` are not of this sheet."""

    sheet: Sheet
    left: Contender
    right: Contender
    outcome: Outcome | None
    vote: Vote | None
    automatic: bool = False
    again: bool = False


@dataclass(slots=True)
class _Open:
    """A sheet and how far its pairs are; ``judged`` are pairs of panes that were judged before, ``revisit`` is what is
    asked again after the others."""

    sheet: Sheet
    round: blind.Round
    judged: frozenset[frozenset[int]] = frozenset()
    revisit: blind.Revisit | None = None
    revisited: bool = False

    @property
    def left(self) -> int:
        """How many pairs are still to be asked about."""
        return len(self.round.pairs) + (self.revisit is not None and not self.revisited)


class Sitting:
    """``revealed`` is whether the names were shown: a vote after that is not blind any more.  ``rater`` is who judges.

    ``conversation_id`` is whose earlier votes may be asked again.  What this rater judged before is not asked about,
    unless it is to be judged ``anew``.
    """

    def __init__(
        self,
        ballots: Ballots,
        conversation_id: int | None = None,
        seed: int | None = None,
        *,
        rater: str = "",
        anew: bool = False,
    ) -> None:
        self.rater = rater
        self._anew = anew
        self.seed = secrets.randbelow(2**31) if seed is None else seed
        self.given: list[Given] = []
        self.revealed = False
        self._ballots = ballots
        self._conversation_id = conversation_id
        self._open: list[_Open] = []
        self._votes: dict[frozenset[int | None], list[Vote]] | None = None  # that were kept before; read when needed

    # --- asked -------------------------------------------------------------------------------

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(one.sheet for one in self._open)

    def add(self, sheet: Sheet) -> None:
        """One prompt more.  Answers that are the same are tied at once, unasked, and once only."""
        opened = self._begin(sheet, self._judged(sheet))
        for tied in opened.round.casts:
            vote = self._tied_before(sheet, tied.pair)
            if vote is not None:
                self._note(opened, tied.pair, tied.outcome, vote, automatic=True)
            else:
                self._keep(opened, tied.pair, tied.outcome, automatic=True)

    @property
    def judged(self) -> int:
        """How many pairs are not asked about, since this rater judged them before."""
        return sum(len(one.judged) for one in self._open)

    @property
    def asked(self) -> Asked | None:
        """None once nothing is left to ask."""
        current = self._current
        if current is None:
            return None
        done = sum(not one.automatic for one in self.given)
        of = done + sum(one.left for one in self._open)
        if current.round.asked is None:
            assert current.revisit is not None
            again = current.revisit
            return Asked(again.prompt, Shown(again.left.strip()), Shown(again.right.strip()), done + 1, of)
        left, right = (current.sheet.entry(pane) for pane in (current.round.asked.left, current.round.asked.right))
        shown = [Shown(entry.text, entry.warnings) for entry in (left, right)]
        return Asked(current.sheet.prompt, shown[0], shown[1], done + 1, of)

    @property
    def can_undo(self) -> bool:
        return any(not one.automatic for one in self.given)

    def order(self, sheet: Sheet) -> tuple[Entry, ...]:
        """The answers as they stood while they were hidden."""
        found = next(one for one in self._open if one.sheet is sheet)
        return tuple(sheet.entry(pane) for pane in found.round.order())

    def ratings(self) -> Ratings | None:
        """How those who were judged here stand by all votes; None where nobody was.  Any thread."""
        from workbench.chat.votes.ratings import rate  # with all that computes

        compared = [side for given in tuple(self.given) for side in (given.left, given.right)]
        return rate(self._ballots.counted(), compared) if compared else None

    # --- answered ----------------------------------------------------------------------------

    def vote(self, outcome: Outcome | None, comment: str = "", tags: Sequence[str] = ()) -> Given | None:
        """None skips the pair; what became of it, None where nothing is asked any more."""
        current = self._current
        if current is None:
            return None
        pair = current.round.asked
        if pair is None:
            return self._keep_again(current, outcome, comment, tags)
        current.round = current.round.vote(outcome)
        given = self._keep(current, pair, outcome, comment=comment, tags=tags)
        self._draw_again(current)
        return given

    def undo(self) -> Given | None:
        """Take the last vote back; the pair is asked about again.  What was taken back."""
        last = next((one for one in reversed(self.given) if not one.automatic), None)
        if last is None:
            return None
        if last.vote is not None:
            self._ballots.withdraw(last.vote.id)
        self.given.remove(last)
        found = next(one for one in self._open if one.sheet is last.sheet)
        if last.again:
            found.revisited = False
        else:
            found.round = found.round.undo()
            found.revisit = None
        return last

    # --- kept --------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        given = [
            {
                "turn": one.sheet.turn_id,
                "outcome": one.outcome.name.lower() if one.outcome is not None else None,
                "vote": one.vote.id if one.vote is not None else None,
                "again": one.again,
            }
            for one in self.given
            if not one.automatic
        ]
        turns = [sheet.turn_id for sheet in self.sheets]
        revisits = {str(one.sheet.turn_id): one.revisit.earlier.vote.id for one in self._open if one.revisit}
        judged = {str(one.sheet.turn_id): [sorted(pair) for pair in one.judged] for one in self._open if one.judged}
        return {"seed": self.seed, "turns": turns, "given": given, "revisits": revisits, "revealed": self.revealed,
                "judged": judged}  # fmt: skip

    @classmethod
    def again(
        cls,
        ballots: Ballots,
        conversation_id: int,
        written: dict[str, Any],
        sheets: Sequence[Sheet],
        *,
        rater: str = "",
    ) -> Sitting:
        """As it was left: the seed gives the same order, and what was voted is said again, not cast again."""
        from workbench.chat.votes import blind

        sitting = cls(ballots, conversation_id, int(written["seed"]), rater=rater)
        sitting.revealed = bool(written["revealed"])
        kept = {vote.id: vote for vote in ballots.counted()}
        recent = ballots.recent(conversation_id)
        for sheet in sheets:
            judged = written.get("judged", {}).get(str(sheet.turn_id), ())
            opened = sitting._begin(sheet, frozenset(map(frozenset, judged)))
            asked_again = written["revisits"].get(str(sheet.turn_id))
            opened.revisit = next((blind.Revisit(one) for one in recent if one.vote.id == asked_again), None)
            for tied in opened.round.casts:
                vote = sitting._tied_before(sheet, tied.pair)
                sitting._note(opened, tied.pair, tied.outcome, vote, automatic=True)
        for one in written["given"]:
            found = next((other for other in sitting._open if other.sheet.turn_id == one["turn"]), None)
            if found is not None:
                sitting._say_again(found, one["outcome"], kept.get(one["vote"]), again=bool(one["again"]))
        return sitting

    # --- within ------------------------------------------------------------------------------

    @property
    def _current(self) -> _Open | None:
        return next((one for one in self._open if one.left), None)

    def _tied_before(self, sheet: Sheet, pair: blind.Pair) -> Vote | None:
        """The vote that counts these two answers as the same, None where there is none yet."""
        return next((vote for vote in self._before(sheet, pair.left, pair.right) if vote.automatic), None)

    def _judged(self, sheet: Sheet) -> frozenset[frozenset[int]]:
        """The pairs of panes whose answers this rater judged before."""
        if self._anew:
            return frozenset()
        pairs = itertools.combinations([entry.pane for entry in sheet.entries], 2)
        return frozenset(
            frozenset(pair)
            for pair in pairs
            if any(vote.rater == self.rater and not vote.automatic for vote in self._before(sheet, *pair))
        )

    def _before(self, sheet: Sheet, first: int, second: int) -> Sequence[Vote]:
        """The votes on these two answers that count and were there before this sitting."""
        if self._votes is None:
            self._votes = {}
            for vote in self._ballots.counted():
                self._votes.setdefault(frozenset({vote.left.answer, vote.right.answer}), []).append(vote)
        answers = frozenset(sheet.entry(pane).generation_id for pane in (first, second))
        return () if None in answers else self._votes.get(answers, ())

    def _begin(self, sheet: Sheet, judged: frozenset[frozenset[int]]) -> _Open:
        from workbench.chat.votes import blind

        answers = [(entry.pane, entry.text) for entry in sheet.entries]
        opened = _Open(sheet, blind.begin(self.seed, sheet.turn_id, answers, judged=judged), judged)
        self._open.append(opened)
        return opened

    def _draw_again(self, current: _Open) -> None:
        """With two answers there is nothing to mirror within a prompt: now and then an earlier pair is asked again."""
        from workbench.chat.votes import blind

        if len(current.sheet.entries) == 2 and not current.round.pairs and self._conversation_id is not None:
            recent = [one for one in self._ballots.recent(self._conversation_id) if one.vote.rater == self.rater]
            current.revisit = blind.revisit(self.seed, current.sheet.turn_id, recent)

    def _say_again(self, found: _Open, outcome: str | None, vote: Vote | None, *, again: bool) -> None:
        said = Outcome[outcome.upper()] if outcome is not None else None
        pair = found.round.asked
        if again and found.revisit is not None:
            found.revisited = True
            first = found.revisit.earlier.vote
            self.given.append(Given(found.sheet, first.right.contender, first.left.contender, said, vote, again=True))
        elif pair is not None and not again:
            found.round = found.round.vote(said)
            self._note(found, pair, said, vote)

    def _keep_again(self, current: _Open, outcome: Outcome | None, comment: str, tags: Sequence[str]) -> Given:
        assert current.revisit is not None
        first, vote = current.revisit.earlier.vote, None
        if outcome is not None:
            said = replace(current.revisit.voted(outcome), comment=comment.strip(), tags=tuple(dict.fromkeys(tags)))
            vote = self._ballots.cast(replace(said, blind=not self.revealed, rater=self.rater))
        current.revisited = True
        given = Given(current.sheet, first.right.contender, first.left.contender, outcome, vote, again=True)
        self.given.append(given)
        return given

    def _keep(
        self,
        current: _Open,
        pair: blind.Pair,
        outcome: Outcome | None,
        *,
        automatic: bool = False,
        comment: str = "",
        tags: Sequence[str] = (),
    ) -> Given:
        from workbench.chat.votes.ballots import Vote

        vote, sheet = None, current.sheet
        if outcome is not None:
            left, right = sheet.entry(pair.left), sheet.entry(pair.right)
            named = (NAMED_ITSELF,) if left.names_itself or right.names_itself else ()
            vote = self._ballots.cast(
                Vote(
                    left=_side(left),
                    right=_side(right),
                    outcome=outcome,
                    seed=self.seed,
                    blind=not self.revealed,
                    automatic=automatic,
                    turn=sheet.turn_id,
                    repeats=self._repeated(sheet, pair),
                    comment=comment.strip(),
                    tags=tuple(dict.fromkeys((*tags, *named))),
                    rater=self.rater,
                )
            )
        return self._note(current, pair, outcome, vote, automatic=automatic)

    def _note(
        self, current: _Open, pair: blind.Pair, outcome: Outcome | None, vote: Vote | None, *, automatic: bool = False
    ) -> Given:
        from workbench.chat.votes.ballots import Contender

        left, right = (Contender.of(current.sheet.entry(pane).answer) for pane in (pair.left, pair.right))
        self.given.append(Given(current.sheet, left, right, outcome, vote, automatic))
        return self.given[-1]

    def _repeated(self, sheet: Sheet, pair: blind.Pair) -> int | None:
        """The row of the vote that this one asks again."""
        from workbench.chat.votes.ballots import Contender

        if pair.repeats is None:
            return None
        same = {Contender.of(sheet.entry(pane).answer) for pane in (pair.left, pair.right)}
        earlier = [one for one in self.given if one.sheet is sheet and {one.left, one.right} == same]
        return next((one.vote.id for one in earlier if one.vote is not None), None)


def _side(entry: Entry) -> Side:
    from workbench.chat.votes.ballots import Contender, Side

    return Side(Contender.of(entry.answer), len(entry.text), entry.generation_id)
