"""What there is to tell about an answer beside its text: figures for a reader, every fact for an auditor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from workbench.chat.answer import Answer


@dataclass(frozen=True, slots=True)
class Fact:
    what: str
    value: str


def figures_of(answer: Answer) -> tuple[str, ...]:
    """How fast and how long it was, why it ended, and under what conditions."""
    found = []
    if answer.ttft_ms is not None:
        found.append(f"first token after {answer.ttft_ms / 1000:.2f} s")
    if answer.decode_tokens_per_s is not None:
        found.append(f"{answer.decode_tokens_per_s:.1f} tok/s")
    if answer.completion_tokens is not None:
        found.append(f"{answer.completion_tokens:,} tokens")
    if answer.stop_reason:
        found.append(f"ended: {answer.stop_reason.replace('_', ' ')}")
    return (*found, *answer.conditions)


def setting_lines(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The shared options, one ``name: value`` each; those that were not given are left out."""
    return tuple(
        f"{key.replace('_', ' ')}: {value}" for key, value in options.items() if value not in (None, "", [], {})
    )


def facts_of(answer: Answer) -> tuple[Fact, ...]:
    """Every known fact in the order an auditor asks: which file, which engine, asked how, and how it went."""
    told = [*_file(answer), *_engine(answer), *_asked(answer), *_timings(answer)]
    return tuple(Fact(what, f"{value:,}" if isinstance(value, int) else f"{value}")
                 for what, value in told if value not in (None, "", ()))  # fmt: skip


def _file(answer: Answer) -> Iterator[tuple[str, object]]:
    yield "file", PurePath(answer.path).name
    yield "SHA-256", answer.sha256 or "not computed"
    yield "bytes", answer.size_bytes
    yield "quantisation", answer.quantisation
    yield "family", answer.family


def _engine(answer: Answer) -> Iterator[tuple[str, object]]:
    from workbench.chat.footing import Footing

    footing = answer.footing or Footing()
    yield "engine", " ".join(filter(None, (answer.engine, answer.engine_version)))
    yield "context", answer.context
    yield "threads", answer.threads
    yield "on a GPU", footing.placement
    yield "KV cache K/V", footing.cache_types
    yield "flash attention", footing.flash_attention
    yield "micro-batch", footing.micro_batch
    yield "process", "its own" if footing.isolated else ""
    yield "adapters", ", ".join(footing.adapters)
    yield "exactness", ", ".join(filter(None, (footing.exactness, footing.together)))
    if answer.fit is not None:
        yield "memory predicted", f"{answer.fit.predicted_bytes:,} bytes ({answer.fit.basis})"
        yield "memory reported", f"{answer.fit.reported_bytes:,} bytes ({answer.fit.difference:+.1%})"


def _asked(answer: Answer) -> Iterator[tuple[str, object]]:
    from workbench.chat.footing import Footing

    footing = answer.footing or Footing()
    yield "seed", str(answer.seed) if answer.seed is not None else None
    for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "repeat_last_n"):
        yield name.replace("_", " "), getattr(answer, name)
    yield "sampled so by", footing.sampling
    yield "samplers", " → ".join(footing.samplers)
    yield "constraint", footing.constraint
    yield "chat template", answer.template_source
    yield "template SHA-256", footing.template_sha256
    yield "system prompt", footing.system
    yield "system prompt of the template's own", footing.inserted_system
    yield "date told", footing.date
    yield "BOS tokens", footing.bos_count
    yield "prompt tokens", answer.prompt_tokens
    yield "of them reused", answer.reused_tokens


def _timings(answer: Answer) -> Iterator[tuple[str, object]]:
    yield "load", _seconds(answer.load_ms)
    yield "check before the load", _seconds(answer.vet_ms or None)
    yield "first token", _seconds(answer.ttft_ms)
    yield "prefill", _rate(answer.prefill_tokens_per_s)
    yield "decode", _rate(answer.decode_tokens_per_s)
    yield "answer tokens", answer.completion_tokens
    yield "thinking", f"{answer.thinking_tokens:,} tokens, {_seconds(answer.thinking_ms)}" if answer.thinking else ""
    yield "ended", answer.stop_reason.replace("_", " ")
    yield "conditions", "; ".join(answer.conditions)


def _seconds(milliseconds: float | None) -> str | None:
    return f"{milliseconds / 1000:.3f} s" if milliseconds is not None else None


def _rate(tokens_per_s: float | None) -> str | None:
    return f"{tokens_per_s:.2f} tokens/s" if tokens_per_s is not None else None
