"""``workbench fit``: whether model files fit a machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.hardware import as_json as machine_json
from workbench.cli.inputs import Context, Json
from workbench.errors import UsageError
from workbench.hardware.examples import EXAMPLES
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import Share
from workbench.models.fit import Fit
from workbench.models.words import verdict_words

KNOWN = " · ".join(example.label for example in EXAMPLES)
COLOURS = {"good": "green", "caution": "yellow", "bad": "red"}


def fit(
    models: Annotated[list[str] | None, typer.Argument(help="Names or paths; without any, the whole library.")] = None,
    context: Context = None,
    machine: Annotated[str | None, typer.Option("--machine", help=f"Another machine: {KNOWN}.")] = None,
    json: Json = False,
) -> None:
    """Say whether MODELS fit this machine, with the numbers."""
    with Workbench.open() as workbench:
        here = _machine(workbench, machine)
        files = [workbench.library.resolve(name) for name in models] if models else workbench.library.files()
        fits = [workbench.fit(file, n_ctx=context, machine=here) for file in files]
    if json:
        output.emit({"machine": machine_json(here), "files": [as_json(found) for found in fits]})
        return
    if not fits:
        output.out.print("No models yet. Get two small ones with: workbench models starter")
        return
    output.out.print(f"On {here.label}:", markup=False)
    output.out.print(table(fits, here))
    for found in fits:
        output.out.print(f"\n{found.model.name}", style="bold", markup=False)
        for reason in found.reasons:
            output.out.print(f"  · {reason}", markup=False)


def table(fits: list[Fit], machine: Hardware) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "family", "quantisation", "verdict"):
        rows.add_column(title, overflow="fold")
    for title in ("needs", "free", "context", "longest"):
        rows.add_column(title, justify="right")
    for found in fits:
        words = verdict_words(found, has_gpu=bool(machine.devices))
        rows.add_row(
            found.model.name,
            found.model.family.value,
            found.model.quantisation,
            f"[{COLOURS[words.tone]}]{words}[/]",
            human_bytes(found.total_bytes),
            human_bytes(sum(share.available_bytes for share in found.shares)),
            f"{found.context:,}",
            f"{found.max_context:,}" if found.max_context else "–",
        )
    return rows


def as_json(found: Fit) -> dict[str, Any]:
    return {
        "file": str(found.model.path),
        "name": found.model.name,
        "family": found.model.family.value,
        "architecture": found.model.architecture,
        "quantisation": found.model.quantisation,
        "parameter_count": found.model.parameter_count,
        "verdict": found.verdict.value,
        "context": found.context,
        **_bytes(found.shares),
        "max_context": found.max_context,
        "basis": found.basis,
        "run_params": found.params.as_json(),
        "reasons": list(found.reasons),
        "devices": [{"device": share.device, **_bytes([share])} for share in found.shares],
    }


def _bytes(shares: list[Share] | tuple[Share, ...]) -> dict[str, int]:
    return {
        "weights_bytes": sum(share.weights_bytes for share in shares),
        "kv_bytes": sum(share.kv_bytes for share in shares),
        "compute_bytes": sum(share.compute_bytes for share in shares),
        "overhead_bytes": sum(share.overhead_bytes for share in shares),
        "total_bytes": sum(share.total_bytes for share in shares),
        "available_bytes": sum(share.available_bytes for share in shares),
        "short_by_bytes": sum(share.short_by_bytes for share in shares),
    }


def _machine(workbench: Workbench, name: str | None) -> Hardware:
    if name is None:
        return workbench.machine()
    found = next((example for example in EXAMPLES if example.label.casefold() == name.casefold()), None)
    if found is None:
        raise UsageError(f"No described machine is called {name!r}.", hint=f"Known: {KNOWN}.")
    return found
