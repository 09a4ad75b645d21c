"""What the catalogue, the licence gate and downloads say, in short phrases with figures."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.gui.theme import Tone
from workbench.gui.tr import later, tr
from workbench.gui.words import GAP
from workbench.hub.download_rows import State
from workbench.hub.transfer import Phase

if TYPE_CHECKING:
    from workbench.hub.download_state import DownloadState
    from workbench.hub.downloads import Download
    from workbench.hub.entries import Entry, Fact, Source
    from workbench.hub.places.same import Held
    from workbench.hub.terms import CommercialUse, Terms
    from workbench.hub.upkeep import Removal

_COMMERCIAL: dict[CommercialUse, tuple[str, Tone]] = {
    "yes": (later("commercial: yes"), Tone.GOOD),
    "conditions": (later("commercial: conditions"), Tone.CAUTION),
    "research only": (later("research only"), Tone.BAD),
    "unknown": (later("not known: read it first"), Tone.CAUTION),
}
_GATES = {
    "open": (later("not gated"), Tone.NONE),
    "acceptance": (later("original is gated"), Tone.NONE),
    "unknown": (later("gate not known"), Tone.NONE),
}
_PHASES = {
    Phase.QUEUED: later("waits for its turn"),
    Phase.ASKING: later("asking the hub for sizes and hashes"),
    Phase.CHECKING: later("checking what is here already"),
    Phase.FETCHING: later("downloading"),
    Phase.WAITING: later("waits"),
    Phase.VERIFYING: later("verifying"),
    Phase.REPAIRING: later("wrong SHA-256: fetching again and comparing"),
    Phase.PAUSED: later("paused"),
    Phase.CANCELLED: later("cancelled; what arrived is kept"),
    Phase.FAILED: later("failed"),
    Phase.DONE: later("here, and verified"),
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
    title = tr(terms.title) if terms.known else tr("licence “{name}”", name=name or terms.id)
    return Chip(f"{title} · {tr(said)}", tone, tr(terms.summary))


def gate_chip(entry: Entry) -> Chip:
    said, tone = _GATES[entry.gate.value]
    return Chip(tr(said) + doubt(entry.gate), tone, sources_words(entry.gate))


def doubt(fact: Fact[Any]) -> str:
    """Behind what nobody was found to say."""
    return "" if fact.confirmed else tr(" (unconfirmed)")


def sources_words(fact: Fact[Any]) -> str:
    """Where a fact is from, and of when."""
    return citations(fact.sources) + (f"\n{fact.note}" if fact.note else "")


def citations(sources: Iterable[Source]) -> str:
    return "\n".join(f"{'Not confirmed' if one.kind == 'unconfirmed' else 'Source'}: {one.citation}" for one in sources)


def context_words(n_ctx: int) -> str:
    """ "128k tokens": a trained context."""
    if n_ctx >= 1 << 20 and n_ctx % (1 << 20) == 0:
        return tr("{n_ctx}M{gap}tokens", n_ctx=n_ctx >> 20, gap=GAP)
    if n_ctx >= 1_000_000:
        return f"{n_ctx / 1e6:.1f}M{GAP}tokens".replace(".0M", "M")
    return (
        tr("{n_ctx}k{gap}tokens", n_ctx=n_ctx >> 10, gap=GAP)
        if n_ctx >= 1024
        else tr("{n_ctx}{gap}tokens", n_ctx=n_ctx, gap=GAP)
    )


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
    from workbench.hardware.words import human_bytes

    phase = phase_of(download, state)
    said = [tr(_PHASES[phase])]
    if phase is Phase.WAITING and state is not None and state.waits_s is not None:
        said = [tr("tries again in {duration_words}", duration_words=duration_words(state.waits_s))]
    done, total = progress_of(download, state)
    if phase is Phase.DONE:
        said.append(human_bytes(total or 0))
    elif total:
        said.append(tr("{done} of {total}", done=human_bytes(done), total=human_bytes(total)))
    if phase is Phase.FETCHING and state is not None:
        said.append(speed_words(state.bytes_per_s))
        if state.eta_s is not None:
            said.append(tr("about {duration_words} left", duration_words=duration_words(state.eta_s)))
    return " · ".join(said)


def speed_words(bytes_per_s: float) -> str:
    from workbench.hardware.words import human_bytes

    return (
        tr("{human_bytes}/s", human_bytes=human_bytes(round(bytes_per_s)))
        if bytes_per_s >= 1
        else tr("0{gap}B/s", gap=GAP)
    )


def duration_words(seconds: float) -> str:
    """ "7 s", "3 min", "2 h 10 min"."""
    whole = max(0, round(seconds))
    if whole < 100:
        return tr("{whole}{gap}s", whole=whole, gap=GAP)
    minutes = round(whole / 60)
    if minutes < 100:
        return tr("{minutes}{gap}min", minutes=minutes, gap=GAP)
    hours, minutes = divmod(minutes, 60)
    return (
        tr("{hours}{gap}h {minutes}{gap}min", hours=hours, gap=GAP, minutes=minutes)
        if hours < 24
        else tr("{hours:.1f}{gap}days", hours=hours / 24, gap=GAP)
    )


# --- the library -------------------------------------------------------------------------------


def place_words(held: Held) -> str:
    """Where a file of the library lies, as people say it."""
    from workbench.hub.places.place import Program

    if held.program is Program.WORKBENCH:
        said = tr("our folder") if held.own else tr("our folder, as a link")
    elif held.program is Program.ADDED:
        said = tr("your file in {name}", name=held.file.path.parent.name or held.file.path.parent)
    elif held.program is Program.FOLDER:
        said = tr("your folder {name}", name=held.file.path.parent.name or held.file.path.parent)
    else:
        said = held.program.value
    others = sorted({copy.program.value for copy in held.copies})
    return tr("{said}, also in {names}", said=said, names=", ".join(others)) if others else said


def copies_words(held: Held) -> str:
    """The path, and where else it lies and how sure that is."""
    lines = [str(held.file.path)]
    lines += [f"{copy.program.value}: {copy.path} ({copy.sameness.value})" for copy in held.copies]
    return "\n".join(lines)


def remains_words(held: Held, plan: Removal) -> str:
    """What of a model stays when it is removed; empty where nothing does."""
    said = [tr("The copy in {value} stays.", value=copy.program.value) for copy in held.copies]
    shared = [one.path.name for one in held.companions if one.path not in plan.paths]
    said += [tr("{name} stays: another model has it too.", name=name) for name in shared]
    return " ".join(said)
