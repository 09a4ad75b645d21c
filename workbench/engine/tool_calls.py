"""Tool calls as each family writes them: told from the template, read from an answer, held to by a grammar.

The text that is read has its control tokens written out: families mark their calls with them.
"""

from __future__ import annotations

import enum
import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from workbench.engine import gbnf, grammar, schema
from workbench.engine.base import Grammar, Tool, ToolCall
from workbench.engine.gbnf import EMPTY, Node, Ref, TokenIs, choice, repeat, seq
from workbench.engine.gbnf import Text as Literal
from workbench.engine.schema_text import read, unusable
from workbench.errors import SchemaError, TemplateError
from workbench.words import said

MAX_CALLS = 16

_DECODER = json.JSONDecoder()
_NAME = re.compile(r"[\w.-]{1,64}")


class Family(enum.StrEnum):
    """How a model writes a call."""

    LLAMA3 = "llama3"  # {"name": ..., "parameters": {...}}, maybe after <|python_tag|>
    MISTRAL = "mistral"  # [TOOL_CALLS][{"name": ..., "arguments": {...}, "id": "..."}]
    MISTRAL_ARGS = "mistral-args"  # [TOOL_CALLS]name[ARGS]{...}, with a [CALL_ID] between in some versions
    GEMMA = "gemma"  # <|tool_call>call:name{key:<|"|>text<|"|>}<tool_call|>
    HERMES = "hermes"  # <tool_call>{"name": ..., "arguments": {...}}</tool_call>


# What begins a call, then what else stands in one.
_MARKERS = {
    Family.LLAMA3: ("<|python_tag|>",),
    Family.MISTRAL: ("[TOOL_CALLS]",),
    Family.MISTRAL_ARGS: ("[TOOL_CALLS]", "[ARGS]"),
    Family.GEMMA: ("<|tool_call>",),
    Family.HERMES: ("<tool_call>", "</tool_call>"),
}


class Vocabulary(Protocol):
    """What is asked of loaded weights."""

    def tokenize(self, text: str, *, special: bool) -> list[int]: ...
    def is_control(self, token: int) -> bool: ...


def family_of(template: str | None) -> Family | None:
    """By the markers that a chat template writes; None when it does not write tools in a way known here."""
    if template is None or "tools" not in template:
        return None
    if "<|tool_call>call:" in template:
        return Family.GEMMA
    if "[TOOL_CALLS]" in template:
        return Family.MISTRAL_ARGS if "[ARGS]" in template else Family.MISTRAL
    if "<tool_call>" in template:
        return Family.HERMES if "<function=" not in template and "<arg_key>" not in template else None
    return Family.LLAMA3 if '"parameters": ' in template and "<|start_header_id|>" in template else None


def opening_of(family: Family) -> str:
    """What begins a call; Llama 3 may leave it out."""
    return _MARKERS[family][0]


def required_family(template: str | None) -> Family:
    """Raises TemplateError when the model cannot be told of tools."""
    family = family_of(template)
    if family is None:
        raise TemplateError(
            said(
                "The chat template does not write tools in a way that is known here, so this model cannot be given any."
            ),
            hint=said("Choose a model made for tools (Llama 3, Mistral, Gemma 4, Hermes, Qwen), or ask without them."),
        )
    return family


# --- reading ---------------------------------------------------------------------------------


def parse(text: str, family: Family) -> tuple[ToolCall, ...]:
    """The calls in an answer, in order.  What is no whole call is text, and stays that."""
    return tuple(_READERS[family](text))


def _llama3(text: str) -> Iterator[ToolCall]:
    text = text.replace("<|eom_id|>", "").replace("<|eot_id|>", "")
    # Where there is no call at the beginning there may be one after the mark.
    at = 0 if text.lstrip().startswith("{") else max(0, text.find("<|python_tag|>"))
    while True:
        while text[at : at + 1] == ";" or text[at : at + 1].isspace():
            at += 1
        at += len("<|python_tag|>") if text.startswith("<|python_tag|>", at) else 0
        value, at = _json(text, at)
        call = _call(value, "parameters", "arguments")
        if call is None:
            return
        yield call


def _mistral(text: str) -> Iterator[ToolCall]:
    for start in _after(text, "[TOOL_CALLS]"):
        value, _ = _json(text, start)
        for item in value if isinstance(value, list) else ():
            if call := _call(item, "arguments"):
                yield call


_MISTRAL_CALL = re.compile(r"\s*([\w.-]{1,64})(?:\[CALL_ID\]\w*)?\[ARGS\]")


def _mistral_args(text: str) -> Iterator[ToolCall]:
    for start in _after(text, "[TOOL_CALLS]"):
        if head := _MISTRAL_CALL.match(text, start):
            value, _ = _json(text, head.end())
            if isinstance(value, dict):
                yield ToolCall(head[1], _text(value))


def _hermes(text: str) -> Iterator[ToolCall]:
    for start in _after(text, "<tool_call>"):
        value, _ = _json(text, start)
        if call := _call(value, "arguments", "parameters"):
            yield call


_GEMMA_CALL = re.compile(r"call:([\w.-]{1,64})(?=\{)")
_GEMMA_QUOTE = '<|"|>'
_GEMMA_SCALAR = re.compile(r"[^,{}\[\]<]+")


def _gemma(text: str) -> Iterator[ToolCall]:
    for start in _after(text, "<|tool_call>"):
        if head := _GEMMA_CALL.match(text, start):
            try:
                value, _ = _gemma_value(text, head.end(), 0)
            except ValueError:
                continue  # cut short, or not written as the template writes it: text
            yield ToolCall(head[1], _text(value))


def _gemma_value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Gemma's own notation: names without quotes, texts between marks.  Raises ValueError."""
    if depth > grammar.MAX_NESTING:
        raise ValueError("nested too deep")
    if text.startswith(_GEMMA_QUOTE, at):
        end = text.index(_GEMMA_QUOTE, at + len(_GEMMA_QUOTE))
        return text[at + len(_GEMMA_QUOTE) : end], end + len(_GEMMA_QUOTE)
    if text[at : at + 1] in ("{", "["):
        return _gemma_members(text, at + 1, "}" if text[at] == "{" else "]", depth + 1)
    scalar = _GEMMA_SCALAR.match(text, at)
    if scalar is None:
        raise ValueError("no value")
    return (None if scalar[0] == "None" else json.loads(scalar[0])), scalar.end()


def _gemma_members(text: str, at: int, closing: str, depth: int) -> tuple[Any, int]:
    names: list[str] = []
    values: list[Any] = []
    while not text.startswith(closing, at):
        if values:
            at = text.index(",", at, at + 1) + 1
        if closing == "}":
            quoted = text.startswith(_GEMMA_QUOTE, at)
            end = text.index(f"{_GEMMA_QUOTE}:" if quoted else ":", at + 1)
            names.append(text[at:end].removeprefix(_GEMMA_QUOTE))
            at = end + (len(_GEMMA_QUOTE) if quoted else 0) + 1
        value, at = _gemma_value(text, at, depth)
        values.append(value)
    return (dict(zip(names, values, strict=True)) if closing == "}" else values), at + 1


_READERS: dict[Family, Callable[[str], Iterator[ToolCall]]] = {
    Family.LLAMA3: _llama3,
    Family.MISTRAL: _mistral,
    Family.MISTRAL_ARGS: _mistral_args,
    Family.GEMMA: _gemma,
    Family.HERMES: _hermes,
}


def _after(text: str, marker: str) -> Iterator[int]:
    return (found.end() for found in re.finditer(re.escape(marker), text))


def _json(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that comes next and where it ends; None where there is none."""
    while text[at : at + 1].isspace():
        at += 1
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _call(value: object, *names: str) -> ToolCall | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = next((value[name] for name in names if name in value), None)
    return ToolCall(value["name"], _text(arguments)) if isinstance(arguments, dict) else None


def _text(arguments: object) -> str:
    return json.dumps(arguments, ensure_ascii=False)


# --- holding an answer to calls --------------------------------------------------------------


def tool_grammar(tools: Sequence[Tool], family: Family, vocabulary: Vocabulary, *, most: int = MAX_CALLS) -> Grammar:
    """An answer that is nothing but one to ``most`` calls of these tools, with arguments that their schemas allow.

    Raises SchemaError, and TemplateError for Gemma, whose calls are not JSON.
    """
    if family is Family.GEMMA:
        raise TemplateError(
            said("Gemma writes the arguments of tools in a notation of its own, which is read but cannot be forced."),
            hint=said("Give it tools without forcing a call."),
        )
    return Grammar(_written(tuple(tools), family, _markers(family, vocabulary), most, begun=False))


def rest_grammar(tools: Sequence[Tool], family: Family, vocabulary: Vocabulary) -> Grammar | None:
    """What may follow ``opening_of(family)``: the rest of that call, and maybe more.  None for Gemma.

    A tool whose schema cannot be promised may be called with any object: the call can be read, that is all.
    Raises SchemaError for a name that no call could hold.
    """
    if family is Family.GEMMA:
        return None
    return Grammar(_written(tuple(tools), family, _markers(family, vocabulary), MAX_CALLS, begun=True))


def check_tool(tool: Tool) -> None:
    """Raises SchemaError for one that cannot be forced: a name that no call could hold, a schema without a grammar."""
    check_name(tool)
    parameters = read(tool.parameters)
    if isinstance(parameters, bool) or parameters.get("type") != "object":
        raise unusable(tool.name, said('the schema of its parameters has no "type": "object"'))
    schema.to_gbnf(tool.parameters)


@functools.lru_cache(maxsize=64)  # one suite asks hundreds of prompts with the same tools
def _written(tools: tuple[Tool, ...], family: Family, markers: Markers, most: int, *, begun: bool) -> str:
    rules: dict[str, Node] = {}
    calls = []
    for number, tool in enumerate(tools, 1):
        prefix = f"tool-{number}-"
        for name, node in schema.rules(_arguments(tool, any_object=begun)).items():
            rules[prefix + name] = _renamed(node, prefix)
        calls.append((tool.name, Ref(prefix + grammar.ROOT)))
    opening, rest = _FORMS[family](calls, markers, most)
    return schema.written({grammar.ROOT: rest if begun else seq(opening, rest), **rules})


def _arguments(tool: Tool, *, any_object: bool) -> str:
    """The schema that a call's arguments are held to; with ``any_object`` any, where its own cannot be promised."""
    check_name(tool)
    try:
        check_tool(tool)
    except SchemaError:
        if not any_object:
            raise
        return '{"type": "object"}'
    return tool.parameters


def check_name(tool: Tool) -> None:
    """Raises SchemaError for a name that no call could hold."""
    if not _NAME.fullmatch(tool.name):
        raise unusable(tool.name, said("a tool's name is letters, digits, dots, hyphens and underscores, at most 64"))


Calls = Sequence[tuple[str, Node]]
Markers = tuple[Node, ...]
Form = tuple[Node, Node]  # what begins the first call, and the rest of it with the calls after it


def _llama3_form(calls: Calls, _markers: Markers, _most: int) -> Form:
    return EMPTY, choice(*(_named(name, "parameters", arguments) for name, arguments in calls))


def _mistral_form(calls: Calls, markers: Markers, most: int) -> Form:
    call = choice(*(_named(name, "arguments", arguments) for name, arguments in calls))
    more = repeat(seq(Literal(", "), call), 0, most - 1)
    return markers[0], seq(repeat(Literal(" "), 0, 1), Literal("["), call, more, Literal("]"))


def _mistral_args_form(calls: Calls, markers: Markers, most: int) -> Form:
    opening, before_arguments = markers
    one = choice(*(seq(Literal(name), before_arguments, arguments) for name, arguments in calls))
    return opening, seq(one, repeat(seq(opening, one), 0, most - 1))


def _hermes_form(calls: Calls, markers: Markers, most: int) -> Form:
    opening, closing = markers
    call = choice(*(_named(name, "arguments", arguments) for name, arguments in calls))
    one = seq(Literal("\n"), call, Literal("\n"), closing)
    return opening, seq(one, repeat(seq(Literal("\n"), opening, one), 0, most - 1))


_FORMS: dict[Family, Callable[[Calls, Markers, int], Form]] = {
    Family.LLAMA3: _llama3_form,
    Family.MISTRAL: _mistral_form,
    Family.MISTRAL_ARGS: _mistral_args_form,
    Family.HERMES: _hermes_form,
}


def _named(name: str, key: str, arguments: Node) -> Node:
    return seq(Literal(f'{{"name": {json.dumps(name)}, "{key}": '), arguments, Literal("}"))


def _markers(family: Family, vocabulary: Vocabulary) -> Markers:
    return tuple(_marker(text, vocabulary) for text in _MARKERS[family])


def _marker(text: str, vocabulary: Vocabulary) -> Node:
    """One control token where the vocabulary has it, else its letters."""
    tokens = vocabulary.tokenize(text, special=True)
    if len(tokens) == 1 and vocabulary.is_control(tokens[0]):
        return TokenIs(f"<[{tokens[0]}]>")
    return Literal(text)


def _renamed(node: Node, prefix: str) -> Node:
    match node:
        case Ref(name):
            return Ref(prefix + name)
        case gbnf.Seq(parts):
            return gbnf.Seq(tuple(_renamed(part, prefix) for part in parts))
        case gbnf.Choice(options):
            return gbnf.Choice(tuple(_renamed(option, prefix) for option in options))
        case gbnf.Repeat(inner, least, most):
            return gbnf.Repeat(_renamed(inner, prefix), least, most)
        case _:
            return node
