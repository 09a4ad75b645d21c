"""A Models page on a described machine, with seven quantisations of one shape whose weights are holes in files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.screenshots.published import write_repository
from workbench.app import Workbench
from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.gui.models.rung_line import RungLine
from workbench.gui.pages.models import ModelsPage
from workbench.hardware.facts import Hardware
from workbench.jobs import CancelToken, JobRunner, Task
from workbench.models.breakdown import Kind
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.verdict import Fit

Exact = Callable[..., Task[None, Fit]]


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def library(bench: Workbench, repository: dict[str, Path]) -> Workbench:
    """The workbench, with all seven quantisations in its models folder."""
    bench.paths.models.mkdir(parents=True, exist_ok=True)
    for path in repository.values():
        (bench.paths.models / path.name).symlink_to(path)
    return bench


@pytest.fixture(autouse=True)
def answers(bench: Workbench) -> list[Fit]:
    """llama.cpp is stood in for: its answer is the estimate with 5 % more weights.  What it was asked, in order."""
    asked: list[Fit] = []

    def exact(
        model: ModelFile,
        *,
        n_ctx: int | None = None,
        params: RunParams | None = None,
        machine: Hardware | None = None,
    ) -> Task[None, Fit]:
        def task(cancel: CancelToken) -> Generator[None, None, Fit]:
            cancel.raise_if_cancelled()
            yield None
            found = bench.fit(model, n_ctx=n_ctx, params=params, machine=machine)
            asked.append(found)
            return replace(found, basis="exact", shares=tuple(map(_heavier, found.shares)))

        return task

    bench.exact = exact  # type: ignore[method-assign]
    return asked


def _heavier(share):  # type: ignore[no-untyped-def]
    parts = tuple(
        replace(part, size_bytes=part.size_bytes * 105 // 100) if part.kind is Kind.WEIGHTS else part
        for part in share.parts
    )
    return replace(share, parts=parts)


@pytest.fixture
def page(bench: Workbench, pump: EventPump, runner: JobRunner, qtbot: QtBot) -> ModelsPage:
    shown = ModelsPage(bench, Errands(pump, runner))
    qtbot.addWidget(shown)
    shown.resize(1200, 900)
    shown.show()
    return shown


@pytest.fixture
def priced(library: Workbench, page: ModelsPage, qtbot: QtBot) -> ModelsPage:
    """The page with its seven lines."""
    page.refresh()
    settled(page, qtbot)
    return page


def settled(page: ModelsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page.busy)


def line(page: ModelsPage, quantisation: str) -> RungLine:
    return next(line for line in page.lines if line.fit.model.quantisation == quantisation)
