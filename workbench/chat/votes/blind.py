"""A blind round: who stands where, which two answers are asked about next, and when the names are shown.

Knows no window and no store; a face draws what stands here and tells it what was voted.
With two panes nothing can be asked again within a round: ``revisit`` asks an earlier vote again at a later prompt.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.stats.outcome import Outcome

if TYPE_CHECKING:
    from workbench.chat.votes.ballots import Compared, Vote

REPEAT_SHARE = 0.1
"""How many of the ballots are asked a second time with the sides exchanged, to measure the rater."""
APART = 3
"""So many other ballots lie between a vote and its being asked again, at the least: nobody remembers where it stood."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two panes as they are shown; ``repeats`` is the place of an earlier vote of the round that is asked again."""

    left: int
    right: int
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote of this round.  ``outcome`` None: skipped.  ``automatic``: both answers are the same text."""

    pair: Pair
    outcome: Outcome | None
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """One prompt's answers, by pane, all finished.  ``seed`` and ``number`` decide order and sides, and nothing else
    does: the same two give the same round again.

    ``pairs`` are still to be asked about, in this order; ``casts`` is what was voted so far.
    """

    seed: int
    number: int
    answers: tuple[tuple[int, str], ...]
    pairs: tuple[Pair, ...]
    casts: tuple[Cast, ...] = ()

    @property
    def asked(self) -> Pair | None:
        """The pair that is asked about now; None when the round is over."""
        return self.pairs[0] if self.pairs else None

    @property
    def revealed(self) -> bool:
        """The names are shown once nothing is left to ask."""
        return not self.pairs

    def vote(self, outcome: Outcome | None) -> Round:
        """The next state; ``outcome`` None skips the pair.  Raises ValueError when the round is over."""
        if not self.pairs:
            raise ValueError("nothing is asked any more")
        return replace(self, pairs=self.pairs[1:], casts=(*self.casts, Cast(self.pairs[0], outcome)))

    def undo(self) -> Round:
        """As before the last vote that somebody gave; the same where there is none."""
        given = [place for place, cast in enumerate(self.casts) if not cast.automatic]
        if not given:
            return self
        place = given[-1]
        again = self.casts[place].pair
        return replace(self, pairs=(again, *self.pairs), casts=self.casts[:place] + self.casts[place + 1 :])

    def order(self) -> tuple[int, ...]:
        """The panes from left to right, as long as they are hidden."""
        return _shuffled(self.seed, self.number, [pane for pane, _ in self.answers])


def begin(
    seed: int,
    number: int,
    answers: Sequence[tuple[int, str]],
    *,
    wanted: Sequence[tuple[int, int]] = (),
    judged: Collection[frozenset[int]] = (),
) -> Round:
    """The round of a prompt: ``number`` counts the prompts of a conversation.

    Every pair of panes is asked about but those of ``judged``, those of ``wanted`` first; pairs of the same text are
    tied without asking.
    Now and then, by the seed, the first pair is asked once more at the end with its sides exchanged, where there are
    others in between.
    """
    texts = dict(answers)
    order = _shuffled(seed, number, [pane for pane, _ in answers])
    place = {pane: at for at, pane in enumerate(order)}
    pairs = [_seated(pair, place) for pair in itertools.combinations(texts, 2)]
    first = [_seated(pair, place) for pair in wanted]
    pairs = [
        *first,
        *sorted((pair for pair in pairs if pair not in first), key=lambda p: (place[p.left], place[p.right])),
    ]
    same = [pair for pair in pairs if _same(texts[pair.left], texts[pair.right])]
    asked = [pair for pair in pairs if pair not in same and frozenset({pair.left, pair.right}) not in judged]
    casts = tuple(Cast(pair, Outcome.TIE, automatic=True) for pair in same)
    if len(asked) > 2 and random.Random(f"{seed}:{number}:repeat").random() < REPEAT_SHARE:  # noqa: S311  # not a secret
        asked.append(Pair(asked[0].right, asked[0].left, repeats=len(casts)))
    return Round(seed, number, tuple(answers), tuple(asked), casts)


@dataclass(frozen=True, slots=True)
class Revisit:
    """An earlier vote that is asked again at a later prompt: what stood on the right stands on the left now."""

    earlier: Compared

    @property
    def prompt(self) -> str:
        return self.earlier.prompt

    @property
    def left(self) -> str:
        """The text to show on the left."""
        return self.earlier.right

    @property
    def right(self) -> str:
        return self.earlier.left

    def voted(self, outcome: Outcome) -> Vote:
        """The vote to cast; ``outcome`` is told as the two stand now."""
        first = self.earlier.vote
        return replace(
            first,
            left=first.right,
            right=first.left,
            outcome=outcome,
            repeats=first.id,
            comment="",
            tags=(),
            id=0,
            voted_at="",
        )


def revisit(seed: int, number: int, recent: Sequence[Compared]) -> Revisit | None:
    """What is asked again after the ballots of prompt ``number``; mostly nothing.  Meant for two panes.

    ``recent`` are the votes of the conversation, newest first (``Ballots.recent``).  Asked are blind votes that
    somebody gave, whose texts are still there, once, when ``APART`` others were given since.
    """
    draw = random.Random(f"{seed}:{number}:revisit")  # noqa: S311  # recorded, so that it can be done again
    if draw.random() >= REPEAT_SHARE:
        return None
    given = [one for one in recent if not one.vote.automatic and one.vote.blind and not one.vote.source]
    again = {one.vote.repeats for one in given}
    open_ = [
        one for one in given[APART:] if one.vote.repeats is None and one.vote.id not in again and one.left and one.right
    ]
    return Revisit(draw.choice(open_)) if open_ else None


def _shuffled(seed: int, number: int, panes: Sequence[int]) -> tuple[int, ...]:
    drawn = list(panes)
    random.Random(f"{seed}:{number}").shuffle(drawn)  # noqa: S311  # recorded, so that it can be done again
    return tuple(drawn)


def _seated(pair: tuple[int, int], place: dict[int, int]) -> Pair:
    left, right = sorted(pair, key=lambda pane: place[pane])
    return Pair(left, right)


def _same(first: str, second: str) -> bool:
    """Nobody can prefer one of two texts that differ in blanks alone."""
    return first.split() == second.split()
