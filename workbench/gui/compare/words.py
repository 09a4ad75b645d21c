"""What panes and answers say about themselves, in short phrases with figures."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.chat.answer import Answer
from workbench.chat.pane import LiveStats, Pane, PaneState
from workbench.gui.theme import Tone
from workbench.gui.words import FitState
from workbench.hardware.words import human_bytes

NARROW_SPACE = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line
DOT = " · "
KEPT_DOT = f"{NARROW_SPACE}· "  # a line that is broken ends with it, none begins with it

REASONS = {
    "end": "end",
    "stop_string": "stop string",
    "max_tokens": "token limit",
    "context_full": "context full",
    "cancelled": "stopped",
    "error": "failed",
    "unfinished": "unfinished",
}
MODES = {
    "auto": "Automatic",
    "together": "Together",
    "in_turn": "In turn",
    "swap": "One in memory",
}
SAMPLINGS = {"same": "Same for all", "vendor": "Each vendor's"}
POLICIES = {"refuse": "Refuse", "drop_oldest": "Drop oldest", "middle_out": "Drop middle"}
EXACTNESSES = {"audit": "Exact (audit)", "throughput": "Fast (throughput)"}
ALTERNATIVES_HELP = (
    "Top log-probabilities: how many candidates are told with each token, to see how sure the model was and what "
    "else it could have said"
)
EXACTNESS_HELP = (
    "What is reused of earlier prompts. Exact: bit for bit what a cold start would answer. Fast: every token that is "
    "kept, also the answers' own; the last bits may differ"
)


@dataclass(frozen=True, slots=True)
class PaneLine:
    """A pane's second line; ``fraction`` is what the bar shows, -1 for "busy, share unknown", None for no bar."""

    text: str
    tone: Tone = Tone.MUTED
    fraction: float | None = None


def pane_line(pane: Pane, found: FitState | None, *, opening: str = "") -> PaneLine:
    """``found`` is the fit of the pane's model, None until it is known; ``opening`` names a file being read."""
    match pane.state:
        case PaneState.QUEUED:
            return PaneLine(f"{pane.phase}…")
        case PaneState.LOADING | PaneState.PREFILLING:
            return PaneLine(_phase(pane), Tone.ACCENT, -1 if pane.fraction is None else pane.fraction)
        case PaneState.STREAMING:
            return PaneLine(live_figures(pane.stats), Tone.ACCENT)
        case PaneState.STOPPING:
            return PaneLine("stopping…", Tone.CAUTION, -1)
    if opening:
        return PaneLine(f"opening {opening}…", fraction=-1)
    if pane.model is None:
        return PaneLine("✕ not available", Tone.BAD) if pane.problem else PaneLine("no model chosen")
    return _at_rest(pane, found)


def live_figures(stats: LiveStats) -> str:
    return DOT.join(_figures(stats.ttft_ms, stats.decode_tokens_per_s, stats.completion_tokens))


def answer_figures(answer: Answer) -> str:
    """The measured figures and, always, why the answer ended."""
    known = _figures(answer.ttft_ms, answer.decode_tokens_per_s, answer.completion_tokens)
    return KEPT_DOT.join([*known, REASONS.get(answer.stop_reason, answer.stop_reason)])


def answer_details(answer: Answer) -> str:
    """What was measured and with which parameters, a line each."""
    lines = [f"{answer.model}{DOT}{answer.quantisation}"]
    if answer.prompt_tokens is not None:
        reused = f", {answer.reused_tokens:,} of them reused" if answer.reused_tokens else ""
        lines.append(f"prompt: {answer.prompt_tokens:,} tokens{reused}")
    if answer.load_ms:
        lines.append(f"load: {duration(answer.load_ms)}")
    if answer.prefill_tokens_per_s is not None:
        lines.append(f"prefill: {answer.prefill_tokens_per_s:,.1f} tok/s")
    if answer.thinking:
        lines.append(f"thinking: {tokens(answer.thinking_tokens)}, {duration(answer.thinking_ms)}")
    if answer.decode_tokens_per_s is not None:
        lines.append(f"decode: {answer.decode_tokens_per_s:,.1f} tok/s")
    if answer.seed is not None:
        lines.append(f"seed: {answer.seed}{DOT}temperature: {answer.temperature:g}")
    if answer.context is not None:
        lines.append(f"context: {answer.context:,}{DOT}threads: {answer.threads}")
    if answer.engine is not None:
        lines.append(f"{answer.engine} {answer.engine_version or ''}".strip())
    return "\n".join(lines)


def duration(milliseconds: float) -> str:
    """ "41 ms", "0.8 s", "12 s"."""
    if milliseconds < 95:
        return f"{milliseconds:.0f}{NARROW_SPACE}ms"
    seconds = milliseconds / 1000
    return f"{seconds:.{1 if seconds < 9.95 else 0}f}{NARROW_SPACE}s"


def context_words(n_ctx: int) -> str:
    """ "8k" for 8192: as people say it."""
    return f"{n_ctx // 1024}k" if n_ctx >= 1024 and n_ctx % 1024 == 0 else f"{n_ctx:,}"


def tokens(count: int) -> str:
    return f"{count:,}{NARROW_SPACE}token" + ("" if count == 1 else "s")


def percent(fraction: float) -> str:
    return f"{100 * fraction:.0f}{NARROW_SPACE}%"


def counted_models(count: int) -> str:
    """Whom the composer asks: "the model", "both models", "all three models"."""
    return {0: "the models", 1: "the model", 2: "both models", 3: "all three models", 4: "all four models"}.get(
        count, f"all {count} models"
    )


def _phase(pane: Pane) -> str:
    if pane.fraction is None:
        return f"{pane.phase}…"
    return f"{pane.phase} {percent(pane.fraction)}"


def _figures(ttft_ms: float | None, speed: float | None, count: int | None) -> list[str]:
    found = []
    if ttft_ms is not None:
        found.append(f"TTFT{NARROW_SPACE}{duration(ttft_ms)}")
    if speed is not None:
        found.append(f"{speed:,.1f}{NARROW_SPACE}tok/s")
    if count is not None:
        found.append(f"{count:,}{NARROW_SPACE}tok")
    return found


def _at_rest(pane: Pane, found: FitState | None) -> PaneLine:
    context = f"ctx{NARROW_SPACE}{context_words(pane.facts.n_ctx if pane.facts else pane.params.n_ctx)}"
    if pane.facts is not None:
        held = [pane.facts.weights_bytes, pane.facts.kv_bytes, pane.facts.compute_bytes]
        size = human_bytes(sum(part for part in held if part)) if any(held) else found.number if found else ""
        return PaneLine(DOT.join(filter(None, ["◉ in memory", size, context])), Tone.GOOD)
    if found is None:
        return PaneLine(context)
    return PaneLine(f"{found.line}{DOT}{context}", found.tone)
