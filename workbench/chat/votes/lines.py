"""One vote as one line of JSON: a preference pair, or as arenas publish it; written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from workbench.chat.votes.ballots import Before, Compared, Vote
from workbench.chat.votes.meta import (
    KEY,
    LineError,
    clean,
    member,
    meta_of,
    moment_of,
    named_side,
    rater_of,
    vote_of,
)
from workbench.stats.outcome import Outcome
from workbench.words import said

Line: TypeAlias = dict[str, Any]

WINNERS = {
    Outcome.LEFT: "model_a",
    Outcome.RIGHT: "model_b",
    Outcome.TIE: "tie",
    Outcome.BOTH_BAD: "tie (bothbad)",
}
OWN = "workbench-"
NOBODY = "user"
"""The judge of an arena's line where nobody gave a name."""
_READ_WINNERS = {words: outcome for outcome, words in WINNERS.items()} | {
    "both_bad": Outcome.BOTH_BAD,
    "bothbad": Outcome.BOTH_BAD,
    "tie (both bad)": Outcome.BOTH_BAD,
}


def winner_of(words: str) -> Outcome:
    outcome = _READ_WINNERS.get(words.strip().lower())
    if outcome is None:
        raise LineError(
            said("winner is {words!r}; known are {values}.", words=words[:40], values=", ".join(WINNERS.values()))
        )
    return outcome


# --- preference pairs ----------------------------------------------------------------------


def dpo_of(one: Compared, *, messages: bool) -> Line:
    """A decided vote whose two answers read the same before the prompt."""
    won_left = one.vote.outcome is Outcome.LEFT
    chosen, rejected = (one.left, one.right) if won_left else (one.right, one.left)
    sides = (one.vote.left, one.vote.right) if won_left else (one.vote.right, one.vote.left)
    asked = {"role": "user", "content": one.prompt}
    return {
        "prompt": [*_before(one.before_left), asked] if messages else one.prompt,
        "chosen": [_said(chosen)] if messages else chosen,
        "rejected": [_said(rejected)] if messages else rejected,
        "chosen_model": sides[0].contender.name,
        "rejected_model": sides[1].contender.name,
        KEY: meta_of(one.vote),
    }


def compared_of_dpo(record: Mapping[str, Any], number: int) -> Compared:
    """Raises LineError.  A pair without sides of its own stands left and right by turns."""
    prompt, chosen, rejected = record.get("prompt"), record.get("chosen"), record.get("rejected")
    if prompt is None and isinstance(chosen, list) and isinstance(rejected, list):
        # The form in which the prompt is the beginning of both.
        prompt, chosen, rejected = chosen[:-1], chosen[-1:], rejected[-1:]
        if record["rejected"][:-1] != prompt:
            raise LineError(said("chosen and rejected do not begin with the same prompt."))
    before, asked = _prompt(prompt)
    won, lost = _answer("chosen", chosen), _answer("rejected", rejected)
    if KEY in record:
        vote = vote_of(member(record, KEY, dict))
        if vote.outcome not in (Outcome.LEFT, Outcome.RIGHT):
            raise LineError(said("neither answer was preferred, yet it is a preference pair."))
    else:
        names = [record.get("chosen_model"), record.get("rejected_model")]
        if not all(isinstance(name, str) for name in names):
            raise LineError(said("whose answers these are is not said (chosen_model, rejected_model)."))
        sides = [named_side(str(names[0]), len(won)), named_side(str(names[1]), len(lost))]
        left_won = number % 2 == 1
        left, right = sides if left_won else sides[::-1]
        vote = Vote(left, right, Outcome.LEFT if left_won else Outcome.RIGHT, seed=0, blind=False, id=-number)
    left_text, right_text = (won, lost) if vote.outcome is Outcome.LEFT else (lost, won)
    return Compared(vote, asked, left_text, right_text, before, before)


def _answer(key: str, value: object) -> str:
    if isinstance(value, list):
        spoken = _messages(key, value)
        if len(spoken) != 1 or spoken[0][0] != "assistant":
            raise LineError(said("{key} is not one message of the assistant.", key=key))
        return spoken[0][1]
    if not isinstance(value, str):
        raise LineError(
            said("{what} is missing.", what=key)
            if value is None
            else said("{key} is neither text nor messages.", key=key)
        )
    return clean(value)


def _prompt(value: object) -> tuple[Before, str]:
    if isinstance(value, str):
        return Before(), clean(value)
    if not isinstance(value, list):
        raise LineError(said("prompt is missing.") if value is None else said("prompt is neither text nor messages."))
    before, asked, answer = _conversation("prompt", value)
    if answer is not None:
        raise LineError(said("prompt does not end with a message of the user."))
    return before, asked


# --- as arenas publish it ------------------------------------------------------------------


def arena_of(one: Compared) -> Line:
    vote = one.vote
    return {
        "question_id": _question_id(vote),
        "model_a": vote.left.contender.name,
        "model_b": vote.right.contender.name,
        "winner": WINNERS[vote.outcome],
        "judge": vote.rater or NOBODY,
        "conversation_a": [*_before(one.before_left), {"role": "user", "content": one.prompt}, _said(one.left)],
        "conversation_b": [*_before(one.before_right), {"role": "user", "content": one.prompt}, _said(one.right)],
        "turn": 1 + len(one.before_left.turns),
        "anony": vote.blind,
        "language": "unknown",
        "tstamp": datetime.fromisoformat(vote.voted_at).timestamp() if vote.voted_at else None,
        KEY: meta_of(vote),
    }


def compared_of_arena(record: Mapping[str, Any], number: int) -> Compared:
    """Raises LineError.  Conversations may be missing: such a vote counts, and has no texts."""
    before_left, asked, left = _side_said(record, "conversation_a")
    before_right, asked_right, right = _side_said(record, "conversation_b")
    if asked != asked_right:
        raise LineError(said("conversation_a and conversation_b do not answer the same prompt."))
    outcome = winner_of(member(record, "winner", str))
    if KEY in record:
        vote = vote_of(member(record, KEY, dict))
        if vote.outcome is not outcome:
            raise LineError(said("winner is not what the vote says."))
    else:
        vote = Vote(
            named_side(member(record, "model_a", str), len(left)),
            named_side(member(record, "model_b", str), len(right)),
            outcome,
            seed=0,
            blind=record.get("anony") is not False,
            id=-number,
            voted_at=moment_of(record.get("tstamp")),
            rater=rater_of(None if record.get("judge") == NOBODY else record.get("judge")),
        )
    if not asked:
        vote = replace(vote, about=_question(record, vote))
    return Compared(vote, asked, left, right, before_left, before_right)


def _question(record: Mapping[str, Any], vote: Vote) -> str:
    """Which prompt it is where its text is not there; empty where that is not said either."""
    number = record.get("question_id")
    if not isinstance(number, str | int) or (KEY in record and number == _question_id(vote)):
        return vote.about
    return clean(str(number)).removeprefix(OWN)


def _question_id(vote: Vote) -> str:
    return f"{OWN}{vote.about or vote.id}"


def _side_said(record: Mapping[str, Any], key: str) -> tuple[Before, str, str]:
    if record.get(key) is None:
        return Before(), "", ""
    before, asked, answer = _conversation(key, member(record, key, list))
    return before, asked, answer or ""


# --- messages ------------------------------------------------------------------------------


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _before(before: Before) -> list[dict[str, str]]:
    told = [{"role": "system", "content": before.system}] if before.system else []
    for asked, answered in before.turns:
        told += [{"role": "user", "content": asked}, _said(answered)]
    return told


def _conversation(key: str, value: Sequence[object]) -> tuple[Before, str, str | None]:
    """What stood before, the last prompt, and the answer to it where there is one."""
    spoken = _messages(key, value)
    system = spoken.pop(0)[1] if spoken and spoken[0][0] == "system" else ""
    if [role for role, _ in spoken] != [("user", "assistant")[at % 2] for at in range(len(spoken))] or not spoken:
        raise LineError(said("in {key} user and assistant do not take turns.", key=key))
    answer = spoken.pop()[1] if spoken[-1][0] == "assistant" else None
    asked = spoken.pop()[1]
    turns = tuple((spoken[at][1], spoken[at + 1][1]) for at in range(0, len(spoken), 2))
    return Before(system, turns), asked, answer


def _messages(key: str, value: Sequence[object]) -> list[tuple[str, str]]:
    found = []
    for one in value:
        if not isinstance(one, dict) or not isinstance(one.get("role"), str):
            raise LineError(said("{key} holds something that is no message with a role.", key=key))
        found.append((one["role"], _content(key, one.get("content"))))
    return found


def _content(key: str, content: object) -> str:
    """Text, or parts of which the text counts."""
    if isinstance(content, str):
        return clean(content)
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if parts and all(isinstance(part, str) for part in parts):
            return clean("".join(map(str, parts)))
    raise LineError(said("a message of {key} has no text.", key=key))
