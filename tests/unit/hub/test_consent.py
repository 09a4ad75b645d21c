"""A licence is agreed to once for a repository, its licence and its revision, and the date stays."""

from __future__ import annotations

from datetime import datetime

from workbench.hub import consent
from workbench.store.database import Database

GEMMA = ("google/gemma-3-1b-it", "gemma")
FIRST, SECOND = "1" * 40, "2" * 40


def test_nothing_is_agreed_to_before_the_user_says_so(db: Database) -> None:
    assert consent.agreed(db, *GEMMA, FIRST) is None
    assert consent.agreed_before(db, *GEMMA) is None
    assert consent.every(db) == ()


def test_an_agreement_is_recorded_with_its_date_and_revision(db: Database) -> None:
    made = consent.agree(db, *GEMMA, FIRST)
    assert consent.agreed(db, *GEMMA, FIRST) == made
    assert (made.repository, made.licence, made.revision) == (*GEMMA, FIRST)
    assert datetime.fromisoformat(made.agreed_at).tzinfo is not None


def test_agreeing_again_keeps_the_first_date(db: Database) -> None:
    first = consent.agree(db, *GEMMA, FIRST)
    assert consent.agree(db, *GEMMA, FIRST) == first
    assert consent.every(db) == (first,)


def test_another_revision_licence_or_repository_is_asked_for_anew(db: Database) -> None:
    consent.agree(db, *GEMMA, FIRST)
    assert consent.agreed(db, *GEMMA, SECOND) is None
    assert consent.agreed(db, GEMMA[0], "llama3.1", FIRST) is None
    assert consent.agreed(db, "google/gemma-3-4b-it", "gemma", FIRST) is None


def test_an_earlier_revision_s_agreement_can_be_named(db: Database) -> None:
    consent.agree(db, *GEMMA, FIRST)
    second = consent.agree(db, *GEMMA, SECOND)
    assert consent.agreed_before(db, *GEMMA) == second
    assert [made.revision for made in consent.every(db)] == [SECOND, FIRST]


def test_a_repository_is_the_same_in_any_case(db: Database) -> None:
    made = consent.agree(db, *GEMMA, FIRST)
    assert consent.agreed(db, "Google/Gemma-3-1B-it", "gemma", FIRST) == made
    assert consent.agree(db, "GOOGLE/gemma-3-1b-it", "gemma", FIRST) == made
