"""What panes and answers say about themselves, in short phrases with figures."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.chat.answer import CUT_SHORT, Answer
from workbench.chat.pane import LiveStats, Pane, PaneState
from workbench.gui import names
from workbench.gui.compare.waits import waiting_words
from workbench.gui.theme import Tone
from workbench.gui.tr import later, tr
from workbench.gui.words import FitState

NARROW_SPACE = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line
DOT = " · "
KEPT_DOT = f"{NARROW_SPACE}· "  # a line that is broken ends with it, none begins with it

REASONS = {
    "end": later("end"),
    "stop_string": later("stop string"),
    "max_tokens": later("token limit"),
    "context_full": later("context full"),
    "cancelled": later("stopped"),
    "error": later("failed"),
    "unfinished": later("unfinished"),
    "imported": later("imported"),
}
MODES = {
    "auto": later("Automatic"),
    "together": later("Together"),
    "in_turn": later("In turn"),
    "swap": later("One in memory"),
}
SAMPLINGS = {"same": later("Same for all"), "vendor": later("Each vendor's")}
POLICIES = {"refuse": later("Refuse"), "drop_oldest": later("Drop oldest"), "middle_out": later("Drop middle")}
EXACTNESSES = {"audit": later("Exact (audit)"), "throughput": later("Fast (throughput)")}
ALTERNATIVES_HELP = later(
    "Top log-probabilities: how many candidates are told with each token, to see how sure "
    "the model was and what else it could have said"
)
EXACTNESS_HELP = later(
    "What is reused of earlier prompts. Exact: bit for bit what a cold start would answer. "
    "Fast: every token that is kept, also the answers' own; the last bits may differ"
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
            return PaneLine(waiting_words(pane))
        case PaneState.LOADING | PaneState.PREFILLING:
            return PaneLine(_phase(pane), Tone.ACCENT, -1 if pane.fraction is None else pane.fraction)
        case PaneState.STREAMING:
            return PaneLine(live_figures(pane.stats), Tone.ACCENT)
        case PaneState.STOPPING:
            return PaneLine(tr("stopping…"), Tone.CAUTION, -1)
    if opening:
        return PaneLine(tr("opening {opening}…", opening=opening), fraction=-1)
    if pane.model is None:
        return PaneLine(tr("✕ not available"), Tone.BAD) if pane.problem else PaneLine(tr("no model chosen"))
    return _at_rest(pane, found)


def live_figures(stats: LiveStats) -> str:
    return DOT.join(_figures(stats.ttft_ms, stats.decode_tokens_per_s, stats.completion_tokens))


def answer_figures(answer: Answer) -> str:
    """The measured figures, and why the answer ended where nothing beside it says so."""
    known = _figures(answer.ttft_ms, answer.decode_tokens_per_s, answer.completion_tokens)
    if answer.stop_reason not in CUT_SHORT and answer.error is None:
        known.append(tr(REASONS.get(answer.stop_reason, answer.stop_reason)))
    return KEPT_DOT.join(known)


def answer_details(answer: Answer) -> str:
    """What was measured and with which parameters, a line each."""
    lines = [names.of_answer(answer)]
    if answer.prompt_tokens is not None:
        reused = (
            tr(", {reused_tokens:,} of them reused", reused_tokens=answer.reused_tokens) if answer.reused_tokens else ""
        )
        lines.append(tr("prompt: {prompt_tokens:,} tokens{reused}", prompt_tokens=answer.prompt_tokens, reused=reused))
    if answer.ttft_ms is not None:
        lines.append(tr("time to first token (TTFT): {duration}", duration=duration(answer.ttft_ms)))
    if answer.load_ms:
        lines.append(tr("load: {duration}", duration=duration(answer.load_ms)))
    if answer.prefill_tokens_per_s is not None:
        lines.append(tr("prefill: {prefill_tokens_per_s:,.1f} tok/s", prefill_tokens_per_s=answer.prefill_tokens_per_s))
    if answer.thinking:
        lines.append(
            tr(
                "thinking: {tokens}, {duration}",
                tokens=tokens(answer.thinking_tokens),
                duration=duration(answer.thinking_ms),
            )
        )
    if answer.decode_tokens_per_s is not None:
        lines.append(tr("decode: {decode_tokens_per_s:,.1f} tok/s", decode_tokens_per_s=answer.decode_tokens_per_s))
    if answer.seed is not None:
        lines.append(
            tr(
                "seed: {seed}{dot}temperature: {temperature:g}",
                seed=answer.seed,
                dot=DOT,
                temperature=answer.temperature,
            )
        )
    if answer.context is not None:
        lines.append(
            tr("context: {context:,}{dot}threads: {threads}", context=answer.context, dot=DOT, threads=answer.threads)
        )
    if answer.engine is not None:
        lines.append(f"{answer.engine} {answer.engine_version or ''}".strip())
    return "\n".join(lines)


def duration(milliseconds: float) -> str:
    """ "41 ms", "0.8 s", "12 s"."""
    if milliseconds < 95:
        return tr("{milliseconds:.0f}{narrow_space}ms", milliseconds=milliseconds, narrow_space=NARROW_SPACE)
    seconds = milliseconds / 1000
    said = f"{seconds:.{1 if seconds < 9.95 else 0}f}"
    return tr("{seconds}{narrow_space}s", seconds=said, narrow_space=NARROW_SPACE)


def context_words(n_ctx: int) -> str:
    """ "8k" for 8192: as people say it."""
    return tr("{n_ctx}k", n_ctx=n_ctx // 1024) if n_ctx >= 1024 and n_ctx % 1024 == 0 else f"{n_ctx:,}"


def tokens(count: int) -> str:
    if count == 1:
        return tr("{count}{narrow_space}token", count=count, narrow_space=NARROW_SPACE)
    return tr("{count:,}{narrow_space}tokens", count=count, narrow_space=NARROW_SPACE)


def percent(fraction: float) -> str:
    return f"{100 * fraction:.0f}{NARROW_SPACE}%"


def counted_models(count: int) -> str:
    """Whom the composer asks: "the model", "both models", "all three models"."""
    return {
        0: tr("the models"),
        1: tr("the model"),
        2: tr("both models"),
        3: tr("all three models"),
        4: tr("all four models"),
    }.get(count, tr("all {count} models", count=count))


def _phase(pane: Pane) -> str:
    if pane.fraction is None:
        return f"{tr(pane.phase)}…"
    return f"{tr(pane.phase)} {percent(pane.fraction)}"


def _figures(ttft_ms: float | None, speed: float | None, count: int | None) -> list[str]:
    found = []
    if ttft_ms is not None:
        found.append(tr("first token after {duration}", duration=duration(ttft_ms)))
    if speed is not None:
        found.append(tr("{speed:,.1f}{narrow_space}tok/s", speed=speed, narrow_space=NARROW_SPACE))
    if count is not None:
        found.append(tr("{count:,}{narrow_space}tok", count=count, narrow_space=NARROW_SPACE))
    return found


def _at_rest(pane: Pane, found: FitState | None) -> PaneLine:
    from workbench.hardware.words import human_bytes

    context = tr(
        "ctx{narrow_space}{context_words}",
        narrow_space=NARROW_SPACE,
        context_words=context_words(pane.facts.n_ctx if pane.facts else pane.params.n_ctx),
    )
    if pane.facts is not None:
        held = [pane.facts.weights_bytes, pane.facts.kv_bytes, pane.facts.compute_bytes]
        size = human_bytes(sum(part for part in held if part)) if any(held) else found.number if found else ""
        return PaneLine(DOT.join(filter(None, [tr("◉ in memory"), size, context])), Tone.GOOD)
    if found is None:
        return PaneLine(context)
    return PaneLine(f"{found.line}{DOT}{context}", found.tone)
