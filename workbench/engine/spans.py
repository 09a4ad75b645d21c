"""What of a rendered prompt is a template's scaffold, and what somebody wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the prompt: the template's scaffold, or (part of) what somebody wrote."""

    text: str
    is_scaffold: bool


def between(given: str, alone: str, system: str, question: str) -> str | None:
    """The text of ``alone`` that is where ``given`` has the mark ``system``; None where there is none.

    Both are renderings of the mark ``question``, ``alone`` without a system prompt.
    """
    head, at, rest = given.partition(system)
    link, _, _ = rest.partition(question)
    before, found, _ = alone.partition(question)
    if not (at and found and before.startswith(head) and before.endswith(link)):
        return None
    return before[len(head) : len(before) - len(link)].strip() or None


def align(text: str, outline: str, contents: dict[str, str]) -> list[Span] | None:
    """The spans of ``text``, where ``outline`` has marks; None when they do not correspond.

    A template may trim what it is given.  ``contents`` maps each mark to the message it stands for.
    """
    spans: list[Span] = []
    rest = text
    for piece, following in _pieces(outline, contents):
        if piece not in contents:
            if not rest.startswith(piece):
                return None
            written, is_scaffold = piece, True
        else:
            content = contents[piece]
            forms = (content, content.strip(), content.lstrip(), content.rstrip())
            fitting = (form for form in forms if rest.startswith(form) and _continues(rest[len(form) :], following))
            form = next(fitting, None)
            if form is None:
                return None
            written, is_scaffold = form, False
        spans.append(Span(written, is_scaffold))
        rest = rest[len(written) :]
    return None if rest else [span for span in spans if span.text] or spans[:1]


def _continues(rest: str, following: str | None) -> bool:
    """Whether ``rest`` goes on with the next piece of scaffold, or ends where there is none."""
    return not rest if following is None else rest.startswith(following)


def _pieces(outline: str, contents: dict[str, str]) -> list[tuple[str, str | None]]:
    """The outline cut at its marks: each piece with the scaffold that follows it ("" before a mark)."""
    pieces: list[str] = [outline]
    for mark in contents:  # without the empty parts, which would double with every mark
        pieces = [part for piece in pieces for part in _cut(piece, mark) if part]
    following = [None if at + 1 == len(pieces) else pieces[at + 1] for at in range(len(pieces))]
    return [(piece, "" if after in contents else after) for piece, after in zip(pieces, following, strict=True)]


def _cut(piece: str, mark: str) -> list[str]:
    parts = piece.split(mark)
    return [part for pair in zip(parts, [mark] * (len(parts) - 1) + [""], strict=True) for part in pair]


def locate(text: str, contents: Sequence[str]) -> list[Span] | None:
    """The spans, when every message occurs in ``text``, in order; None otherwise."""
    spans: list[Span] = []
    at = 0
    for content in contents:
        form = next((form for form in (content, content.strip()) if text.find(form, at) >= 0), None)
        if form is None:
            return None
        start = text.find(form, at)
        spans += [Span(text[at:start], is_scaffold=True), Span(form, is_scaffold=False)]
        at = start + len(form)
    spans.append(Span(text[at:], is_scaffold=True))
    return [span for span in spans if span.text]
