"""What ladders, the load dialog and receipts say, in short phrases with figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.gui.tr import later, tr
from workbench.models.breakdown import Basis, Kind

if TYPE_CHECKING:
    from workbench.hardware.facts import Hardware
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams
    from workbench.models.receipt import Receipt
    from workbench.models.speed import Range, Speed
    from workbench.models.verdict import Fit, QualityLoss

GAP = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line
MINUS = "\N{MINUS SIGN}"
EXACT = later("llama.cpp's own answer")
ESTIMATE = later("estimate")
ROUNDED_FROM = 10_240  # tokens
DIFFERENCE_WORTH_SAYING = 0.02  # a share of the estimate

BASIS_WORDS = {Basis.EXACT: later("exact"), Basis.MODELLED: later("modelled"), Basis.RESERVE: later("reserve")}
KIND_WORDS = {
    Kind.WEIGHTS: later("weights"),
    Kind.KV: later("KV cache of the context"),
    Kind.STATE: later("recurrent state"),
    Kind.COMPUTE: later("compute buffers"),
    Kind.OUTPUT: later("output (logits)"),
    Kind.VOCABULARY: later("vocabulary"),
    Kind.WORK: later("work area"),
    Kind.DEVICE: later("the device itself"),
}


def basis_words(found: Fit) -> str:
    sure = "" if found.confident else tr(", low confidence")
    return (tr(EXACT) if found.basis == "exact" else tr(ESTIMATE)) + sure


def bits_words(model: ModelFile) -> str:
    bits = model.bits_per_weight
    return tr("{bits:.1f}{gap}bits per weight", bits=bits, gap=GAP) if bits else tr("bits unknown")


def tokens_words(n_ctx: int | None) -> str:
    """ "32k" for 32768, "1,280": as people say it."""
    if n_ctx is None:
        return tr("none")
    return tr("{n_ctx}k", n_ctx=n_ctx // 1024) if n_ctx >= 1024 and n_ctx % 1024 == 0 else f"{n_ctx:,}"


def range_words(found: Range | None) -> str:
    """ "8–12 tok/s", "0.4–0.6 tok/s"."""
    if found is None:
        return tr("unknown")
    digits = 1 if found.high < 9.95 else 0
    low, high = f"{found.low:,.{digits}f}", f"{found.high:,.{digits}f}"
    return (
        tr("{low}{gap}tok/s", low=low, gap=GAP)
        if low == high
        else tr("{low}–{high}{gap}tok/s", low=low, high=high, gap=GAP)
    )


def speed_words(speed: Speed | None) -> str:
    """The expected decoding speed."""
    return range_words(speed.decode_tokens_per_s) if speed is not None else tr("unknown")


def no_speed_words(machine: Hardware) -> str:
    """Why no speed can be expected on a machine, and what to do about it."""
    if machine.described:
        return tr("nothing was said of this machine's memory bandwidth")
    if machine.memory.bandwidth_bytes_per_s is None:
        return tr("measure the memory bandwidth on the Machine page")
    return tr("a model has to answer here first")


def speed_phrase(found: Fit, why_not: str) -> str:
    """ "8–12 tok/s (from specification)", or why that is unknown; empty for what does not fit."""
    from workbench.models.verdict import Verdict

    if found.speed is not None:
        return f"{speed_words(found.speed)} ({tr(found.speed.basis)})"
    return "" if found.verdict is Verdict.TOO_BIG else tr("speed unknown: {why_not}", why_not=why_not)


def speed_tip(speed: Speed) -> str:
    return tr(
        "Writing: {range_words}\nReading the prompt: {range_words_2}\n{basis}",
        range_words=range_words(speed.decode_tokens_per_s),
        range_words_2=range_words(speed.prefill_tokens_per_s),
        basis=speed.basis,
    )


def loss_words(loss: QualityLoss | None, model: ModelFile) -> str:
    """ "0.045", with "≈" where it was measured on another model; empty when nothing was published."""
    if loss is None:
        return ""
    return f"{'' if measured_on(loss, model) else '≈ '}{loss.mean_kl_divergence:.2g}"


def loss_tip(loss: QualityLoss, model: ModelFile) -> str:
    said = tr(
        "Mean KL divergence against the unquantised model: {mean_kl_divergence:.3g}; 0 is no "
        "loss.\nMeasured on {model}. Source: {source}",
        mean_kl_divergence=loss.mean_kl_divergence,
        model=loss.model,
        source=loss.source,
    )
    return said if measured_on(loss, model) else tr("{said}\nFor this model it is an indication, no more.", said=said)


def measured_on(loss: QualityLoss, model: ModelFile) -> bool:
    return _plain(loss.model) in _plain(model.title)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def margin_words(found: Fit) -> str:
    from workbench.hardware.words import human_bytes

    if found.short_by_bytes:
        return tr("{short_by} too little memory", short_by=human_bytes(found.short_by_bytes))
    return tr("{margin} to spare", margin=human_bytes(found.margin_bytes))


def longest_words(found: Fit) -> str:
    """ "up to 61k": long ones are rounded down; "none" where not even the shortest fits."""
    if found.max_context is None:
        return tr("none")
    longest = found.max_context
    return (
        tr("up to {longest}k", longest=longest // 1024)
        if longest >= ROUNDED_FROM
        else tr("up to {tokens_words}", tokens_words=tokens_words(longest))
    )


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
    from workbench.hardware.words import human_bytes

    return " · ".join(
        (
            tr("predicted {predicted}", predicted=human_bytes(receipt.predicted_bytes)),
            tr("llama.cpp {reported}", reported=human_bytes(receipt.reported_bytes)),
            signed_percent(receipt.difference),
        )
    )


def receipt_in_short(receipt: Receipt) -> str:
    """ "Memory: 213 MB, as predicted"; where they are apart, "predicted 214 MB · +7.5 %"."""
    from workbench.hardware.words import human_bytes

    if not receipt.flagged:
        return tr("Memory: {reported}, as predicted", reported=human_bytes(receipt.reported_bytes))
    return tr(
        "predicted {predicted} · {signed_percent}",
        predicted=human_bytes(receipt.predicted_bytes),
        signed_percent=signed_percent(receipt.difference),
    )


def growth_words(receipt: Receipt) -> str:
    from workbench.hardware.words import human_bytes

    grown = receipt.growth.process_bytes
    if grown is None:
        return tr("not measured")
    # Weights that another pane had loaded are no part of what the process grew by.
    notes = [tr("weights shared")] if receipt.weights_shared else []
    notes += [] if receipt.growth.alone else [tr("others busy")]
    return human_bytes(grown) + (f" ({', '.join(notes)})" if notes else "")


def made_words(receipt: Receipt) -> str:
    """The time of a load on the user's own clock."""
    return datetime.fromisoformat(receipt.made_at).astimezone().strftime("%Y-%m-%d %H:%M")


def params_words(params: RunParams) -> list[str]:
    """Every parameter with llama.cpp's own name, what is not said as a switch left as it is."""
    return [f"{name} = {value}" for name, value in params.as_json().items()]


def receipt_report(receipts: Sequence[Receipt], versions: Sequence[str]) -> str:
    """English text for the clipboard: numbers, parameters and versions; of paths the file's name alone."""
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
