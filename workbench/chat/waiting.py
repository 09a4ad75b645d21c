"""How long things take that wait for each other: only what was measured on this computer, never a guess."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from workbench.chat.answer import Answer
from workbench.words import all_of, said

if TYPE_CHECKING:
    from workbench.models.file import ModelFile
    from workbench.models.fit import Fit

Seconds: TypeAlias = tuple[float, float]
"""A range, shortest to longest that is likely."""

LoadTime: TypeAlias = "Callable[[ModelFile], Seconds | None]"
"""How long a model's load takes, None where nobody knows."""

_ANSWERS_ASKED = 8


@dataclass(frozen=True, slots=True)
class Times:
    """What is known of the panes of a round, in their order: seconds of each answer, and of each load."""

    answers: tuple[Seconds | None, ...]
    loads: tuple[Seconds | None, ...]


def total(parts: Iterable[Seconds | None]) -> Seconds | None:
    """One after the other; None as soon as one is not known."""
    low = high = 0.0
    for part in parts:
        if part is None:
            return None
        low, high = low + part[0], high + part[1]
    return low, high


def reload_s(loads: Sequence[Seconds | None]) -> Seconds | None:
    """Loading each model once a round; the last one may still be there for the next."""
    all_of_them = total(loads)
    if all_of_them is None or not loads:
        return None
    spared = max(part[0] for part in loads if part is not None) if len(loads) > 1 else 0.0
    return all_of_them[0] - spared, all_of_them[1]


def answer_s(own: Sequence[Answer], others: Sequence[Answer], fit: Fit | None) -> Seconds | None:
    """How long a pane's next answer takes: as many tokens as lately, at the speed the model is known to have.

    ``own`` are the pane's answers, ``others`` those of the panes beside it: where it has none yet, theirs say how long
    answers are here.  The speed is the one learnt on this computer, else that of its own answers.
    """
    lengths = _lengths(own) or _lengths(others)
    speeds = _speeds(own, fit)
    if not lengths or speeds is None:
        return None
    first_s = [one.ttft_ms / 1000 for one in _latest(own) if one.ttft_ms is not None]
    low = min(lengths) / speeds[1] + min(first_s, default=0.0)
    return low, max(lengths) / speeds[0] + max(first_s, default=0.0)


def waits_for(names: Sequence[str]) -> str:
    """ "Llama 3.2 3B", "Llama 3.2 3B and Gemma 3 4B", "Llama 3.2 3B and 2 others"."""
    if len(names) < 3:
        return all_of(names) if names else ""
    return said("{first} and {n} others", first=names[0], n=len(names) - 1)


def _latest(answers: Sequence[Answer]) -> list[Answer]:
    whole = [one for one in answers if one.error is None and one.stop_reason not in ("cancelled", "unfinished")]
    return whole[-_ANSWERS_ASKED:]


def _lengths(answers: Sequence[Answer]) -> list[int]:
    return [one.completion_tokens for one in _latest(answers) if one.completion_tokens]


def _speeds(own: Sequence[Answer], fit: Fit | None) -> Seconds | None:
    from workbench.models.speed import SpeedSource

    learnt = fit.speed if fit is not None else None
    if learnt is not None and learnt.source is SpeedSource.LEARNT and learnt.decode_tokens_per_s is not None:
        return learnt.decode_tokens_per_s.low, learnt.decode_tokens_per_s.high
    measured = [one.decode_tokens_per_s for one in _latest(own) if one.decode_tokens_per_s]
    return (min(measured), max(measured)) if measured else None
