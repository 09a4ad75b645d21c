"""``workbench models show``: a model of the library, of the catalogue, or a repository of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.app import Workbench
from workbench.cli import fit_words, models_words, output, terms_words
from workbench.cli.inputs import Json
from workbench.cli.pulling import headers, is_multimodal
from workbench.cli.searching import entry_json
from workbench.engine.lineage import Lineage, lineage_of
from workbench.errors import HubError, ModelNotFoundError
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.hub import choosing
from workbench.hub.entries import Entry, Fact, Figure, Source
from workbench.hub.gate import Gate
from workbench.hub.library import Held
from workbench.hub.remote import RemoteListing
from workbench.hub.terms import Terms
from workbench.jobs import run
from workbench.models.file import ModelFile
from workbench.models.ladder import groups
from workbench.models.verdict import Fit, Ladder
from workbench.models.words import verdict_words

_SAID_APART = ("parts", "program", "own", "called", "copies", "companions", "lineage")


def show(
    model: Annotated[
        str, typer.Argument(help="A name of the library or a path, a name of the catalogue, or OWNER/REPOSITORY.")
    ],
    sha256: Annotated[bool, typer.Option("--sha256", help="Read the whole file and compute its SHA-256.")] = False,
    licence: Annotated[bool, typer.Option("--licence", help="Print the whole licence instead.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the hub for a catalogue model's sizes, revisions and gates now.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what is known of a model: its file, its licence in plain words, and whether it fits."""
    with Workbench.open() as workbench:
        if licence:
            _print_licence(workbench, model, json=json)
            return
        try:
            file = workbench.library.resolve(model)
        except ModelNotFoundError as error:
            asked = choosing.parse(model)
            entry = choosing.entry_of(asked, workbench.catalogue)
            if entry is not None:
                _show_entry(workbench, run(workbench.refresh(entry)) if refresh else entry, json=json)
            elif choosing.names_repository(asked):
                _show_repository(workbench, asked.name, json=json)
            else:
                raise error
            return
        _show_file(workbench, file, sha256=sha256, json=json)


def _print_licence(workbench: Workbench, model: str, *, json: bool) -> None:
    """Raises ModelNotFoundError where nobody has the text."""
    asked = choosing.parse(model)
    if choosing.names_repository(asked) and not Path(model).exists():
        gate = run(workbench.gate(headers(workbench, [asked.name], quiet=json), to_read=True))
        terms, text, origin = gate.terms, gate.text, gate.text_from
    else:
        entry = choosing.entry_of(asked, workbench.catalogue)
        terms = Terms.of(entry.licence.value if entry is not None else workbench.library.resolve(model).licence)
        text, origin = terms.text, None
    if text is None:
        links = " · ".join(link.address for link in terms.links)
        raise ModelNotFoundError(
            f"The text of the licence ({terms.title}) is not here.",
            hint=f"Read it at {links}" if links else "Read it on the model's page.",
        )
    if json:
        output.emit({"title": terms.title, "text": text, "text_from": origin})
    else:
        output.out.print(text, markup=False, soft_wrap=True)


# --- a file ----------------------------------------------------------------------------------


def _show_file(workbench: Workbench, file: ModelFile, *, sha256: bool, json: bool) -> None:
    digests = [run(workbench.library.sha256_of(path)) if sha256 else None for path in file.files]
    held = next((one for one in workbench.library.listing().held if one.file.path == file.path), None)
    terms = Terms.of(file.licence)
    machine = workbench.machine()
    found = workbench.fit(file, machine=machine)
    lineage = lineage_of(file.header)
    values = (models_words.held_json(held) if held is not None else models_words.as_json(file)) | {
        "sha256": (digests[0] or file.sha256) if len(digests) == 1 else None,
        "parts": [{"path": str(path), "sha256": digest} for path, digest in zip(file.files, digests, strict=True)]
        if len(digests) > 1
        else [],
        "tensor_count": len(file.header.tensors),
        "gguf_version": file.header.version,
        "chat_template": file.chat_template,
        "lineage": lineage.as_json() if lineage is not None else None,
    }
    if json:
        output.emit(values | {"kind": "file", "terms": terms_words.as_json(terms), "fit": _fit_json(found)})
        return
    for key, value in values.items():
        if key in _SAID_APART:
            continue
        shown = "–" if value is None else str(value)
        if key == "size_bytes":
            shown = f"{value:,} ({human_bytes(file.size_bytes)})"
        if key == "chat_template" and value is None:
            shown = "none: completed raw unless another template is chosen"
        _line(key.replace("_", " "), shown)
    for part in values["parts"]:
        _line("part", f"{Path(part['path']).name} {part['sha256'] or ''}".rstrip())
    if lineage is not None:
        _say_lineage(lineage)
    if held is not None:
        _say_keeper(held)
    _line("verdict", str(verdict_words(found, has_gpu=bool(machine.devices))))
    _say_terms(terms, multimodal=False)


def _say_lineage(lineage: Lineage) -> None:
    _line("made from", f"{lineage.source} (SHA-256 {lineage.source_sha256})")
    _line("made by", f"quantising it to {lineage.quantisation} here, llama-cpp-python {lineage.engine_version}, "
                     f"{lineage.made_at}")  # fmt: skip
    if lineage.importance_sha256 is not None:
        _line("importance matrix", f"SHA-256 {lineage.importance_sha256}")


def _say_keeper(held: Held) -> None:
    _line("kept by", held.program.value + (f", as {held.called}" if held.called else ""))
    for one in held.companions:
        _line("with it", f"{one.path}, {one.what}")
    for copy in held.copies:
        _line("copy", f"{copy.path} ({copy.program.value}), {copy.sameness.value}")


def _fit_json(found: Fit) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "confident": found.confident,
        "context": found.context,
        "total_bytes": found.total_bytes,
        "available_bytes": found.available_bytes,
        "max_context": found.max_context,
    }


# --- an entry of the catalogue ---------------------------------------------------------------


def _show_entry(workbench: Workbench, entry: Entry, *, json: bool) -> None:
    """What the catalogue says, and where the hub can be asked the verdict for each file."""
    listing: RemoteListing | None = None
    refused: HubError | None = None
    try:
        names = choosing.repositories_of(choosing.Asked(entry.id), workbench.catalogue)
        listing = headers(workbench, names, quiet=json)
    except HubError as error:
        refused = error
    machine = workbench.machine()
    ladders = _ladders(workbench, listing, machine)
    terms = Terms.of(entry.licence.value)
    if json:
        output.emit(
            {"kind": "catalogue"}
            | _entry_json(entry)
            | {
                "terms": terms_words.as_json(terms),
                "ladders": [fit_words.ladder_json(ladder) for ladder in ladders],
                "hub": output.problem(refused.code, refused.message, refused.hint) if refused is not None else None,
            }
        )
        return
    output.out.print(entry.title, style="bold", markup=False)
    for title, said in _facts(entry):
        _line(title, said)
    for claim in entry.claims:
        _line("claim", f"{claim.claim} ({claim.said_by}). Found: {claim.finding}")
    _say_terms(terms, multimodal=entry.multimodal.value)
    _say_ladders(ladders, machine)
    for file in entry.files if not ladders else ():
        size = file.size.rounded or human_bytes(file.size.size_bytes)
        _line("file", f"{file.name}: {size}{f', of {file.repository}' if file.repository else ''}")
    if refused is not None:
        output.err.print(refused.message, style="yellow", markup=False, soft_wrap=True)
    asked = f"; the hub was asked on {entry.asked_at[:10]}" if entry.asked_at is not None else ""
    _line("catalogue", f"{entry.provenance.title}, {entry.provenance.dated.isoformat()}{asked}")


def _facts(entry: Entry) -> list[tuple[str, str]]:
    """One line each, with a mark where no source confirms it."""
    said = [("publisher", entry.publisher), ("original", entry.original.value)]
    said += [("gated", {True: "yes, after agreeing on its page", False: "no", None: "not known"}[entry.gated])]
    said += [("parameters", _fact(entry.parameters, f"{entry.parameters.value / 1e9:.2f} B"))]
    if entry.active_parameters is not None:
        said += [("active", _fact(entry.active_parameters, f"{entry.active_parameters.value / 1e9:.2f} B a token"))]
    if entry.context is not None:
        said += [("context", _fact(entry.context, f"{entry.context.value:,} tokens"))]
    if entry.architecture is not None:
        said += [("architecture", _fact(entry.architecture, entry.architecture.value))]
    if entry.system_role is not None:
        said += [("system prompt", _fact(entry.system_role, entry.system_role.value))]
    if entry.recommended is not None:
        values = {"temperature": entry.recommended.temperature, "top-p": entry.recommended.top_p,
                  "top-k": entry.recommended.top_k, "min-p": entry.recommended.min_p}  # fmt: skip
        said += [("sampling", ", ".join(f"{name} {value:g}" for name, value in values.items() if value is not None))]
    else:
        said += [("sampling", "none confirmed")]
    said += [_benchmark(figure) for figure in entry.figures] or [("benchmarks", "none confirmed")]
    said += [("files at", repository.name) for repository in entry.gguf_repositories]
    return said + [("note", note.value) for note in entry.notes]


def _benchmark(figure: Figure) -> tuple[str, str]:
    doubt = " (unconfirmed)" if any(source.kind == "unconfirmed" for source in figure.sources) else ""
    return "benchmark", f"{figure.measure} {figure.value:g}{doubt}. {figure.about}"


def _fact(fact: Fact[Any], shown: str) -> str:
    return f"{shown}{'' if fact.confirmed else ' (unconfirmed)'}{f'. {fact.note}' if fact.note else ''}"


def _entry_json(entry: Entry) -> dict[str, Any]:
    advice = entry.recommended
    return entry_json(entry) | {
        "architecture": entry.architecture.value if entry.architecture is not None else None,
        "system_role": entry.system_role.value if entry.system_role is not None else None,
        "sampling": {"temperature": advice.temperature, "top_p": advice.top_p, "top_k": advice.top_k,
                     "min_p": advice.min_p}
        if advice is not None
        else None,
        "files": [
            {"name": file.name, "repository": file.repository, "quantisation": file.quantisation,
             "size_bytes": file.size.size_bytes, "size_rounded": file.size.rounded, "sha256": file.sha256,
             "companion": file.companion}
            for file in entry.files
        ],
        "notes": [note.value for note in entry.notes],
        "claims": [{"claim": one.claim, "said_by": one.said_by, "finding": one.finding} for one in entry.claims],
        "figures": [{"measure": one.measure, "value": one.value, "about": one.about} for one in entry.figures],
        "sources": [_source_json(source) for source in entry.cited],
        "dated": entry.provenance.dated.isoformat(),
        "asked_at": entry.asked_at,
    }  # fmt: skip


def _source_json(source: Source) -> dict[str, str | None]:
    return {"title": source.title, "kind": source.kind, "dated": source.dated, "read": source.read.isoformat(),
            "address": source.address}  # fmt: skip


# --- a repository ----------------------------------------------------------------------------


def _show_repository(workbench: Workbench, name: str, *, json: bool) -> None:
    listing = headers(workbench, [name], quiet=json)
    gate = run(workbench.gate(listing))
    machine = workbench.machine()
    ladders = _ladders(workbench, listing, machine)
    if json:
        output.emit(
            {
                "kind": "repository",
                "repository": listing.repository,
                "commit": listing.commit,
                "kept_at": listing.kept_at,
                "gated": listing.gated,
                "licence": terms_words.gate_json(gate),
                "ladders": [fit_words.ladder_json(ladder) for ladder in ladders],
                "skipped": [{"name": skipped, "reason": reason} for skipped, reason in listing.skipped],
            }
        )
        return
    output.out.print(listing.repository, style="bold", markup=False)
    _line("commit", listing.commit)
    _line("gated", "yes, after agreeing on its page" if listing.gated else "no")
    if listing.kept_at is not None:
        _line("offline", f"as the hub described it on {listing.kept_at[:10]}")
    _say_gate(gate, multimodal=is_multimodal(workbench, listing))
    _say_ladders(ladders, machine)
    for skipped, reason in listing.skipped:
        output.out.print(f"left out: {skipped} ({reason})", style="dim", markup=False)


def _say_gate(gate: Gate, *, multimodal: bool) -> None:
    _say_terms(gate.terms, multimodal=multimodal)
    for note in terms_words.gate_notes(gate):
        output.out.print(f"  · {note}", markup=False, soft_wrap=True)
    if gate.agreed:
        _line("agreed", (gate.agreed_before or "yes")[:10])


def _ladders(workbench: Workbench, listing: RemoteListing | None, machine: Hardware) -> Sequence[Ladder]:
    return [workbench.ladder(files, machine=machine) for _, files in groups(listing.files)] if listing else []


def _say_ladders(ladders: Sequence[Ladder], machine: Hardware) -> None:
    for ladder in ladders:
        output.out.print(f"\n{ladder.title}", style="bold", markup=False)
        output.out.print(fit_words.ladder_table(ladder, machine))
        if ladder.recommended is not None:
            output.out.print(f"★ {ladder.recommended.reason}", markup=False)


def _say_terms(terms: Terms, *, multimodal: bool) -> None:
    _line("terms", terms_words.headline(terms))
    for sentence in terms_words.sentences(terms, multimodal=multimodal):
        output.out.print(f"  · {sentence}", markup=False, soft_wrap=True)


def _line(title: str, said: str | Path) -> None:
    output.out.print(f"[bold]{title}[/]", end=": ")
    output.out.print(str(said), markup=False, soft_wrap=True)
