"""What models are called where people read of them."""

from __future__ import annotations

from workbench.chat.names import Names
from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.stats.outcome import Outcome

FILE = "gemma-3-270m-q4_k_m"
NAMES = Names(
    {FILE: ("Gemma 3 270m", "Q4_K_M"), "copy": ("Gemma 3 270m", "Q4_K_M"), "Smol.Q4_1": ("Smol.Q4_1", "Q4_1")}
)


def contender(*apart: str, file: str = FILE) -> Contender:
    stem = "gemma-3-270m" if file == FILE else file
    return Contender(" · ".join((stem, "Q4_K_M", *apart)), file, "gemma", "Q4_K_M")


def test_a_model_of_the_library_is_called_by_its_title_and_its_quantisation() -> None:
    assert NAMES.model(FILE, "Q4_K_M") == "Gemma 3 270m · Q4_K_M"
    assert NAMES.file(FILE) == "Gemma 3 270m · Q4_K_M"
    assert NAMES.file(f"{FILE} (2)") == "Gemma 3 270m · Q4_K_M (2)"
    assert NAMES.title(FILE, "Q4_K_M") == "Gemma 3 270m"


def test_a_quantisation_is_said_once() -> None:
    assert NAMES.model("Smol.Q4_1", "Q4_1") == "Smol · Q4_1"
    assert Names().model("SmolLM2-135M-Instruct.Q4_1", "Q4_1") == "SmolLM2-135M-Instruct · Q4_1"


def test_what_is_not_in_the_library_is_called_by_the_name_that_was_kept() -> None:
    assert Names().model(FILE, "Q4_K_M") == "gemma-3-270m · Q4_K_M"
    assert NAMES.model(FILE, "Q8_0") == f"{FILE} · Q8_0", "another file had this name"
    assert NAMES.file("gone (2)") == "gone (2)"
    stranger = Contender("their best one", "gpt", "unknown", "")
    assert NAMES.told([stranger]) == {stranger.name: "their best one"}


def test_a_template_that_nobody_chose_is_told_only_where_it_tells_two_apart() -> None:
    usual, bare = contender("template builtin:gemma"), contender()
    assert NAMES.told([usual]) == {usual.name: "Gemma 3 270m · Q4_K_M"}
    assert NAMES.whole(usual) == "Gemma 3 270m · Q4_K_M · template builtin:gemma"
    assert NAMES.told([usual, bare]) == {
        usual.name: "Gemma 3 270m · Q4_K_M · template builtin:gemma",
        bare.name: "Gemma 3 270m · Q4_K_M",
    }


def test_what_somebody_chose_is_always_told() -> None:
    tuned = contender("pirate × 0.5", "template builtin:gemma")
    assert NAMES.told([tuned]) == {tuned.name: "Gemma 3 270m · Q4_K_M · pirate × 0.5"}


def test_two_files_of_one_title_are_told_by_their_files() -> None:
    one, other = contender(), contender(file="copy")
    assert NAMES.told([one, other]) == {one.name: one.name, other.name: other.name}


def test_votes_are_about_the_same_contenders_under_other_names() -> None:
    usual, gone = contender("template builtin:gemma"), Contender("gone · F16", "gone", "other", "F16")
    (vote,) = NAMES.in_votes([Vote(Side(usual, 3), Side(gone, 5), Outcome.LEFT, seed=1)])
    assert (vote.left.contender.name, vote.right.contender.name) == ("Gemma 3 270m · Q4_K_M", "gone · F16")
    assert (vote.left.contender.model, vote.outcome) == (FILE, Outcome.LEFT)
