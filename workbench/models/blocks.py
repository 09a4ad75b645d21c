"""What one layer computes, as far as it decides how much memory computing takes: read from the tensor list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.models.header import Header

_LAYER_NAME = re.compile(r"blk\.(\d{1,4})\.(.+)")
# What a file without a tensor list is taken to have.
_USUAL = frozenset({"attn_norm.weight", "ffn_norm.weight", "ffn_gate.weight"})


@dataclass(frozen=True, slots=True)
class Block:
    """Sizes in elements for each token; ``traits`` are the names of the layer's tensors.

    ``q``, ``k`` and ``v`` are what attention is given, ``out`` what it gives for ``heads`` heads; ``own_cache`` is
    False where another layer's is used.  Experts: ``n_used`` of ``n_expert`` with ``n_ff_expert`` each, and
    ``n_ff_shared`` for those that every token passes.  ``recurrent`` layers keep a state.  ``ranks`` are the inner
    widths of low-rank matrices, by the names of the first.
    """

    q: int
    k: int
    v: int
    out: int
    heads: int
    n_ff: int
    windowed: bool = False
    own_cache: bool = True
    attends: bool = True
    recurrent: bool = False
    n_expert: int = 0
    n_used: int = 0
    n_ff_expert: int = 0
    n_ff_shared: int = 0
    traits: frozenset[str] = _USUAL
    ranks: tuple[tuple[str, int], ...] = ()

    def has(self, *names: str) -> bool:
        """Whether the layer has a weight of any of these names."""
        return any(f"{name}.weight" in self.traits for name in names)

    def rank(self, name: str) -> int:
        return next((width for own, width in self.ranks if own == name), 0)

    @property
    def feeds_forward(self) -> bool:
        return self.n_ff > 0 or self.n_used > 0

    def biased(self, name: str) -> bool:
        return f"{name}.bias" in self.traits


def traits_of(header: Header, n_layer: int) -> list[frozenset[str]]:
    """The tensor names of each layer, without the layer's number."""
    names: list[set[str]] = [set() for _ in range(n_layer)]
    for tensor in header.tensors:
        match = _LAYER_NAME.fullmatch(tensor.name)
        if match and int(match[1]) < n_layer:
            names[int(match[1])].add(match[2])
    shared: dict[frozenset[str], frozenset[str]] = {}
    found = [frozenset(own) or _USUAL for own in names]
    return [shared.setdefault(own, own) for own in found]


def essential(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The layers in order without those that only repeat: each pair of neighbours once, and the last two.

    Memory is reused from layer to layer, so the peak is reached among these.
    """
    return tuple(_essential(blocks))


def _essential(blocks: Sequence[Block]) -> Iterator[Block]:
    seen: set[tuple[Block | None, Block]] = set()
    before: Block | None = None
    for number, block in enumerate(blocks):
        if (before, block) not in seen or number >= len(blocks) - 2:
            yield block
        seen.add((before, block))
        before = block
