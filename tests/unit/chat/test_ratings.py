"""What the votes say of models, tags and families, and what they do not say."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.unit.stats.test_bradley_terry import PLANTED, votes
from workbench.chat.votes import words as rating_words
from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.chat.votes.ratings import between_families, by_family, by_tag, next_ballot, rate
from workbench.stats.clusters import FEWEST
from workbench.stats.outcome import Outcome
from workbench.stats.voting import mirrored

WIN, LOSS, TIE, BAD = Outcome.LEFT, Outcome.RIGHT, Outcome.TIE, Outcome.BOTH_BAD


def contender(name: str, family: str = "gemma") -> Contender:
    return Contender(name, name, family, "Q4_K_M")


def vote(left: str, right: str, outcome: Outcome, **more: object) -> Vote:
    return replace(Vote(Side(contender(left), 100), Side(contender(right), 100), outcome, seed=7), **more)


def drawn(names: Sequence[str], count: int, seed: int) -> list[Vote]:
    """From planted strengths, the first name's the greatest."""
    return [vote(names[one.left], names[one.right], one.outcome) for one in votes(PLANTED, count, seed)]


def test_planted_strengths_come_back_as_places_and_probabilities() -> None:
    found = rate(drawn("abcd", 4000, seed=3))
    assert found is not None
    assert [one.contender.name for one in found.standings] == list("abcd")
    first = found.standings[0]
    assert first.beats_next is not None
    assert first.beats_next.estimate == pytest.approx(1 / (1 + 2.718281828**-0.4), abs=0.03)
    assert first.votes_to_decide == 0


def test_models_that_no_votes_connect_have_no_common_ranking() -> None:
    found = rate([vote("a", "b", WIN)] * 9 + [vote("x", "y", WIN)] * 3 + [vote("y", "z", TIE)])
    assert found is not None
    assert not found.comparable
    assert [island.names for island in found.islands] == [("x", "y", "z"), ("a", "b")]
    for island in found.islands:
        assert island.standings[-1].beats_next is None, (
            "the last of an island is not set against another island's first"
        )
        assert sum(one.elo.estimate for one in island.standings) == pytest.approx(0, abs=1e-9)
    assert rating_words.verdicts(found)[0] == (
        "No votes connect these groups, so nothing is known of one against the other: x, y, z; a, b."
    )
    joined = rate([vote("a", "b", WIN)] * 9 + [vote("x", "y", WIN)] * 3 + [vote("y", "z", TIE), vote("z", "a", TIE)])
    assert joined is not None
    assert joined.comparable


def test_an_island_is_rated_as_if_there_were_no_other() -> None:
    alone = rate(drawn("abcd", 60, seed=1))
    beside = rate(drawn("abcd", 60, seed=1) + [vote("x", "y", WIN)] * 5)
    assert alone is not None
    assert beside is not None
    assert beside.islands[0].standings == alone.islands[0].standings


def test_each_tag_has_its_own_ranking() -> None:
    told = [vote("a", "b", WIN, tags=("tone",))] * 8 + [vote("a", "b", LOSS, tags=("facts", "tone"))] * 3
    found = by_tag([*told, vote("a", "b", LOSS)])
    assert list(found) == ["tone", "facts"]
    assert [found[tag].standings[0].contender.name for tag in found] == ["a", "b"]
    assert found["tone"].votes == 11


def test_a_family_is_rated_by_the_votes_within_it() -> None:
    mixed = replace(vote("a", "l", WIN), right=Side(contender("l", "llama"), 10))
    llamas = replace(vote("l", "m", WIN), left=Side(contender("l", "llama"), 1), right=Side(contender("m", "llama"), 1))
    found = by_family([vote("a", "b", WIN), vote("b", "a", TIE), mixed, llamas])
    assert {family: ratings.islands[0].names for family, ratings in found.items()} == {
        "gemma": ("a", "b"),
        "llama": ("l", "m"),
    }
    against = between_families([vote("a", "b", WIN), mixed, mixed])
    assert against is not None
    assert against.votes == 2
    assert [one.contender.name for one in against.standings] == ["gemma", "llama"]
    assert between_families([vote("a", "b", WIN)]) is None


def test_both_bad_is_counted_apart_with_its_uncertainty() -> None:
    found = rate([vote("a", "b", BAD)] * 7 + [vote("a", "b", TIE)] * 43)
    assert found is not None
    share = found.acceptable["a"]
    # Wilson's interval of 43 in 50: the mirror of 7 in 50.
    assert (share.estimate, share.low, share.high) == pytest.approx((0.86, 1 - 0.261862, 1 - 0.069508), abs=1e-6)


def test_an_answer_nobody_looked_at_is_neither_good_nor_bad() -> None:
    found = rate([vote("a", "b", TIE, automatic=True)])
    assert found is not None
    assert rating_words.percent(found.acceptable["a"]) == "not known"


def test_a_rater_who_prefers_the_left_is_named() -> None:
    found = rate([vote("a", "b", WIN), vote("b", "a", WIN)] * 15)
    assert found is not None
    assert any("the one on the left wins" in line for line in rating_words.cautions(found))
    fair = rate([vote("a", "b", WIN), vote("a", "b", LOSS)] * 15)
    assert fair is not None
    assert not any("on the left" in line for line in rating_words.cautions(fair))


def test_how_easily_the_leader_would_fall_is_said() -> None:
    found = rate([vote("a", "b", WIN)] * 3 + [vote("a", "b", LOSS)] * 2)
    assert found is not None
    assert found.fragile == 2
    assert "Without 2 votes of 5, another would lead." in rating_words.cautions(found)


def test_many_models_and_votes_are_rated_without_a_wait_that_grows_with_them() -> None:
    """Ballots that are the same are one row of the fit, whatever their number."""
    told = drawn("abcd", 3000, seed=5)
    found = rate(told)
    assert found is not None
    assert found.votes == 3000
    assert found.fragile is None or found.fragile > 10


def test_the_next_ballot_joins_islands_first() -> None:
    told = [vote("a", "b", WIN)] * 20
    everybody = [contender(name) for name in "abc"]
    pair = next_ballot(told, everybody)
    assert pair is not None
    assert "c" in {one.name for one in pair}
    assert next_ballot([], [contender("a")]) is None
    among = next_ballot([*told, vote("b", "c", WIN)], everybody)
    assert among is not None
    assert {one.name for one in among} != {"a", "b"}, "the pair most is known of teaches least"


def test_only_the_contenders_asked_about_are_rated() -> None:
    found = rate([vote("a", "b", WIN), vote("b", "c", WIN)], [contender("a"), contender("b")])
    assert found is not None
    assert {one.contender.name for one in found.standings} == {"a", "b"}
    assert found.votes == 1


def test_where_votes_come_from_is_said() -> None:
    found = rate([vote("a", "b", WIN, source="arena.jsonl"), vote("a", "b", WIN, blind=False), vote("a", "b", WIN)])
    assert found is not None
    assert (found.votes, found.imported, found.blind) == (3, 1, 2)
    said = " ".join(rating_words.cautions(found))
    assert "1 of the 3 votes come out of files" in said
    assert "1 of the 3 votes were given with the names known" in said


def test_random_votes_between_equal_models_are_not_decided_but_by_chance() -> None:
    """At 95 %, five pairs in a hundred are told apart by luck; not many more."""
    lucky = 0
    for seed in range(200):
        draw = random.Random(seed)
        found = rate([vote("a", "b", draw.choice([WIN, LOSS, TIE])) for _ in range(40)])
        assert found is not None
        lucky += found.standings[0].votes_to_decide == 0
    assert lucky <= 20


# --- votes that hang together -----------------------------------------------------------------------


def test_many_votes_on_few_prompts_decide_nothing_and_say_so() -> None:
    told = [vote("a", "b", WIN, about=f"prompt {number % 3}") for number in range(60)]
    found = rate(told)
    assert found is not None
    (first, _) = found.standings
    assert (found.prompts, found.unplaced, first.prompts) == (3, 0, 3)
    assert first.too_few
    assert first.votes_to_decide is not None
    assert first.votes_to_decide >= FEWEST - 3
    said = rating_words.verdicts(found)[0]
    assert "Too few prompts to tell, 3 prompts so far: about" in said
    alone = rate([replace(one, about="") for one in told])
    assert alone is not None
    assert alone.standings[0].votes_to_decide == 0
    assert any("Of 60 of the 60 votes nobody knows the prompt" in line for line in rating_words.cautions(alone))


def test_votes_on_one_prompt_widen_every_range() -> None:
    drawn_ = [replace(one, about=f"{number // 8}") for number, one in enumerate(_alike(25, 8))]
    grouped, alone = rate(drawn_), rate([replace(one, about="") for one in drawn_])
    assert grouped is not None
    assert alone is not None
    for of in ("elo", "beats_next"):
        wide, narrow = (getattr(one.standings[0], of) for one in (grouped, alone))
        assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)
    assert grouped.both_bad.high - grouped.both_bad.low > 1.2 * (alone.both_bad.high - alone.both_bad.low)
    assert grouped.both_bad.estimate == alone.both_bad.estimate
    assert grouped.islands[0].fragile == alone.islands[0].fragile
    fewer = grouped.islands[0].fragile_prompts
    assert fewer is not None
    assert grouped.fragile is not None
    assert fewer < grouped.fragile
    assert any(f"without {fewer} prompt" in line for line in rating_words.cautions(grouped))


def _alike(prompts: int, each: int) -> list[Vote]:
    """Of each prompt all votes say the same."""
    draw = random.Random(3)
    return [vote("a", "b", said) for _ in range(prompts)
            for said in [draw.choices([WIN, LOSS, BAD], (5, 3, 2))[0]] * each]  # fmt: skip


def test_a_file_in_which_the_better_model_always_stands_left_is_no_sign_of_a_side_bias() -> None:
    """How often the left one won says nothing where it is always the same."""
    found = rate([vote("a", "b", WIN)] * 18 + [vote("a", "b", LOSS)] * 2)
    assert found is not None
    assert not any("left" in line for line in rating_words.cautions(found))


def test_how_far_raters_agree_is_said_where_two_judged_the_same() -> None:
    def by(rater: str, wrong: int) -> list[Vote]:
        return [vote("a", "b", LOSS if number in range(wrong) else WIN, about=f"prompt {number}", rater=rater)
                for number in range(20)]  # fmt: skip

    found = rate([*by("Ada", 5), *by("Bob", 8)])
    assert found is not None
    assert found.raters == (("Ada", 20), ("Bob", 20))
    assert found.few_raters
    assert found.agreement is not None
    assert found.agreement.shared == 20
    assert found.agreement.same.estimate == pytest.approx(17 / 20)
    # Told from both sides chance makes one half of it: alpha is near 1 - 0.15 / 0.5.
    assert found.agreement.alpha.estimate == pytest.approx(0.7, abs=0.01)
    said = " ".join(rating_words.cautions(found))
    assert "2 raters gave these votes" in said
    assert "20 pairs of answers were judged by more than one rater, who said the same in 85 %" in said
    turned = [vote("b", "a", mirrored(one.outcome), about=one.about, rater="Bob") for one in by("Bob", 8)]
    again = rate([*by("Ada", 5), *turned])
    assert again is not None
    assert again.agreement == found.agreement, "where an answer stood makes no difference"


def test_one_rater_has_nobody_to_agree_with() -> None:
    found = rate([vote("a", "b", WIN, about="p", rater="Ada")] * 3)
    assert found is not None
    assert (found.agreement, found.few_raters) == (None, False)
    apart = rate([vote("a", "b", WIN, about="p", rater="Ada"), vote("a", "b", WIN, about="q", rater="Bob")])
    assert apart is not None
    assert apart.agreement is None, "they judged different prompts"
    assert apart.few_raters


def test_raters_without_a_name_are_told_apart_by_their_files() -> None:
    told = [vote("a", "b", WIN, about="p"), vote("a", "b", WIN, about="p", source="hers.csv")]
    found = rate(told)
    assert found is not None
    assert found.raters == (("", 1), ("hers.csv", 1))
    assert found.agreement is not None
