"""A Compare page on the scripted engine, with a real store, a real library and real (small) GGUF files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.chat.pane import Pane, PaneState
from workbench.engine.fake import FakeBackend, endless
from workbench.gui import theme
from workbench.gui.bridge import EventPump
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.compare.pane_view import PaneView
from workbench.gui.pages.compare import ComparePage
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hardware.facts import Hardware
from workbench.jobs import JobRunner
from workbench.models.file import ModelFile

ALPHA, BETA = "Llama Alpha 1B", "Gemma Beta 2B"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    said = [f"This plugin does not support {what}" for what in ("propagateSizeHints", "raise", "grabbing the keyboard")]
    for item in items:
        if "tests/gui/compare/" in item.path.as_posix():
            # Qt says these of windows and popups on the offscreen platform.
            item.add_marker(pytest.mark.qt_log_ignore(*said), append=False)


class OnALaptop(Workbench):
    """The machine is an example: the same on every machine the tests run on."""

    def machine(self) -> Hardware:
        return LAPTOP_WITHOUT_GPU


def slow(**others: object) -> FakeBackend:
    return FakeBackend(endless, tokens_per_s=200, **others)  # type: ignore[arg-type]


@dataclass
class Opened:
    """A page, and the questions that tests ask of it."""

    bench: Workbench
    backend: FakeBackend
    runner: JobRunner
    pump: EventPump
    page: ComparePage
    qtbot: QtBot
    closed: bool = False

    @property
    def panes(self) -> list[Pane]:
        return self.page.comparison.panes

    @property
    def views(self) -> list[PaneView]:
        return self.page.row.views

    def last(self, index: int) -> ExchangeView:
        """The newest exchange of a pane, as it is shown."""
        return self.views[index].transcript.views[-1]

    def model(self, title: str) -> ModelFile:
        return next(model for model in self.bench.library.files() if model.title == title)

    def choose(self, *titles: str) -> None:
        for title in titles:
            self.page.open_model(self.model(title))

    def send(self, prompt: str) -> None:
        self.page.composer.set_text(prompt)
        self.page.send()

    def ask(self, prompt: str) -> None:
        """Send, and wait until every pane has answered."""
        self.send(prompt)
        self.until_quiet()

    def until(self, reached: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(reached)

    def until_quiet(self) -> None:
        self.until(lambda: not self.page.comparison.busy and self.page.errands.idle)

    def until_written(self, *indexes: int) -> None:
        self.until(lambda: all(self.panes[index].state is PaneState.STREAMING for index in indexes))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.page.shutdown()
            self.runner.close()
            self.pump.drain()
            self.bench.close()


OpenPage = Callable[..., Opened]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A data folder whose library holds two models."""
    data = tmp_path / "data"
    folder = data / "models"
    folder.mkdir(parents=True)
    write_model(folder / "alpha.gguf", text={"general.name": ALPHA})
    write_model(folder / "beta.gguf", text={"general.name": BETA})
    return data


@pytest.fixture
def open_page(qapp: QApplication, qtbot: QtBot, models: Path) -> Iterator[OpenPage]:
    """Opens a page on the same data folder each time: a second call is a restart."""
    theme.apply(qapp, "light")
    opened: list[Opened] = []

    def make(backend: FakeBackend | None = None) -> Opened:
        engine = backend or FakeBackend()
        bench = OnALaptop.open(data_dir=models, backend=engine)
        pump = EventPump()
        runner = JobRunner(pump.post)
        page = ComparePage(bench, pump, runner)
        qtbot.addWidget(page)
        page.resize(1000, 700)
        page.show()
        made = Opened(bench, engine, runner, pump, page, qtbot)
        opened.append(made)
        made.until(lambda: page.errands.idle)
        return made

    yield make
    for each in opened:
        each.close()
        assert each.backend.live == 0, "an engine was left open"
