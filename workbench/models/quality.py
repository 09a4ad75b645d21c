"""What was published about the loss of quality of each quantisation, and how many bits each takes."""

from __future__ import annotations

import functools
import json
import typing

from workbench.models.verdict import QualityLoss
from workbench.paths import resources


def published_loss(quantisation: str) -> QualityLoss | None:
    """Measured on one model: for others an indication.  None for what nobody measured there.

    Variants of a file type ("Q4_K_XL", "Q4_K_L") have the figure of none: their mix of types is another.
    """
    return _losses().get(quantisation.upper())


@functools.cache
def bits_by_quantisation() -> dict[str, float]:
    """Bits per weight of the published files, the most first."""
    table = _table()
    parameters = table["parameter_count"]
    bits = {name: row["size_gib"] * 8 * (1 << 30) / parameters for name, row in table["quantisations"].items()}
    return dict(sorted(bits.items(), key=lambda item: -item[1]))


def quantisation_within(bits_per_weight: float) -> str | None:
    """The usual quantisation nearest below so many bits per weight, None where there is none.

    Usual are those that every publisher makes: K quantisations, Q8_0 and the small i-quantisations.
    """
    usual = {name: bits for name, bits in bits_by_quantisation().items() if name in _USUAL}
    return next((name for name, bits in usual.items() if bits <= bits_per_weight), None)


_USUAL = {"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q3_K_M", "IQ3_M", "IQ3_XXS", "IQ2_M", "IQ2_XS"}


@functools.cache
def _losses() -> dict[str, QualityLoss]:
    table = _table()
    source = f"{table['source']} ({table['published']})"
    return {
        name: QualityLoss(row["mean_kl_divergence"], table["model"], source)
        for name, row in table["quantisations"].items()
    }


def _table() -> dict[str, typing.Any]:
    with (resources() / "quality.json").open(encoding="utf-8") as file:
        table: dict[str, typing.Any] = json.load(file)
    return table
