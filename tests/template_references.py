"""What others make of a chat template: references that share no code with the program's own writer."""

from __future__ import annotations

import ctypes
import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser

from workbench.engine.base import Message

Reference: TypeAlias = Callable[[str, str, Sequence[Message], str], str | None]

TODAY = datetime.date(2026, 3, 1)
BOS, EOS = "<s>", "</s>"

QUESTION = Message("user", "What is a monad?")
TURNS = (QUESTION, Message("assistant", "A burrito."), Message("user", "Really? Say it in one word."))
SYSTEM = Message("system", "Be brief.")
CONVERSATIONS: dict[str, tuple[Message, ...]] = {
    "question": (QUESTION,),
    "turns": TURNS,
    "system": (SYSTEM, QUESTION),
    "system and turns": (SYSTEM, *TURNS),
}
MISTRAL_CONVERSATIONS = CONVERSATIONS | {
    "scripts": (
        Message("system", "Antworte kurz."),
        Message("user", "Zwei Zeilen\nund ein 🙂?"),
        Message("assistant", "Ja."),
        Message("user", "日本語 <b>x</b> | a"),
    ),
}

FIXTURES = Path(__file__).parent / "fixtures"
MISTRAL_COMMON = FIXTURES / "mistral_common.json"


class Letters:
    """A vocabulary without control tokens: the text alone is compared."""

    bos, eos, adds_bos = 1, 2, False

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        return [1000 + ord(letter) for letter in text]

    def text_of(self, token: int) -> str:
        return {1: BOS, 2: EOS}.get(token, "")

    def is_control(self, token: int) -> bool:
        return False


def usual_form(text: str) -> str:
    """Without BOS, which llama.cpp's writers leave to the tokenizer."""
    return text.removeprefix(BOS).removeprefix("<|begin_of_text|>").removeprefix("<bos>")


def merged(messages: Sequence[Message]) -> list[Message]:
    """A system prompt before the first question, for the formats that have no place for one."""
    system, first, *rest = messages
    return [Message("user", f"{system.content}\n\n{first.content}"), *rest]


class _Generation(jinja2.ext.Extension):
    tags = {"generation"}  # noqa: RUF012 - Jinja reads the attribute as it is

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def by_jinja(name: str, text: str, messages: Sequence[Message], system: str) -> str | None:
    """As Hugging Face documents the set-up of transformers; None where the template refuses."""

    def refuse(message: str) -> str:
        raise jinja2.TemplateError(message)

    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    now = datetime.datetime.combine(TODAY, datetime.time())
    environment.globals |= {"raise_exception": refuse, "strftime_now": now.strftime}
    given = merged(messages) if system in ("merged", "unsupported") else messages
    plain: list[dict[str, Any]] = [{"role": message.role, "content": message.content} for message in given]
    dates = {"date_string": now.strftime("%d %b %Y"), "datetime": now.strftime("%b %d %Y")}
    try:
        return environment.from_string(text).render(
            messages=plain,
            add_generation_prompt=True,
            bos_token=BOS,
            eos_token=EOS,
            tools=None,
            documents=None,
            **dates,
        )
    except (jinja2.TemplateError, TypeError):
        return None


# Which of llama.cpp's writers is of a template's format, by the beginning of the template's name.  Left out are
# formats that it writes otherwise on purpose: Llama 2 and Mistral v3 with blanks that its tokenizer then adds or
# not, and what puts a date or the thinking into every prompt.
LLAMA_CPP = {
    "builtin:chatml": "chatml",
    "builtin:gemma": "gemma",
    "builtin:llama-3": "llama3",
    "builtin:mistral-v3-tekken": "mistral-v3-tekken",
    "builtin:mistral-v7-tekken": "mistral-v7-tekken",
    "builtin:phi-3": "phi3",
    "Bielik": "chatml",
    "HuggingFaceTB-SmolLM2": "chatml",
    "MiMo-VL": "chatml",
    "Mistral-Small-3.2": "mistral-v7-tekken",
    "Qwen-Qwen2.5": "chatml",
    "Qwen-Qwen3-0.6B": "chatml",
    "google-gemma-2": "gemma",
    "ibm-granite-granite-4.0": "granite-4.0",
    "ibm-granite-granite-4.1": "granite-4.1",
    "llama-cpp-rwkv-world": "rwkv-world",
    "microsoft-Phi-3.5": "phi3",
    "mistralai-Ministral-3": "mistral-v7-tekken",
    "mistralai-Mistral-Nemo": "mistral-v3-tekken",
}
# Only with a system prompt: without one these write their own, which llama.cpp does not know.
OWN_SYSTEM = (
    "HuggingFaceTB",
    "MiMo-VL",
    "ibm-granite-granite-4.0",
    "Mistral-Small-3.2",
    "Qwen-Qwen2.5",
    "mistralai-Ministral-3",
)
# A system prompt in the last question, where llama.cpp has it in the first.
SYSTEM_LAST = ("builtin:mistral-v3", "mistralai-Mistral-Nemo")


def by_llama_cpp(name: str, text: str, messages: Sequence[Message], system: str) -> str | None:
    """llama.cpp's C++ writers, which know formats and not templates; None where they do not apply."""
    from workbench.engine import native

    kind = next((kind for beginning, kind in LLAMA_CPP.items() if name.startswith(beginning)), None)
    has_system, several = messages[0].role == "system", len(messages) > 2
    if kind is None or (not has_system and name.startswith(OWN_SYSTEM)):
        return None
    if has_system and several and name.startswith(SYSTEM_LAST):
        return None
    library = native.api()
    given = merged(messages) if system == "merged" else messages
    kept = [(message.role.encode(), message.content.encode()) for message in given]
    chat = (library.llama_chat_message * len(kept))(*(library.llama_chat_message(*pair) for pair in kept))
    buffer = ctypes.create_string_buffer(1 << 16)
    size = library.llama_chat_apply_template(kind.encode(), chat, len(kept), True, buffer, len(buffer))
    return buffer.raw[:size].decode() if size >= 0 else None


# Which of mistral-common's formats a template is of.
MISTRAL = {
    "builtin:mistral-v3": "v3",
    "builtin:mistral-v3-tekken": "v3-tekken",
    "builtin:mistral-v7-tekken": "v7-tekken",
    "Mistral-Small-3.2-24B-Instruct-2506": "v7-tekken",
    "mistralai-Mistral-Nemo-Instruct-2407": "v3-tekken",
    "mistralai-Ministral-3-14B-Reasoning-2512": "v7-tekken",
}


def mistral_common() -> dict[str, dict[str, dict[str, Any]]]:
    """By format and conversation: the text and the tokens, as mistral-common once wrote them."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(MISTRAL_COMMON.read_text(encoding="utf-8"))["prompts"]
    return found


def by_mistral_common(name: str, text: str, messages: Sequence[Message], system: str) -> str | None:
    """Mistral's own library; None where the template is not Mistral's, or writes a system prompt of its own."""
    title = next(title for title, known in CONVERSATIONS.items() if known == messages)
    if name not in MISTRAL or (messages[0].role != "system" and name.startswith(OWN_SYSTEM)):
        return None
    written: str = mistral_common()[MISTRAL[name]][title]["text"]
    return written


def by_documents(name: str, text: str, messages: Sequence[Message], system: str) -> str | None:
    """The publishers' documented formats, written out here; None for a template of another."""
    write = next((write for beginning, write in DOCUMENTED.items() if name.startswith(beginning)), None)
    return None if write is None else write(messages)


def _llama_3(messages: Sequence[Message]) -> str:
    turns = (f"<|start_header_id|>{m.role}<|end_header_id|>\n\n{m.content}<|eot_id|>" for m in messages)
    return f"{BOS}{''.join(turns)}<|start_header_id|>assistant<|end_header_id|>\n\n"


def _llama_3_with_dates(messages: Sequence[Message]) -> str:
    """From 3.1 on: there is a system turn in any case, and it begins with two dates."""
    given = messages[0].content if messages[0].role == "system" else ""
    rest = messages[1:] if messages[0].role == "system" else messages
    dates = "Cutting Knowledge Date: December 2023\nToday Date: 01 Mar 2026\n\n"
    return _llama_3([Message("system", dates + given), *rest])


def _llama_2(messages: Sequence[Message]) -> str:
    has_system = messages[0].role == "system"
    head = f"<<SYS>>\n{messages[0].content}\n<</SYS>>\n\n" if has_system else ""
    text = ""
    for message in messages[has_system:]:
        if message.role == "user":
            text += f"<s>[INST] {head}{message.content} [/INST]"
            head = ""
        else:
            text += f" {message.content} </s>"
    return text


def _gemma(messages: Sequence[Message]) -> str:
    given = merged(messages) if messages[0].role == "system" else messages
    roles = {"user": "user", "assistant": "model"}
    turns = (f"<start_of_turn>{roles[m.role]}\n{m.content}<end_of_turn>\n" for m in given)
    return f"{BOS}{''.join(turns)}<start_of_turn>model\n"


def _gemma_4(messages: Sequence[Message]) -> str:
    """With the empty thought that tells the larger models not to think."""
    roles = {"system": "system", "user": "user", "assistant": "model"}
    turns = (f"<|turn>{roles[m.role]}\n{m.content}<turn|>\n" for m in messages)
    return f"{BOS}{''.join(turns)}<|turn>model\n<|channel>thought\n<channel|>"


def _zephyr(messages: Sequence[Message]) -> str:
    return "".join(f"<|{m.role}|>\n{m.content}</s>\n" for m in messages) + "<|assistant|>\n"


def _alpaca(messages: Sequence[Message]) -> str:
    heads = {"system": "", "user": "### Instruction:\n", "assistant": "### Response:\n"}
    return "".join(f"{heads[m.role]}{m.content}\n\n" for m in messages) + "### Response:\n"


DOCUMENTED: dict[str, Callable[[Sequence[Message]], str]] = {
    "builtin:alpaca": _alpaca,
    "builtin:gemma": _gemma,
    "builtin:llama-2": _llama_2,
    "builtin:llama-3": _llama_3,
    "builtin:zephyr": _zephyr,
    "google-gemma-2": _gemma,
    "google-gemma-4": _gemma_4,
    "meta-llama-Llama-3.": _llama_3_with_dates,
}
