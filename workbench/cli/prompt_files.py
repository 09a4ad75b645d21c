"""A file of prompts to answer, and the file of their answers: what is in it need not be asked again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from workbench.chat.answer import Answer
from workbench.cli.inputs import read_text
from workbench.cli.tool_files import read_tools
from workbench.engine.base import Completion, LoadRequest, Message, Request, StopReason, Tool, ToolChoice
from workbench.engine.templates import choose
from workbench.errors import AdapterError, UsageError, WorkbenchError

_ROLES = ("system", "user", "assistant")
_SHAPE = '"tools" and a "tool_choice".'
_ELSEWHERE = "Give a new file, or one of an earlier run."


class AnswersError(WorkbenchError):
    """An answer cannot be written down."""


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt of a file; ``name`` is its "id", or the number of its line."""

    name: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"


def read_questions(file: str, system: str) -> tuple[Question, ...]:
    """A ``.jsonl`` file has an object on each line, any other file a prompt; empty lines are left out.

    ``-`` is standard input: objects where it begins with one.  ``system`` goes before every prompt that has no system
    message of its own.  Raises UsageError.
    """
    path = Path(file).expanduser()
    called = "standard input" if file == "-" else path.name
    # Not splitlines(): JSON may hold U+2028 and the like as they are.
    lines = read_text("-" if file == "-" else f"@{path}", "prompts").split("\n")
    numbered = [(number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if line.strip()]
    is_json = path.suffix.lower() in {".jsonl", ".ndjson"}
    if file == "-" and numbered:
        is_json = numbered[0][1].lstrip().startswith("{")
    questions = [
        _from_json(line, f"{called}, line {number}", str(number)) if is_json else _plain(line, str(number))
        for number, line in numbered
    ]
    if not questions:
        raise UsageError(f"{called} holds no prompt.", hint="Write one prompt on each line.")
    names = [question.name for question in questions]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{called} names two prompts {twice}.", hint='Give each line an "id" of its own.')
    return tuple(_with_system(question, system) for question in questions)


def key_of_load(load: LoadRequest) -> str:
    """What of the model every answer hangs on: its header, context, template and adapters.

    Raises TemplateError and AdapterError where one of them cannot be read.
    """
    template = choose(load.model.chat_template, load.template).text
    adapters = [[_sha256(one.path), one.scale] for one in load.adapters]
    return _digest([load.model.header.sha256, load.params.n_ctx, template, adapters])


def key_of(request: Request, of_load: str) -> str:
    """What an answer hangs on: ``key_of_load``, the messages and how they are asked."""
    asked = asdict(replace(request, n_threads=1))  # how many threads there are never changes an answer
    return _digest([of_load, asked, type(request.constraint).__name__])


def _digest(about: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    """Of an adapter's bytes: those of one training look alike but for their weights."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AdapterError(
            f"The adapter {path} cannot be read: {error.strerror}.", hint="Check the path and the spelling."
        ) from error


# Of an answer's record, as ``compare`` prints it: on what footing the model was asked.
_FOOTING = (
    "path", "quantisation", "sha256", "rendered_prompt", "temperature", "top_k", "top_p", "min_p",
    "repetition_penalty", "repeat_last_n", "context", "threads", "engine", "engine_version", "footing",
)  # fmt: skip


def line_of(question: Question, key: str | None, answer: Answer, completion: Completion) -> Mapping[str, Any]:
    """One line of the answers' file; without a ``key`` it will be asked again, and nothing tells how it was asked."""
    record = answer.as_json() if key is not None else {}
    timings, prompt, failed = completion.timings, completion.prompt, completion.stop_reason is StopReason.ERROR
    return {
        "id": question.name,
        "key": key,
        "model": answer.model,
        "answer": None if failed else completion.text,
        "thinking": completion.thinking or None,
        "tool_calls": [asdict(call) for call in completion.tool_calls],
        "stop_reason": completion.stop_reason.value,
        "error": None if completion.failure is None else asdict(completion.failure),
        "together": None if completion.together is None else str(completion.together),
        "notes": list(prompt.notes),
        "template_source": None if failed else prompt.template_source,
        "system": None if failed else prompt.system,
        "date": prompt.date,
        "dropped": None if prompt.dropped is None else asdict(prompt.dropped),
        "choices": [asdict(choice) for choice in completion.choices],
        "seed": None if failed else completion.seed,
        "prompt_tokens": prompt.token_count,
        "completion_tokens": timings.completion_tokens,
        "ttft_ms": timings.ttft_ms,
        "decode_tokens_per_s": timings.decode_tokens_per_s,
        **{name: record.get(name) for name in _FOOTING},
    }


def is_done(completion: Completion) -> bool:
    """Whether it need not be asked again."""
    return completion.stop_reason not in {StopReason.CANCELLED, StopReason.ERROR}


class AnswersFile:
    """JSON lines, appended as answers end; what was torn off by a crash is left out and asked again."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when it cannot be written, or holds something else."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8") if path.is_file() else ""  # a pipe or a device has no end
            # Without a buffer: what a full disk refused must not be tried again when the file is closed.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise UsageError(f"The answers cannot be written to {path}: {error.strerror}.", hint=_ELSEWHERE) from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is no file of answers.", hint=_ELSEWHERE) from error
        keys = _keys(text.split("\n"))
        self.keys = frozenset(key for key in keys if key is not None)
        if text.strip() and not keys:
            self._file.close()
            raise UsageError(f"{path} is no file of answers.", hint=_ELSEWHERE)
        self._torn = bool(text) and not text.endswith("\n")

    def append(self, line: Mapping[str, Any]) -> None:
        """Raises AnswersError when the disk is full or gone; what was written before stays."""
        text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
        left = ("\n" * self._torn + text).encode()
        try:
            while left:
                left = left[self._file.write(left) :]
                self._torn = bool(left)
        except OSError as error:
            raise AnswersError(
                f"The answers cannot be written to {self._path}: {error.strerror}.",
                hint="Make room there; the same command goes on where it stopped.",
            ) from error

    def close(self) -> None:
        self._file.close()


def _keys(lines: Sequence[str]) -> list[str | None]:
    """Of each line that is an answer; None for one that failed."""
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if isinstance(value, dict) and "key" in value:
            found.append(value["key"])
    return found


def _plain(line: str, name: str) -> Question:
    return Question(name, (Message("user", line),))


def _from_json(line: str, where: str, name: str) -> Question:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: this is not JSON.", hint=_SHAPE) from error
    if not isinstance(value, dict) or ("prompt" in value) == ("messages" in value):
        raise UsageError(f'{where}: an object with either "prompt" or "messages" is expected.', hint=_SHAPE)
    name = str(value.get("id", name))
    if "prompt" in value:
        if not isinstance(value["prompt"], str) or not value["prompt"]:
            raise UsageError(f'{where}: "prompt" must be a text.', hint=_SHAPE)
        return _with_tools(_plain(value["prompt"], name), value, where)
    messages = value["messages"]
    if not isinstance(messages, list) or not messages:
        raise UsageError(f'{where}: "messages" must be a list.', hint=_SHAPE)
    return _with_tools(Question(name, tuple(_message(one, where) for one in messages)), value, where)


def _with_tools(question: Question, value: Mapping[str, Any], where: str) -> Question:
    choice = value.get("tool_choice", "auto")
    if choice not in get_args(ToolChoice):
        raise UsageError(f'{where}: "tool_choice" is "auto" or "required".', hint=_SHAPE)
    if "tools" not in value:
        if choice == "required":
            raise UsageError(f"{where}: a call is required, but there is no tool to call.", hint=_SHAPE)
        return question
    return replace(
        question, tools=read_tools(value["tools"], f"{where}: its list of tools", choice), tool_choice=choice
    )


def _message(value: object, where: str) -> Message:
    role = value.get("role") if isinstance(value, dict) else None
    content = value.get("content") if isinstance(value, dict) else None
    if role not in _ROLES or not isinstance(content, str):
        raise UsageError(f"{where}: a message needs a role ({', '.join(_ROLES)}) and a content.", hint=_SHAPE)
    return Message(role, content)


def _with_system(question: Question, system: str) -> Question:
    if not system or any(message.role == "system" for message in question.messages):
        return question
    return replace(question, messages=(Message("system", system), *question.messages))
