"""The fault matrix: nothing is lost, nothing wrong is ever visible, and each refusal has words of its own."""

from __future__ import annotations

import functools

import pytest

from tests.faults.hub_matrix import ARRIVES, ATTEMPTS, BEGUN_PIECES, CASES, Attempt, Case, Outcome, outcome, plain
from tests.unit.hub.downloading import FILE

# Each of these is a different matter for whoever reads it.
OWN_WORDS = (
    "401, and the repository is not gated",
    "403 of a gated repository",
    "403, and the repository is not gated",
    "404",
    "416",
    "429 for ever",
    "503 for ever",
    "every body cut at its start",
    "every answer stands still",
    "the ETag changes with every answer",
    "one wrong byte, always",
    "a captive portal's page",
    "another size than promised",
    "redirects in a circle",
    "a redirect to a file of this machine",
    "a compressed body",
    "no hub at that address",
    "offline mode",
    "the disk is full",
)

once = functools.cache(outcome)


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_fault_ends_as_said_and_nothing_is_lost(case: Case, attempt: Attempt) -> None:
    found: Outcome = once(case, attempt)
    assert found.ended == case.ends, found.message
    assert found.seen_wrong == 0
    assert found.recovered, "it arrives when the fault is gone"
    assert found.requests < 60, "no storm of requests"
    if case.ends == ARRIVES:
        assert found.left == (FILE,)
    else:
        assert FILE not in found.left
        assert found.message
        assert found.hint
    if case.ends != ARRIVES and attempt == "resume" and not case.restarts:
        assert found.kept_pieces >= BEGUN_PIECES, "what had been fetched is kept"


def test_each_refusal_has_words_of_its_own() -> None:
    by_name = {case.name: case for case in CASES}
    said = {name: plain(once(by_name[name], "first").message) for name in OWN_WORDS}
    assert len(set(said.values())) == len(said), said
