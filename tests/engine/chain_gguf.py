"""A tiny model whose every next token is written down: what follows what, to the letter."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path

from tests.engine.tiny_gguf import ARRAY, FLOAT32, INT32, STRING, WIDTH, Entry, Tiny, Weight, vocabulary

USER_DEFINED = 4
OPEN, CLOSE, END = b"<think>", b"</think>", b"</s>"

PLAIN = b"{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
THINKS = PLAIN + b"{# <think> </think> #}"
OPENED = PLAIN + b"<think>{# </think> #}"

LAST = b"<0x3A>"  # of the plain prompt: its colon

NAN = math.nan


def write_chain(
    path: Path, chain: Mapping[bytes, bytes], *, template: bytes = PLAIN, broken: bytes | None = None
) -> Path:
    """Each key of ``chain`` is followed by its value, whatever came before; ``broken`` makes it compute NaN."""
    tokens, kinds = vocabulary()
    tokens, kinds = [*tokens, OPEN, CLOSE], [*kinds, USER_DEFINED, USER_DEFINED]
    slots = {token: slot for slot, token in enumerate(dict.fromkeys([*chain, *chain.values()]), 1)}
    assert len(slots) < WIDTH
    seen = [[0.0] * WIDTH for _ in tokens]
    wanted = [[0.0] * WIDTH for _ in tokens]
    for row, token in zip(seen, tokens, strict=True):
        row[slots.get(token, 0)] = 1.0
    for before, after in chain.items():
        wanted[tokens.index(after)][slots[before]] = 10.0
    if broken is not None:
        seen[tokens.index(broken)] = [NAN] * WIDTH
    tiny = Tiny()
    for name, weight in tiny.weights.items():
        if len(weight.shape) > 1:
            tiny.weights[name] = Weight(weight.shape, bytes(len(weight.data)))
    tiny.weights["token_embd.weight"] = _matrix(seen)
    tiny.weights["output.weight"] = _matrix(wanted)
    tiny.metadata["tokenizer.ggml.tokens"] = Entry(ARRAY, tokens, STRING)
    tiny.metadata["tokenizer.ggml.token_type"] = Entry(ARRAY, kinds, INT32)
    tiny.metadata["tokenizer.ggml.scores"] = Entry(ARRAY, [-float(rank) for rank in range(len(tokens))], FLOAT32)
    tiny.metadata["tokenizer.chat_template"] = Entry(STRING, template)
    return tiny.write(path)


def _matrix(rows: list[list[float]]) -> Weight:
    flat = [value for row in rows for value in row]
    return Weight((WIDTH, len(rows)), struct.pack(f"<{len(flat)}f", *flat))
