"""How long something takes, in words, and for whom a pane waits."""

from __future__ import annotations

from workbench.chat.pane import Pane
from workbench.gui.tr import tr

GAP = "\N{NO-BREAK SPACE}"


def waiting_words(pane: Pane) -> str:
    """ "waiting about 20 to 40 s for Llama 3.2 3B…": the time first, since names are cut where there is no room for
    them; how long only where that was measured."""
    waiting = pane.waiting
    if waiting is None:
        return f"{tr(pane.phase)}…"
    if waiting.about_s is None:
        return tr("waiting for {models}…", models=waiting.for_)
    return tr("waiting {time} for {models}…", models=waiting.for_, time=about(waiting.about_s))


def about(seconds: tuple[float, float]) -> str:
    """ "about 40 s", "about 20 to 40 s", "up to 2 min"."""
    low, high = _rounded(seconds[0]), _rounded(seconds[1])
    if high < 1:
        return tr("less than a second")
    if low < 1:
        return tr("up to {time}", time=span(high))
    if low == high or high <= 1.15 * low:
        return tr("about {time}", time=span(high))
    if (low < 100) == (high < 100):  # of the same unit
        return tr("about {low} to {high}", low=span(low).split(GAP)[0], high=span(high))
    return tr("about {low} to {high}", low=span(low), high=span(high))


def span(seconds: float) -> str:
    """ "40 s", "3 min", "2.5 h"."""
    if seconds < 100:
        return tr("{count:.0f}{gap}s", count=seconds, gap=GAP)
    if seconds < 100 * 60:
        return tr("{count:.0f}{gap}min", count=seconds / 60, gap=GAP)
    return tr("{count:.1f}{gap}h", count=seconds / 3600, gap=GAP)


def _rounded(seconds: float) -> float:
    """As exact as anybody needs it: seconds below twenty, then fives, tens, and so on."""
    for limit, step in ((20, 1), (100, 5), (1000, 30), (6000, 60)):
        if seconds < limit:
            return round(seconds / step) * step
    return round(seconds / 600) * 600
