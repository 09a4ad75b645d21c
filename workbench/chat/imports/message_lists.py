"""Conversations as lists of messages: ShareGPT's ``conversations`` and OpenAI's ``messages``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from workbench.chat.imports.imported import UNKNOWN_MODEL, Draft, Imported, ImportedAnswer, ImportedTurn, clean
from workbench.words import said

SHAREGPT, MESSAGES = "ShareGPT", "list of messages"
_ROLES = {
    "human": "user", "user": "user", "prompter": "user",
    "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "model": "assistant", "ai": "assistant",
    "system": "system", "developer": "system",
}  # fmt: skip


def is_one(record: object) -> bool:
    return isinstance(record, dict) and any(isinstance(record.get(key), list) for key in ("conversations", "messages"))


def read(record: dict[str, Any], title: str) -> Imported:
    """One conversation; ``title`` where it has none."""
    is_sharegpt = isinstance(record.get("conversations"), list)
    entries = record["conversations"] if is_sharegpt else record["messages"]
    draft = Draft(SHAREGPT if is_sharegpt else MESSAGES)
    named = record.get("title")
    draft.title = clean(named).strip() if isinstance(named, str) else ""
    model = record.get("model")
    own = clean(model[:200]).strip() if isinstance(model, str) else ""
    _read_messages(entries, own, draft)
    return draft.done(title)


def _read_messages(entries: Sequence[object], model: str, draft: Draft) -> None:
    """A second answer in a row goes on with the first; a prompt nobody answered stands without one."""
    told: list[str] = []
    by = ""
    for entry in entries:
        role, text = _message(entry, draft)
        if role == "system":
            draft.told(text)
        elif role and not text:
            draft.note(said("an empty message was left out"))
        elif role == "user":
            _answered(draft, told, by)
            before = len(draft.turns) - 1 if draft.turns else None
            follows = 0 if before is not None and draft.turns[before].answers else None
            draft.turns.append(ImportedTurn(text, (), before, follows))
            told, by = [], ""
        elif role == "assistant" and not draft.turns:
            draft.note(said("an answer that no prompt goes before was left out"))
        elif role == "assistant":
            told.append(text)
            by = by or _model_of(entry) or model
    _answered(draft, told, by)


def _answered(draft: Draft, told: Sequence[str], by: str) -> None:
    """The last prompt's answer is whole."""
    if not told:
        return
    if len(told) > 1:
        draft.note(said("answers in a row were put together"))
    answer = ImportedAnswer("\n\n".join(told), by or UNKNOWN_MODEL)
    draft.turns[-1] = replace(draft.turns[-1], answers=(answer,))


def _message(entry: object, draft: Draft) -> tuple[str, str]:
    """Role and text; the role is empty for what is left out."""
    if not isinstance(entry, dict):
        draft.note(said("something that is no message was left out"))
        return "", ""
    written = entry.get("from", entry.get("role"))
    role = _ROLES.get(written.lower(), "") if isinstance(written, str) else ""
    if not role:
        who = (
            said("from {written}", written=clean(written[:40]))
            if isinstance(written, str)
            else said("without a sender")
        )
        draft.note(said("a message {who} was left out", who=who))
        return "", ""
    return role, _text(entry.get("value", entry.get("content")), draft)


def _model_of(entry: object) -> str:
    model = entry.get("model") if isinstance(entry, dict) else None
    return clean(model[:200]).strip() if isinstance(model, str) else ""


def _text(content: object, draft: Draft) -> str:
    if isinstance(content, str):
        return clean(content).strip("\n")
    texts = []
    for part in content if isinstance(content, list) else []:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(clean(text))
        else:
            what = part.get("type") if isinstance(part, dict) else None
            draft.note(
                said(
                    "{what} is not text and was left out",
                    what=clean(what[:60]) if isinstance(what, str) else said("something"),
                )
            )
    if content is not None and not isinstance(content, list):
        draft.note(said("a message that is no text was left out"))
    return "\n".join(texts).strip("\n")
