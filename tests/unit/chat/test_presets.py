"""Presets and the library of prompts: kept, found again, taken away and put back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.chat.history import History
from workbench.chat.library import Prompt, as_json, as_text, from_text
from workbench.chat.options import Options
from workbench.chat.presets import Preset
from workbench.chat.stored import StoredPane
from workbench.engine.base import Adapter, JsonSchema, Sampling
from workbench.errors import UsageError
from workbench.models.params import RunParams
from workbench.store.database import Database

PANES = (
    StoredPane(0, "/a.gguf", 4096, None, None),
    StoredPane(
        2, "/b.gguf", 512, 3, "chatml", RunParams(n_ctx=512), (Adapter(Path("/l.gguf"), 0.5),), True,
        Sampling(temperature=0.0), "Be a poet.",
    ),
)  # fmt: skip


@pytest.fixture
def history(tmp_path: Path):
    with Database(tmp_path / "w.sqlite3") as db:
        yield History(db)


def test_a_preset_comes_back_as_it_was(history: History) -> None:
    options = Options(
        "Be brief.", Sampling(seed=7), max_tokens=9, stop=("\n",), constraint=JsonSchema("{}"), date="2026-01-01"
    )
    kept = history.presets.save(Preset(0, "  Brief \n poets ", options, PANES, 2048))
    assert kept.name == "Brief poets"
    assert history.presets.all() == (kept,)
    assert (kept.options, kept.panes, kept.context) == (options, PANES, 2048)


def test_a_preset_of_the_same_name_takes_its_place(history: History) -> None:
    first = history.presets.save(Preset(0, "Poets", Options("one")))
    second = history.presets.save(Preset(0, "poets", Options("two")))
    assert second.id == first.id
    assert [preset.options.system for preset in history.presets.all()] == ["two"]


def test_a_preset_is_renamed_removed_and_put_back(history: History) -> None:
    kept = history.presets.save(Preset(0, "a", Options()))
    history.presets.rename(kept.id, "b")
    history.presets.remove(kept.id)
    assert history.presets.all() == ()
    other = history.presets.save(Preset(0, "b", Options("another")))
    history.presets.put_back(kept.id)
    assert [(preset.id, preset.name) for preset in history.presets.all()] == [(kept.id, "b"), (other.id, "b")]


@pytest.mark.parametrize("name", ["", " \n"])
def test_a_preset_needs_a_name(history: History, name: str) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        history.presets.save(Preset(0, name, Options()))
    kept = history.presets.save(Preset(0, "a", Options()))
    with pytest.raises(UsageError, match="needs a name"):
        history.presets.rename(kept.id, name)
    assert history.presets.all() == (kept,)


def test_a_preset_of_another_version_is_left_out_and_does_not_hide_the_others(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:
        presets = History(db).presets
        kept = presets.save(Preset(0, "a", Options()))
        with db.transaction() as sql:
            sql.execute("INSERT INTO preset (name, record, changed_at) VALUES ('z', '{\"later\": 1}', '')")
        assert presets.all() == (kept,)


def test_prompts_are_kept_by_folder_and_name(history: History) -> None:
    history.prompts.save(Prompt(0, "", "\n  Write a poem \nabout eggs", ("poems",), "Fun"))
    history.prompts.save(Prompt(0, "Zebra", "z"))
    kept = history.prompts.all()
    assert [(prompt.name, prompt.folder) for prompt in kept] == [("Zebra", ""), ("Write a poem", "Fun")]
    changed = history.prompts.save(replace(kept[0], text="changed"))
    assert changed.id == kept[0].id
    history.prompts.remove(changed.id)
    assert [prompt.name for prompt in history.prompts.all()] == ["Write a poem"]
    history.prompts.put_back(changed.id)
    assert [prompt.text for prompt in history.prompts.all()] == ["changed", "\n  Write a poem \nabout eggs"]
    with pytest.raises(UsageError, match="needs a text"):
        history.prompts.save_all([Prompt(0, "good", "text"), Prompt(0, "name", " ")])
    assert len(history.prompts.all()) == 2, "all of them, or none"


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff"), min_size=1
)


@given(st.lists(st.builds(Prompt, st.just(0), TEXTS, TEXTS, st.lists(TEXTS).map(tuple), TEXTS), max_size=4))
def test_what_is_written_as_json_is_read_back(prompts: list[Prompt]) -> None:
    whole = [replace(p, name=" ".join(p.name.split()) or "n") for p in prompts if p.text.strip()]
    assert list(from_text(as_json(whole))) == whole


@given(st.lists(TEXTS.filter(lambda text: text.strip() and not text.lstrip().startswith(("{", "["))), max_size=4))
def test_what_is_written_as_text_is_read_back(texts: list[str]) -> None:
    prompts = [Prompt(0, "", text) for text in texts]
    if any(line.strip() == "---" for text in texts for line in text.split("\n")):
        return
    assert [prompt.text for prompt in from_text(as_text(prompts))] == [text.strip() for text in texts]


def test_any_text_is_a_list_of_prompts_one_a_line_or_between_rules() -> None:
    assert [p.text for p in from_text("\ufeffone\r\n\n  two  \nC:\\new\n")] == ["one", "two", "C:\\new"]
    assert [p.text for p in from_text("one\nstill one\n---\ntwo\n")] == ["one\nstill one", "two"]
    assert from_text("") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the JSON is broken"),
        ("{}", "holds no prompts"),
        ('{"prompts": [{"name": "x"}]}', "Prompt 1 has no text"),
        ('["a", 7]', "Prompt 2 has no text"),
        ('{"version": 2, "prompts": []}', "later version"),
        ("[" * 100_000, "the JSON is broken"),
    ],
)
def test_json_without_prompts_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        from_text(text)


def test_prompts_of_other_programs_are_read() -> None:
    told = json.dumps([{"prompt": "a", "tags": ["x", 7], "folder": 3}, "b"])
    assert from_text(told) == (Prompt(0, "a", "a", ("x", "7")), Prompt(0, "b", "b"))


def test_what_was_removed_long_ago_is_erased_and_the_rest_can_come_back(history: History) -> None:
    preset, stays = history.presets.save(Preset(0, "a", Options())), history.presets.save(Preset(0, "b", Options()))
    prompt = history.prompts.save(Prompt(0, "", "text"))
    number = history.conversations.create("t")
    history.presets.remove(preset.id)
    history.prompts.remove(prompt.id)
    history.conversations.delete(number)
    history.purge()
    history.presets.put_back(preset.id)
    history.prompts.put_back(prompt.id)
    history.conversations.restore(number)
    assert (len(history.presets.all()), len(history.prompts.all()), len(history.conversations.listed())) == (2, 1, 1)
    history.presets.remove(preset.id)
    history.prompts.remove(prompt.id)
    history.conversations.delete(number)
    history.purge(timedelta(days=-1))
    history.presets.put_back(preset.id)
    history.prompts.put_back(prompt.id)
    history.conversations.restore(number)
    assert (history.presets.all(), history.prompts.all(), history.conversations.listed()) == ((stays,), (), ())
