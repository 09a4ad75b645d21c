"""How much of an earlier prompt can be kept, and in which pieces the rest is evaluated.

An answer must not depend on what the context was asked before, bit for bit.  On the CPU a token's keys
and values depend on its place among those evaluated with it: a row alone, the odd rows after the last
full block of a matrix product, and batches below 64 with flash attention (the height of ggml's tile,
GGML_FA_TILE_Q) take other kernels, with other rounding.  So everything happens in blocks of 64 counted
from the prompt's start: only whole blocks are kept, pieces begin at one, and the last piece has at least
64 tokens, as it would have without anything kept.  An answer's own tokens were evaluated one by one and
are not kept.  Measured: bit-identical logits on SmolLM2 (Q4_1) and Gemma 3 (Q4_K_M), not so with 63.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

BLOCK = 64


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    length = min(len(first), len(second))
    for index in range(length):
        if first[index] != second[index]:
            return index
    return length


def reusable(evaluated: Sequence[int], prompt: Sequence[int]) -> int:
    """How many tokens of ``prompt`` need not be evaluated again; ``evaluated`` came from a prefill."""
    return max(0, _whole_blocks(min(common_length(evaluated, prompt), len(prompt) - BLOCK)))


def pieces(start: int, end: int, n_ubatch: int) -> list[range]:
    """The tokens from ``start`` to ``end`` in micro-batches; the last is not short where that can be helped."""
    cuts = [*range(start, end, n_ubatch), end]
    if len(cuts) > 2 and end - cuts[-2] < BLOCK < n_ubatch:
        cuts[-2] = _whole_blocks(end - BLOCK)
    return [range(first, last) for first, last in itertools.pairwise(cuts)]


def _whole_blocks(count: int) -> int:
    return count // BLOCK * BLOCK
