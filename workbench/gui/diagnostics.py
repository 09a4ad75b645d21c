"""What to send along with a question about the program: versions, machine, settings, the end of the log."""

from __future__ import annotations

import dataclasses
import platform
import sys
from typing import TYPE_CHECKING

import PySide6
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from workbench import __version__
from workbench.logs import diagnostics_tail

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hardware.facts import Hardware

LOG_LINES = 120


def diagnostics(workbench: Workbench, machine: Hardware | None) -> str:
    """Text for the clipboard; no prompt, no answer, no secret."""
    from workbench.hardware.words import sentences

    settings = dataclasses.asdict(workbench.settings)
    parts = [
        "Inference Workbench diagnostics",
        _section("Versions", versions(workbench)),
        _section("Machine", list(sentences(machine)) if machine is not None else ["not measured yet"]),
        _section("Settings", [f"{name} = {value!r}" for name, value in settings.items()]),
        _section("Log", diagnostics_tail(workbench.paths, LOG_LINES).splitlines() or ["(empty)"]),
    ]
    return "\n\n".join(parts) + "\n"


def versions(workbench: Workbench) -> list[str]:
    return [
        f"workbench {__version__}",
        f"engine {workbench.backend.name} {workbench.backend.version}",
        f"Python {platform.python_version()} ({sys.platform})",
        f"PySide6 {PySide6.__version__}, Qt {qVersion()}, platform {QGuiApplication.platformName()}",
        f"system {platform.platform()}",
    ]


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)])
