"""Conversations out of other programs' files, and files that are broken, hostile or something else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.chat import tree
from workbench.chat.conversations import Conversations
from workbench.chat.imports import adding, placing
from workbench.chat.imports.files import ImportingError, read
from workbench.chat.imports.imported import Imported, ImportedAnswer, ImportedTurn
from workbench.chat.imports.placing import Importing
from workbench.chat.pane import Pane
from workbench.chat.stored import Query
from workbench.errors import Cancelled, StoreError, UsageError
from workbench.jobs import CancelToken, run
from workbench.store.database import Database, Sql


def message(
    role: str, *parts: object, model: str | None = None, at: float | None = None, **content: Any
) -> dict[str, Any]:
    return {
        "author": {"role": role},
        "content": {"content_type": "text", "parts": list(parts)} | content,
        "create_time": at,
        "metadata": {"model_slug": model} if model else {},
    }


def node(parent: str | None, children: list[str], told: dict[str, Any] | None) -> dict[str, Any]:
    return {"parent": parent, "children": children, "message": told}


def chatgpt(**more: Any) -> dict[str, Any]:
    """A prompt with two attempts, of which the second was gone on from, and a first prompt that was edited."""
    mapping = {
        "root": node(None, ["sys"], None),
        "sys": node("root", ["q1", "q1b"], message("system", "Be brief.")),
        "q1": node("sys", ["a1", "a2"], message("user", "One?", at=1_700_000_000.5)),
        "a1": node("q1", [], message("assistant", "First.", model="gpt-4o")),
        "a2": node("q1", ["q2"], message("assistant", "Second.", model="o3")),
        "q2": node("a2", ["a3"], message("user", "Two?")),
        "a3": node("q2", [], message("assistant", "Third.", model="o3")),
        "q1b": node("sys", ["b1"], message("user", "One, edited?")),
        "b1": node("q1b", [], message("assistant", "Other.", model="gpt-4o")),
    }
    return {"title": "Numbers", "mapping": mapping, "current_node": "a3"} | more


@pytest.fixture
def write(tmp_path: Path):
    def written(content: object, name: str = "conversations.json") -> Path:
        path = tmp_path / name
        data = content if isinstance(content, bytes) else None
        path.write_bytes(
            data if data is not None else (content if isinstance(content, str) else json.dumps(content)).encode()
        )
        return path

    return written


@pytest.fixture
def conversations(tmp_path: Path):
    with Database(tmp_path / "w.sqlite3") as db:
        yield Conversations(db)


def test_chatgpts_tree_keeps_its_branches_attempts_and_models(write, conversations: Conversations) -> None:
    (one,) = read(write([chatgpt()]))
    assert (one.title, one.system, one.source, one.problems) == ("Numbers", "Be brief.", "ChatGPT export", ())
    number = conversations.add_imported(one)
    nodes = conversations.tree(number)
    assert [(turn.prompt, turn.parent_id) for turn in nodes] == [
        ("One?", None), ("Two?", nodes[0].id), ("One, edited?", None),
    ]  # fmt: skip
    stored = conversations.load(number)
    assert stored is not None
    answers = []
    for attempt in stored.turns[0].attempts[0]:
        conversations.choose_attempt(attempt)
        alone = conversations.load(number, nodes[0].id)
        assert alone is not None
        answers.append((alone.turns[0].answers[0].text, alone.turns[0].answers[0].model))
    assert answers == [("First.", "gpt-4o"), ("Second.", "o3")]
    assert stored.system_prompt == "Be brief."
    assert stored.turns[0].asked_at == "2023-11-14T22:13:20.500000+00:00"
    pane = Pane(0)
    pane.exchanges = tree.exchanges(stored, 0)
    assert [m.content for m in pane.history("", "?")] == ["One?", "Second.", "Two?", "Third.", "?"]
    answer = pane.exchanges[1].answer
    assert answer is not None
    assert (answer.stop_reason, answer.model, answer.error) == ("imported", "o3", None)
    assert answer.chips == ("imported: not answered here",)
    assert [listed.models for listed in conversations.listed()] == [("gpt-4o", "o3")]


def test_an_answer_in_several_messages_is_one_and_what_tools_said_is_told_as_left_out(write) -> None:
    mapping = {
        "q": node(None, ["a"], message("user", "Look it up.", {"content_type": "image_asset_pointer"})),
        "a": node("q", ["t"], message("assistant", "Searching.")),
        "t": node("a", ["th"], message("tool", "{json}")),
        "th": node("t", ["b"], message("assistant", content_type="thoughts")),
        "b": node("th", [], message("assistant", "Found.", model="gpt-4o")),
    }
    (one,) = read(write({"title": "", "mapping": mapping}))
    assert one.title == "Look it up."
    (turn,) = one.turns
    assert [(a.text, a.model) for a in turn.answers] == [("Searching.\n\nFound.", "gpt-4o")]
    assert set(one.problems) == {
        "image_asset_pointer is not text and was left out",
        "what came from tool was left out",
        "reasoning was left out",
    }


def test_cycles_and_gaps_are_told_and_the_rest_is_kept(write) -> None:
    whole = chatgpt()
    mapping = whole["mapping"]
    mapping["a3"]["children"] = ["q1", "nowhere", 7]
    mapping["lost"] = node("gone", ["lost answer"], message("user", "Where from?"))
    mapping["lost answer"] = node("lost", [], message("assistant", "Here."))
    mapping["x"] = node("y", ["y"], message("user", "x"))
    mapping["y"] = node("x", ["x"], message("user", "y"))
    mapping["odd"] = "not a node"
    (one,) = read(write(whole))
    assert [turn.prompt for turn in one.turns] == ["One?", "Two?", "One, edited?", "Where from?"]
    assert set(one.problems) == {
        "a message is in it twice; it was taken once",
        "a message that others go on from is not in the file (2 times)",
        "a message follows one that is not in the file; it begins a branch of its own",
        "2 messages follow only each other and were left out",
    }


def test_a_very_long_conversation_is_read_without_recursion(write) -> None:
    count = 20_000
    mapping: dict[str, Any] = {"0": node(None, ["1"], message("user", "q0"))}
    for place in range(1, count):
        role = "assistant" if place % 2 else "user"
        mapping[str(place)] = node(
            str(place - 1), [str(place + 1)] if place + 1 < count else [], message(role, f"m{place}")
        )
    (one,) = read(write({"title": "Long", "mapping": mapping}))
    assert len(one.turns) == count // 2
    assert one.problems == ()


def test_an_answer_of_ever_so_many_messages_is_cut(write) -> None:
    mapping: dict[str, Any] = {"0": node(None, ["1"], message("user", "q"))}
    for place in range(1, 2_000):
        mapping[str(place)] = node(str(place - 1), [str(place + 1)] if place < 1_999 else [], message("assistant", "m"))
    (one,) = read(write({"mapping": mapping}))
    assert one.turns[0].answers[0].text.count("m") == 500
    assert one.problems == ("an answer was cut after 500 messages (1499 times)",)


def test_sharegpt_is_read_as_lines_or_as_a_list(write) -> None:
    talk = {"id": "a", "model": "vicuna", "conversations": [
        {"from": "system", "value": "Be kind."}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."},
        {"from": "gpt", "value": "Again."}, {"from": "human", "value": "Bye"},
    ]}  # fmt: skip
    for path in (write([talk, talk]), write(f"{json.dumps(talk)}\n\n{json.dumps(talk)}\n", "talks.jsonl")):
        one, other = read(path)
        assert one == other
        assert (one.title, one.system, one.source) == ("Hi", "Be kind.", "ShareGPT")
        assert [(turn.prompt, [a.text for a in turn.answers]) for turn in one.turns] == [
            ("Hi", ["Hello.\n\nAgain."]), ("Bye", []),
        ]  # fmt: skip
        assert one.turns[0].answers[0].model == "vicuna"
        assert one.problems == ("answers in a row were put together",)


def test_lists_of_messages_are_read_with_parts_and_one_list_alone(write) -> None:
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}, {"type": "image_url"}]
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "A cat."},
        {"role": "tool", "content": "x"},
    ]
    for path in (
        write({"messages": messages}),
        write(messages, "one.json"),
        write(json.dumps(messages) + "\n" + json.dumps(messages), "two.jsonl"),
    ):
        one = read(path)[0]
        assert (one.system, one.turns[0].prompt, one.turns[0].answers[0].text) == (
            "Be brief.",
            "What is\nthis?",
            "A cat.",
        )
        assert one.problems == ("image_url is not text and was left out", "a message from tool was left out")


def test_one_bad_conversation_does_not_lose_the_others(write, conversations: Conversations) -> None:
    good = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    found = read(write([good, {"id": 3}, 7, {"messages": []}, {"mapping": {"a": []}}, good]))
    assert [bool(one.turns) for one in found] == [True, False, False, False, False, True]
    assert [(one.title, one.problems) for one in found[1:5]] == [
        ("Conversation 2", ("it has id, but no messages",)),
        ("Conversation 3", ("it has no messages",)),
        ("Conversation 4", ("there is no prompt in it",)),
        ("Conversation 5", ("there is no prompt in it",)),
    ]
    lines = read(write(f'{json.dumps(good)}\n{{"messages": [\n{json.dumps(good)}\n', "broken.jsonl"))
    assert [(one.title, one.problems) for one in lines][1] == (
        "Line 2", ("it is not JSON: Expecting value at line 1, column 15",),
    )  # fmt: skip
    with pytest.raises(UsageError, match="Conversation 2 holds no prompt") as caught:
        conversations.add_imported(found[1])
    assert caught.value.hint == "it has id, but no messages"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("Dear diary,\ntoday", "not JSON: Expecting value at line 1, column 1"),
        (b"GGUF\x03\x00\xff\xfe", "not text: byte 6"),
        (b"PK\x03\x04rest", "is an archive"),
        ("[" * 200_000, "nested too deeply"),
        ("[]", "No conversation was found"),
        ('{"a": 1}', "it has a, but no messages"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', "a message from tool was left out"),
        ("1" * 10_000, "not JSON"),
        ('"just a text"', "it has no messages"),
    ],
)
def test_what_is_no_conversation_is_said_to_be_none(write, content: object, said: str) -> None:
    with pytest.raises(ImportingError, match=said) as caught:
        read(write(content, "something.json"))
    assert "something.json" in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_or_too_long_is_not_read(write, tmp_path: Path) -> None:
    with pytest.raises(ImportingError, match="could not be read"):
        read(tmp_path / "nowhere.json")
    with pytest.raises(ImportingError, match="could not be read"):
        read(tmp_path)
    with pytest.raises(ImportingError, match="too long to import: 41 bytes"):
        read(write('{"messages": [{"role": "user", "x": "y"}]'), max_bytes=40)


def test_a_million_characters_and_halves_of_characters_are_kept_as_they_can_be(
    write, conversations: Conversations
) -> None:
    prompt = "\ud800half \x00 zero" + "x" * 1_000_000
    talk = {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": "\udfff"}]}
    (one,) = read(write(json.dumps(talk)))
    number = conversations.add_imported(one)
    stored = conversations.load(number)
    assert stored is not None
    assert stored.turns[0].prompt == "\ufffdhalf \ufffd zero" + "x" * 1_000_000
    assert len(stored.title) <= 60


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["mapping", "messages", "conversations", "message", "content", "parts", "children", "parent", "author",
             "role", "from", "value", "title", "user", "assistant", "a", "b", "metadata", "create_time", "text"]
        ),
        inner | st.sampled_from(["user", "assistant", "human", "gpt", "a", "b"]),
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300)
@given(document=JSON)
def test_no_json_is_more_than_refused(tmp_path_factory: pytest.TempPathFactory, document: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    try:
        found = read(path)
    except ImportingError:
        return
    for one in found:
        assert bool(one.turns) or one.problems
        assert all(turn.parent is None or turn.parent < place for place, turn in enumerate(one.turns))


# --- added as one piece of long work -------------------------------------------------------


def talks(count: int) -> tuple[Imported, ...]:
    answers = (ImportedAnswer("Blue."),)
    return tuple(Imported(f"Talk {n}", (ImportedTurn(f"Colour {n}?", answers),), "ShareGPT") for n in range(count))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "w.sqlite3") as opened:
        yield opened


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One conversation at a time."""
    monkeypatch.setattr(placing, "AT_ONCE_S", -1.0)


@pytest.mark.usefixtures("unhurried")
def test_conversations_are_added_one_after_the_other_and_it_says_how_far(db: Database) -> None:
    conversations = Conversations(db)
    events: list[Importing] = []
    placed = run(conversations.importing(talks(4)), on_event=events.append)
    assert [one.imported.title for one in placed] == ["Talk 0", "Talk 1", "Talk 2", "Talk 3"]
    assert events == [Importing(number, 4) for number in range(1, 5)]
    again = run(conversations.importing(talks(5)))
    assert [one.known for one in again] == [True] * 4 + [False]
    assert [one.conversation_id for one in again[:4]] == [one.conversation_id for one in placed]


@pytest.mark.usefixtures("unhurried")
def test_a_cancelled_import_takes_back_what_it_added_and_nothing_else(db: Database) -> None:
    conversations = Conversations(db)
    run(conversations.importing(talks(2)))
    cancel = CancelToken()

    def stop(event: Importing) -> None:
        if event.done == 4:
            assert len(conversations.listed()) == 4
            cancel.cancel()

    with pytest.raises(Cancelled):
        run(conversations.importing(talks(6)), cancel=cancel, on_event=stop)
    assert sorted(one.title for one in conversations.listed()) == ["Talk 0", "Talk 1"]
    assert conversations.search(Query("colour"), 50)
    assert {hit.title for hit in conversations.search(Query("colour"), 50)} == {"Talk 0", "Talk 1"}


@pytest.mark.usefixtures("unhurried")
def test_an_import_that_fails_takes_back_what_it_added(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    conversations = Conversations(db)
    add = adding.add

    def full(sql: Sql, one: Imported) -> int:
        if one.title == "Talk 2":
            raise StoreError("The disk is full.")
        return add(sql, one)

    monkeypatch.setattr(adding, "add", full)
    with pytest.raises(StoreError):
        conversations.import_all(talks(4))
    assert conversations.listed() == ()


def test_the_store_is_others_between_two_conversations(db: Database) -> None:
    """A thread that wants to write gets to, before all of a large file is in."""
    conversations = Conversations(db)
    written: list[int] = []
    work = conversations.importing(talks(300))(CancelToken())
    done = next(work).done
    thread = threading.Thread(target=lambda: (conversations.keep_draft("key", "text"), written.append(done)))
    thread.start()
    for event in work:
        done = event.done
        if not thread.is_alive():
            break
    thread.join()
    work.close()
    assert written
    assert done < 300
