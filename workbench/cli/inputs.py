"""Reading what a command was given: prompts from an argument, a file or a pipe, and model names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

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


def given(flags: Mapping[str, object | None]) -> dict[str, object]:
    """The settings the command line really named; the others keep their configured values."""
    return {name: value for name, value in flags.items() if value is not None}


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
