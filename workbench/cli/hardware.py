"""``workbench hardware``: what this machine is, or another one would be."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.hardware.examples import named
from workbench.hardware.facts import Hardware
from workbench.hardware.words import sentences
from workbench.jobs import run

Machine = Annotated[
    str | None, typer.Option("--machine", help='Describe another machine: "RTX 4090", "12 GB GPU", "16 GB Mac".')
]
Measure = Annotated[
    bool, typer.Option("--measure", help="Measure how fast main memory is read, a second, and keep it.")
]


def hardware(machine: Machine = None, measure: Measure = False, json: Json = False) -> None:
    """Say what this machine is: processor, memory, devices llama.cpp can use, disk."""
    if machine is not None:
        _show(named(machine), json)
        return
    with Workbench.open() as workbench:
        if measure:
            output.err.print(run(workbench.measure_bandwidth()).said, markup=False, soft_wrap=True)
        _show(workbench.machine(), json)


def _show(machine: Hardware, json: bool) -> None:
    if json:
        output.emit(as_json(machine))
        return
    for sentence in sentences(machine):
        output.out.print(f"· {sentence}", markup=False)


def as_json(machine: Hardware) -> dict[str, Any]:
    """The machine as its facts name it; enumerations by their value."""
    values = asdict(machine)
    for device, facts in zip(values["devices"], machine.devices, strict=True):
        device["kind"] = facts.kind.value
    return values
