"""Chat templates: which one is used and why, compiled in a sandbox, rendered within bounds."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from workbench.engine.sandbox import MAX_PROMPT_CHARS, Sandbox
from workbench.errors import TemplateError
from workbench.models.file import Family, ModelFile
from workbench.paths import resources
from workbench.words import said

MAX_TEMPLATE_BYTES = 1024 * 1024
NONE = "none"

_LLAMA_3_WORDS, _MISTRAL_3_WORDS = 128_256, 32_768  # the sizes of these vocabularies

# What Llama's templates and a few others read instead of asking; llama.cpp gives them, in these forms.
_DATES = {"date_string": "%d %b %Y", "datetime": "%b %d %Y"}

# Qwen, Gemma, GLM and most others have the first; DeepSeek and Granite the second.
_THINKING_SWITCHES = ("enable_thinking", "thinking")


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """A template and where it comes from: ``file``, ``builtin:NAME``, ``user``, or ``none`` without text."""

    source: str
    text: str | None = None


def builtin_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (resources() / "templates").glob("*.jinja")))


def suggestions(model: ModelFile) -> tuple[str, ...]:
    """The built-in templates that a model without one may have been trained on, the likeliest first.

    By its architecture and vocabulary, for a person to choose from: a base model was trained on none, and a
    fine-tune may have been trained on any.
    """
    header = model.header
    words = header.count("tokenizer.ggml.tokens")
    splitting = header.text("tokenizer.ggml.pre") or ""
    if model.architecture in ("gemma", "gemma2", "gemma3", "gemma3n"):
        return ("gemma",)
    if model.architecture.startswith("phi3"):
        return ("phi-3",)
    if model.architecture.startswith("qwen"):
        return ("chatml",)
    if splitting == "tekken":
        return ("mistral-v7-tekken", "mistral-v3-tekken")
    if splitting.startswith("llama") or words == _LLAMA_3_WORDS:
        return ("llama-3", "chatml")
    if model.architecture == "llama" and header.text("tokenizer.ggml.model") == "llama":
        if words == _MISTRAL_3_WORDS or (words and model.family is Family.MISTRAL):
            return ("mistral-v3", "chatml", "zephyr")
        return ("llama-2", "chatml", "zephyr", "alpaca")
    return ("chatml",) if model.architecture == "llama" else ()


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
    hint = said(
        "Give the path of a Jinja file, none, or one of: {builtin_names}.", builtin_names=", ".join(builtin_names())
    )
    try:
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            raise TemplateError(said("The chat template {file} is larger than 1 MiB.", file=path.name), hint=hint)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TemplateError(said("There is no chat template {path}.", path=path), hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(said("The chat template {path} could not be read.", path=path), hint=hint) from error


class _Refused(Exception):  # noqa: N818 - the template's own word, not ours
    """The template called ``raise_exception``."""


class RoleRefusedError(TemplateError):
    """The template itself says that it cannot write these messages."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """A prompt as a template wrote it; ``date`` is the one it was told where it called for one."""

    text: str
    date: datetime.date | None


class ChatTemplate:
    """A compiled template; one render at a time.

    The first render of an unknown template belongs in a child process all the same: what is bounded here is what
    Jinja lets be bounded.
    """

    def __init__(self, text: str, *, today: datetime.date) -> None:
        """``today`` is what a template is told that asks, unless a render says otherwise; raises TemplateError."""
        if len(text) > MAX_TEMPLATE_BYTES:
            raise _error(said("it is larger than 1 MiB"))
        self.sha256 = hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()
        self._today = self._told = today
        self._named = {name: form for name, form in _DATES.items() if name in text}
        self._asked_date = False
        self._environment = Sandbox()
        self._environment.globals |= {"raise_exception": _raise, "strftime_now": self._strftime_now}
        try:
            self._template = self._environment.from_string(text)
        except (jinja2.TemplateError, RecursionError, MemoryError, SyntaxError) as error:
            raise _error(_reason(error)) from error

    def render(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        bos: str,
        eos: str,
        tools: Sequence[Mapping[str, Any]] = (),
        enable_thinking: bool | None = None,
        today: datetime.date | None = None,
    ) -> Rendering:
        """The variables are those of Hugging Face's transformers, and llama.cpp's dates.

        ``enable_thinking`` None leaves it to the template.  Raises RoleRefusedError when the template objects to
        the messages, else TemplateError.
        """
        variables: dict[str, object] = {
            "messages": [dict(message) for message in messages],
            "add_generation_prompt": True,
            "bos_token": bos,
            "eos_token": eos,
            "tools": [dict(tool) for tool in tools] or None,
            "documents": None,
        }
        if enable_thinking is not None:
            variables |= dict.fromkeys(_THINKING_SWITCHES, enable_thinking)
        self._asked_date, self._told = False, today or self._today
        dates = {name: self._told.strftime(form) for name, form in self._named.items()}
        text = self._text(variables | dates)
        told = self._asked_date or any(date in text for date in dates.values())
        return Rendering(text, self._told if told else None)

    def _text(self, variables: Mapping[str, object]) -> str:
        pieces: list[str] = []
        length = 0
        self._environment.start()
        try:
            for piece in self._template.generate(variables):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_PROMPT_CHARS:
                    raise _error(said("it writes more than 4 MiB of text"))
        except _Refused as error:
            raise RoleRefusedError(
                said("The chat template refuses these messages: {error}", error=error),
                hint=said("Choose another template, or complete the text raw with --template none."),
            ) from error
        except TemplateError:
            raise
        except Exception as error:  # border: a template is a program, and may fail in any way
            raise _error(_reason(error)) from error
        return "".join(pieces)

    def _strftime_now(self, form: str) -> str:
        self._asked_date = True
        return datetime.datetime.combine(self._told, datetime.time()).strftime(form[:200])


def _error(reason: str) -> TemplateError:
    return TemplateError(
        said("The chat template cannot be used: {reason}.", reason=reason),
        hint=said("Choose another template, or complete the text raw with --template none."),
    )


def _reason(error: BaseException) -> str:
    return (str(error).strip().rstrip(".") or type(error).__name__)[:300]


def _raise(message: object = "") -> str:
    raise _Refused(str(message)[:300])
