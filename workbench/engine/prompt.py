"""From messages to tokens, so that no message can speak with the template's voice."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workbench.engine.base import Message, RenderedPrompt
from workbench.engine.templates import ChatTemplate, RoleRefusedError, TemplateChoice
from workbench.errors import TemplateError

MERGED_SYSTEM = "The template has no system role: the system prompt was put before the first message."


class Vocabulary(Protocol):
    """What is asked of loaded weights."""

    bos: int
    eos: int
    adds_bos: bool

    def tokenize(self, text: str, *, special: bool) -> list[int]: ...
    def text_of(self, token: int) -> str: ...
    def is_control(self, token: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the prompt: the template's scaffold, or (part of) what somebody wrote."""

    text: str
    is_scaffold: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    rendered: RenderedPrompt
    tokens: tuple[int, ...]


class PromptWriter:
    """Writes prompts for one model with one template."""

    def __init__(self, vocabulary: Vocabulary, choice: TemplateChoice, *, today: datetime.date) -> None:
        """Raises TemplateError when the template does not compile."""
        self._vocabulary = vocabulary
        self._source = choice.source
        self._template = None if choice.text is None else ChatTemplate(choice.text, today=today)
        self._bos = vocabulary.text_of(vocabulary.bos)
        self._eos = vocabulary.text_of(vocabulary.eos)

    @property
    def source(self) -> str:
        return self._source

    def write(self, messages: Sequence[Message]) -> Prompt:
        """Raises TemplateError when the template cannot write these messages."""
        notes: tuple[str, ...] = ()
        if self._template is None:
            spans = raw_spans(messages)
        else:
            spans, merged = self._templated(self._template, messages)
            notes = (MERGED_SYSTEM,) if merged else ()
        tokens = tokenize(self._vocabulary, spans)
        text = "".join(span.text for span in spans)
        if self._vocabulary.adds_bos and not (self._bos and text.startswith(self._bos) and spans[0].is_scaffold):
            tokens = [self._vocabulary.bos, *tokens]
        return Prompt(RenderedPrompt(text, self._source, len(tokens), notes), tuple(tokens))

    def _templated(self, template: ChatTemplate, messages: Sequence[Message]) -> tuple[list[Span], bool]:
        """The spans, and whether the system prompt had to be merged into the first user message."""
        if not any(message.role == "system" for message in messages):
            return self._spans(template, messages), False
        marks = [_mark() for _ in messages]
        systems = [mark for mark, message in zip(marks, messages, strict=True) if message.role == "system"]
        try:
            outline = self._render(
                template, [replace(m, content=mark) for m, mark in zip(messages, marks, strict=True)]
            )
            if all(mark in outline for mark in systems):
                return self._spans(template, messages), False
        except RoleRefusedError:
            pass  # Gemma's way of saying that it has no system role; the merged form may be refused too
        return self._spans(template, merge_system(messages)), True

    def _spans(self, template: ChatTemplate, messages: Sequence[Message]) -> list[Span]:
        """Render twice, with marks and with the messages, and find in the second what the first marks."""
        marks = [_mark() for _ in messages]
        contents = [message.content for message in messages]
        text = self._render(template, messages)
        outline = self._render(template, [replace(m, content=mark) for m, mark in zip(messages, marks, strict=True)])
        found = align(text, outline, dict(zip(marks, contents, strict=True))) or locate(text, contents)
        if found is not None:
            return found
        if any(self._has_control(content) for content in contents):
            raise TemplateError(
                "The chat template rewrites the messages, and one of them holds a control token of the model.",
                hint="Take the control token out of the text, or choose another template.",
            )
        return [Span(text, is_scaffold=True)]

    def _render(self, template: ChatTemplate, messages: Sequence[Message]) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        return template.render(plain, bos=self._bos, eos=self._eos)

    def _has_control(self, text: str) -> bool:
        return any(map(self._vocabulary.is_control, self._vocabulary.tokenize(text, special=True)))


def raw_spans(messages: Sequence[Message]) -> list[Span]:
    """Without a template: the texts as they are; an answer continues what was asked, the rest is set apart."""
    text = ""
    for message in messages:
        text += message.content if not text or message.role == "assistant" else f"\n\n{message.content}"
    return [Span(text, is_scaffold=False)]


def merge_system(messages: Sequence[Message]) -> list[Message]:
    """The system texts, put before the first user message (or as one, when there is none)."""
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    for index, message in enumerate(rest):
        if message.role == "user":
            rest[index] = replace(message, content=f"{system}\n\n{message.content}" if system else message.content)
            return rest
    return [Message("user", system), *rest]


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
    cut: list[str] = [outline]
    for mark in contents:
        cut = [part for piece in cut for part in _cut(piece, mark)]
    pieces = [piece for piece in cut if piece]
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


def tokenize(vocabulary: Vocabulary, spans: Sequence[Span]) -> list[int]:
    """Control tokens come from the scaffold alone.

    Text without any is tokenised in one go, exactly as the model was trained to see it.  Only where a
    message names a control token is each span tokenised by itself; there a SentencePiece vocabulary may
    put a space before the message, which cannot be told from one that was typed.
    """
    scaffold = [
        token
        for span in spans
        if span.is_scaffold
        for token in vocabulary.tokenize(span.text, special=True)
        if vocabulary.is_control(token)
    ]
    messages = [span.text for span in spans if not span.is_scaffold]
    clean = not any(
        vocabulary.is_control(token) for text in messages for token in vocabulary.tokenize(text, special=True)
    )
    if clean:
        whole = vocabulary.tokenize("".join(span.text for span in spans), special=True)
        # A message and the scaffold around it might spell a control token together.
        if [token for token in whole if vocabulary.is_control(token)] == scaffold:
            return whole
    return [token for span in spans for token in vocabulary.tokenize(span.text, special=span.is_scaffold)]


def _mark() -> str:
    """Unguessable, and nothing that a template would trim or take for markup."""
    return f"\ue000{secrets.token_hex(16)}\ue001"
