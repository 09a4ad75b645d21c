"""A comparison as it is handed on: what was asked, who answered, and what was voted, told to a reader or an auditor."""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import workbench
from workbench.chat.answer import Answer
from workbench.chat.conversations import StoredConversation, StoredTurn
from workbench.stats.outcome import Outcome
from workbench.store.database import timestamp

if TYPE_CHECKING:
    from workbench.chat.names import Names
    from workbench.chat.votes.ballots import Vote
    from workbench.chat.votes.ratings import Ratings


class Audience(enum.StrEnum):
    """READER wants names, answers and verdicts; AUDITOR everything needed to ask it so again."""

    READER = "reader"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class ExportedAnswer:
    """``name`` tells it apart from the others of its prompt: the model's, or a letter while names are hidden."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class ExportedVote:
    """``winner`` is None for a tie and for both bad, which ``verdict`` tells apart."""

    left: str
    right: str
    winner: str | None
    verdict: str
    blind: bool
    automatic: bool
    comment: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportedTurn:
    """``unlike`` says in what the answers were not asked for alike."""

    prompt: str
    answers: tuple[ExportedAnswer, ...]
    votes: tuple[ExportedVote, ...] = ()
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """``hidden``: names are letters, and nothing is told that gives them away.  ``exported_at`` is UTC."""

    title: str
    system: str
    options: Mapping[str, Any]
    turns: tuple[ExportedTurn, ...]
    ratings: Ratings | None
    audience: Audience
    hidden: bool
    exported_at: str
    version: str = workbench.__version__

    @property
    def day(self) -> str:
        """When it was exported, as people read it."""
        return f"{self.exported_at[:16].replace('T', ' ')} UTC"

    @property
    def audit(self) -> bool:
        return self.audience is Audience.AUDITOR and not self.hidden

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who answered, in the order of appearance."""
        return tuple(dict.fromkeys(one.name for turn in self.turns for one in turn.answers))


def of(
    stored: StoredConversation,
    *,
    votes: Sequence[Vote] = (),
    ratings: Ratings | None = None,
    hidden: bool = False,
    orders: Mapping[int, Sequence[int]] | None = None,
    audience: Audience = Audience.READER,
    at_each: Callable[[], object] | None = None,
    names: Names | None = None,
) -> Exported:
    """What is known of a conversation, with its ``votes`` and, where they are asked for, ``ratings``.

    ``hidden`` is for a blind round before its vote: letters for names, no votes, no ratings.  ``orders`` tells by the
    turn's id which slots then stand where, as on the screen; without it they are shuffled.  ``at_each`` is called
    before each turn's answers are read, which may take a while, and ends it by raising.  ``names`` are what people
    know the models by, for a file that people read; votes and ratings are to be told by the same names then.
    """
    turns = []
    cast: dict[int, list[Vote]] = {}
    for vote in votes:
        if vote.turn is not None:
            cast.setdefault(vote.turn, []).append(vote)
    for turn in stored.turns:
        if at_each is not None:
            at_each()
        if hidden:
            turns.append(_hidden(turn, (orders or {}).get(turn.id) or _shuffled(stored.id, turn)))
        else:
            turns.append(_told(turn, cast.get(turn.id, ()), names))
    options = {} if hidden else dict(stored.sampling)
    return Exported(
        stored.title,
        stored.system_prompt,
        options,
        tuple(turns),
        None if hidden else ratings,
        audience,
        hidden,
        timestamp(),
    )


def _told(turn: StoredTurn, votes: Sequence[Vote], known: Names | None) -> ExportedTurn:
    # Whole: what is not read yet could not be read when the store is closed.
    from workbench.chat.footing import differences
    from workbench.chat.names import Names

    told = [(slot, replace(answer)) for slot, answer in sorted(turn.answers.items())]
    plain = [(known or Names()).model(answer.model, answer.quantisation) for _, answer in told]
    often = Counter(plain)
    names = [name if often[name] == 1 else f"{name} (pane {slot + 1})"
             for name, (slot, _) in zip(plain, told, strict=True)]  # fmt: skip
    answers = tuple(ExportedAnswer(name, answer) for name, (_, answer) in zip(names, told, strict=True))
    return ExportedTurn(
        turn.prompt,
        answers,
        tuple(_vote(vote) for vote in votes if vote.repeats is None),
        tuple(map(str, differences([one.answer for one in answers]))),
    )


def _vote(vote: Vote) -> ExportedVote:
    left, right = vote.left.contender.name, vote.right.contender.name
    winner = {Outcome.LEFT: left, Outcome.RIGHT: right}.get(vote.outcome)
    loser = right if vote.outcome is Outcome.LEFT else left
    if vote.automatic:
        verdict = f"{left} and {right}: the same answer"
    elif winner is not None:
        verdict = f"{winner} preferred to {loser}"
    elif vote.outcome is Outcome.TIE:
        verdict = f"{left} and {right}: equally good"
    else:
        verdict = f"{left} and {right}: both bad"
    return ExportedVote(left, right, winner, verdict, vote.blind, vote.automatic, vote.comment, vote.tags)


def _hidden(turn: StoredTurn, order: Sequence[int]) -> ExportedTurn:
    """The texts alone: a template, a speed or a reason names a model as well as its name does."""
    answers: list[ExportedAnswer] = []
    for slot in order:
        if slot in turn.answers:
            name = letter(len(answers))
            answers.append(ExportedAnswer(name, _bare(name, turn.answers[slot])))
    return ExportedTurn(turn.prompt, tuple(answers))


def _bare(name: str, answer: Answer) -> Answer:
    text = answer.text
    if answer.error is not None:
        text = f"{text}\n\n(This answer failed.)".strip()
    return Answer(name, "", "", "", synthetic=False, text=text, stop_reason="")


def letter(place: int) -> str:
    """A, B, … for what stands first, second, …; after 26 with a number."""
    again, at = divmod(place, 26)
    return chr(ord("A") + at) + (str(again + 1) if again else "")


def _shuffled(conversation_id: int, turn: StoredTurn) -> list[int]:
    slots = sorted(turn.answers)
    random.Random(f"{conversation_id}:{turn.id}:export").shuffle(slots)  # noqa: S311  # hides, does not protect
    return slots


def in_words(exported: Exported) -> Exported:
    """The same with every text fit for a file: what is no character is replaced."""

    def clean(text: str) -> str:
        return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")

    turns = tuple(
        replace(
            turn,
            prompt=clean(turn.prompt),
            answers=tuple(
                replace(one, answer=replace(one.answer, text=clean(one.answer.text),
                                            thinking=clean(one.answer.thinking)))
                for one in turn.answers
            ),
        )
        for turn in exported.turns
    )  # fmt: skip
    return replace(exported, title=clean(exported.title), system=clean(exported.system), turns=turns)
