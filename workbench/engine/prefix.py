"""How much of an earlier prompt can be kept, and in which pieces the rest is evaluated.

An answer must not depend on what the context was asked before, bit for bit.  On the CPU a token's keys
and values depend on its place among those evaluated with it: a row alone, the odd rows after the last
full block of a matrix product, and batches below 64 with flash attention (the height of ggml's tile,
GGML_FA_TILE_Q) take other kernels, with other rounding.  So in audit everything happens in blocks of 64
counted from the prompt's start: only whole blocks are kept, pieces begin at one, and the last piece has at
least 64 tokens, as it would have without anything kept.  An answer's own tokens were evaluated one by one
and are not kept.  Measured: bit-identical logits on SmolLM2 (Q4_1) and Gemma 3 (Q4_K_M), not so with 63.

For throughput all that is common is kept, an answer's tokens too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from workbench.engine.base import Mode

BLOCK = 64
AT_LEAST = 2  # tokens evaluated anew in any mode: one alone takes another kernel than a prompt


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    length = min(len(first), len(second))
    for index in range(length):
        if first[index] != second[index]:
            return index
    return length


def reusable(common: int, exact: int, total: int, mode: Mode) -> int:
    """How many of a prompt's ``total`` tokens need not be evaluated again.

    ``common`` of them were evaluated before, and the first ``exact`` of those in whole pieces.
    """
    if mode is Mode.THROUGHPUT:
        return max(0, min(common, total - AT_LEAST))
    return max(0, _whole_blocks(min(common, exact, total - BLOCK)))


def boundary(total: int) -> int:
    """The most that another prompt could keep of one with ``total`` tokens, whatever follows it."""
    return max(0, _whole_blocks(total - BLOCK))


def is_exact(start: int, exact: int) -> bool:
    """Whether a piece from ``start`` on comes out as in a cold run, when the first ``exact`` tokens did."""
    return start <= exact and start % BLOCK == 0


def pieces(start: int, end: int, n_ubatch: int, cut: int = 0) -> list[range]:
    """The tokens from ``start`` to ``end`` in micro-batches; the last is not short where that can be helped.

    One of them ends at ``cut``, when that is between the two.
    """
    if start < cut < end:
        return pieces(start, cut, n_ubatch) + pieces(cut, end, n_ubatch)
    step = _whole_blocks(n_ubatch) or n_ubatch
    cuts = [*range(start, end, step), end]
    if len(cuts) > 2 and end - cuts[-2] < BLOCK and step >= 2 * BLOCK:
        cuts[-2] = _whole_blocks(end - BLOCK)
    return [range(first, last) for first, last in itertools.pairwise(cuts)]


def _whole_blocks(count: int) -> int:
    return count // BLOCK * BLOCK
