"""Chat templates: which one is used and why, compiled in a sandbox, rendered within bounds."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from workbench.errors import TemplateError
from workbench.paths import resources

MAX_TEMPLATE_BYTES = 1024 * 1024
MAX_PROMPT_CHARS = 4 * 1024 * 1024

NONE = "none"

_WIDE = re.compile(r"\*|\d{4,}")  # a width in a format string


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """A template and where it comes from: ``file``, ``builtin:NAME``, ``user``, or ``none`` without text."""

    source: str
    text: str | None = None


def builtin_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (resources() / "templates").glob("*.jinja")))


def choose(of_model: str | None, asked: str | None) -> TemplateChoice:
    """What ``asked`` names ("none", a built-in, a file), else the model's own, else none.

    Raises TemplateError for a name that is neither a built-in nor a readable file.
    """
    if asked is None:
        return TemplateChoice(NONE) if of_model is None else TemplateChoice("file", of_model)
    if asked == NONE:
        return TemplateChoice(NONE)
    if asked in builtin_names():
        path = resources() / "templates" / f"{asked}.jinja"
        return TemplateChoice(f"builtin:{asked}", path.read_text(encoding="utf-8"))
    return TemplateChoice("user", _read(Path(asked).expanduser()))


def _read(path: Path) -> str:
    hint = f"Give the path of a Jinja file, none, or one of: {', '.join(builtin_names())}."
    try:
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            raise TemplateError(f"The chat template {path.name} is larger than 1 MiB.", hint=hint)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TemplateError(f"There is no chat template {path}.", hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"The chat template {path} could not be read.", hint=hint) from error


class _Refused(Exception):  # noqa: N818 - the template's own word, not ours
    """The template called ``raise_exception``."""


class RoleRefusedError(TemplateError):
    """The template itself says that it cannot write these messages."""


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Escapes are blocked by Jinja; what would need gigabytes in one expression is blocked here."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sized, count = (left, right) if isinstance(left, (str, list, tuple)) else (right, left)
        if operator == "*" and isinstance(sized, (str, list, tuple)) and isinstance(count, int):
            self._allow(len(sized) * count)
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            self._allow(left.bit_length() * right)
        if operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise jinja2.exceptions.SecurityError("the result would be too large")
        return super().call_binop(context, operator, left, right)

    @staticmethod
    def _allow(size: int) -> None:
        if size > MAX_PROMPT_CHARS:
            raise jinja2.exceptions.SecurityError("the result would be too large")


class _Generation(jinja2.ext.Extension):
    """Hugging Face's ``{% generation %}`` marks the answers for training; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja reads the attribute as it is

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """A compiled template.

    The first render of an unknown template belongs in a child process: the sandbox stops neither loops
    nor every way to use up memory.
    """

    def __init__(self, text: str, *, today: datetime.date) -> None:
        """``today`` is what the template is told when it asks.  Raises TemplateError."""
        if len(text) > MAX_TEMPLATE_BYTES:
            raise _error("it is larger than 1 MiB")
        environment = _Sandbox(
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # the output is a prompt, not a page
            extensions=["jinja2.ext.loopcontrols", _Generation],
        )
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = _clock(today)
        try:
            self._template = environment.from_string(text)
        except (jinja2.TemplateError, RecursionError, MemoryError) as error:
            raise _error(_reason(error)) from error

    def render(self, messages: Sequence[Mapping[str, str]], *, bos: str, eos: str) -> str:
        """Raises RoleRefusedError when the template objects to the messages, else TemplateError."""
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._template.generate(
                messages=[dict(message) for message in messages],
                add_generation_prompt=True,
                bos_token=bos,
                eos_token=eos,
                tools=None,
                documents=None,
            ):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_PROMPT_CHARS:
                    raise _error("it writes more than 4 MiB of text")
        except _Refused as error:
            raise RoleRefusedError(
                f"The chat template refuses these messages: {error}",
                hint="Choose another template, or complete the text raw with --template none.",
            ) from error
        except TemplateError:
            raise
        except Exception as error:  # border: a template is a program, and may fail in any way
            raise _error(_reason(error)) from error
        return "".join(pieces)


def _error(reason: str) -> TemplateError:
    return TemplateError(
        f"The chat template cannot be used: {reason}.",
        hint="Choose another template, or complete the text raw with --template none.",
    )


def _reason(error: BaseException) -> str:
    return (str(error).strip().rstrip(".") or type(error).__name__)[:300]


def _raise(message: object = "") -> str:
    raise _Refused(str(message)[:300])


def _tojson(value: object, indent: int | None = None, ensure_ascii: bool = False) -> str:
    """As Hugging Face has it: plain JSON, nothing escaped for HTML."""
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)


def _clock(today: datetime.date) -> Callable[[str], str]:
    def strftime_now(form: str) -> str:
        return datetime.datetime.combine(today, datetime.time()).strftime(form[:200])

    return strftime_now
