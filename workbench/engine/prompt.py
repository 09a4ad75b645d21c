"""From messages to tokens, so that no message can speak with the template's voice."""

from __future__ import annotations

import datetime
import itertools
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from workbench.engine.base import Message, RenderedPrompt, SystemHandling, Tool
from workbench.engine.spans import Span, align, between, locate
from workbench.engine.templates import ChatTemplate, Rendering, RoleRefusedError, TemplateChoice
from workbench.errors import TemplateError
from workbench.words import said

MERGED_SYSTEM = said("The template has no system role: the system prompt was put before the first message.")
LOST_SYSTEM = said("The template leaves the system prompt out: the model has not read it.")
INSERTED_SYSTEM = said("The template wrote a system prompt of its own, because none was given.")

SENTENCEPIECE_BLANK = "\u2581"


class Vocabulary(Protocol):
    """What is asked of loaded weights."""

    bos: int
    eos: int
    adds_bos: bool

    def tokenize(self, text: str, *, special: bool) -> list[int]: ...
    def text_of(self, token: int) -> str: ...
    def is_control(self, token: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """``tail`` is the scaffold after the last message: how the template begins the answer."""

    rendered: RenderedPrompt
    tokens: tuple[int, ...]
    tail: str = ""


@dataclass(frozen=True, slots=True)
class _Options:
    """What a template is told besides the messages."""

    tools: tuple[Mapping[str, Any], ...] = ()
    enable_thinking: bool | None = None
    today: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class _Outline:
    """A prompt in which a mark stands for each message: all its text is scaffold."""

    marks: tuple[str, ...]
    rendering: Rendering

    def shows(self, index: int) -> bool:
        return self.marks[index] in self.rendering.text


@dataclass(frozen=True, slots=True)
class _Written:
    spans: list[Span]
    system: SystemHandling
    date: datetime.date | None = None
    inserted_system: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        said = {"merged": MERGED_SYSTEM, "unsupported": LOST_SYSTEM}.get(self.system)
        inserted = INSERTED_SYSTEM if self.inserted_system else None
        return tuple(note for note in (said, inserted) if note)


class PromptWriter:
    """Writes prompts for one model with one template; on one thread at a time."""

    def __init__(self, vocabulary: Vocabulary, choice: TemplateChoice, *, today: datetime.date) -> None:
        """Raises TemplateError when the template does not compile."""
        self._vocabulary = vocabulary
        self._source = choice.source
        self._template = None if choice.text is None else ChatTemplate(choice.text, today=today)
        self._bos = vocabulary.text_of(vocabulary.bos)
        self._eos = vocabulary.text_of(vocabulary.eos)
        self._defaults: dict[tuple[object, ...], str | None] = {}  # system prompts of the template's own

    @property
    def source(self) -> str:
        return self._source

    def count(self, text: str) -> int:
        """Tokens of a text by itself: what it adds to a prompt, about."""
        return len(self._vocabulary.tokenize(text, special=False))

    def write(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        enable_thinking: bool | None = None,
        today: datetime.date | None = None,
    ) -> Prompt:
        """``enable_thinking`` None leaves it to the template whether the model is asked to think first; ``today`` is
        the writer's own where it is None.

        Raises TemplateError when the template cannot write these messages, or knows no tools.
        """
        options = _Options(tuple(map(_plain_tool, tools)), enable_thinking, today)
        if self._template is None:
            if tools:
                raise _knows_no_tools()
            has_system = any(message.role == "system" for message in messages)
            written = _Written(raw_spans(messages), "merged" if has_system else "none")
        else:
            written = self._templated(self._template, messages, options)
        return self._prompt(written)

    def _prompt(self, written: _Written) -> Prompt:
        spans = written.spans
        tokens = tokenize(self._vocabulary, spans)
        text = "".join(span.text for span in spans)
        bos = self._vocabulary.bos
        if self._vocabulary.adds_bos and not (self._bos and text.startswith(self._bos) and spans[0].is_scaffold):
            tokens = [bos, *tokens]
        rendered = RenderedPrompt(
            text=text,
            template_source=self._source,
            token_count=len(tokens),
            notes=() if self._template is None else written.notes,
            tokens=tuple(tokens),
            template_sha256=None if self._template is None else self._template.sha256,
            system=written.system,
            inserted_system=written.inserted_system,
            date=None if written.date is None else written.date.isoformat(),
            bos_count=sum(1 for _ in itertools.takewhile(lambda token: token == bos, tokens)),
        )
        return Prompt(rendered, rendered.tokens, spans[-1].text if spans and spans[-1].is_scaffold else "")

    def _templated(self, template: ChatTemplate, messages: Sequence[Message], options: _Options) -> _Written:
        if not any(message.role == "system" for message in messages):
            outline = self._outline(template, messages, options)
            inserted = self._inserted(template, options)
            shown = inserted if inserted and inserted in outline.rendering.text else None
            return self._filled(template, messages, options, outline, "none", shown)
        systems = [index for index, message in enumerate(messages) if message.role == "system"]
        try:
            outline = self._outline(template, messages, options)
            if all(map(outline.shows, systems)):
                return self._filled(template, messages, options, outline, "native")
        except RoleRefusedError:
            pass  # Gemma's way of saying that it has no system role; the merged form may be refused too
        merged = merge_system(messages)
        outline = self._outline(template, merged, options)
        first = next(index for index, message in enumerate(merged) if message.role == "user")
        return self._filled(template, merged, options, outline, "merged" if outline.shows(first) else "unsupported")

    def _filled(
        self,
        template: ChatTemplate,
        messages: Sequence[Message],
        options: _Options,
        outline: _Outline,
        system: SystemHandling,
        inserted: str | None = None,
    ) -> _Written:
        """The prompt with the messages in place, found where the outline has marks."""
        contents = [message.content for message in messages]
        text = self._render(template, messages, options).text
        marked = dict(zip(outline.marks, contents, strict=True))
        found = align(text, outline.rendering.text, marked) or locate(text, contents)
        if found is None:
            if any(map(self._has_control, contents)):
                raise TemplateError(
                    said(
                        "The chat template rewrites the messages, and one of them holds a control token of the model."
                    ),
                    hint=said("Take the control token out of the text, or choose another template."),
                )
            found = [Span(text, is_scaffold=True)]
        return _Written(found, system, outline.rendering.date, inserted)

    def _outline(self, template: ChatTemplate, messages: Sequence[Message], options: _Options) -> _Outline:
        """Raises TemplateError where tools are given to a template that writes the same without them."""
        marks = tuple(_mark() for _ in messages)
        marked = [replace(m, content=mark) for m, mark in zip(messages, marks, strict=True)]
        rendering = self._render(template, marked, options)
        if options.tools:
            if rendering.text == self._render(template, marked, replace(options, tools=())).text:
                raise _knows_no_tools()
            if self._has_control(json.dumps(options.tools, ensure_ascii=False)):
                raise TemplateError(
                    said("The description of a tool holds a control token of the model."),
                    hint=said("Take it out of the tool's name, description or parameters."),
                )
        return _Outline(marks, rendering)

    def _inserted(self, template: ChatTemplate, options: _Options) -> str | None:
        """What the template puts where a system prompt would be, when there is none.

        A question is rendered with a system prompt and without; what the second has between the scaffold that
        the first has around its system prompt is the template's own.
        """
        key = (bool(options.tools), options.enable_thinking, options.today)
        if key not in self._defaults:
            system, question = _mark(), _mark()
            asked = [Message("user", question)]
            try:
                given = self._render(template, [Message("system", system), *asked], options).text
                alone = self._render(template, asked, options).text
                self._defaults[key] = between(given, alone, system, question)
            except TemplateError:  # no system role; the messages themselves will tell what else is wrong
                self._defaults[key] = None
        return self._defaults[key]

    def _render(self, template: ChatTemplate, messages: Sequence[Message], options: _Options) -> Rendering:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        return template.render(
            plain,
            bos=self._bos,
            eos=self._eos,
            tools=options.tools,
            enable_thinking=options.enable_thinking,
            today=options.today,
        )

    def _has_control(self, text: str) -> bool:
        return any(map(self._vocabulary.is_control, self._vocabulary.tokenize(text, special=True)))


def _knows_no_tools() -> TemplateError:
    return TemplateError(
        said("The chat template does not know tools: the model would never read of them."),
        hint=said("Choose a model that was trained to call tools, or leave the tools out."),
    )


def _plain_tool(tool: Tool) -> Mapping[str, Any]:
    """As transformers and the templates have it.  Raises TemplateError for parameters that are not JSON."""
    try:
        parameters = json.loads(tool.parameters)
    except (ValueError, RecursionError) as error:
        raise TemplateError(
            said("The parameters of the tool {tool} are not JSON.", tool=tool.name),
            hint=said("Give a JSON schema of its arguments."),
        ) from error
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


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
        whole = _scaffold_tokens(vocabulary, "".join(span.text for span in spans))
        # A message and the scaffold around it might spell a control token together.
        if [token for token in whole if vocabulary.is_control(token)] == scaffold:
            return whole
    return [
        token
        for span in spans
        for token in (
            _scaffold_tokens(vocabulary, span.text)
            if span.is_scaffold
            else vocabulary.tokenize(span.text, special=False)
        )
    ]


def _scaffold_tokens(vocabulary: Vocabulary, text: str) -> list[int]:
    """Where the vocabulary puts a blank after each control token, a blank that the template wrote there is that one.

    llama.cpp would make two of them; Mistral's own tokens for ``[INST] Hi`` have one.
    """
    tokens = vocabulary.tokenize(text, special=True)
    bos = vocabulary.text_of(vocabulary.bos)
    after_control = vocabulary.tokenize(f"{bos}x", special=True)[1:2] if bos else []
    if not after_control or not vocabulary.text_of(after_control[0]).startswith(SENTENCEPIECE_BLANK):
        return tokens
    kept, at = "", 0
    for name in (vocabulary.text_of(token) for token in tokens if vocabulary.is_control(token)):
        begin = text.find(name, at)
        if begin < 0:  # a token for what the vocabulary does not know stands for other text
            return tokens
        end = begin + len(name)
        kept += text[at:end]
        at = end + text.startswith(" ", end)
    return vocabulary.tokenize(kept + text[at:], special=True)


def _mark() -> str:
    """Unguessable, and nothing that a template would trim or take for markup."""
    return f"\ue000{secrets.token_hex(16)}\ue001"
