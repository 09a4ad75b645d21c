"""A tiny model that llama.cpp really loads, written byte by byte so that every byte of it can be wrong."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

UINT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 2, 4, 5, 6, 7, 8, 9
F32, F16, I32 = 0, 1, 26

WIDTH, FEED_FORWARD, HEADS, LAYERS = 32, 64, 2, 1
ALIGNMENT = 32

_NUMBERS = {UINT16: "H", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?"}

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


@dataclass
class Entry:
    """``value`` is bytes for a text; of an array a list, with its elements' type in ``of``."""

    type_id: int
    value: object
    of: int = 0
    count: int | None = None  # what the file says, if not the truth


@dataclass
class Weight:
    shape: tuple[int, ...]
    data: bytes
    type_id: int = F32
    offset: int | None = None  # what the file says, if not the truth


def vocabulary() -> tuple[list[bytes], list[int]]:
    """Every byte, the usual three control tokens and some pieces of words."""
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256]
    pieces = ["▁", *(chr(letter) for letter in range(97, 123)), "▁the", "▁a", "er", "in"]
    return [*tokens, *(piece.encode() for piece in pieces)], [*kinds, *[NORMAL] * len(pieces)]


def byte_pairs(pre: str) -> dict[str, Entry]:
    """Metadata of a byte-pair vocabulary: the 256 letters that stand for bytes, and one merge."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + rank) for rank in range(256 - len(printable))]
    tokens = [b"<s>", b"</s>", *(letter.encode() for letter in letters), b"aa"]
    return {
        "tokenizer.ggml.model": Entry(STRING, b"gpt2"),
        "tokenizer.ggml.pre": Entry(STRING, pre.encode()),
        "tokenizer.ggml.tokens": Entry(ARRAY, tokens, STRING),
        "tokenizer.ggml.token_type": Entry(ARRAY, [CONTROL, CONTROL, *[NORMAL] * (len(tokens) - 2)], INT32),
        "tokenizer.ggml.merges": Entry(ARRAY, [b"a a"], STRING),
        "tokenizer.ggml.bos_token_id": Entry(UINT32, 0),
        "tokenizer.ggml.eos_token_id": Entry(UINT32, 1),
    }


def _metadata() -> dict[str, Entry]:
    tokens, kinds = vocabulary()
    numbers = {
        "block_count": LAYERS,
        "context_length": 512,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.head_count_kv": HEADS,
        "rope.dimension_count": WIDTH // HEADS,
    }
    return {
        "general.architecture": Entry(STRING, b"llama"),
        "general.name": Entry(STRING, b"Tiny"),
        **{f"llama.{key}": Entry(UINT32, number) for key, number in numbers.items()},
        "llama.attention.layer_norm_rms_epsilon": Entry(FLOAT32, 1e-5),
        "tokenizer.ggml.model": Entry(STRING, b"llama"),
        "tokenizer.ggml.pre": Entry(STRING, b"default"),
        "tokenizer.ggml.tokens": Entry(ARRAY, tokens, STRING),
        "tokenizer.ggml.scores": Entry(ARRAY, [-float(rank) for rank in range(len(tokens))], FLOAT32),
        "tokenizer.ggml.token_type": Entry(ARRAY, kinds, INT32),
        "tokenizer.ggml.bos_token_id": Entry(UINT32, 1),
        "tokenizer.ggml.eos_token_id": Entry(UINT32, 2),
        "tokenizer.ggml.unknown_token_id": Entry(UINT32, 0),
        "tokenizer.ggml.add_bos_token": Entry(BOOL, True),
        "tokenizer.chat_template": Entry(
            STRING, b"{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
        ),
    }


def _weights() -> dict[str, Weight]:
    shapes = {
        "token_embd.weight": (WIDTH, len(vocabulary()[0])),
        "output_norm.weight": (WIDTH,),
        "blk.0.attn_norm.weight": (WIDTH,),
        "blk.0.ffn_norm.weight": (WIDTH,),
        **{f"blk.0.attn_{name}.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": (WIDTH, FEED_FORWARD),
        "blk.0.ffn_up.weight": (WIDTH, FEED_FORWARD),
        "blk.0.ffn_down.weight": (FEED_FORWARD, WIDTH),
    }
    draw = random.Random(1)
    found = {}
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [draw.gauss(0, 0.2) for _ in range(count)] if len(shape) > 1 else [1.0] * count
        found[name] = Weight(shape, struct.pack(f"<{count}f", *values))
    return found


@dataclass
class Tiny:
    """Change what should be wrong, then ``write`` it; ``sections`` are where its parts begin."""

    metadata: dict[str, Entry] = field(default_factory=_metadata)
    weights: dict[str, Weight] = field(default_factory=_weights)
    version: int = 3
    n_tensors: int | None = None  # what the file says, if not the truth
    n_keys: int | None = None

    def number(self, key: str, value: int, type_id: int = UINT32) -> None:
        self.metadata[key] = Entry(type_id, value)

    def raw(self) -> bytes:
        return b"".join(self.sections())

    def sections(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Start, metadata, tensor list with its padding, weights."""
        n_tensors = len(self.weights) if self.n_tensors is None else self.n_tensors
        n_keys = len(self.metadata) if self.n_keys is None else self.n_keys
        start = b"GGUF" + struct.pack("<IQQ", self.version, n_tensors, n_keys)
        keys = b"".join(_entry(key, entry) for key, entry in self.metadata.items())
        listed, data = b"", b""
        for name, weight in self.weights.items():
            offset = len(data) if weight.offset is None else weight.offset
            dimensions = struct.pack(f"<I{len(weight.shape)}Q", len(weight.shape), *weight.shape)
            listed += _text(name.encode()) + dimensions + struct.pack("<IQ", weight.type_id, offset)
            data += _padded(weight.data)
        padding = -(len(start) + len(keys) + len(listed)) % ALIGNMENT
        return start, keys, listed + bytes(padding), data

    def write(self, path: Path) -> Path:
        path.write_bytes(self.raw())
        return path


def flipped(raw: bytes, seed: int, *, within: int) -> bytes:
    """One to four bytes before ``within`` changed, at random but the same for each seed."""
    draw = random.Random(seed)
    damaged = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        damaged[draw.randrange(4, within)] ^= draw.randint(1, 255)
    return bytes(damaged)


def _entry(key: str, entry: Entry) -> bytes:
    return _text(key.encode()) + struct.pack("<I", entry.type_id) + _value(entry)


def _value(entry: Entry) -> bytes:
    if entry.type_id == STRING:
        assert isinstance(entry.value, bytes)
        return _text(entry.value, entry.count)
    if entry.type_id == ARRAY:
        assert isinstance(entry.value, list)
        count = len(entry.value) if entry.count is None else entry.count
        return struct.pack("<IQ", entry.of, count) + _elements(entry.value, entry.of)
    return struct.pack("<" + _NUMBERS[entry.type_id], entry.value)


def _elements(values: Sequence[object], of: int) -> bytes:
    if of == STRING:
        return b"".join(_text(value) for value in values if isinstance(value, bytes))
    return struct.pack(f"<{len(values)}{_NUMBERS[of]}", *values) if values else b""


def _text(raw: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
