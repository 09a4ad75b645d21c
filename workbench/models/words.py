"""A verdict in words, the same in the window and in the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.hardware.words import human_bytes
from workbench.models.params import ALL_LAYERS
from workbench.models.verdict import Fit, Verdict
from workbench.words import said


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """``shape`` and ``text`` say it without colour; ``tone`` is "good", "caution" or "bad"."""

    shape: str
    text: str
    tone: str

    def __str__(self) -> str:
        return f"{self.shape} {self.text}"


def verdict_words(found: Fit, *, has_gpu: bool) -> VerdictWords:
    """On a machine without a GPU, fitting in RAM is the good verdict, not a second-class one."""
    match found.verdict:
        case Verdict.GPU:
            return VerdictWords("●", said("fits"), "good")
        case Verdict.SPLIT if found.params.n_gpu_layers == ALL_LAYERS:
            return VerdictWords("◐", said("fits, experts partly in RAM (slower)"), "caution")
        case Verdict.SPLIT:
            return VerdictWords("◐", said("fits, partly on CPU (slower)"), "caution")
        case Verdict.CPU if has_gpu:
            return VerdictWords("○", "CPU only (slower)", "caution")
        case Verdict.CPU:
            return VerdictWords("●", said("fits in RAM"), "good")
        case _:
            return VerdictWords(
                "✕", said("too big by {short_by_bytes}", short_by_bytes=human_bytes(found.short_by_bytes)), "bad"
            )
