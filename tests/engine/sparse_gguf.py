"""GGUF files that are all header: the weights are a hole in the file, so a 24B model takes a few megabytes."""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from workbench.models.ggml_types import BY_NAME, TENSOR_TYPES

Number: TypeAlias = bool | int | float
Setting: TypeAlias = Number | str | Sequence[Number]
Weights: TypeAlias = tuple[str, tuple[int, ...], str]
"""Name, extents (the row length first) and type name of one tensor."""

_ALIGNMENT = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY, _UINT16 = 4, 5, 6, 7, 8, 9, 2
_NUMBERS = {_UINT16: "H", _UINT32: "I", _INT32: "i", _FLOAT32: "f", _BOOL: "?"}
_BYTE_TOKENS = 256
_TYPE_IDS = {kind.name.lower(): number for number, kind in TENSOR_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a model file says of itself; ``settings`` are keys below the architecture's name."""

    architecture: str
    n_vocab: int
    settings: Mapping[str, Setting]
    weights: tuple[Weights, ...]


def attention_settings(
    heads: int, heads_kv: int | Sequence[int], k_length: int, v_length: int, rope: int
) -> dict[str, Setting]:
    return {
        "attention.head_count": heads,
        "attention.head_count_kv": heads_kv,
        "attention.key_length": k_length,
        "attention.value_length": v_length,
        "rope.dimension_count": rope,
    }


def write_sparse(sketch: Sketch, path: Path, *, parts: int = 1) -> Path:
    """Write the file, or its ``parts`` under llama.cpp's names for them; returns the (first) file's path.

    A file appears whole or not at all, so that it can be kept between runs.
    """
    if parts == 1:
        _write(path, _keys(sketch), _tokenizer(sketch.n_vocab), sketch.weights)
        return path
    each = -(-len(sketch.weights) // (parts - 1))
    names = [path.with_name(f"{path.stem}-{part + 1:05}-of-{parts:05}.gguf") for part in range(parts)]
    for part, name in reversed(list(enumerate(names))):
        split = [
            _entry("split.no", _UINT16, part),
            _entry("split.count", _UINT16, parts),
            _entry("split.tensors.count", _INT32, len(sketch.weights)),
        ]
        if part:
            own = sketch.weights[(part - 1) * each : part * each]
            _write(name, [_entry("general.architecture", _STRING, sketch.architecture), *split], (), own)
        else:
            _write(name, [*_keys(sketch), *split], _tokenizer(sketch.n_vocab), ())
    return names[0]


def _write(path: Path, keys: Sequence[bytes], tokenizer: Sequence[bytes], weights: Sequence[Weights]) -> None:
    offset, entries = 0, []
    for name, extents, kind_name in weights:
        kind = BY_NAME[kind_name]
        entries.append(
            _text(name)
            + struct.pack(f"<I{len(extents)}Q", len(extents), *extents)
            + struct.pack("<IQ", _TYPE_IDS[kind_name], offset)
        )
        elements = functools.reduce(lambda product, extent: product * extent, extents)
        offset += -(-kind.row_bytes(elements) // _ALIGNMENT) * _ALIGNMENT
    start = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(keys) + len(tokenizer))
    header = b"".join((start, *keys, *tokenizer, *entries))
    header += bytes(-len(header) % _ALIGNMENT)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + offset)
    unfinished.replace(path)


def _keys(sketch: Sketch) -> list[bytes]:
    keys = [_entry("general.architecture", _STRING, sketch.architecture), _entry("general.file_type", _UINT32, 15)]
    for name, value in sketch.settings.items():
        keys.append(_entry(f"{sketch.architecture}.{name}", _type_of(value), value))
    return keys


def _type_of(value: Setting) -> int:
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return _UINT32
    if isinstance(value, float):
        return _FLOAT32
    return _STRING if isinstance(value, str) else _ARRAY


def _entry(key: str, type_id: int, value: Setting) -> bytes:
    start = _text(key) + struct.pack("<I", type_id)
    if isinstance(value, str):
        return start + _text(value)
    if isinstance(value, int | float):
        return start + struct.pack("<" + _NUMBERS[type_id], value)
    kind = _BOOL if isinstance(value[0], bool) else _FLOAT32 if isinstance(value[0], float) else _INT32
    return start + struct.pack("<IQ", kind, len(value)) + struct.pack(f"<{len(value)}{_NUMBERS[kind]}", *value)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


@functools.lru_cache(maxsize=8)
def _tokenizer(n_vocab: int) -> tuple[bytes, ...]:
    """A vocabulary of distinct made-up words that llama.cpp accepts as SentencePiece's."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(_BYTE_TOKENS))]
    kinds = [2, 3, 3, *[6] * _BYTE_TOKENS]
    words += [f"w{number}" for number in range(n_vocab - len(words))]
    kinds += [1] * (n_vocab - len(kinds))
    tokens = struct.pack("<IQ", _STRING, n_vocab) + b"".join(map(_text, words))
    return (
        _entry("tokenizer.ggml.model", _STRING, "llama"),
        _text("tokenizer.ggml.tokens") + struct.pack("<I", _ARRAY) + tokens,
        _entry("tokenizer.ggml.scores", _ARRAY, [0.0] * n_vocab),
        _entry("tokenizer.ggml.token_type", _ARRAY, kinds),
        _entry("tokenizer.ggml.bos_token_id", _UINT32, 1),
        _entry("tokenizer.ggml.eos_token_id", _UINT32, 2),
    )
