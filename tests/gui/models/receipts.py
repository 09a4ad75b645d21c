"""Receipts made up for the tests."""

from __future__ import annotations

from workbench.models.breakdown import RAM, Basis, Kind, Part, Share
from workbench.models.exact import Buffer
from workbench.models.params import RunParams
from workbench.models.receipt import Growth, Receipt

MB = 1_000_000


def receipt(
    name: str = "alpha",
    *,
    predicted_mb: int = 214,
    reported_mb: int = 213,
    growth: Growth | None = None,
    shared: bool = False,
) -> Receipt:
    """All of it weights but 10 MB of cache."""
    parts = (Part(Kind.WEIGHTS, (predicted_mb - 10) * MB, Basis.EXACT), Part(Kind.KV, 10 * MB, Basis.EXACT),
             Part(Kind.WORK, 30 * MB, Basis.MODELLED))  # fmt: skip
    return Receipt(
        id=1,
        made_at="2026-05-04T10:20:30+00:00",
        model_name=name,
        model_path=f"/home/somebody/secret folder/{name}.gguf",
        header_sha256="ab" * 32,
        architecture="llama",
        quantisation="Q4_1",
        engine="llama.cpp 1.2",
        device_key="cpu",
        params=RunParams(n_ctx=4096, type_k="q8_0"),
        predicted=(Share(RAM, parts, 9_000 * MB),),
        predicted_basis="exact",
        reported=(Buffer("CPU", RAM, (reported_mb - 10) * MB, 10 * MB, 0),),
        growth=growth or Growth(240 * MB, (), alone=True),
        load_ms=120.0,
        weights_shared=shared,
    )
