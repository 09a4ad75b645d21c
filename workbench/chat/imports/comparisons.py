"""Our own comparisons as JSON, back again: every prompt, who answered it, and all that is known of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from workbench.chat.answer import Answer
from workbench.chat.imports.imported import UNKNOWN_MODEL, Draft, Imported, ImportedAnswer, ImportedTurn, clean
from workbench.words import said

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = "workbench-comparison"
SCHEMA_VERSION = 1
SOURCE = "exported comparison"
NOTE = "from an exported comparison"
MOST_SLOTS = 8


def is_one(record: object) -> bool:
    return isinstance(record, dict) and record.get("schema") == SCHEMA


def read(record: dict[str, Any], title: str) -> Imported:
    """One comparison; each of its models has a pane."""
    draft = Draft(SOURCE)
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        draft.note(
            said(
                "its form is version {version}, and this program reads version {own}",
                version=version,
                own=SCHEMA_VERSION,
            )
        )
        return draft.done(title)
    draft.title = _text(record.get("title")).strip()
    draft.told(_text(record.get("system")))
    slots: dict[str, int] = {}
    for turn in _list(record.get("turns")):
        if not isinstance(turn, dict) or not isinstance(turn.get("prompt"), str):
            draft.note(said("a prompt that is no text was left out"))
            continue
        if turn.get("votes"):
            draft.note(said("votes were left out: they come back from a file of votes"))
        answers = _answers(_list(turn.get("answers")), slots, draft)
        before = len(draft.turns) - 1 if draft.turns else None
        draft.turns.append(ImportedTurn(clean(turn["prompt"]), answers, before, 0 if before is not None else None))
    return draft.done(title)


def _answers(records: Sequence[object], slots: dict[str, int], draft: Draft) -> tuple[ImportedAnswer, ...]:
    answers: dict[int, ImportedAnswer] = {}
    for record in records:
        if not isinstance(record, dict):
            draft.note(said("an answer that is none was left out"))
            continue
        name = _text(record.get("name"))[:200].strip() or UNKNOWN_MODEL
        slot = slots.setdefault(name, len(slots))
        if slot >= MOST_SLOTS or slot in answers:
            draft.note(
                said(
                    "an answer was left out: a comparison shows at most {n} models, each once a prompt",
                    n=MOST_SLOTS,
                )
            )
            continue
        kept = _kept(record, draft)
        model = kept.model if kept is not None else name
        answers[slot] = ImportedAnswer(_text(record.get("text")), model, slot=slot, kept=kept)
    return tuple(answers.values())


@lru_cache(maxsize=1)
def _form() -> TypeAdapter[Answer]:
    from pydantic import TypeAdapter

    from workbench.chat.footing import Footing
    from workbench.engine.recorded import Choice

    form = TypeAdapter(Answer)
    form.rebuild(force=True, _types_namespace={"Footing": Footing, "Choice": Choice})  # named there for checkers alone
    return form


def _kept(record: dict[str, Any], draft: Draft) -> Answer | None:
    """The answer with all that is known of it; None where names were hidden, or it cannot be read."""
    if "stop_reason" not in record:
        return None
    from pydantic import ValidationError  # takes a moment, and most starts import nothing

    try:
        answer = _form().validate_python(record)
    except ValidationError:
        draft.note(said("what is known of an answer could not be read; its text was kept"))
        return None
    # Its file is another computer's.
    return replace(answer, path="", text=clean(answer.text), notes=(*answer.notes, NOTE))


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
