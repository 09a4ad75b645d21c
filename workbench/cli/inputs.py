"""Reading what a command was given: prompts from an argument, a file or a pipe, and model names."""

from __future__ import annotations

import datetime
import enum
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from workbench.chat.options import SamplingMode
from workbench.engine.base import Adapter, Constraint, ContextPolicy, Grammar, JsonSchema, Mode, ToolChoice
from workbench.engine.grammar import check
from workbench.engine.schema import to_gbnf
from workbench.errors import UsageError

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Context: TypeAlias = Annotated[
    int | None, typer.Option("--context", min=256, help="Context length in tokens (4096; at most the trained one).")
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads per model (decided from the processor's cores).")
]
System: TypeAlias = Annotated[str | None, typer.Option("--system", help="System prompt: TEXT, or @FILE.")]
Seed: TypeAlias = Annotated[
    int | None, typer.Option("--seed", min=0, max=2**32 - 2, help="Seed of the random draws (a fresh one).")
]
Temperature: TypeAlias = Annotated[
    float | None, typer.Option("--temperature", min=0.0, max=5.0, help="0 is greedy (0.7).")
]
TopK: TypeAlias = Annotated[int | None, typer.Option("--top-k", min=0, help="0 is off (40).")]
TopP: TypeAlias = Annotated[float | None, typer.Option("--top-p", min=0.0, max=1.0, help="1 is off (0.95).")]
MinP: TypeAlias = Annotated[float | None, typer.Option("--min-p", min=0.0, max=1.0, help="0 is off (0.05).")]
Penalty: TypeAlias = Annotated[
    float | None, typer.Option("--repetition-penalty", min=0.5, max=2.0, help="1 is off (1).")
]
MaxTokens: TypeAlias = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="End the answer after this many tokens.")
]
Stop: TypeAlias = Annotated[
    list[str] | None, typer.Option("--stop", help="End the answer before this text; may be repeated.")
]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Load a model also when it is judged too big.")]
Template: TypeAlias = Annotated[
    str | None,
    typer.Option("--template", help="Chat template: a built-in's NAME, a Jinja FILE, or none (completed raw)."),
]
Templates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--template",
        help=r"Chat template as \[N=]NAME, for the Nth model or for all: a built-in's name, a Jinja file, or none "
        "(completed raw); may be repeated.",
    ),
]
SamplingBy: TypeAlias = Annotated[
    SamplingMode | None,
    typer.Option("--sampling", help="Every model sampled the same, or each as its vendor recommends (same)."),
]
Policy: TypeAlias = Annotated[
    ContextPolicy | None,
    typer.Option("--context-policy", help="What happens to a prompt that the context cannot hold (refuse)."),
]
Schema: TypeAlias = Annotated[
    Path | None, typer.Option("--schema", help="Answer with JSON that is valid against the JSON schema in this file.")
]
GrammarFile: TypeAlias = Annotated[
    Path | None, typer.Option("--grammar", help="Answer with a sentence of the GBNF grammar in this file.")
]
ToolsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--tools", help="Functions the model may call: a JSON list in OpenAI's form.")
]
ToolUse: TypeAlias = Annotated[
    ToolChoice, typer.Option("--tool-choice", help="auto: the model decides; required: the answer is one call (auto).")
]
Alternatives: TypeAlias = Annotated[
    int, typer.Option("--alternatives", min=0, max=50, help="Tell that many candidates with each token (0: none).")
]
AdapterFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--adapter", help=r"A LoRA for all models, or for the Nth: \[N=]FILE\[@SCALE] (may be repeated)."),
]
Isolated: TypeAlias = Annotated[bool, typer.Option("--isolated", help="Run each model in a process of its own.")]
Exactness: TypeAlias = Annotated[
    Mode, typer.Option("--mode", help="audit: bit for bit as a cold start; throughput: reuse whatever is there.")
]
Date: TypeAlias = Annotated[
    str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="The day that templates which ask are told (today).")
]
Thinking: TypeAlias = Annotated[
    bool | None,
    typer.Option("--thinking/--no-thinking", help="Ask reasoning models to think, or not to (as the template has it)."),
]


def given(flags: Mapping[str, object | None]) -> dict[str, object]:
    """The settings the command line really named; the others keep their configured values."""
    return {
        name: value.value if isinstance(value, enum.Enum) else value
        for name, value in flags.items()
        if value is not None
    }


def read_text(value: str, what: str) -> str:
    """``value`` itself, the text of the file after ``@``, or standard input for ``-``; UsageError otherwise."""
    if value == "-":
        return sys.stdin.read()
    if not value.startswith("@"):
        return value
    path = Path(value[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The {what} file {path} cannot be read: {error.strerror}.",
            hint=f"Give the {what} as text, as @FILE, or as - for standard input.",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The {what} file {path} is not UTF-8 text.", hint="Save it as UTF-8.") from error


def constraint_of(schema: Path | None, grammar: Path | None) -> Constraint | None:
    """What the answers have to be, judged before anything is loaded.

    Raises UsageError where both are given, or a file cannot be read; SchemaError and GrammarError.
    """
    if schema is not None and grammar is not None:
        raise UsageError("An answer follows a schema or a grammar, not both.", hint="Leave one of them out.")
    if schema is not None:
        text = read_text(f"@{schema}", "schema")
        to_gbnf(text)
        return JsonSchema(text)
    if grammar is not None:
        text = read_text(f"@{grammar}", "grammar")
        check(text)
        return Grammar(text)
    return None


def day_of(text: str | None) -> str | None:
    """The day, as it was written; UsageError for one there is not."""
    if text is not None:
        try:
            datetime.date.fromisoformat(text)
        except ValueError as error:
            raise UsageError(f"--date {text}: there is no such day.", hint="Write it as YYYY-MM-DD.") from error
    return text


def templates_of(given: Sequence[str], models: int) -> list[str | None]:
    """Each model's template, from ``[N=]NAME``; the last one given counts.  UsageError for a number that cannot be."""
    found: list[str | None] = [None] * models
    for text in given:
        number, name = _NUMBERED.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches any text
        for at in _places(f"--template {text}", number, models):
            found[at] = name
    return found


def adapters_of(given: Sequence[str], models: int) -> list[tuple[Adapter, ...]]:
    """Each model's adapters, from ``[N=]FILE[@SCALE]``; UsageError for a number or a scale that cannot be meant."""
    found: list[list[Adapter]] = [[] for _ in range(models)]
    for text in given:
        number, file, scale = _ADAPTER.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches any text
        chosen = _places(f"--adapter {text}", number, models)
        for at in chosen:
            found[at].append(Adapter(Path(file).expanduser().absolute(), float(scale) if scale else 1.0))
    return [tuple(adapters) for adapters in found]


def _places(said: str, number: str | None, models: int) -> Sequence[int]:
    """Which models are meant, from 0; all of them without a number."""
    if number is None:
        return range(models)
    if not 1 <= int(number) <= models:
        raise UsageError(f"{said}: there is no model {number}; {models} were given.",
                         hint="Models are counted from 1, in the order they were given.")  # fmt: skip
    return [int(number) - 1]


_NUMBERED = re.compile(r"(?:(\d+)=)?(.*)", re.DOTALL)
_ADAPTER = re.compile(r"(?:(\d+)=)?(.*?)(?:@(-?\d+(?:\.\d+)?))?", re.DOTALL)
