"""``workbench models pull``: one model of the hub into the models folder, verified."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from workbench.app import Workbench
from workbench.cli import models_words, output, terms_words
from workbench.cli.fit import exactly
from workbench.cli.inputs import Context, Json
from workbench.cli.progress import Told, follow, interruptible
from workbench.errors import Cancelled, DoesNotFitError, LicenceError
from workbench.hardware.words import human_bytes
from workbench.hub import choosing
from workbench.hub.choosing import PassedOver
from workbench.hub.download_rows import Failure, State
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Download
from workbench.hub.gate import Gate
from workbench.hub.pulling import companions
from workbench.hub.remote import HeadProgress, RemoteListing
from workbench.hub.transfer import Phase
from workbench.jobs import run
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.verdict import Rung

INTERRUPTED = 130

_DOING = {
    Phase.ASKING: "asking the hub",
    Phase.CHECKING: "checking what is here",
    Phase.VERIFYING: "verifying",
    Phase.REPAIRING: "fetching again what is wrong",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """``rung`` is set where the model was recommended, not named."""

    model: ModelFile
    rung: Rung | None


def pull(
    model: Annotated[
        str,
        typer.Argument(
            help="OWNER/REPOSITORY, its address, or a name of the catalogue; then perhaps :FILE or :QUANTISATION."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the licence without being asked.")] = False,
    context: Context = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Recommend by arithmetic only: do not ask llama.cpp in a child process.")
    ] = False,
    projector: Annotated[
        bool, typer.Option("--projector", help="Also the smallest projector for images or sound, where there is one.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also where another program on this machine has it already.")
    ] = False,
    json: Json = False,
) -> None:
    """Download a model: the quantisation recommended for this machine, unless one is named.

    Ctrl-C pauses; the same command goes on, also after a power cut.
    """
    with Workbench.open() as workbench:
        asked = choosing.parse(model)
        listing = headers(workbench, choosing.repositories_of(asked, workbench.catalogue), quiet=json)
        choice = choose(workbench, listing, asked, context, estimate=estimate)
        if not json:
            _say(choice)
        held = None if again else workbench.here(choice.model)
        if held is not None:
            _finish(choice, None, None, held.file, json=json)
            return
        gate = agree(workbench, listing, yes=yes, quiet=json)
        along = workbench.companions(choice.model)[:1] if projector else ()
        queued = workbench.pull(choice.model, companions=along, again=again)
        download = fetch(workbench, queued, quiet=json)
        file = workbench.library.resolve(str(download.files[0])) if download.state is State.DONE else None
    _finish(choice, gate, download, file, json=json)
    raise typer.Exit(0 if file is not None else INTERRUPTED)


def _finish(
    choice: Choice, gate: Gate | None, download: Download | None, file: ModelFile | None, *, json: bool
) -> None:
    """How it ended: here already (no download), done, or stopped (no file)."""
    resume = f"workbench models pull {choosing.name_of(choice.model)}"
    if json:
        output.emit(
            {
                "download": as_json(download) if download is not None else None,
                "model": models_words.as_json(file) if file is not None else None,
                "here_already": download is None,
                "recommended": choice.rung.reason if choice.rung is not None else None,
                "licence": terms_words.gate_json(gate) if gate is not None else None,
                "resume": resume if file is None else None,
            }
        )
    elif file is not None:
        how = "verified" if download is not None else f"here already, {file.path}"
        output.out.print(f"{file.name}: {human_bytes(file.size_bytes)}, {how}.", markup=False, soft_wrap=True)
        output.out.print(f'Next: workbench chat -m {file.name} "…"', markup=False, soft_wrap=True)
    elif download is not None:
        _say_unfinished(download, resume)


def headers(workbench: Workbench, repositories: Sequence[str], *, quiet: bool) -> RemoteListing:
    """What the first of these that can be had holds, from its headers alone; those before it are said to be passed
    over."""

    def told_heads(event: HeadProgress | PassedOver) -> Told:
        if isinstance(event, PassedOver):
            aside = f"{event.repository} is passed over: {event.error.message}"
            return Told("looking further", aside=aside, event=_passed_json(event))
        values = {"name": event.name, "done_files": event.done_files, "total_files": event.total_files,
                  "fetched_bytes": event.fetched_bytes}  # fmt: skip
        return Told("reading headers", event.done_files, event.total_files or None, event.name, event=values)

    task = choosing.first_of(repositories, workbench.remote)
    return follow(task, told_heads, name="headers", as_json=quiet, items=True)


def _passed_json(passed: PassedOver) -> dict[str, Any]:
    error = passed.error
    return {"passed_over": passed.repository, "error": output.problem(error.code, error.message, error.hint)}


def choose(
    workbench: Workbench, listing: RemoteListing, asked: choosing.Asked, context: int | None, *, estimate: bool
) -> Choice:
    """The file named, else the recommended one.  Raises DoesNotFitError where none can be recommended."""
    if asked.wanted is not None:
        return Choice(choosing.chosen(listing, asked.wanted), None)
    run(workbench.measure_bandwidth_once())
    machine = workbench.machine()
    params = RunParams(n_ctx=context or workbench.settings.context)
    ladder = workbench.ladder(listing.files, params=params, machine=machine)
    if not estimate and ladder.rungs:
        (ladder,) = exactly(workbench, [ladder], params, machine)
    if ladder.recommended is None:
        raise DoesNotFitError(
            f"None of the models in {listing.repository} fits this machine.",
            hint=f"`workbench fit {listing.repository}` says by how much; one that is named is fetched all the same.",
        )
    return Choice(ladder.recommended.fit.model, ladder.recommended)


def _say(choice: Choice) -> None:
    file = choice.model
    output.err.print(f"{file.title}, {file.quantisation}, {human_bytes(file.size_bytes)}", markup=False)
    if choice.rung is not None:
        output.err.print(f"★ {choice.rung.reason}", markup=False, soft_wrap=True)


def agree(workbench: Workbench, listing: RemoteListing, *, yes: bool, quiet: bool) -> Gate:
    """Show the licence; ask once where somebody can answer, and remember the answer."""
    gate = run(workbench.gate(listing))
    if gate.agreed:
        return gate
    if not quiet or not yes:
        _say_gate(gate, multimodal=is_multimodal(workbench, listing))
    asked = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if asked and not typer.confirm("Do you agree?", default=False, err=True):
        raise Cancelled
    if not yes and not asked:
        raise LicenceError(
            f"The licence of {gate.repository} ({gate.terms.title}) has to be agreed to first.",
            hint=f"Read it with `workbench models show {gate.repository} --licence`; --yes agrees to it.",
        )
    return workbench.agree(gate)


def is_multimodal(workbench: Workbench, listing: RemoteListing) -> bool:
    """By the catalogue; of a repository that it does not know, by its projectors."""
    entry = workbench.catalogue.for_repository(listing.repository)
    if entry is not None:
        return entry.multimodal.value
    return listing.found is not None and bool(companions(listing.found))


def _say_gate(gate: Gate, *, multimodal: bool) -> None:
    output.err.print(terms_words.headline(gate.terms), style="bold", markup=False, soft_wrap=True)
    for sentence in terms_words.sentences(gate.terms, multimodal=multimodal):
        output.err.print(f"· {sentence}", markup=False, soft_wrap=True)
    for note in terms_words.gate_notes(gate):
        output.err.print(f"· {note}", style="dim", markup=False, soft_wrap=True)
    for link in gate.terms.links:
        output.err.print(f"  {link.title}: {link.address}", style="dim", markup=False, soft_wrap=True)
    if gate.text is not None:
        output.err.print(f"  Its text: workbench models show {gate.repository} --licence", style="dim", soft_wrap=True)


def fetch(workbench: Workbench, download: Download, *, quiet: bool) -> Download:
    """Fetch it now; the first Ctrl-C pauses it."""
    with interruptible() as cancel:
        try:
            return follow(workbench.downloads.fetch(download.id), tell, name="download", as_json=quiet, cancel=cancel)
        except Cancelled:
            workbench.downloads.pause(download.id)
            return workbench.downloads.get(download.id)


def tell(state: DownloadState) -> Told:
    event = {
        "id": state.id,
        "name": state.name,
        "phase": state.phase.value,
        "done_bytes": state.done_bytes,
        "total_bytes": state.total_bytes,
        "checked_bytes": state.checked_bytes,
        "bytes_per_s": state.bytes_per_s,
        "eta_s": state.eta_s,
        "waits_s": state.waits_s,
        "error": failure_json(state.error),
        "note": state.note,
    }
    aside = state.note or ""
    if state.phase is Phase.WAITING:
        aside = state.error.message if state.error is not None else aside
        return Told(f"waiting for {state.name}", state.done_bytes, state.total_bytes,
                    f"again in {duration(math.ceil(state.waits_s or 0))}", aside, event)  # fmt: skip
    what = _DOING.get(state.phase, state.phase.value)
    done = state.checked_bytes if state.phase in (Phase.CHECKING, Phase.VERIFYING) else state.done_bytes
    more = [f"{human_bytes(round(state.bytes_per_s))}/s"] if state.phase is Phase.FETCHING else []
    more += [f"{duration(state.eta_s)} left"] if state.eta_s is not None else []
    return Told(f"{what} {state.name}", done, state.total_bytes, " · ".join(more), aside, event)


def duration(seconds: float) -> str:
    """ "12 s", "4 min", "1 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _say_unfinished(download: Download, again: str) -> None:
    part = f" at {download.done_bytes / download.total_bytes:.0%}" if download.total_bytes else ""
    reason = f": {download.reason.message}" if download.reason is not None else ""
    output.err.print(f"{download.state.value.capitalize()}{part}{reason}. What arrived is kept. To go on:",
                     markup=False, soft_wrap=True)  # fmt: skip
    output.err.print(f"    {again}", markup=False, soft_wrap=True)


def as_json(download: Download) -> dict[str, Any]:
    wanted = download.wanted
    return {
        "id": download.id,
        "repository": wanted.repository,
        "commit": wanted.commit,
        "path": wanted.path,
        "files": [str(path) for path in download.files],
        "state": download.state.value,
        "done_bytes": download.done_bytes,
        "total_bytes": download.total_bytes,
        "reason": failure_json(download.reason),
    }


def failure_json(failure: Failure | None) -> dict[str, str | None] | None:
    if failure is None:
        return None
    return output.problem(failure.code, failure.message, failure.hint) | {"page": failure.page}
