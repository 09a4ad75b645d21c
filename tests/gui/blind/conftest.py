"""A window whose library holds three models; each answer of the scripted engine is another one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.chat.votes import blind as rounds
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend
from workbench.gui import theme
from workbench.gui.blind.mode import BlindMode
from workbench.gui.blind.stage import BlindStage
from workbench.gui.compare.parts import part
from workbench.gui.pages.compare import ComparePage
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hardware.facts import Hardware

ALPHA, BETA, GAMMA = "Llama Alpha 1B", "Gemma Beta 2B", "Ministral Gamma 3B"
TITLES = (ALPHA, BETA, GAMMA)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    said = [f"This plugin does not support {what}" for what in ("propagateSizeHints", "raise", "grabbing the keyboard")]
    for item in items:
        if "tests/gui/blind/" in item.path.as_posix() or "tests/gui/votes/" in item.path.as_posix():
            item.add_marker(pytest.mark.qt_log_ignore(*said), append=False)


class OnALaptop(Workbench):
    """The machine is an example: the same on every machine the tests run on."""

    def machine(self) -> Hardware:
        return LAPTOP_WITHOUT_GPU


def each_its_own() -> Callable[[Request], Iterable[str]]:
    """A script that never says the same twice."""
    numbers = itertools.count(1)
    return lambda _: ["This is ", f"reply number {next(numbers)}", "."]


@dataclass
class Blind:
    """A window, and the questions that tests ask of its blind mode."""

    bench: Workbench
    window: MainWindow
    qtbot: QtBot

    @property
    def page(self) -> ComparePage:
        return self.window.compare

    @property
    def mode(self) -> BlindMode:
        return part(self.page, BlindMode)

    @property
    def stage(self) -> BlindStage:
        return self.mode.stage

    @property
    def shown(self) -> object:
        """What stands in the place of the panes."""
        return self.stage.currentWidget() if self.page.stage.currentWidget() is self.stage else self.page.row

    def choose(self, *titles: str) -> None:
        """A pane for each, and no other."""
        comparison = self.page.comparison
        while len(comparison.panes) > len(titles):
            self.page.close_pane(comparison.panes[-1])
        while len(comparison.panes) < len(titles):
            self.page.add_pane()
        for pane, title in zip(comparison.panes, titles, strict=True):
            self.page.pick(pane, next(model for model in self.bench.library.files() if model.title == title))

    def send(self, prompt: str) -> None:
        self.page.composer.set_text(prompt)
        self.page.send()

    def ask(self, prompt: str = "What is a vote?") -> None:
        self.send(prompt)
        self.qtbot.waitUntil(lambda: not self.page.comparison.busy and self.page.errands.idle)

    def votes(self) -> list[tuple[str, bool]]:
        """Outcome and whether it was blind, of the votes that count."""
        return [(vote.outcome.name, vote.blind) for vote in self.bench.history.ballots.counted()]


OpenWindow = Callable[..., Blind]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose library holds three models."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    for name, title in zip(("alpha", "beta", "gamma"), TITLES, strict=True):
        write_model(folder / f"{name}.gguf", text={"general.name": title})
    return tmp_path / "data"


@pytest.fixture
def open_window(
    qapp: QApplication, qtbot: QtBot, data: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenWindow]:
    """Opens a window on the same data folder each time: a second call is a restart.  No pair comes again by chance."""
    monkeypatch.setattr(rounds, "REPEAT_SHARE", 0.0)
    theme.apply(qapp, "light", 1.0)
    opened: list[Blind] = []

    def close() -> None:
        if opened:
            last = opened.pop()
            last.window.close()
            last.bench.close()

    def make(backend: FakeBackend | None = None, *, width: int = 1280) -> Blind:
        close()
        bench = OnALaptop.open(data_dir=data, backend=backend or FakeBackend(each_its_own()))
        window = MainWindow(bench)
        qtbot.addWidget(window)
        if width:  # else as it was left
            window.resize(width, 800)
        window.show()
        made = Blind(bench, window, qtbot)
        opened.append(made)
        qtbot.waitUntil(lambda: window.runner.idle and window.compare.shelf.looked)
        return made

    yield make
    close()


@pytest.fixture
def blind(open_window: OpenWindow) -> Blind:
    """Three models, blind mode on, nothing asked yet."""
    made = open_window()
    made.choose(*TITLES)
    made.mode.toggle()
    return made
