"""ChatGPT's export: a tree of messages, in which only those of the user and the assistant are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from workbench.chat.imports.imported import UNKNOWN_MODEL, Draft, Imported, ImportedAnswer, ImportedTurn, clean, moment
from workbench.words import said

SOURCE = "ChatGPT export"
MOST_MESSAGES = 500
"""In one answer."""


@dataclass(frozen=True, slots=True)
class _At:
    """A message still to be read: below which turn, after which of its answers, and what was answered so far.

    ``before`` are the texts of one answer that takes several messages, for tools are used in between."""

    node: str
    turn: int | None = None
    follows: int | None = None
    before: tuple[str, ...] = ()
    model: str = ""
    at: str | None = None


def is_one(record: object) -> bool:
    return isinstance(record, dict) and isinstance(record.get("mapping"), dict)


def read(record: dict[str, Any], title: str) -> Imported:
    """One conversation of the export; ``title`` where it has none.  Cycles and gaps are said, never followed."""
    draft = Draft(SOURCE, clean(record["title"]).strip() if isinstance(record.get("title"), str) else "")
    mapping = {key: node for key, node in record["mapping"].items() if isinstance(node, dict)}
    reader = _Reader(mapping, draft)
    reader.read()
    current = record.get("current_node")
    draft.head = reader.turn_of.get(current) if isinstance(current, str) else None
    return draft.done(title)


class _Reader:
    """Reads every message once, parents first; not by recursion, since a conversation may be long."""

    def __init__(self, mapping: dict[str, dict[str, Any]], draft: Draft) -> None:
        self._mapping = mapping
        self._draft = draft
        self._answers: list[list[ImportedAnswer]] = []
        self.turn_of: dict[str, int] = {}  # by message: the turn it belongs to

    def read(self) -> None:
        seen: set[str] = set()
        waiting = [_At(root) for root in reversed(self._roots())]
        while waiting:
            at = waiting.pop()
            if at.node in seen:
                self._draft.note(said("a message is in it twice; it was taken once"))
                continue
            seen.add(at.node)
            waiting += reversed(self._step(at))
        left_out = len(self._mapping) - len(seen)
        if left_out:
            self._draft.note(said("{n} messages follow only each other and were left out", n=left_out))
        answered = zip(self._draft.turns, self._answers, strict=True)
        self._draft.turns[:] = [replace(turn, answers=tuple(answers)) for turn, answers in answered]

    def _roots(self) -> list[str]:
        roots = []
        for key, node in self._mapping.items():
            parent = node.get("parent")
            if parent is None:
                roots.append(key)
            elif parent not in self._mapping:
                self._draft.note(said("a message follows one that is not in the file; it begins a branch of its own"))
                roots.append(key)
        return roots

    def _children(self, key: str) -> list[str]:
        children = self._mapping[key].get("children")
        found = []
        for child in children if isinstance(children, list) else []:
            if isinstance(child, str) and child in self._mapping:
                found.append(child)
            else:
                self._draft.note(said("a message that others go on from is not in the file"))
        return found

    def _step(self, at: _At) -> list[_At]:
        """What comes after a message, which is taken in here."""
        message = self._mapping[at.node].get("message")
        role, text, model, when = _told(message, self._draft)
        if role == "user":
            return self._asked(at, text, when)
        if role == "system":
            self._draft.told(text)
        if role == "assistant" and text and at.turn is None:
            self._draft.note(said("an answer that no prompt goes before was left out"))
        told = bool(role == "assistant" and text and at.turn is not None)
        if told and len(at.before) >= MOST_MESSAGES:
            self._draft.note(said("an answer was cut after {n:,} messages", n=MOST_MESSAGES))
            told = False
        before = (*at.before, text) if told else at.before
        on = replace(at, before=before, model=model if told else at.model, at=at.at or (when if told else None))
        if at.turn is not None:
            self.turn_of[at.node] = at.turn
        return self._after(on)

    def _asked(self, at: _At, text: str, when: str | None) -> list[_At]:
        if not text:
            self._draft.note(said("an empty prompt was left out"))
            return self._after(at)
        self._draft.turns.append(ImportedTurn(text, (), at.turn, at.follows, when))
        self._answers.append([])
        turn = len(self._draft.turns) - 1
        self.turn_of[at.node] = turn
        return [_At(child, turn) for child in self._children(at.node)]

    def _after(self, at: _At) -> list[_At]:
        """An answer is whole where a prompt follows it, and where nothing does."""
        children = self._children(at.node)
        prompts = [child for child in children if self._role(child) == "user"]
        others = [child for child in children if self._role(child) != "user"]
        follows = at.follows
        if at.before and at.turn is not None and (prompts or not others):
            answers = self._answers[at.turn]
            answers.append(ImportedAnswer("\n\n".join(at.before), at.model or UNKNOWN_MODEL, at.at))
            follows = len(answers) - 1
        return [
            _At(child, at.turn, follows) if child in set(prompts) else replace(at, node=child) for child in children
        ]

    def _role(self, key: str) -> str:
        return _role(self._mapping[key].get("message"))


def _role(message: object) -> str:
    author = message.get("author") if isinstance(message, dict) else None
    role = author.get("role") if isinstance(author, dict) else None
    return role if isinstance(role, str) else ""


def _told(message: object, draft: Draft) -> tuple[str, str, str, str | None]:
    """Role, text, model and moment; the role is empty for what is none of the conversation."""
    if not isinstance(message, dict):
        return "", "", "", None
    role = _role(message)
    metadata = message.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if metadata.get("is_visually_hidden_from_conversation") and role != "user":
        return "", "", "", None
    if role not in ("user", "assistant", "system"):
        if role:
            draft.note(said("what came from {role} was left out", role=clean(role[:40])))
        return "", "", "", None
    model = metadata.get("model_slug")
    model = clean(model[:200]).strip() if isinstance(model, str) else ""
    return role, _text(message.get("content"), draft), model, moment(message.get("create_time"))


def _text(content: object, draft: Draft) -> str:
    if isinstance(content, str):
        return clean(content).strip("\n")
    if not isinstance(content, dict):
        return ""
    kind = content.get("content_type", "text")
    if kind in ("thoughts", "reasoning_recap"):
        draft.note(said("reasoning was left out"))
        return ""
    parts = content.get("parts")
    if not isinstance(parts, list):
        parts = [content.get("text", "")]
    texts = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(clean(text))
        elif part is not None:
            what = part.get("content_type") if isinstance(part, dict) else None
            draft.note(
                said(
                    "{what} is not text and was left out",
                    what=clean(what[:60]) if isinstance(what, str) else said("something"),
                )
            )
    return "\n".join(text for text in texts if text).strip("\n")
