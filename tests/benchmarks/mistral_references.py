"""Writes tests/fixtures/mistral_common.json: prompts and tokens as Mistral's own library has them.

    pip install "mistral-common[sentencepiece]==1.13.1"
    python -m tests.benchmarks.mistral_references

The library ships the tokenizers of v3 and v3-tekken; v7-tekken is its own writer for that version on the vocabulary
of v3-tekken, for the vocabularies of later models are no part of it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.template_references import MISTRAL_COMMON, MISTRAL_CONVERSATIONS
from workbench.engine.base import Message


def main() -> None:
    tokenizer = importlib.import_module("mistral_common.tokens.tokenizers.mistral").MistralTokenizer
    data = Path(str(importlib.import_module("mistral_common").__file__)).parent / "data"
    tokenizers = {"v3": tokenizer.v3(), "v3-tekken": tokenizer.v3(is_tekken=True)}
    with tempfile.TemporaryDirectory() as folder:
        tekken = json.loads((data / "tekken_240911.json").read_text(encoding="utf-8"))
        tekken["config"]["version"] = "v7"
        path = Path(folder) / "tekken.json"
        path.write_text(json.dumps(tekken), encoding="utf-8")
        tokenizers["v7-tekken"] = tokenizer.from_file(str(path))
        found = {
            name: {title: written(made, messages) for title, messages in MISTRAL_CONVERSATIONS.items()}
            for name, made in tokenizers.items()
        }
    whole = {"mistral-common": importlib.metadata.version("mistral-common"), "prompts": found}
    MISTRAL_COMMON.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def written(tokenizer: Any, messages: tuple[Message, ...]) -> dict[str, object]:
    kinds = importlib.import_module("mistral_common.protocol.instruct.messages")
    asked = importlib.import_module("mistral_common.protocol.instruct.request").ChatCompletionRequest
    made = {"system": kinds.SystemMessage, "user": kinds.UserMessage, "assistant": kinds.AssistantMessage}
    request = asked(messages=[made[message.role](content=message.content) for message in messages])
    encoded = tokenizer.encode_chat_completion(request)
    # SentencePiece shows blanks and line ends by signs of its own.
    text = encoded.text.replace("\u2581", " ").replace("<0x0A>", "\n")
    return {"text": text, "tokens": encoded.tokens}


if __name__ == "__main__":
    main()
