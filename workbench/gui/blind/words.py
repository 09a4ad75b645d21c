"""What blind mode says, without a name."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.gui.blind.sheet import NAMED_ITSELF, Sheet
from workbench.gui.blind.sitting import Given
from workbench.gui.tr import counted, tr


def told_after(given: Given | None) -> str:
    """What there is to say about the vote before."""
    if given is None or given.vote is None or NAMED_ITSELF not in given.vote.tags:
        return ""
    return tr("In the last pair an answer named its own model: that vote carries the tag “named itself”.")


def left_out(pairs: int, rater: str) -> str:
    """Of pairs that are not asked about again; nothing where there are none."""
    if not pairs:
        return ""
    told = counted(pairs, "pair was", "pairs were")
    if rater:
        return tr("{pairs} judged by {rater} before, and left out.", pairs=told, rater=rater)
    return tr("{pairs} judged before, and left out.", pairs=told)


def all_judged(pairs: int, rater: str) -> str:
    """What stands where nothing is left to judge."""
    told = counted(pairs, "pair of answers", "pairs of answers")
    if rater:
        return tr("{rater} has judged {pairs} here, and none is left.", pairs=told, rater=rater)
    return tr("You have judged {pairs} here, and none is left.", pairs=told)


def why_not(sheets: Sequence[Sheet]) -> str:
    """Why no vote is asked."""
    sheet = sheets[-1] if sheets else None
    if sheet is not None and sheet.partial:
        return tr("The answers were stopped before all of them were whole: a half answer cannot be judged.")
    if sheet is not None and sheet.failed:
        return tr("One answer failed, and a vote takes two.")
    return tr("Only one model was asked, and a vote takes two answers.")
