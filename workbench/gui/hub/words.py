"""What the catalogue, the licence gate and downloads say, in short phrases with figures."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbench.gui.theme import Tone
from workbench.hardware.words import human_bytes
from workbench.hub.download_rows import State
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Download
from workbench.hub.entries import Entry, Fact, Source
from workbench.hub.places.place import Program
from workbench.hub.places.same import Held
from workbench.hub.terms import CommercialUse, Terms
from workbench.hub.transfer import Phase
from workbench.hub.upkeep import Removal

GAP = "\N{NO-BREAK SPACE}"  # a figure and its unit stay on one line
_COMMERCIAL: dict[CommercialUse, tuple[str, Tone]] = {
    "yes": ("commercial: yes", Tone.GOOD),
    "conditions": ("commercial: conditions", Tone.CAUTION),
    "research only": ("research only", Tone.BAD),
    "unknown": ("not known: read it first", Tone.CAUTION),
}
_GATES = {
    "open": ("not gated", Tone.NONE),
    "acceptance": ("original is gated", Tone.CAUTION),
    "unknown": ("gate not known", Tone.NONE),
}
_PHASES = {
    Phase.QUEUED: "waits for its turn",
    Phase.ASKING: "asking the hub for sizes and hashes",
    Phase.CHECKING: "checking what is here already",
    Phase.FETCHING: "downloading",
    Phase.WAITING: "waits",
    Phase.VERIFYING: "verifying",
    Phase.REPAIRING: "wrong SHA-256: fetching again and comparing",
    Phase.PAUSED: "paused",
    Phase.CANCELLED: "cancelled; what arrived is kept",
    Phase.FAILED: "failed",
    Phase.DONE: "here, and verified",
}
_RESTING = {
    State.QUEUED: Phase.QUEUED,
    State.PUBLISHING: Phase.VERIFYING,
    State.PAUSED: Phase.PAUSED,
    State.CANCELLED: Phase.CANCELLED,
    State.FAILED: Phase.FAILED,
    State.DONE: Phase.DONE,
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A few words with a colour, and what is said when somebody rests on them."""

    text: str
    tone: Tone
    tip: str = ""


def plain_tip(text: str) -> str:
    """For a tool tip: Qt takes what looks like HTML for HTML, and catalogues may come from anywhere."""
    return f"<p style='white-space:pre-wrap'>{html.escape(text)}</p>" if text else ""


def licence_chip(terms: Terms, name: str | None = None) -> Chip:
    said, tone = _COMMERCIAL[terms.commercial]
    title = terms.title if terms.known else f"licence “{name or terms.id}”"
    return Chip(f"{title} · {said}", tone, terms.summary)


def gate_chip(entry: Entry) -> Chip:
    said, tone = _GATES[entry.gate.value]
    return Chip(said + doubt(entry.gate), tone, sources_words(entry.gate))


def doubt(fact: Fact[Any]) -> str:
    """Behind what nobody was found to say."""
    return "" if fact.confirmed else " (unconfirmed)"


def sources_words(fact: Fact[Any]) -> str:
    """Where a fact is from, and of when."""
    return citations(fact.sources) + (f"\n{fact.note}" if fact.note else "")


def citations(sources: Iterable[Source]) -> str:
    return "\n".join(f"{'Not confirmed' if one.kind == 'unconfirmed' else 'Source'}: {one.citation}" for one in sources)


def context_words(n_ctx: int) -> str:
    """ "128k tokens": a trained context."""
    if n_ctx >= 1 << 20 and n_ctx % (1 << 20) == 0:
        return f"{n_ctx >> 20}M{GAP}tokens"
    if n_ctx >= 1_000_000:
        return f"{n_ctx / 1e6:.1f}M{GAP}tokens".replace(".0M", "M")
    return f"{n_ctx >> 10}k{GAP}tokens" if n_ctx >= 1024 else f"{n_ctx}{GAP}tokens"


# --- downloads ---------------------------------------------------------------------------------


def phase_of(download: Download, state: DownloadState | None) -> Phase:
    """What a download does now: by what was said last while it runs, else by the queue."""
    running = download.state in (State.QUEUED, State.PUBLISHING)
    return state.phase if running and state is not None else _RESTING[download.state]


def progress_of(download: Download, state: DownloadState | None) -> tuple[int, int | None]:
    """Done and total bytes."""
    if state is not None and download.state in (State.QUEUED, State.PUBLISHING):
        checked = state.phase in (Phase.VERIFYING, Phase.CHECKING)
        return (state.checked_bytes if checked else state.done_bytes), state.total_bytes
    return download.done_bytes, download.total_bytes


def download_words(download: Download, state: DownloadState | None) -> str:
    """ "downloading · 1.2 of 4.7 GB · 23 MB/s · about 2 min left"."""
    phase = phase_of(download, state)
    said = [_PHASES[phase]]
    if phase is Phase.WAITING and state is not None and state.waits_s is not None:
        said = [f"tries again in {duration_words(state.waits_s)}"]
    done, total = progress_of(download, state)
    if phase is Phase.DONE:
        said.append(human_bytes(total or 0))
    elif total:
        said.append(f"{human_bytes(done)} of {human_bytes(total)}")
    if phase is Phase.FETCHING and state is not None:
        said.append(speed_words(state.bytes_per_s))
        if state.eta_s is not None:
            said.append(f"about {duration_words(state.eta_s)} left")
    return " · ".join(said)


def speed_words(bytes_per_s: float) -> str:
    return f"{human_bytes(round(bytes_per_s))}/s" if bytes_per_s >= 1 else f"0{GAP}B/s"


def duration_words(seconds: float) -> str:
    """ "7 s", "3 min", "2 h 10 min"."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole}{GAP}s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes}{GAP}min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{GAP}h {minutes}{GAP}min" if hours < 24 else f"{hours / 24:.1f}{GAP}days"


# --- the library -------------------------------------------------------------------------------


def place_words(held: Held) -> str:
    """Where a file of the library lies, as people say it."""
    if held.program is Program.WORKBENCH:
        said = "our folder" if held.own else "our folder, as a link"
    elif held.program is Program.ADDED:
        said = f"your file in {held.file.path.parent.name or held.file.path.parent}"
    elif held.program is Program.FOLDER:
        said = f"your folder {held.file.path.parent.name or held.file.path.parent}"
    else:
        said = held.program.value
    others = sorted({copy.program.value for copy in held.copies})
    return f"{said}, also in {', '.join(others)}" if others else said


def copies_words(held: Held) -> str:
    """The path, and where else it lies and how sure that is."""
    lines = [str(held.file.path)]
    lines += [f"{copy.program.value}: {copy.path} ({copy.sameness.value})" for copy in held.copies]
    return "\n".join(lines)


def remains_words(held: Held, plan: Removal) -> str:
    """What of a model stays when it is removed; empty where nothing does."""
    said = [f"The copy in {copy.program.value} stays." for copy in held.copies]
    shared = [one.path.name for one in held.companions if one.path not in plan.paths]
    said += [f"{name} stays: another model has it too." for name in shared]
    return " ".join(said)


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
