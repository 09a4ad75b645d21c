"""What runs of decks say about themselves: every state has a shape and a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.chat.decks.rows import CellState
from workbench.gui.compare.waits import span
from workbench.gui.theme import Tone
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.chat.decks.run import DeckProgress

TONES = {
    CellState.DONE: Tone.GOOD,
    CellState.FAILED: Tone.BAD,
    CellState.STOPPED: Tone.CAUTION,
    CellState.RUNNING: Tone.ACCENT,
    CellState.TO_DO: Tone.MUTED,
}


def state_words(state: CellState) -> str:
    match state:
        case CellState.DONE:
            return tr("● answered")
        case CellState.FAILED:
            return tr("✕ failed")
        case CellState.STOPPED:
            return tr("◐ stopped")
        case CellState.RUNNING:
            return tr("▸ answering")
        case _:
            return tr("○ to do")


def progress_words(progress: DeckProgress) -> str:
    """ "12 of 40 answers · 1 failed · about 3 min left"."""
    said = [tr("{done:,} of {total:,} answers", done=progress.done, total=progress.total)]
    if progress.failed:
        said.append(tr("{count:,} failed", count=progress.failed))
    if progress.asking:
        said.append(tr("prompt {number:,}: {models}", number=progress.prompt, models=", ".join(progress.asking)))
    if progress.left_s is not None:
        left = span(progress.left_s)
        said.append(tr("at least {time} left", time=left) if progress.at_least else tr("about {time} left", time=left))
    return " · ".join(said)


def prompts_words(count: int) -> str:
    return tr("1 prompt") if count == 1 else tr("{count:,} prompts", count=count)
