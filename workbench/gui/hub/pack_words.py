"""How far the work on a pack is, in words."""

from __future__ import annotations

from workbench.gui.tr import later, tr
from workbench.hardware.words import human_bytes
from workbench.hub.packs.progress import PackProgress

_PHASES = {
    "verifying": later("checking"),
    "comparing": later("comparing with what is here"),
    "copying": later("copying"),
    "placing": later("putting in place"),
    "hashing": later("reading"),
    "writing": later("writing"),
}


def progress_words(progress: PackProgress) -> str:
    """ "checking · 1.2 GB of 4.7 GB · models/a.gguf"."""
    amount = tr("{done} of {total}", done=human_bytes(progress.done_bytes), total=human_bytes(progress.total_bytes))
    return " · ".join(
        filter(None, [tr(_PHASES[progress.phase]), amount if progress.phase != "placing" else "", progress.path])
    )


def share_of(progress: PackProgress) -> int:
    """In thousandths: a bar counts in 32 bits, packs in more."""
    return round(1000 * progress.done_bytes / progress.total_bytes) if progress.total_bytes else 0
