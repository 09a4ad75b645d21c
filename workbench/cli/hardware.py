"""``workbench hardware``: what this machine is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.hardware.facts import Hardware
from workbench.hardware.words import sentences


def hardware(json: Json = False) -> None:
    """Say what this machine is: processor, memory, devices llama.cpp can use, disk."""
    with Workbench.open() as workbench:
        machine = workbench.machine()
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
