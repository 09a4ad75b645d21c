"""``workbench models search``: models of the catalogue, and GGUF repositories of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import output, terms_words
from workbench.cli.inputs import Json
from workbench.errors import HubError
from workbench.hub import choosing
from workbench.hub.entries import Entry
from workbench.hub.search import SearchHit
from workbench.hub.terms import Terms
from workbench.jobs import run


def search(
    text: Annotated[list[str], typer.Argument(help="Words of a model's name; or OWNER/REPOSITORY.")],
    json: Json = False,
) -> None:
    """Find models: those of the catalogue first, then the hub's repositories with GGUF files."""
    wanted = " ".join(text)
    with Workbench.open() as workbench:
        entries = choosing.matching(workbench.catalogue, wanted)
        hits: Sequence[SearchHit] = ()
        refused: HubError | None = None
        try:
            hits = run(workbench.search(wanted))
        except HubError as error:
            if not entries:
                raise
            refused = error
    if json:
        output.emit(
            {
                "catalogue": [entry_json(entry) for entry in entries],
                "repositories": [_hit_json(hit) for hit in hits],
                "hub": output.problem(refused.code, refused.message, refused.hint) if refused is not None else None,
            }
        )
        return
    if entries:
        output.out.print("Catalogue", style="bold")
        output.out.print(_entries(entries))
    if hits:
        output.out.print("\nHub" if entries else "Hub", style="bold")
        output.out.print(_hits(hits))
    if refused is not None:
        output.err.print(refused.message, style="yellow", markup=False, soft_wrap=True)
    if not entries and not hits:
        output.out.print(f"Nothing is called “{wanted}”.", markup=False)
        return
    output.out.print("\nMore of one: workbench models show NAME. Get it: workbench models pull NAME", style="dim")


def entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": entry.title,
        "family": entry.family.value,
        "publisher": entry.publisher,
        "status": entry.status,
        "purpose": entry.purpose,
        "parameter_count": entry.parameters.value,
        "active_parameter_count": entry.active_parameters.value if entry.active_parameters is not None else None,
        "multimodal": entry.multimodal.value,
        "context": entry.context.value if entry.context is not None else None,
        "licence": entry.licence.value,
        "gated": entry.gated,
        "original": entry.original.value,
        "repositories": [repository.name for repository in entry.gguf_repositories],
    }


def _hit_json(hit: SearchHit) -> dict[str, Any]:
    return {
        "repository": hit.repository,
        "downloads": hit.downloads,
        "likes": hit.likes,
        "changed_at": hit.changed_at,
        "gated": hit.gated,
        "licence": hit.licence,
        "gguf_files": hit.gguf_files,
    }


def _entries(entries: Sequence[Entry]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "model", "licence"):
        rows.add_column(title, overflow="fold")
    rows.add_column("parameters", justify="right", no_wrap=True)
    rows.add_column("")
    for entry in entries:
        terms = Terms.of(entry.licence.value)
        rows.add_row(
            entry.id,
            escape(entry.title),
            f"{escape(terms.title)}, {terms_words.COMMERCIAL[terms.commercial]}",
            f"{entry.parameters.value / 1e9:.1f} B",
            "announced" if entry.status == "announced" else "",
        )
    return rows


def _hits(hits: Sequence[SearchHit]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("repository", "licence"):
        rows.add_column(title, overflow="fold")
    for title in ("files", "downloads", "likes"):
        rows.add_column(title, justify="right", no_wrap=True)
    rows.add_column("changed", no_wrap=True)
    rows.add_column("")
    for hit in hits:
        rows.add_row(
            escape(hit.repository),
            escape(hit.licence or "–"),
            _count(hit.gguf_files),
            _count(hit.downloads),
            _count(hit.likes),
            (hit.changed_at or "–")[:10],
            "gated" if hit.gated else "",
        )
    return rows


def _count(number: int | None) -> str:
    return f"{number:,}" if number is not None else "–"
