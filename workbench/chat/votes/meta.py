"""What our own vote files say beside what their form asks for, so that nothing is lost on the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.stats.outcome import Outcome
from workbench.words import said

KEY = "workbench"
UNKNOWN_FAMILY = "other"
MAX_NUMBER = 2**63 - 1


class LineError(ValueError):
    """What is wrong with one line, as a sentence."""


def meta_of(vote: Vote) -> dict[str, Any]:
    return {
        "id": vote.id,
        "left": _side(vote.left),
        "right": _side(vote.right),
        "outcome": vote.outcome.name.lower(),
        "seed": vote.seed,
        "blind": vote.blind,
        "automatic": vote.automatic,
        "repeats": vote.repeats,
        "comment": vote.comment,
        "tags": list(vote.tags),
        "voted_at": vote.voted_at,
        "rater": vote.rater,
    }


def vote_of(meta: Mapping[str, Any]) -> Vote:
    """Raises LineError for what is not as ``meta_of`` writes it."""
    repeats = meta.get("repeats")
    return Vote(
        left=_side_of(member(meta, "left", dict)),
        right=_side_of(member(meta, "right", dict)),
        outcome=outcome_of(member(meta, "outcome", str)),
        seed=whole(meta, "seed"),
        blind=member(meta, "blind", bool),
        automatic=member(meta, "automatic", bool),
        repeats=None if repeats is None else whole(meta, "repeats"),
        comment=clean(member(meta, "comment", str)),
        tags=tags_of(meta.get("tags")),
        id=whole(meta, "id"),
        voted_at=moment(member(meta, "voted_at", str)),
        rater=rater_of(meta.get("rater")),
    )


def outcome_of(name: str) -> Outcome:
    try:
        return Outcome[name.upper()]
    except KeyError:
        raise LineError(said("outcome is {name!r}; known are left, right, tie and both_bad.", name=name[:40])) from None


def rater_of(name: object) -> str:
    """Empty for one who gave no name."""
    if not isinstance(name, str | None):
        raise LineError("rater is not text.")
    return clean(" ".join((name or "").split()))


def named_side(name: str, characters: int) -> Side:
    """A side of which nothing but the name is known."""
    if not name.strip():
        raise LineError(said("a model has no name."))
    return Side(Contender(clean(name), clean(name), UNKNOWN_FAMILY, ""), characters)


def member(record: Mapping[str, Any], key: str, kind: type) -> Any:
    """Raises LineError where it is not there, or is something else."""
    value = record.get(key)
    if not isinstance(value, kind):
        wanted = {str: said("text"), bool: said("true or false"), dict: said("an object"), list: said("a list")}[kind]
        raise LineError(
            said("{what} is missing.", what=key)
            if value is None
            else said("{key} is not {wanted}.", key=key, wanted=wanted)
        )
    return value


def whole(record: Mapping[str, Any], key: str) -> int:
    """A number of at most 64 bits."""
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_NUMBER:
        raise LineError(said("{key} is no whole number.", key=key))
    return value


def tags_of(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise LineError(said("tags is no list of texts."))
    return tuple(clean(tag) for tag in value)


def moment(text: str) -> str:
    """A time in ISO 8601 as it stands; empty where it is not known."""
    if text:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise LineError(said("{text!r} is no time (such as 2026-05-01T12:00:00+00:00).", text=text[:40])) from None
    return text


def moment_of(seconds: object) -> str:
    """Seconds since 1970 as ISO 8601; empty for None."""
    if seconds is None:
        return ""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise LineError(said("tstamp is no number of seconds."))
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise LineError(said("tstamp is no time.")) from None


def clean(text: str) -> str:
    """Halves of characters, which JSON can hold and no store can, are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _side(side: Side) -> dict[str, Any]:
    return asdict(side.contender) | {"characters": side.characters}


def _side_of(record: Mapping[str, Any]) -> Side:
    sha256 = record.get("sha256")
    if sha256 is not None and not isinstance(sha256, str):
        raise LineError(said("sha256 is not text."))
    name, model, family, quantisation = (
        clean(member(record, key, str)) for key in ("name", "model", "family", "quantisation")
    )
    told = {"name": name, "model": model, "family": family, "quantisation": quantisation, "sha256": sha256}
    return Side(Contender.kept(told), whole(record, "characters"))
