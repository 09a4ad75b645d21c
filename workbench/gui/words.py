"""Verdicts and families as the window says them: shape, word and number besides the colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.gui.theme import Tone
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.hardware.facts import Hardware
    from workbench.models.file import Family
    from workbench.models.fit import Fit


GAP = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line


@dataclass(frozen=True, slots=True)
class FitState:
    """``text`` stands alone: "● fits in RAM", "✕ too big by 1.8 GB"; ``number`` is the memory needed."""

    shape: str
    words: str
    number: str
    tone: Tone

    @property
    def text(self) -> str:
        return f"{self.shape} {self.words}"

    @property
    def line(self) -> str:
        """State and number: "● fits in RAM · 2.9 GB"; "✕ too big by 1.8 GB" says its number already."""
        return self.text if self.tone is Tone.BAD else f"{self.text} · {self.number}"


def fit_state(found: Fit, *, has_gpu: bool) -> FitState:
    """The verdict's own words, with the memory needed."""
    from workbench.hardware.words import human_bytes
    from workbench.models.words import verdict_words

    said = verdict_words(found, has_gpu=has_gpu)
    return FitState(said.shape, tr(said.text), human_bytes(found.total_bytes), Tone(said.tone))


def has_gpu(machine: Hardware) -> bool:
    return bool(machine.devices)


def family_tone(family: Family | str) -> Tone:
    """The colour of a family; grey for those without one."""
    from workbench.models.file import Family

    name = family.value if isinstance(family, Family) else family
    return {"llama": Tone.LLAMA, "mistral": Tone.MISTRAL, "gemma": Tone.GEMMA}.get(name, Tone.MUTED)


def parameter_count(count: int) -> str:
    """ "135 M", "3.2 B": how many numbers a model consists of."""
    if count >= 999_500_000:
        return tr("{count:.1f} B", count=count / 1e9)
    if count >= 1_000_000:
        return tr("{count:.0f} M", count=count / 1e6)
    return tr("{count:.0f} k", count=count / 1e3)


def page_titles() -> dict[str, str]:
    """What the pages of the window are called."""
    return {
        "compare": tr("Compare"),
        "models": tr("Models"),
        "machine": tr("Machine"),
        "votes": tr("Votes"),
        "welcome": tr("Get started"),
    }
