"""Real shapes cut to their first layers: small enough to be loaded for real on any machine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tests.engine import shapes
from tests.engine.sparse_gguf import Setting, write_sparse

_LAYER = re.compile(r"blk\.(\d+)\.")


def write_cut(name: str, folder: Path, layers: int, experts: int = 0) -> Path:
    """The first ``layers`` layers of a shape, all else as it is; of a split model the first part's path.

    ``experts`` above 0 leaves fewer of them: llama.cpp knows some models by their number of layers.
    """
    whole = shapes.sketch(name)
    count = whole.settings["block_count"]
    assert isinstance(count, int)

    def cut(value: Setting) -> Setting:
        return list(value)[:layers] if not isinstance(value, int | float | str) and len(value) == count else value

    settings = {key: cut(value) for key, value in whole.settings.items()} | {"block_count": layers}
    weights = tuple(one for one in whole.weights if (found := _LAYER.match(one[0])) is None or int(found[1]) < layers)
    if experts:
        of = settings["expert_count"]
        settings |= {"expert_count": experts, "expert_used_count": min(experts, 2)}
        weights = tuple((tensor, tuple(experts if extent == of else extent for extent in extents), kind)
                        if "_exps" in tensor or "ffn_gate_inp" in tensor else (tensor, extents, kind)
                        for tensor, extents, kind in weights)  # fmt: skip
    parts = 3 if name.endswith("-split") else 1
    return write_sparse(replace(whole, settings=settings, weights=weights), folder / f"{name}-cut.gguf", parts=parts)
