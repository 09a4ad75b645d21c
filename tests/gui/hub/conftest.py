"""The window, and a hub on loopback that publishes what the catalogue names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.loopback_hub import LoopbackHub
from tests.loopback_types import Faults
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.hub.gate_dialog import GateDialog
from workbench.gui.models.rung_line import RungLine
from workbench.gui.window import MainWindow
from workbench.jobs import run

ENTRY = "llama-3.2-1b-instruct"
REPOSITORY = "bartowski/Llama-3.2-1B-Instruct-GGUF"
LICENCE = "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT, as the repository ships it.\n"


class Publisher:
    """A repository with two models and its licence; while ``hold`` is on, no more than the first bytes leave."""

    def __init__(self, hub: LoopbackHub, folder: Path) -> None:
        self.hub = hub
        self.flowing = threading.Event()
        self.flowing.set()
        folder.mkdir()
        self.files = {
            f"Llama-1B-{name}.gguf": write_model(
                folder / f"Llama-1B-{name}.gguf",
                text={"general.name": "Llama 1B", "general.license": "llama3.2"},
                file_type=kind,
                layers=layers,
            )
            for name, kind, layers in (("F16", 1, 12), ("Q8_0", 7, 10))
        }
        licence = folder / "LICENSE.txt"
        licence.write_text(LICENCE, encoding="utf-8")
        self.commit = hub.add(REPOSITORY, {**self.files, "LICENSE.txt": licence}, card={"license": "llama3.2"})

    def hold(self) -> None:
        self.flowing.clear()
        self.hub.break_(REPOSITORY, Faults(gate=self.flowing))

    def let_flow(self) -> None:
        self.flowing.set()
        self.hub.break_(REPOSITORY, Faults())


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as serving:
        yield serving


@pytest.fixture
def publisher(hub: LoopbackHub, tmp_path: Path) -> Iterator[Publisher]:
    made = Publisher(hub, tmp_path / "published")
    yield made
    made.let_flow()


@pytest.fixture
def flags(hub: LoopbackHub) -> dict[str, object]:
    return {"hub_endpoint": hub.endpoint, "download_connections": 1}


@pytest.fixture
def shown(window: MainWindow, publisher: Publisher, qtbot: QtBot) -> MainWindow:
    """The Models page with the catalogue's model opened, its ladder from the hub's headers."""
    window.show_page("models")
    rested(window, qtbot)
    window.models.show_entry(ENTRY)
    rested(window, qtbot)
    return window


def rested(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not window.models.busy)


def remote_line(window: MainWindow, quantisation: str) -> RungLine:
    return next(
        line
        for line in window.models.lines
        if line.fit.model.quantisation == quantisation and line.fit.model.origin is not None
    )


def gate_of(window: MainWindow, qtbot: QtBot) -> GateDialog:
    def dialogs() -> list[GateDialog]:
        return [found for found in window.models.findChildren(GateDialog) if found.isVisible()]

    qtbot.waitUntil(lambda: bool(dialogs()))
    return dialogs()[0]


def agree(window: MainWindow, quantisation: str, qtbot: QtBot) -> None:
    """Click Download and agree to the licence."""
    remote_line(window, quantisation).get_button.click()
    gate_of(window, qtbot).agree_button.click()
    rested(window, qtbot)


def consent(bench: Workbench, publisher: Publisher) -> None:
    """As if it was read and agreed to before."""
    found = run(bench.gate(run(bench.remote(REPOSITORY, revision=publisher.commit))))
    bench.agree(found)
