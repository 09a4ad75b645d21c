"""A file of prompts to answer, and the file of their answers: what is in it need not be asked again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.engine.base import Completion, Message, Request, StopReason
from workbench.errors import UsageError

_ROLES = ("system", "user", "assistant")
_SHAPE = 'Each line is an object with "prompt" (a text) or "messages" (a list of roles and contents), maybe an "id".'


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt of a file; ``name`` is its "id", or the number of its line."""

    name: str
    messages: tuple[Message, ...]


def read_questions(path: Path, system: str) -> tuple[Question, ...]:
    """A ``.jsonl`` file has an object on each line, any other file a prompt; empty lines are left out.

    ``system`` goes before every prompt that has no system message of its own.  Raises UsageError.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"The file of prompts {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The file of prompts {path} is not UTF-8 text.", hint="Save it as UTF-8.") from error
    is_json = path.suffix.lower() in {".jsonl", ".ndjson"}
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    questions = [
        _from_json(line, f"{path.name}, line {number}", str(number)) if is_json else _plain(line, str(number))
        for number, line in numbered
    ]
    if not questions:
        raise UsageError(f"{path.name} holds no prompt.", hint="Write one prompt on each line.")
    names = [question.name for question in questions]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{path.name} names two prompts {twice}.", hint='Give each line an "id" of its own.')
    return tuple(_with_system(question, system) for question in questions)


def key_of(question: Question, request: Request, model: str) -> str:
    """What an answer hangs on: the model's header, the messages and how they are asked."""
    about = {
        "model": model,
        "messages": [[message.role, message.content] for message in question.messages],
        "sampling": asdict(request.sampling),
        "max_tokens": request.max_tokens,
        "stop": request.stop,
        "mode": request.mode,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def line_of(question: Question, key: str | None, model: str, completion: Completion) -> Mapping[str, Any]:
    """One line of the answers' file; without a ``key`` it will be asked again."""
    timings, failed = completion.timings, completion.stop_reason is StopReason.ERROR
    return {
        "id": question.name,
        "key": key,
        "model": model,
        "answer": None if failed else completion.text,
        "thinking": completion.thinking or None,
        "stop_reason": completion.stop_reason.value,
        "notes": list(completion.prompt.notes),
        "seed": completion.seed,
        "prompt_tokens": completion.prompt.token_count,
        "completion_tokens": timings.completion_tokens,
        "ttft_ms": timings.ttft_ms,
        "decode_tokens_per_s": timings.decode_tokens_per_s,
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
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            self._file = path.open("a", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The answers cannot be written to {path}: {error}.") from error
        if text and not text.endswith("\n"):
            self._file.write("\n")
        keys = _keys(text.splitlines())
        self.keys = frozenset(key for key in keys if key is not None)
        if text.strip() and not keys:
            self._file.close()
            raise UsageError(f"{path} is no file of answers.", hint="Give a new file, or one of an earlier run.")

    def append(self, line: Mapping[str, Any]) -> None:
        """Raises UsageError when the disk is full or gone."""
        try:
            self._file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(f"The answers cannot be written to {self._path}: {error}.") from error

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
        return _plain(value["prompt"], name)
    messages = value["messages"]
    if not isinstance(messages, list) or not messages:
        raise UsageError(f'{where}: "messages" must be a list.', hint=_SHAPE)
    return Question(name, tuple(_message(one, where) for one in messages))


def _message(value: object, where: str) -> Message:
    role = value.get("role") if isinstance(value, dict) else None
    content = value.get("content") if isinstance(value, dict) else None
    if role not in _ROLES or not isinstance(content, str):
        raise UsageError(f"{where}: a message needs a role ({', '.join(_ROLES)}) and a content.", hint=_SHAPE)
    return Message(role, content)


def _with_system(question: Question, system: str) -> Question:
    if not system or any(message.role == "system" for message in question.messages):
        return question
    return Question(question.name, (Message("system", system), *question.messages))
