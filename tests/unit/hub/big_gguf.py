"""GGUF files with a vocabulary of a real model's size and weights that are holes, written in milliseconds."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

ALIGNMENT = 32
F32, Q8_0 = 0, 8
MANY_TOKENS = 262_144

_UINT32, _STRING, _ARRAY = 4, 8, 9


def write(
    path: Path,
    *,
    name: str = "Big 1B",
    file_type: int = 7,
    tokens: int = MANY_TOKENS,
    vocabulary: str = "token",
    layers: int = 4,
    text: Mapping[str, str] | None = None,
    part: tuple[int, int] | None = None,
    kinds: Mapping[int, int] | None = None,
    eos: int = 3,
    template: str = "",
) -> Path:
    """A llama of ``layers`` layers; ``part`` (number from 0, count) writes one part, with its share of layers.

    With ``kinds`` there is a list of the tokens' kinds, 1 but for those given by number; with ``template`` a chat
    template comes last, behind the number of the token that ends a text.
    """
    number, count = part or (0, 1)
    tensors = [f"blk.{layer}.{kind}.weight" for layer in range(layers) for kind in ("attn_q", "ffn_up", "ffn_down")]
    tensors = ["token_embd.weight", *tensors]
    mine = tensors[number::count]
    entries = []
    if number == 0:
        entries += [_text("general.architecture", "llama"), _text("general.name", name)]
        entries += [_text(key, value) for key, value in (text or {}).items()]
        numbers = {"llama.block_count": layers, "llama.context_length": 8192, "llama.embedding_length": 1024}
        entries += [_number(key, value) for key, value in numbers.items()]
        entries += [_text("tokenizer.ggml.model", "gpt2"), _texts("tokenizer.ggml.tokens", vocabulary, tokens)]
        if kinds is not None:
            entries += [_numbers("tokenizer.ggml.token_type", [kinds.get(token, 1) for token in range(tokens)])]
        entries += [_number("tokenizer.ggml.bos_token_id", 2)]
        if template:
            entries += [_number("tokenizer.ggml.eos_token_id", eos), _text("tokenizer.chat_template", template)]
        entries += [_number("general.file_type", file_type)]
    if part is not None:
        split = {"split.no": number, "split.count": count, "split.tensors.count": len(tensors)}
        entries += [_number(key, value) for key, value in split.items()]
    kind, row_bytes = (Q8_0, 1024 // 32 * 34) if file_type == 7 else (F32, 4096)
    infos, offset = [], 0
    for tensor in mine:
        infos.append(_string(tensor) + struct.pack("<IQQIQ", 2, 1024, 1024, kind, offset))
        offset += row_bytes * 1024
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(mine), len(entries)) + b"".join(entries) + b"".join(infos)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(-(-len(head) // ALIGNMENT) * ALIGNMENT + offset)
    return path


def write_parts(folder: Path, stem: str, count: int, **options: int) -> dict[str, Path]:
    """All parts of a split model by their names."""
    names = [f"{stem}-{number + 1:05}-of-{count:05}.gguf" for number in range(count)]
    return {name: write(folder / name, part=(number, count), **options) for number, name in enumerate(names)}  # type: ignore[arg-type]  # numbers only


def _string(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _text(key: str, value: str) -> bytes:
    return _string(key) + struct.pack("<I", _STRING) + _string(value)


def _number(key: str, value: int) -> bytes:
    return _string(key) + struct.pack("<II", _UINT32, value)


def _numbers(key: str, values: Sequence[int]) -> bytes:
    head = struct.pack("<IIQ", _ARRAY, _UINT32, len(values))
    return _string(key) + head + struct.pack(f"<{len(values)}I", *values)


@functools.lru_cache
def _texts(key: str, stem: str, count: int) -> bytes:
    values = b"".join(_string(f"{stem}{index:012}") for index in range(count))
    return _string(key) + struct.pack("<IIQ", _ARRAY, _STRING, count) + values
