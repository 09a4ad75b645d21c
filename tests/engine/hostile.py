"""Files that are wrong in a known way, each written into a folder of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from tests.engine.tiny_gguf import (
    ARRAY,
    F16,
    FLOAT32,
    I32,
    INT32,
    STRING,
    UINT16,
    UINT32,
    WIDTH,
    Entry,
    Tiny,
    vocabulary,
)

SOUND = "nothing"

Write: TypeAlias = Callable[[Path], Path]
Change: TypeAlias = Callable[[Tiny], object]


def hostile_files() -> dict[str, Write]:
    """By what is wrong with them."""
    found: dict[str, Write] = {SOUND: _changed(lambda _: None)}
    for what, end in _cuts():
        found[f"truncated {what}"] = _cut(end)
    for what, change in CHANGES.items():
        found[what] = _changed(change)
    return found | SPLITS


def _cuts() -> Iterator[tuple[str, int]]:
    start, keys, listed, data = map(len, Tiny().sections())
    yield "to nothing", 0
    yield "in the magic number", 3
    yield "in the counts", start - 4
    yield "after the counts", start
    yield "in the metadata", start + 40
    yield "in the vocabulary", start + keys // 2
    yield "after the metadata", start + keys
    yield "in the tensor list", start + keys + listed // 2
    yield "before the weights", start + keys + listed
    yield "in the weights", start + keys + listed + data // 2
    yield "by its last byte", start + keys + listed + data - 1


def _cut(end: int) -> Write:
    def write(folder: Path) -> Path:
        path = folder / "cut.gguf"
        path.write_bytes(Tiny().raw()[:end])
        return path

    return write


def _changed(change: Change) -> Write:
    def write(folder: Path) -> Path:
        tiny = Tiny()
        change(tiny)
        return tiny.write(folder / "tiny.gguf")

    return write


def _number(key: str, value: int, type_id: int = UINT32) -> Change:
    return lambda tiny: tiny.number(key, value, type_id)


def _entry(key: str, entry: Entry) -> Change:
    return lambda tiny: tiny.metadata.__setitem__(key, entry)


def _without(key: str) -> Change:
    return lambda tiny: tiny.metadata.pop(key)


def _tokens(change: Callable[[list[bytes]], object]) -> Change:
    def apply(tiny: Tiny) -> None:
        tokens, _ = vocabulary()
        change(tokens)
        tiny.metadata["tokenizer.ggml.tokens"] = Entry(ARRAY, tokens, STRING)

    return apply


def _weight(name: str, **wrong: object) -> Change:
    def apply(tiny: Tiny) -> None:
        for what, value in wrong.items():
            setattr(tiny.weights[name], what, value)

    return apply


def _filled(name: str, value: float) -> Change:
    def apply(tiny: Tiny) -> None:
        weight = tiny.weights[name]
        weight.data = struct.pack("<f", value) * (len(weight.data) // 4)

    return apply


def _all_at(offset: int) -> Change:
    def apply(tiny: Tiny) -> None:
        for weight in tiny.weights.values():
            weight.offset = offset

    return apply


CHANGES: dict[str, Change] = {
    # --- counts ---
    "2^63 tensors": lambda tiny: setattr(tiny, "n_tensors", 1 << 63),
    "2^63 keys": lambda tiny: setattr(tiny, "n_keys", 1 << 63),
    "one tensor too many": lambda tiny: setattr(tiny, "n_tensors", len(tiny.weights) + 1),
    "a text of 2^62 bytes": _entry("general.name", Entry(STRING, b"Tiny", count=1 << 62)),
    "an array of 2^60 texts": _entry("tokenizer.ggml.tokens", Entry(ARRAY, [b"a"], STRING, count=1 << 60)),
    "an array of arrays": _entry("general.tags", Entry(ARRAY, [], ARRAY)),
    "version 0": lambda tiny: setattr(tiny, "version", 0),
    "version 99": lambda tiny: setattr(tiny, "version", 99),
    # --- shape ---
    "no architecture": _without("general.architecture"),
    "an empty architecture": _entry("general.architecture", Entry(STRING, b"")),
    "no layers": _number("llama.block_count", 0),
    "more layers than there are": _number("llama.block_count", 9),
    "2^31 layers": _number("llama.block_count", 1 << 31),
    "a context of 0": _number("llama.context_length", 0),
    "a context of 2^32 - 1": _number("llama.context_length", (1 << 32) - 1),
    "a width of 0": _number("llama.embedding_length", 0),
    "a width of 2^31": _number("llama.embedding_length", 1 << 31),
    "no heads": _number("llama.attention.head_count", 0),
    "heads that do not divide the width": _number("llama.attention.head_count", 5),
    "no cache heads": _number("llama.attention.head_count_kv", 0),
    "more cache heads than heads": _number("llama.attention.head_count_kv", 7),
    "an odd rotation": _number("llama.rope.dimension_count", 7),
    "experts without a router": _number("llama.expert_count", 4),
    "a negative epsilon": _entry("llama.attention.layer_norm_rms_epsilon", Entry(FLOAT32, -1.0)),
    "an epsilon that is not a number": _entry("llama.attention.layer_norm_rms_epsilon", Entry(FLOAT32, float("nan"))),
    "a text where a number belongs": _entry("llama.block_count", Entry(STRING, b"one")),
    "an alignment of 0": _number("general.alignment", 0),
    "an alignment of 3": _number("general.alignment", 3),
    # --- vocabulary ---
    "tokens that are not UTF-8": _tokens(lambda tokens: tokens.__setitem__(260, b"\xff\xfe\x80")),
    "a token twice": _tokens(lambda tokens: tokens.__setitem__(262, tokens[263])),
    "a byte token twice": _tokens(lambda tokens: tokens.__setitem__(14, tokens[13])),
    "a byte without a token": _tokens(lambda tokens: tokens.__setitem__(13, b"<0xZZ>")),
    "an empty token": _tokens(lambda tokens: tokens.__setitem__(262, b"")),
    "a token of a megabyte": _tokens(lambda tokens: tokens.__setitem__(262, b"a" * (1 << 20))),
    "no tokens": _entry("tokenizer.ggml.tokens", Entry(ARRAY, [], STRING)),
    "fewer tokens than embeddings": _tokens(lambda tokens: tokens.pop()),
    "no list of tokens": _without("tokenizer.ggml.tokens"),
    "an unknown tokenizer": _entry("tokenizer.ggml.model", Entry(STRING, b"abacus")),
    "fewer scores than tokens": _entry("tokenizer.ggml.scores", Entry(ARRAY, [0.0], FLOAT32)),
    "fewer kinds than tokens": _entry("tokenizer.ggml.token_type", Entry(ARRAY, [1], INT32)),
    "no end of text": _without("tokenizer.ggml.eos_token_id"),
    "an end of text beyond the vocabulary": _number("tokenizer.ggml.eos_token_id", 1 << 20),
    "a beginning beyond the vocabulary": _number("tokenizer.ggml.bos_token_id", (1 << 32) - 2),
    "an unknown token beyond the vocabulary": _number("tokenizer.ggml.unknown_token_id", 1 << 20),
    "a template that is not UTF-8": _entry("tokenizer.chat_template", Entry(STRING, b"{{ messages }}\xff\xfe")),
    "a template that raises": _entry("tokenizer.chat_template", Entry(STRING, b"{{ 1 // 0 }}")),
    "a template that is no template": _entry("tokenizer.chat_template", Entry(STRING, b"{% for %}")),
    "a template that asks for Python": _entry(
        "tokenizer.chat_template", Entry(STRING, b"{{ ''.__class__.__mro__[1].__subclasses__() }}")
    ),
    # --- tensors ---
    "tensors on top of each other": _all_at(0),
    "tensors that overlap by half": _weight("output_norm.weight", offset=64),
    "a tensor beyond the end": _weight("blk.0.ffn_up.weight", offset=1 << 40),
    "a tensor at 2^64 - 32": _weight("blk.0.ffn_up.weight", offset=(1 << 64) - 32),
    "a tensor between the lines": _weight("blk.0.ffn_up.weight", offset=7),
    "a matrix with one dimension": _weight("blk.0.attn_q.weight", shape=(WIDTH * WIDTH,)),
    "a tensor without dimensions": _weight("blk.0.attn_q.weight", shape=()),
    "a tensor of width 0": _weight("blk.0.attn_q.weight", shape=(0, WIDTH)),
    "a tensor of 2^62 values": _weight("blk.0.attn_q.weight", shape=(1 << 31, 1 << 31)),
    "whole numbers for weights": _weight("token_embd.weight", type_id=I32),
    "half numbers in a norm": _weight("blk.0.attn_norm.weight", type_id=F16),
    "an unknown type": _weight("blk.0.attn_q.weight", type_id=99),
    "a removed type": _weight("blk.0.attn_q.weight", type_id=4),
    "a tensor missing": lambda tiny: tiny.weights.pop("blk.0.ffn_down.weight"),
    "a tensor nobody asked for": lambda tiny: tiny.weights.__setitem__("extra", tiny.weights["output_norm.weight"]),
    "a name of 200 letters": lambda tiny: tiny.weights.__setitem__("x" * 200, tiny.weights["output_norm.weight"]),
    "no tensors": lambda tiny: tiny.weights.clear(),
    # --- values ---
    "weights that are not numbers": _filled("output_norm.weight", float("nan")),
    "infinite weights": _filled("token_embd.weight", float("inf")),
    "weights that overflow": _filled("blk.0.ffn_down.weight", 3e38),
    "weights that are all zero": _filled("token_embd.weight", 0.0),
}


def _split(count: int, second: Callable[[Path], bytes | None], *, number: int = 0) -> Write:
    """A first part of ``count`` by its own word, with what ``second`` gives beside it."""

    def write(folder: Path) -> Path:
        tiny = Tiny()
        tiny.metadata["split.count"] = Entry(UINT16, count)
        tiny.metadata["split.no"] = Entry(UINT16, number)
        tiny.number("split.tensors.count", len(tiny.weights), INT32)
        first = tiny.write(folder / "tiny-00001-of-00002.gguf")
        content = second(first)
        if content is not None:
            (folder / "tiny-00002-of-00002.gguf").write_bytes(content)
        return first

    return write


SPLITS: dict[str, Write] = {
    "a second part that is missing": _split(2, lambda _: None),
    "a second part that is empty": _split(2, lambda _: b""),
    "a second part that is the first again": _split(2, Path.read_bytes),
    "a second part that is another model": _split(2, lambda _: Tiny().raw()),
    "a split into 65,535 parts": _split(65_535, lambda _: None),
    "a split into no parts": _split(0, lambda _: None),
    "a part beyond the number of parts": _split(2, lambda _: Tiny().raw(), number=9),
}
