"""Perplexity and divergence in the field's terms: llama-perplexity's names and digits, and what to make of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from workbench.cli import output
from workbench.engine.kl_statistics import Estimate, Percentile, Statistics
from workbench.engine.measuring import Compared, Subject
from workbench.engine.scoring import Perplexity

BANDS = ((0.01, "practically the same"), (0.05, "a small difference"), (0.2, "a visible difference"))
WORST = "damaged"
EXTREMES = {1.0: "Maximum", 0.5: "Median", 0.0: "Minimum"}


def figures(found: Statistics) -> list[tuple[str, str]]:
    """llama-perplexity's lines: their names, and the figures in its formats."""
    return [
        ("Mean PPL(Q)", _plain(found.perplexity)),
        ("Mean PPL(base)", _plain(found.perplexity_base)),
        ("Cor(ln(PPL(Q)), ln(PPL(base)))", f"{100 * found.correlation:.2f}%"),
        ("Mean ln(PPL(Q)/PPL(base))", _plain(found.log_ratio)),
        ("Mean PPL(Q)/PPL(base)", _plain(found.ratio)),
        ("Mean PPL(Q)-PPL(base)", _plain(found.difference)),
        ("Mean KLD", _plain(found.mean_kld)),
        *((f"{_fraction(one)} KLD", f"{one.value:.6f}") for one in found.kld),
        ("Mean Δp", _percent(found.mean_dp)),
        *((f"{_fraction(one)} Δp", f"{100 * one.value:.3f}%") for one in found.dp),
        ("RMS Δp", _percent(found.rms_dp)),
        ("Same top p", _percent(found.same_top)),
    ]


def band(mean_kld: float) -> str:
    """What a mean divergence usually means for a chat model; an alarm, not a ranking."""
    return next((words for limit, words in BANDS if mean_kld < limit), WORST)


def remark(found: Compared) -> str:
    """What to make of the mean divergence beside what rounding alone makes."""
    mean = found.divergence.statistics.mean_kld.value
    floor = f"Rounding alone makes {found.floor:.6f} here (the same model without flash attention)"
    if mean < 2 * found.floor:
        return f"{floor}: this is no difference between the models."
    return f"{floor}; {mean:.6f} is {band(mean)}. Below 0.02 the divergence does not say which file is better."


def show_perplexity(subject: Subject, found: Perplexity) -> None:
    table = Table(box=box.SIMPLE, title=f"{subject.model.name} · {subject.model.quantisation}", title_justify="left")
    for title in ("text", "tokens scored", "perplexity", "bits per byte"):
        table.add_column(title, justify="left" if title == "text" else "right")
    for text in found.texts:
        table.add_row(text.text, f"{text.n_tokens:,}", f"{text.perplexity:.4f}", f"{text.bits_per_byte:.4f}")
    output.out.print(table)
    output.out.print(f"PPL = {found.value:.4f} ± {found.error:.5f} over {found.n_tokens:,} tokens", markup=False)
    output.out.print(
        "Perplexities compare only files with the same vocabulary; bits per byte compare any. "
        "The ± takes tokens as independent, which those of one text are not.",
        style="dim",
    )


def show_divergence(base: Subject | Path, subject: Subject, found: Compared) -> None:
    one = found.divergence
    table = Table(box=box.SIMPLE, title=f"{subject.model.name} (Q) against {_name(base)} (base)", title_justify="left")
    table.add_column(f"over {one.statistics.n_tokens:,} tokens")
    table.add_column("", justify="right")
    for name, figure in figures(one.statistics):
        table.add_row(name, figure, end_section=name in ("Mean PPL(Q)-PPL(base)", "Minimum KLD"))
    output.out.print(table)
    if one.by_text is not None:
        for text in one.texts:
            output.out.print(
                f"· {text.text}: KLD {text.mean_kld:.6f}, same top p {100 * text.same_top:.1f} % "
                f"of {text.n_tokens:,} tokens",
                markup=False,
            )
        output.out.print(f"Mean KLD by text: {_plain(one.by_text)}, tokens of one text taken together.", markup=False)
    for worst in one.partings[:3]:
        output.out.print(
            f"· furthest apart after {worst.before[-48:]!r}: base {worst.base_says!r}, Q {worst.model_says!r} "
            f"(KLD {worst.kld:.3f})",
            style="dim",
            markup=False,
        )
    output.out.print(remark(found), markup=False)


def perplexity_json(subject: Subject, found: Perplexity, window: int) -> dict[str, Any]:
    return {
        "model": subject.model.name,
        "window": window,
        "tokens": found.n_tokens,
        "perplexity": {"value": found.value, "error": found.error},
        "bits_per_byte": found.bits_per_byte,
        "texts": [
            {
                "text": text.text,
                "tokens": text.n_tokens,
                "bytes": text.n_bytes,
                "perplexity": text.perplexity,
                "bits_per_byte": text.bits_per_byte,
            }
            for text in found.texts
        ],
    }


def divergence_json(base: Subject | Path, subject: Subject, found: Compared, window: int) -> dict[str, Any]:
    one = found.divergence
    return {
        "model": subject.model.name,
        "reference": _name(base),
        "window": window,
        "statistics": asdict(one.statistics),
        "by_text": asdict(one.by_text) if one.by_text is not None else None,
        "texts": [asdict(text) for text in one.texts],
        "partings": [asdict(worst) for worst in one.partings],
        "noise_floor": found.floor,
        "remark": remark(found),
    }


def _name(base: Subject | Path) -> str:
    return base.name if isinstance(base, Path) else base.model.name


def _fraction(one: Percentile) -> str:
    return EXTREMES.get(one.fraction) or f"{100 * one.fraction:.1f}%"


def _plain(estimate: Estimate) -> str:
    return f"{estimate.value:.6f} ± {estimate.error:.6f}"


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.3f} ± {100 * estimate.error:.3f} %"
