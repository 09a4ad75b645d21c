"""What ladders, the load dialog and receipts say, in short phrases with figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import Basis, Kind
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.receipt import Receipt
from workbench.models.speed import Range, Speed
from workbench.models.verdict import Fit, QualityLoss, Verdict

GAP = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line
MINUS = "\N{MINUS SIGN}"
EXACT = "llama.cpp's own answer"
ESTIMATE = "estimate"
ROUNDED_FROM = 10_240  # tokens
DIFFERENCE_WORTH_SAYING = 0.02  # a share of the estimate

BASIS_WORDS = {Basis.EXACT: "exact", Basis.MODELLED: "modelled", Basis.RESERVE: "reserve"}
KIND_WORDS = {
    Kind.WEIGHTS: "weights",
    Kind.KV: "KV cache of the context",
    Kind.STATE: "recurrent state",
    Kind.COMPUTE: "compute buffers",
    Kind.OUTPUT: "output (logits)",
    Kind.VOCABULARY: "vocabulary",
    Kind.WORK: "work area",
    Kind.DEVICE: "the device itself",
}


def basis_words(found: Fit) -> str:
    sure = "" if found.confident else ", low confidence"
    return (EXACT if found.basis == "exact" else ESTIMATE) + sure


def bits_words(model: ModelFile) -> str:
    bits = model.bits_per_weight
    return f"{bits:.1f}{GAP}bits per weight" if bits else "bits unknown"


def tokens_words(n_ctx: int | None) -> str:
    """ "32k" for 32768, "1,280": as people say it."""
    if n_ctx is None:
        return "none"
    return f"{n_ctx // 1024}k" if n_ctx >= 1024 and n_ctx % 1024 == 0 else f"{n_ctx:,}"


def range_words(found: Range | None) -> str:
    """ "8–12 tok/s", "0.4–0.6 tok/s"."""
    if found is None:
        return "unknown"
    digits = 1 if found.high < 9.95 else 0
    low, high = f"{found.low:,.{digits}f}", f"{found.high:,.{digits}f}"
    return f"{low}{GAP}tok/s" if low == high else f"{low}–{high}{GAP}tok/s"


def speed_words(speed: Speed | None) -> str:
    """The expected decoding speed."""
    return range_words(speed.decode_tokens_per_s) if speed is not None else "unknown"


def no_speed_words(machine: Hardware) -> str:
    """Why no speed can be expected on a machine, and what to do about it."""
    if machine.described:
        return "nothing was said of this machine's memory bandwidth"
    if machine.memory.bandwidth_bytes_per_s is None:
        return "measure the memory bandwidth on the Machine page"
    return "a model has to answer here first"


def speed_phrase(found: Fit, why_not: str) -> str:
    """ "8–12 tok/s (from specification)", or why that is unknown; empty for what does not fit."""
    if found.speed is not None:
        return f"{speed_words(found.speed)} ({found.speed.basis})"
    return "" if found.verdict is Verdict.TOO_BIG else f"speed unknown: {why_not}"


def speed_tip(speed: Speed) -> str:
    return (
        f"Writing: {range_words(speed.decode_tokens_per_s)}\n"
        f"Reading the prompt: {range_words(speed.prefill_tokens_per_s)}\n"
        f"{speed.basis}"
    )


def loss_words(loss: QualityLoss | None, model: ModelFile) -> str:
    """ "0.045", with "≈" where it was measured on another model; empty when nothing was published."""
    if loss is None:
        return ""
    return f"{'' if measured_on(loss, model) else '≈ '}{loss.mean_kl_divergence:.2g}"


def loss_tip(loss: QualityLoss, model: ModelFile) -> str:
    said = (
        f"Mean KL divergence against the unquantised model: {loss.mean_kl_divergence:.3g}; 0 is no loss.\n"
        f"Measured on {loss.model}. Source: {loss.source}"
    )
    return said if measured_on(loss, model) else f"{said}\nFor this model it is an indication, no more."


def measured_on(loss: QualityLoss, model: ModelFile) -> bool:
    return _plain(loss.model) in _plain(model.title)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def margin_words(found: Fit) -> str:
    if found.short_by_bytes:
        return f"{human_bytes(found.short_by_bytes)} too little memory"
    return f"{human_bytes(found.margin_bytes)} to spare"


def longest_words(found: Fit) -> str:
    """ "up to 61k": long ones are rounded down; "none" where not even the shortest fits."""
    if found.max_context is None:
        return "none"
    longest = found.max_context
    return f"up to {longest // 1024}k" if longest >= ROUNDED_FROM else f"up to {tokens_words(longest)}"


def difference(estimate_bytes: int, exact_bytes: int) -> float:
    """(exact - estimate) / estimate; 0 where nothing was estimated."""
    return (exact_bytes - estimate_bytes) / estimate_bytes if estimate_bytes else 0.0


def signed_percent(share: float) -> str:
    """ "+3.1 %", "−0.4 %"."""
    said = f"{100 * abs(share):.1f}"
    sign = "" if float(said) == 0 else MINUS if share < 0 else "+"
    return f"{sign}{said}{GAP}%"


# --- receipts --------------------------------------------------------------------------------


def receipt_line(receipt: Receipt) -> str:
    """ "predicted 214 MB · llama.cpp 213 MB · −0.4 %"."""
    return " · ".join(
        (
            f"predicted {human_bytes(receipt.predicted_bytes)}",
            f"llama.cpp {human_bytes(receipt.reported_bytes)}",
            signed_percent(receipt.difference),
        )
    )


def receipt_in_short(receipt: Receipt) -> str:
    """ "predicted 214 MB · −0.4 %"."""
    return f"predicted {human_bytes(receipt.predicted_bytes)} · {signed_percent(receipt.difference)}"


def growth_words(receipt: Receipt) -> str:
    grown = receipt.growth.process_bytes
    if grown is None:
        return "not measured"
    # Weights that another pane had loaded are no part of what the process grew by.
    notes = ["weights shared"] if receipt.weights_shared else []
    notes += [] if receipt.growth.alone else ["others busy"]
    return human_bytes(grown) + (f" ({', '.join(notes)})" if notes else "")


def made_words(receipt: Receipt) -> str:
    """The time of a load on the user's own clock."""
    return datetime.fromisoformat(receipt.made_at).astimezone().strftime("%Y-%m-%d %H:%M")


def params_words(params: RunParams) -> list[str]:
    """Every parameter with llama.cpp's own name, what is not said as a switch left as it is."""
    return [f"{name} = {value}" for name, value in params.as_json().items()]


def receipt_report(receipts: Sequence[Receipt], versions: Sequence[str]) -> str:
    """Text for the clipboard: numbers, parameters and versions; of paths the file's name alone."""
    parts = ["Inference Workbench: memory predicted and taken", *versions]
    for receipt in receipts:
        parts.append("")
        parts += _receipt_lines(receipt)
    return "\n".join(parts) + "\n"


def _receipt_lines(receipt: Receipt) -> list[str]:
    file_name = receipt.model_path.replace("\\", "/").rpartition("/")[2]
    lines = [
        f"{receipt.model_name} ({file_name}), {receipt.quantisation}, architecture {receipt.architecture}",
        f"  made: {receipt.made_at}",
        f"  engine: {receipt.engine}",
        f"  header sha256: {receipt.header_sha256}",
        f"  predicted ({receipt.predicted_basis}): {receipt.predicted_bytes:,} bytes",
        f"  reported by llama.cpp: {receipt.reported_bytes:,} bytes",
        f"  difference: {signed_percent(receipt.difference)}",
        f"  growth of the process: {growth_words(receipt)}",
    ]
    for share in receipt.predicted:
        parts = ", ".join(f"{part.kind} {part.size_bytes:,} ({part.basis})" for part in share.parts)
        lines.append(f"  predicted on {share.device}: {parts}")
    lines += [
        f"  reported {buffer.name} on {buffer.device}: weights {buffer.weights_bytes:,},"
        f" cache {buffer.kv_bytes:,}, compute {buffer.compute_bytes:,}"
        for buffer in receipt.reported
    ]
    lines.append(f"  parameters: {', '.join(params_words(receipt.params))}")
    return lines
