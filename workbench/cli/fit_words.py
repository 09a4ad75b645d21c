"""How ``workbench fit`` shows what was found: ladders, plans and remedies as text, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import Share
from workbench.models.speed import Range, Speed
from workbench.models.verdict import Fit, Ladder, Rung, TogetherFit
from workbench.models.words import verdict_words

COLOURS = {"good": "green", "caution": "yellow", "bad": "red"}


def ladder_table(ladder: Ladder, machine: Hardware) -> Table:
    """One line per quantisation; what does not fit is dimmed and says by how much, never left out."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("")
    rows.add_column("quantisation", overflow="fold", min_width=12)
    rows.add_column("verdict", overflow="fold")
    for title in ("file", "bits", "needs", "longest", "tok/s", "loss"):
        rows.add_column(title, justify="right", no_wrap=True)
    for rung in ladder.rungs:
        found = rung.fit
        rows.add_row(
            "★" if rung.recommended else "",
            f"{escape(found.model.quantisation)} [dim]{rung.word}[/]",
            verdict(found, machine),
            human_bytes(found.model.size_bytes),
            f"{found.model.bits_per_weight:.1f}",
            human_bytes(found.total_bytes),
            f"{found.max_context:,}" if found.max_context else "–",
            speed_words(found.speed),
            f"{rung.loss.mean_kl_divergence:.3f}" if rung.loss is not None else "–",
            style="dim" if found.short_by_bytes else "",
        )
    return rows


def fits_table(fits: Sequence[Fit], machine: Hardware) -> Table:
    """Several models, one line each."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("model", overflow="fold")
    rows.add_column("quantisation", min_width=12)
    rows.add_column("verdict", overflow="fold")
    for title in ("needs", "free", "longest", "tok/s"):
        rows.add_column(title, justify="right", no_wrap=True)
    for found in fits:
        rows.add_row(
            escape(found.model.name),
            escape(found.model.quantisation),
            verdict(found, machine),
            human_bytes(found.total_bytes),
            human_bytes(found.available_bytes),
            f"{found.max_context:,}" if found.max_context else "–",
            speed_words(found.speed),
        )
    return rows


def verdict(found: Fit, machine: Hardware) -> str:
    words = verdict_words(found, has_gpu=bool(machine.devices))
    sure = "" if found.confident else ", low confidence"
    return f"[{COLOURS[words.tone if found.confident else 'caution']}]{words}{sure}[/]"


def device_table(found: Fit) -> Table:
    """What the load takes where; an asterisk marks what is modelled or kept, not exact."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("device")
    for title in ("weights", "cache", "compute", "other", "total", "free for it", "left"):
        rows.add_column(title, justify="right", no_wrap=True)
    for share in found.shares:
        sizes = [share.weights_bytes, share.kv_bytes, share.compute_bytes, share.overhead_bytes, share.total_bytes]
        left = human_bytes(abs(share.margin_bytes))
        rows.add_row(
            share.device,
            *map(human_bytes, sizes),
            human_bytes(share.available_bytes),
            left if share.margin_bytes >= 0 else f"[red]{left} short[/]",
        )
    return rows


def notes(found: Fit) -> list[str]:
    """Why the verdict is what it is, where the numbers come from, and what would change it."""
    basis = "llama.cpp's own answer" if found.basis == "exact" else "estimate from the file's header"
    said = [f"Weights, cache and compute: {basis}", *found.reasons]
    if found.speed is not None:
        said.append(f"Speed: {found.speed.basis}")
    if found.remedies:
        said.append("What would help, each step on top of those before it:")
        said += [f"  {number}. {remedy.text}" for number, remedy in enumerate(found.remedies, start=1)]
    return said


def together_words(found: TogetherFit) -> list[str]:
    return [f"Together: {'they fit' if found.fits else 'they do not fit at once'}", *found.reasons]


def speed_words(speed: Speed | None) -> str:
    if speed is None or speed.decode_tokens_per_s is None:
        return "–"
    low, high = speed.decode_tokens_per_s.low, speed.decode_tokens_per_s.high
    return f"{low:.0f}–{high:.0f}" if high >= 10 else f"{low:.1f}–{high:.1f}"


# --- JSON --------------------------------------------------------------------------------------


def as_json(found: Fit) -> dict[str, Any]:
    model = found.model
    origin = model.origin
    return {
        "file": str(model.path),
        "parts": [str(path) for path in model.files],
        "origin": {"repository": origin.repository, "commit": origin.commit, "path": origin.path} if origin else None,
        "name": model.name,
        "family": model.family.value,
        "architecture": model.architecture,
        "quantisation": model.quantisation,
        "bits_per_weight": model.bits_per_weight,
        "size_bytes": model.size_bytes,
        "parameter_count": model.parameter_count,
        "verdict": found.verdict.value,
        "confident": found.confident,
        "context": found.context,
        **_bytes(found.shares),
        "margin_bytes": found.margin_bytes,
        "max_context": found.max_context,
        "basis": found.basis,
        "run_params": found.params.as_json(),
        "speed": _speed(found.speed),
        "reasons": list(found.reasons),
        "remedies": [
            {
                "measure": remedy.measure.value,
                "text": remedy.text,
                "saves_bytes": remedy.saves_bytes,
                "verdict": remedy.verdict.value,
                "run_params": remedy.params.as_json() if remedy.params is not None else None,
            }
            for remedy in found.remedies
        ],
        "devices": [
            {
                "device": share.device,
                **_bytes([share]),
                "parts": [
                    {"kind": part.kind.value, "size_bytes": part.size_bytes, "basis": part.basis.value}
                    for part in share.parts
                ],
            }
            for share in found.shares
        ],
    }


def ladder_json(ladder: Ladder) -> dict[str, Any]:
    """The rungs name the files of the object beside them."""
    chosen = ladder.recommended
    return {
        "title": ladder.title,
        "recommended": chosen.fit.model.name if chosen is not None else None,
        "reason": chosen.reason if chosen is not None else None,
        "rungs": [_rung(rung) for rung in ladder.rungs],
    }


def together_json(found: TogetherFit | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "fits": found.fits,
        "total_bytes": found.total_bytes,
        "available_bytes": found.available_bytes,
        "reasons": list(found.reasons),
        "swap_s": list(found.swap_s) if found.swap_s is not None else None,
        "plans": [{"name": fit.model.name, "verdict": fit.verdict.value, "run_params": fit.params.as_json()}
                  for fit in found.fits_all],
    }  # fmt: skip


def _rung(rung: Rung) -> dict[str, Any]:
    loss = rung.loss
    return {
        "name": rung.fit.model.name,
        "quantisation": rung.fit.model.quantisation,
        "word": rung.word,
        "verdict": rung.fit.verdict.value,
        "recommended": rung.recommended,
        "loss": {"mean_kl_divergence": loss.mean_kl_divergence, "model": loss.model, "source": loss.source}
        if loss is not None
        else None,
    }


def _speed(speed: Speed | None) -> dict[str, Any] | None:
    if speed is None:
        return None

    def both(found: Range | None) -> list[float] | None:
        return [found.low, found.high] if found is not None else None

    return {
        "prefill_tokens_per_s": both(speed.prefill_tokens_per_s),
        "decode_tokens_per_s": both(speed.decode_tokens_per_s),
        "source": speed.source.value,
        "runs": speed.runs,
    }


def _bytes(shares: Sequence[Share]) -> dict[str, int]:
    return {
        "weights_bytes": sum(share.weights_bytes for share in shares),
        "kv_bytes": sum(share.kv_bytes for share in shares),
        "compute_bytes": sum(share.compute_bytes for share in shares),
        "overhead_bytes": sum(share.overhead_bytes for share in shares),
        "total_bytes": sum(share.total_bytes for share in shares),
        "available_bytes": sum(share.available_bytes for share in shares),
        "short_by_bytes": sum(share.short_by_bytes for share in shares),
    }
