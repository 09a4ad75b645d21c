"""A comparison handed on: everything travels, nothing runs, and a blind round names nobody."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from workbench.chat.answer import Answer, Problem, blank
from workbench.chat.exports.answer_html import MAX_RENDERED_CHARACTERS, answer_html
from workbench.chat.exports.exported import Audience, Exported, of
from workbench.chat.exports.exporting import exporting
from workbench.chat.exports.files import Exporting, Format, as_json, csv_rows, html, markdown, save, saving, text_of
from workbench.chat.exports.text import COLUMNS
from workbench.chat.footing import Footing
from workbench.chat.history import History
from workbench.chat.names import Names
from workbench.chat.pane import Pane
from workbench.chat.stored import StoredConversation, StoredTurn
from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.chat.votes.ratings import rate
from workbench.engine.fake import fake_model
from workbench.errors import Cancelled, UsageError
from workbench.jobs import CancelToken, run
from workbench.stats.outcome import Outcome
from workbench.store.database import Database

HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(2)><style>*{display:none}</style>
![pixel](http://evil.example/p.png) [a](javascript:alert(3)) [b](https://bank.example "title") [c](data:text/html,x)
<https://auto.example> [d](file:///etc/passwd) "onmouseover="alert(4)

[ref]: javascript:alert(5)
[ref] <svg/onload=alert(6)>

```html" onload="alert(7)
</code></pre><script>alert(8)</script>
```

</article></body><meta http-equiv=refresh content="0;url=http://evil.example">{{ 7 * 7 }}
"""


def answer(name: str, text: str, **more: object) -> Answer:
    made = blank(fake_model(name), text, "end")
    return replace(
        made, sha256="ab" * 32, engine="llama.cpp", engine_version="b1234", seed=41, temperature=0.7319, ttft_ms=812.0,
        decode_tokens_per_s=613.4, completion_tokens=412, rendered_prompt="<|im_start|>user <b>",
        template_source="chatml", footing=Footing(template_sha256="cd" * 32, sampling="as all"),
        conditions=("on battery",), **more,
    )  # fmt: skip


def conversation(*texts: str, prompt: str = "Hello?") -> StoredConversation:
    answers = {slot: answer(f"model-{slot}", text) for slot, text in enumerate(texts)}
    return StoredConversation(
        1, "Greetings & <b>more</b>", "Be brief.", {"seed": 41}, turns=(StoredTurn(5, prompt, answers),)
    )


def vote(outcome: Outcome, **more: object) -> Vote:
    left, right = (Side(Contender(f"model-{slot} · Q4_K_M", f"model-{slot}", "gemma", "Q4_K_M"), 10) for slot in (0, 1))
    return replace(Vote(left, right, outcome, 7, turn=5), **more)


class Page(HTMLParser):
    """Every element with its attributes, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


INERT = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "div", "span", "p", "h1",
    "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s", "a", "hr", "br",
    "table", "thead", "tbody", "tr", "th", "td", "details", "summary",
}  # fmt: skip
HARMLESS = {"class", "dir", "aria-label", "lang", "charset", "http-equiv", "content", "name", "scope", "open", "start"}


def assert_inert(text: str) -> Page:
    page = Page(text)
    for tag, attributes in page.found:
        assert tag in INERT
        if tag == "a":
            assert set(attributes) == {"href", "rel"}
            assert attributes["rel"] == "noopener noreferrer"
            assert str(attributes["href"]).lower().startswith(("https://", "http://", "mailto:"))
        else:
            assert set(attributes) <= HARMLESS, (tag, attributes)
    assert [attributes.get("http-equiv") for tag, attributes in page.found if tag == "meta"].count("refresh") == 0
    return page


def test_a_hostile_answer_stays_inert_in_the_page() -> None:
    told = conversation(HOSTILE, HOSTILE, prompt=HOSTILE)
    page = assert_inert(html(of(told, audience=Audience.AUDITOR)))
    links = [attributes["href"] for tag, attributes in page.found if tag == "a"]
    assert set(links) == {"https://bank.example", "https://auto.example"}
    assert "(https://bank.example)" in page.words, "where a link goes is to be seen"
    assert "[image: pixel] (http://evil.example/p.png)" in page.words
    assert "<script>alert(1)</script>" in page.words, "what was written is still to be read"
    assert "{{ 7 * 7 }}" in page.words


@given(st.text(max_size=200) | st.lists(st.sampled_from(HOSTILE.split()), max_size=30).map(" ".join))
@settings(max_examples=200)
def test_no_text_becomes_more_than_words(text: str) -> None:
    assert_inert(answer_html(text))


def test_the_page_lets_a_browser_use_its_own_style_and_nothing_else() -> None:
    text = html(of(conversation("yes")))
    (policy,) = [str(attributes["content"]) for tag, attributes in Page(text).found if "http-equiv" in attributes]
    style = text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_a_very_long_or_deep_answer_is_kept_whole_and_plain() -> None:
    assert answer_html("x <b>" * MAX_RENDERED_CHARACTERS).startswith('<pre class="plain">x &lt;b&gt;')
    deep = "> " * 100 + "bottom"
    assert "bottom" in answer_html(deep)


def test_a_reader_gets_names_answers_verdicts_and_votes() -> None:
    told = of(conversation("Good *day*.", "Hi."), votes=[vote(Outcome.RIGHT, comment="warmer")])
    for text in (html(told), markdown(told)):
        assert "model-0 · Q4_K_M" in text
        assert "model-1 · Q4_K_M preferred to model-0 · Q4_K_M" in text.replace("\\", "")
        assert "warmer" in text
        assert "613.4 tok/s" in text
        assert "on battery" in text
        assert "template: chatml" in text.replace("\\", "")
        assert "ab" * 32 not in text


def test_an_auditor_gets_all_that_is_needed_to_ask_it_so_again() -> None:
    told = of(conversation("Good day."), audience=Audience.AUDITOR)
    for text in (html(told), markdown(told)):
        for fact in ("ab" * 32, "cd" * 32, "b1234", "Q4_K_M", "41", "0.7319", "0.812 s", "as all", "on battery"):
            assert fact in text
    assert "<|im_start|>user <b>" in Page(html(told)).words
    assert "<|im_start|>user <b>" in markdown(told)


def test_the_verdicts_of_the_votes_tell_ties_apart() -> None:
    votes = [vote(Outcome.TIE), vote(Outcome.BOTH_BAD), vote(Outcome.TIE, automatic=True), vote(Outcome.LEFT, turn=6)]
    (turn,) = of(conversation("a", "b"), votes=votes).turns
    assert [one.verdict.rsplit(": ")[-1] for one in turn.votes] == ["equally good", "both bad", "the same answer"]


def test_a_blind_round_before_its_vote_names_nobody() -> None:
    failed = replace(answer("model-2", ""), error=Problem("x", "model-2.gguf could not be loaded.", None))
    stored = conversation("Yes.", "No.")
    stored = replace(stored, turns=(replace(stored.turns[0], answers=dict(stored.turns[0].answers) | {2: failed}),))
    told = of(
        stored, hidden=True, votes=[vote(Outcome.LEFT)], ratings=rate([vote(Outcome.LEFT)]), audience=Audience.AUDITOR
    )
    for form in Format:
        text = text_of(told, form)
        assert "Yes." in text
        for betrayal in (
            "model-",
            "gemma",
            "Q4_K_M",
            "chatml",
            "b1234",
            "ab" * 32,
            "613.4",
            "im_start",
            "0.7319",
            "battery",
        ):
            assert betrayal not in text, (form, betrayal)
    assert [one.name for one in told.turns[0].answers] == ["A", "B", "C"]


def test_a_blind_round_stands_as_on_the_screen() -> None:
    told = of(conversation("first", "second"), hidden=True, orders={5: (1, 0)})
    assert [one.answer.text for one in told.turns[0].answers] == ["second", "first"]
    orders = {of(replace(conversation("first", "second"), id=number), hidden=True).turns[0].answers[0].answer.text
              for number in range(20)}  # fmt: skip
    assert orders == {"first", "second"}


def test_ratings_say_how_sure_they_are() -> None:
    told = of(conversation("a", "b"), ratings=rate([vote(Outcome.LEFT)] * 6 + [vote(Outcome.RIGHT)] * 4))
    for text in (Page(html(told)).words, markdown(told)):
        assert "Not decided: about" in text
        assert "Intervals cover 95 %" in text


def test_json_holds_everything_of_an_answer_and_no_nan() -> None:
    stored = conversation("a")
    odd = replace(stored.turns[0].answers[0], decode_tokens_per_s=math.nan)
    stored = replace(stored, turns=(replace(stored.turns[0], answers={0: odd}),))
    record = json.loads(text_of(of(stored), Format.JSON))
    assert (record["schema"], record["schema_version"]) == ("workbench-comparison", 1)
    (told,) = record["turns"][0]["answers"]
    assert told["decode_tokens_per_s"] is None
    back = Answer.from_json(told)
    assert replace(back, decode_tokens_per_s=None) == replace(odd, decode_tokens_per_s=None)


def test_a_table_has_a_row_an_answer_and_no_formulas() -> None:
    told = of(conversation("=cmd|' /C calc'!A0", "two\nlines"))
    first, second = list(csv.DictReader(io.StringIO(text_of(told, Format.CSV))))
    assert first["answer"] == "'=cmd|' /C calc'!A0"
    assert (second["answer"], second["name"], second["seed"]) == ("two\nlines", "model-1 · Q4_K_M", "41")
    assert csv_rows(told)[0] == list(COLUMNS)


def test_two_panes_with_the_same_model_are_told_apart() -> None:
    stored = conversation("a", "b")
    twice = {0: answer("m", "a"), 1: answer("m", "b")}
    told = of(replace(stored, turns=(replace(stored.turns[0], answers=twice),)))
    assert told.names == ("m · Q4_K_M (pane 1)", "m · Q4_K_M (pane 2)")


@pytest.mark.parametrize("text", [HOSTILE, "# heading\n\n- list", "````\n```\nx", "[a]: http://x\n[a]", "a\r\nb\rc"])
def test_markdown_quotes_what_a_model_wrote(text: str) -> None:
    document = markdown(of(conversation(text, "after")))
    tokens = MarkdownIt("commonmark", {"html": True}).parse(document)
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    assert not kinds & {"html_block", "html_inline", "image"}
    headings = [
        tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open" and not token.level
    ]
    assert len(headings) == 4, "a title, a prompt and two answers: no answer adds a heading"


def test_a_file_is_written_by_its_name(tmp_path: Path) -> None:
    told: Exported = of(conversation("\ud800 half a character \0"))
    begins = {"a.md": b"# ", "a.HTML": b"<!DOCTYPE", "a.json": b"{", "a.csv": b"turn,"}
    for name, beginning in begins.items():
        save(told, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(beginning)
    with pytest.raises(UsageError, match="in which form"):
        save(told, tmp_path / "a.txt")
    with pytest.raises(UsageError, match="cannot be written"):
        save(told, tmp_path / "none" / "a.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.HTML", "a.csv", "a.json", "a.md"]


def test_an_empty_conversation_says_so() -> None:
    told = of(StoredConversation(1, "Empty", "", {}))
    assert "Nothing was asked" in html(told)
    assert as_json(told)["turns"] == []


# --- as one piece of long work -------------------------------------------------------------


def long_one(turns: int = 5) -> Exported:
    answer = replace(blank(fake_model("one"), "", "end"), text="**so**")
    asked = tuple(StoredTurn(number, f"Question {number}", {0: answer}) for number in range(1, turns + 1))
    return of(StoredConversation(1, "Long", "", {}, turns=asked))


@pytest.mark.parametrize("form", list(Format))
def test_what_is_written_prompt_by_prompt_is_the_whole_text(tmp_path: Path, form: Format) -> None:
    told = long_one()
    events: list[Exporting] = []
    path = run(saving(lambda _: told, tmp_path / "out", form), on_event=events.append)
    assert path.read_bytes().decode() == text_of(told, form)
    assert events == [Exporting(0, None), *(Exporting(number, 5) for number in range(1, 6))]
    assert [found.name for found in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("form", list(Format))
def test_one_that_is_cancelled_under_way_leaves_the_file_of_before(tmp_path: Path, form: Format) -> None:
    (tmp_path / "out").write_text("of yesterday", encoding="utf-8")
    cancel = CancelToken()

    def stop(event: Exporting) -> None:
        if event.done == 3:
            assert len(list(tmp_path.iterdir())) == 2, "it is written beside"
            cancel.cancel()

    with pytest.raises(Cancelled):
        run(saving(lambda _: long_one(), tmp_path / "out", form), cancel=cancel, on_event=stop)
    assert [found.name for found in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text("utf-8") == "of yesterday"


def test_one_that_is_closed_under_way_leaves_nothing(tmp_path: Path) -> None:
    """As by a runner that ends."""
    events = saving(lambda _: long_one(), tmp_path / "out", Format.HTML)(CancelToken())
    for _ in range(3):
        next(events)
    assert list(tmp_path.iterdir())
    events.close()
    assert not list(tmp_path.iterdir())


def test_a_failure_under_way_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(UsageError, match="cannot be written"):
        save(long_one(), tmp_path / "out", Format.CSV)
    assert [found.name for found in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with Database(tmp_path / "history" / "w.sqlite3") as db:
        yield History(db)


def test_people_read_titles_and_programs_the_names_of_files(history: History, tmp_path: Path) -> None:
    kept = history.conversations.create("Title")
    turn = history.conversations.add_turn(kept, "Question", parent_id=None)
    model = replace(fake_model("tiny-q4_k_m"), title="Tiny Model 1B")
    pane = Pane(0)
    pane.model = model
    begun = history.conversations.begin(turn, pane)
    history.conversations.finish(begun.generation_id, blank(model, "Answer", "end"))
    text = {form: run(exporting(history, kept, tmp_path / f"out.{form}", names=Names.of([model]))).read_text("utf-8")
            for form in Format}  # fmt: skip
    called = f"Tiny Model 1B · {model.quantisation}"
    assert {form for form in Format if called in text[form]} == {Format.MARKDOWN, Format.HTML}
    assert all("tiny" in text[form] for form in (Format.JSON, Format.CSV))


def test_reading_the_answers_can_be_cancelled_too(history: History, tmp_path: Path) -> None:
    kept = history.conversations.create("Title")
    history.conversations.add_turn(kept, "Question", parent_id=None)
    target, cancel = tmp_path / "out.md", CancelToken()
    work = exporting(history, kept, target)
    with pytest.raises(Cancelled):
        run(work, cancel=cancel, on_event=lambda _: cancel.cancel())
    assert not target.exists()
    assert run(work) == target
    assert "Question" in target.read_text("utf-8")
    with pytest.raises(UsageError, match="does not exist"):
        run(exporting(history, kept + 1, tmp_path / "other.md"))
