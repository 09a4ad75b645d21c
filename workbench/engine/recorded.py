"""What is recorded of an answer beside its text: times, candidates, company, failure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """Where an answer's time went; all from one monotonic clock.

    ``ttft_ms``  from sending to the first visible token, load and vetting apart; None without one.
    ``prefill_tokens`` were evaluated before the first token (``reused_tokens`` were already there).
    ``decode_ms`` covers the ``completion_tokens - 1`` evaluations after the first sampled token.
    ``thinking_tokens`` of them, and ``thinking_ms`` from the first token on, went into thinking.
    """

    ttft_ms: float | None
    prefill_ms: float
    prefill_tokens: int
    reused_tokens: int
    decode_ms: float
    completion_tokens: int
    thinking_tokens: int = 0
    thinking_ms: float = 0.0

    @property
    def prefill_tokens_per_s(self) -> float | None:
        """prefill_tokens / prefill time."""
        return 1000 * self.prefill_tokens / self.prefill_ms if self.prefill_ms > 0 else None

    @property
    def decode_tokens_per_s(self) -> float | None:
        """(completion_tokens - 1) / decode time: the first token belongs to the prefill."""
        if self.completion_tokens < 2 or self.decode_ms <= 0:
            return None
        return 1000 * (self.completion_tokens - 1) / self.decode_ms


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token that could have come; ``logprob`` is natural, of the whole vocabulary before any sampler."""

    token: int
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One sampled token with what else could have come, likeliest first.

    ``start`` is where its text begins in the thinking (``thinking``) or in the answer's text, in characters.
    """

    taken: Candidate
    others: tuple[Candidate, ...]
    start: int
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one of many requests could not be answered: a WorkbenchError's code and words."""

    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """In what company an answer was written: ``slots`` at a time, in batches of up to ``n_batch`` tokens."""

    slots: int
    n_batch: int

    def __str__(self) -> str:
        return f"{self.slots} at a time, n_batch {self.n_batch}"
