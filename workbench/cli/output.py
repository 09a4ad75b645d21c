"""What the commands print: one JSON object for scripts, or tables and sentences for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from workbench.errors import UsageError, WorkbenchError

SCHEMA_VERSION = 1

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


def emit(values: Mapping[str, Any]) -> None:
    """Print one JSON object, one line of it unless a person reads along; what is not a number becomes null,
    never NaN."""
    _write({"schema_version": SCHEMA_VERSION, **values}, indent=2 if sys.stdout.isatty() else None)


def emit_event(name: str, values: Mapping[str, Any]) -> None:
    """Print one line that says how far long work is: told apart from the object at the end by its ``event``."""
    _write({"event": name, **values}, indent=None)


def problem(code: str, message: str, hint: str | None) -> dict[str, str | None]:
    return {"code": code, "message": message, "hint": hint}


def fail(error: WorkbenchError, *, as_json: bool) -> int:
    """Say what failed and what to do: on stderr, and as the only object on stdout for a script.

    The exit status that goes with it: 2 where the program was asked in the wrong way, else 1.
    """
    if as_json:
        emit({"error": problem(error.code, error.message, error.hint)})
    say_error(error.message, error.hint)
    return 2 if isinstance(error, UsageError) else 1


def say_error(message: str, hint: str | None) -> None:
    err.print("[bold red]error:[/]", end=" ")
    err.print(message, markup=False, soft_wrap=True)
    if hint:
        err.print("[bold]hint:[/]", end=" ")
        err.print(hint, markup=False, soft_wrap=True)


def _write(document: Mapping[str, Any], *, indent: int | None) -> None:
    sys.stdout.write(json.dumps(_clean(document), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def _clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
