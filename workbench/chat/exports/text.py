"""A comparison as Markdown, as JSON and as rows of a table."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from markdown_it import MarkdownIt

from workbench.chat.answer import Answer
from workbench.chat.exports.exported import Exported, ExportedAnswer, ExportedTurn
from workbench.chat.exports.facts import facts_of, figures_of, setting_lines
from workbench.chat.imports.comparisons import SCHEMA, SCHEMA_VERSION
from workbench.chat.votes import words as rating_words
from workbench.chat.votes.ratings import Ratings
from workbench.stats.interval import Interval

COLUMNS = (
    "turn", "prompt", "name", "answer", "verdict", "stop_reason", "chips", "conditions", "prompt_tokens",
    "completion_tokens", "ttft_ms", "prefill_tokens_per_s", "decode_tokens_per_s", "seed", "temperature", "top_k",
    "top_p", "min_p", "repetition_penalty", "context", "threads", "quantisation", "size_bytes", "sha256",
    "template_source", "engine", "engine_version", "error",
)  # fmt: skip
"""Of ``csv_rows``."""


# --- Markdown ------------------------------------------------------------------------------


def markdown(exported: Exported) -> str:
    """Readable as it is and rendered.  What a model wrote is quoted, or in a fence where it holds raw HTML, images or
    definitions of links."""
    return "".join(markdown_pieces(exported, exported.turns))


def markdown_pieces(exported: Exported, turns: Iterable[ExportedTurn]) -> Iterator[str]:
    """The same, prompt by prompt."""
    ends = ""  # of lines, where something follows
    for lines in _sections(exported, turns):
        text = "\n".join(lines) + "\n"
        kept = text.rstrip("\n")
        yield ends + kept
        ends = text[len(kept) :]
    yield "\n"


def _sections(exported: Exported, turns: Iterable[ExportedTurn]) -> Iterator[list[str]]:
    lines = [f"# {escaped(exported.title)}", "", _made(exported), ""]
    if exported.hidden:
        lines += ["The names are hidden: nobody has voted yet.", ""]
    if exported.system:
        lines += ["System prompt:", "", *quoted(exported.system), ""]
    if exported.audit:
        lines += [*(f"- {escaped(line)}" for line in setting_lines(exported.options)), ""]
    yield lines
    for number, turn in enumerate(turns, 1):
        yield _turn(exported, number, turn)
    if exported.ratings is not None:
        yield _ratings(exported.ratings)


def _made(exported: Exported) -> str:
    return f"Exported {exported.day} by Inference Workbench {exported.version}."


def _turn(exported: Exported, number: int, turn: ExportedTurn) -> list[str]:
    lines = [f"## Prompt {number}", "", *quoted(turn.prompt), ""]
    for one in turn.answers:
        lines += [f"### {escaped(one.name)}", "", *_body(one.answer), ""]
        if not exported.hidden:
            said = [*figures_of(one.answer), *one.answer.chips]
            lines += [escaped(" · ".join(said)), ""]
        if exported.audit:
            lines += _audited(one)
    for vote in turn.votes:
        blind = " (blind)" if vote.blind else ""
        lines.append(f"- **{escaped(vote.verdict)}**{blind}{': ' + escaped(vote.comment) if vote.comment else ''}")
    if turn.votes:
        lines.append("")
    if turn.unlike and not exported.hidden:
        lines += ["Not asked for alike:", "", *(f"- {escaped(line)}" for line in turn.unlike), ""]
    return lines


def _body(answer: Answer) -> list[str]:
    lines = quoted(answer.text) if answer.text else []
    lines += [f"    {call}".replace("\n", " ") for call in answer.tool_calls]
    if answer.error is not None:
        lines += ["", f"**Failed:** {escaped(answer.error.message)} {escaped(answer.error.hint or '')}".rstrip()]
    return lines or ["(no text)"]


def _audited(one: ExportedAnswer) -> list[str]:
    lines = ["| | |", "|---|---|"]
    lines += [f"| {escaped(fact.what)} | {escaped(fact.value)} |" for fact in facts_of(one.answer)]
    lines.append("")
    if one.answer.rendered_prompt:
        lines += ["What the model was given:", "", *fenced(one.answer.rendered_prompt), ""]
    if one.answer.thinking:
        lines += ["What it thought first:", "", *fenced(one.answer.thinking), ""]
    return lines


def _ratings(ratings: Ratings) -> list[str]:
    lines = ["## What the votes say", ""]
    lines += [f"- {escaped(line)}" for line in rating_words.verdicts(ratings)]
    for island in ratings.islands:
        lines += ["", "| | votes | not both bad | Elo |", "|---|---:|---:|---:|"]
        for standing in island.standings:
            name = standing.contender.name
            acceptable = rating_words.percent(ratings.acceptable[name])
            lines.append(
                f"| {escaped(name)} | {standing.ballots} | {acceptable} | {escaped(rating_words.elo(standing.elo))} |"
            )
    lines += ["", *(f"- {escaped(line)}" for line in rating_words.cautions(ratings)), ""]
    lines += ["Intervals cover 95 %.", ""]
    return lines


def escaped(text: str) -> str:
    """One line in which nothing is Markdown or HTML."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


_MARKS = re.compile(r"([\\`*\[\]<>|#~&!]|(?<!\w)_|_(?!\w))")


def quoted(text: str) -> list[str]:
    """A model's or a user's Markdown as a quotation, which is inert as far as raw HTML, images and links go."""
    environment: dict[str, Any] = {}
    tokens = _STRICT.parse(text, environment)
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    if kinds & {"html_block", "html_inline", "image"} or environment.get("references"):
        return fenced(text)
    return ["> " + line if line else ">" for line in _lines(text)]


def fenced(text: str) -> list[str]:
    """Verbatim; the fence is longer than any within."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *_lines(text), fence]


def _lines(text: str) -> list[str]:
    return re.split("\r\n|\r|\n", text)


_STRICT = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


# --- JSON ----------------------------------------------------------------------------------


def as_json(exported: Exported) -> dict[str, Any]:
    """Everything that is known of every answer; what is not a number is null."""
    document: dict[str, Any] = _clean(_document(exported, [_turn_json(exported, turn) for turn in exported.turns]))
    return document


def json_pieces(exported: Exported, turns: Iterable[ExportedTurn]) -> Iterator[str]:
    """``as_json`` as text, prompt by prompt."""
    head, foot = _dumped(_document(exported, [])).split('\n  "turns": []')  # at this depth there is one alone
    yield f'{head}\n  "turns": ['
    before = "\n"
    for turn in turns:
        yield f"{before}    " + _dumped(_turn_json(exported, turn)).replace("\n", "\n    ")
        before = ",\n"
    yield ("]" if not exported.turns else "\n  ]") + f"{foot}\n"


def _dumped(value: object) -> str:
    return json.dumps(_clean(value), indent=2, ensure_ascii=False, allow_nan=False)


def _turn_json(exported: Exported, turn: ExportedTurn) -> dict[str, Any]:
    return {
        "prompt": turn.prompt,
        "answers": [
            {"name": one.name, "text": one.answer.text}
            if exported.hidden
            else {"name": one.name, **one.answer.as_json(), "chips": list(one.answer.chips)}
            for one in turn.answers
        ],
        "votes": [asdict(vote) for vote in turn.votes],
        "unlike": list(turn.unlike),
    }


def _document(exported: Exported, turns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "title": exported.title,
        "exported_at": exported.exported_at,
        "program": {"name": "Inference Workbench", "version": exported.version},
        "names_hidden": exported.hidden,
        "system": exported.system or None,
        "options": dict(exported.options),
        "turns": turns,
        "ratings": ratings_json(exported.ratings) if exported.ratings is not None else None,
    }


def ratings_json(ratings: Ratings) -> dict[str, Any]:
    """A ranking, island by island; intervals as estimate, low, high and level."""
    return {
        "votes": ratings.votes,
        "blind": ratings.blind,
        "imported": ratings.imported,
        "comparable": ratings.comparable,
        "islands": [
            {
                "fragile": island.fragile,
                "fragile_prompts": island.fragile_prompts,
                "standings": [
                    {
                        "name": one.contender.name,
                        "contender": asdict(one.contender),
                        "ballots": one.ballots,
                        "beats_average": _interval(one.beats_average),
                        "beats_next": _interval(one.beats_next),
                        "votes_to_decide": one.votes_to_decide,
                        "prompts": one.prompts,
                        "elo": _interval(one.elo),
                        "acceptable": _interval(ratings.acceptable[one.contender.name]),
                    }
                    for one in island.standings
                ],
            }
            for island in ratings.islands
        ],
        "prompts": ratings.prompts,
        "unplaced": ratings.unplaced,
        "raters": [{"name": name, "votes": votes} for name, votes in ratings.raters],
        "agreement": asdict(ratings.agreement) if ratings.agreement is not None else None,
        "side_effect": _interval(ratings.side_effect),
        "length_effect": _interval(ratings.length_effect),
        "consistency": _interval(ratings.consistency),
        "both_bad": _interval(ratings.both_bad),
        "verdicts": list(rating_words.verdicts(ratings)),
        "cautions": list(rating_words.cautions(ratings)),
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return asdict(interval) if interval is not None else None


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


# --- a table -------------------------------------------------------------------------------


def csv_rows(exported: Exported) -> list[list[str]]:
    """The names of the columns, then one row an answer.  No cell is taken for a formula by a spreadsheet."""
    return [list(COLUMNS), *(row for number, turn in enumerate(exported.turns, 1) for row in _rows(number, turn))]


def csv_pieces(_exported: Exported, turns: Iterable[ExportedTurn]) -> Iterator[str]:
    """The same as text, prompt by prompt."""
    yield _csv_text([list(COLUMNS)])
    for number, turn in enumerate(turns, 1):
        yield _csv_text(_rows(number, turn))


def _rows(number: int, turn: ExportedTurn) -> list[list[str]]:
    rows = []
    verdict = "; ".join(vote.verdict for vote in turn.votes)
    for one in turn.answers:
        record = one.answer.as_json()
        record |= {
            "turn": number,
            "prompt": turn.prompt,
            "name": one.name,
            "answer": one.answer.text,
            "verdict": verdict,
            "chips": "; ".join(one.answer.chips),
            "conditions": "; ".join(record.get("conditions", ())),
            "error": one.answer.error.message if one.answer.error is not None else None,
        }
        rows.append([guarded("" if record[key] is None else str(record[key])) for key in COLUMNS])
    return rows


def _csv_text(rows: list[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def guarded(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would compute."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What ``guarded`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
