"""Sentences that remember how they were made."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import ModelFileError
from workbench.words import Said, all_of, counted, listed, one_of, packed, said, unpacked


def remembered(text: object) -> Said:
    assert isinstance(text, Said)
    return text


def test_what_is_said_is_an_english_sentence() -> None:
    sentence = said("{file} needs {n:,} tokens, {kind!r}.", file=Path("a.gguf"), n=4096, kind="chat")
    assert sentence == "a.gguf needs 4,096 tokens, 'chat'."
    assert {sentence: 1}["a.gguf needs 4,096 tokens, 'chat'."] == 1
    assert f"{sentence}" == str(sentence) == sentence
    assert json.loads(json.dumps([sentence])) == [sentence]


def test_without_values_braces_are_braces() -> None:
    assert said("a repetition is written {2}, {2,} or {2,5}") == "a repetition is written {2}, {2,} or {2,5}"
    assert said("{{{least}}} asks for more", least=2) == "{2} asks for more"


def test_it_remembers_its_template_and_what_stands_in_it() -> None:
    sentence = remembered(said("{file}: {why}.", file=Path("a.gguf"), why=said("it is empty")))
    assert sentence.template == "{file}: {why}."
    assert sentence.values == {"file": "a.gguf", "why": "it is empty"}
    assert remembered(sentence.values["why"]).template == "it is empty"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_remember_too(again: Callable[[str], str]) -> None:
    before = said("{why}: {n} of {all}", why=said("too big"), n=1, all=2)
    after = remembered(again(before))
    assert after == before
    assert after.template == "{why}: {n} of {all}"
    assert remembered(after.values["why"]).template == "too big"


def test_an_error_in_a_sentence_is_not_held_on_to() -> None:
    class NoNumberError(ValueError):
        pass

    error = NoNumberError("no number")
    held = weakref.ref(error)
    sentence = remembered(said("It cannot be read: {error}.", error=error))
    del error
    gc.collect()
    assert held() is None
    assert sentence.values == {"error": "no number"}


def test_what_an_error_says_can_still_be_told_in_another_language() -> None:
    sentence = remembered(said("Not today: {error}", error=ModelFileError(said("{file} is empty.", file="a.gguf"))))
    assert sentence == "Not today: a.gguf is empty."
    assert remembered(sentence.values["error"]).template == "{file} is empty."


def test_another_process_is_sent_all_of_it() -> None:
    before = said("{why}: {n:,}", why=said("too big by {size}", size="2 GB"), n=4096)
    after = remembered(unpacked(json.loads(json.dumps(packed(before)))))
    assert (after, after.template) == ("too big by 2 GB: 4,096", "{why}: {n:,}")
    assert remembered(after.values["why"]).template == "too big by {size}"
    assert [unpacked(packed(one)) for one in ("plain", None)] == ["plain", None]


@pytest.mark.parametrize(
    ("template", "values"), [("{n}", {"m": 1}), ("{n.nothing}", {"n": 1}), ("{n}", 7), (7, {"n": 1})]
)
def test_what_another_process_made_up_is_refused(template: object, values: object) -> None:
    with pytest.raises(ValueError, match="not a sentence"):
        unpacked({"said": template, "values": values})


@pytest.mark.parametrize(("n", "words"), [(0, "0 models"), (1, "1 model"), (2400, "2,400 models")])
def test_a_number_has_its_noun(n: int, words: str) -> None:
    assert counted(n, "model") == words


def test_a_noun_may_have_a_plural_of_its_own() -> None:
    assert [counted(n, "copy", "copies") for n in (1, 2)] == ["1 copy", "2 copies"]


def test_parts_of_a_list_are_remembered() -> None:
    parts = [said("no GPU"), said("{n} cores", n=4), "Zen 3"]
    assert listed(parts) == "no GPU, 4 cores, Zen 3"
    assert listed(parts, "; ") == "no GPU; 4 cores; Zen 3"
    assert listed([]) == ""
    assert [all_of(parts[:n]) for n in (1, 2, 3)] == ["no GPU", "no GPU and 4 cores", "no GPU, 4 cores and Zen 3"]
    assert [one_of(parts[:n]) for n in (1, 2, 3)] == ["no GPU", "no GPU or 4 cores", "no GPU, 4 cores or Zen 3"]
    assert [str(one) for one in remembered(listed(parts)).values.values() if isinstance(one, Said)] == parts[:2]
