"""A plan's shares with llama.cpp's own weights, cache and compute buffers in place of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.models.breakdown import RAM, Basis, Kind, Part, Share
from workbench.models.exact import Breakdown
from workbench.models.verdict import Fit

_ANSWERED = {Kind.WEIGHTS, Kind.KV, Kind.STATE, Kind.COMPUTE}


def with_answer(found: Fit, answer: Breakdown) -> Fit:
    return replace(found, shares=answered(found.shares, answer), basis="exact")


def answered(
    estimated: Sequence[Share], answer: Breakdown, budgets: Mapping[str, int] | None = None
) -> tuple[Share, ...]:
    """The shares as llama.cpp divides them; ``budgets`` are what further devices may give, by their names.

    What is on a device that has neither a share nor a budget counts as main memory's.
    """
    known = budgets or {}
    named = {share.device for share in estimated}
    extra = sorted({buffer.device for buffer in answer.buffers} - named)
    shares = [*(Share(name, (), known[name]) for name in extra if name in known), *estimated]
    unknown = [name for name in extra if name not in known]
    return tuple(
        _as_answered(share, answer, [share.device, *unknown] if share.device == RAM else [share.device])
        for share in shares
    )


def _as_answered(share: Share, answer: Breakdown, places: Sequence[str]) -> Share:
    weights, cache, compute = (sum(column) for column in zip(*map(answer.on, places), strict=True))
    state = min(cache, share.of(Kind.STATE))
    parts = (
        Part(Kind.WEIGHTS, weights, Basis.EXACT),
        Part(Kind.KV, cache - state, Basis.EXACT),
        *([Part(Kind.STATE, state, Basis.EXACT)] if state else []),
        Part(Kind.COMPUTE, compute, Basis.EXACT),
    )
    return replace(share, parts=(*parts, *(part for part in share.parts if part.kind not in _ANSWERED)))
