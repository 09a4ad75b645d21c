"""Votes of a rater whose preferences are known, in a window of the test's own."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tests.gui.blind.conftest import (  # noqa: F401  # fixtures
    Blind,
    OpenWindow,
    data,
    open_window,
    pytest_collection_modifyitems,
)
from workbench.chat.votes.ballots import Ballots, Contender, Side, Vote
from workbench.gui.pages.votes import VotesPage
from workbench.stats.outcome import Outcome

LARGE = Contender("Large · Q4_K_M", "Large", "llama", "Q4_K_M")
SMALL = Contender("Small · Q8_0", "Small", "gemma", "Q8_0")
TINY = Contender("Tiny · F16", "Tiny", "llama", "F16")
STRENGTHS = {LARGE: 1.5, SMALL: 0.2, TINY: -1.7}

Give = Callable[..., list[Vote]]


def votes(ballots: Ballots, count: int, *, seed: int = 5) -> list[Vote]:
    """``count`` votes between any two of the three, won by strength; every third carries a tag, every tenth is open."""
    rng, given = random.Random(seed), []
    for number in range(count):
        left, right = rng.sample(list(STRENGTHS), 2)
        chance = 1 / (1 + math.exp(STRENGTHS[right] - STRENGTHS[left]))
        outcome = Outcome.LEFT if rng.random() < chance else Outcome.RIGHT
        if rng.random() < 0.15:
            outcome = rng.choice([Outcome.TIE, Outcome.BOTH_BAD])
        vote = Vote(
            Side(left, rng.randint(20, 400)),
            Side(right, rng.randint(20, 400)),
            outcome,
            seed=number,
            blind=bool(number % 10),
            tags=("tone",) if number % 3 == 0 else (),
        )
        given.append(ballots.cast(vote))
    return given


@pytest.fixture
def voted(open_window: OpenWindow) -> Blind:  # noqa: F811  # the fixture above
    """A window with sixty votes."""
    made = open_window()
    votes(made.bench.history.ballots, 60)
    return made


def shown(made: Blind) -> VotesPage:
    """The page, once its ranking is worked out."""
    before = made.window.votes.judged
    made.window.show_page("votes")
    made.qtbot.waitUntil(lambda: made.window.votes.judged is not None and made.window.votes.judged is not before)
    return made.window.votes


def refreshed(made: Blind, deed: Callable[[], object]) -> VotesPage:
    """After a deed that has the ranking worked out anew."""
    before = made.window.votes.judged
    deed()
    made.qtbot.waitUntil(lambda: made.window.votes.judged is not before)
    return made.window.votes
