"""The real window on the scripted engine, a described machine and a data folder of its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.engine.fake import FakeBackend
from workbench.gui import theme
from workbench.gui.bridge import EventPump
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.jobs import JobRunner


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/gui/" in item.path.as_posix():
            # Qt says this of every top-level window on the offscreen platform.
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints"))


@pytest.fixture(autouse=True)
def _collected_on_this_thread() -> Iterator[None]:
    """As in the program: a worker thread must never be the one that destroys a widget.

    What the test has closed goes at once: the next one's theme would dress it too, thousands of widgets by and by.
    """
    gc.disable()
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.enable()


class PatientBot(QtBot):
    """Waits for what must come as long as a busy machine may need; the default is five seconds."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 60_000) -> None:  # noqa: N802  # Qt's
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(  # noqa: N802  # Qt's
        self,
        signal: Any,
        *,
        timeout: int = 60_000,
        raising: bool | None = None,
        check_params_cb: Callable[..., bool] | None = None,
    ) -> Any:
        return super().waitSignal(signal, timeout=timeout, raising=raising, check_params_cb=check_params_cb)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def flags() -> dict[str, object]:
    """Settings given on the command line."""
    return {}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where other programs may keep models: a home of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def bench(
    backend: FakeBackend, tmp_path: Path, home: Path, flags: dict[str, object], qapp: QApplication
) -> Iterator[Workbench]:
    """A workbench on a laptop without a GPU."""
    theme.apply(qapp, "light", 1.0)
    with Workbench.open(data_dir=tmp_path / "data", backend=backend, flags=flags) as opened:
        opened.machine = lambda: LAPTOP_WITHOUT_GPU  # type: ignore[method-assign]
        yield opened


@pytest.fixture
def model_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small GGUF outside the data folder; its answers come from the scripted engine."""

    def make(name: str = "tiny", title: str = "Tiny Llama 1M") -> Path:
        folder = tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
        return write_model(folder / f"{name}.gguf", text={"general.name": title})

    return make


@pytest.fixture
def pump(qapp: QApplication) -> EventPump:
    return EventPump()


@pytest.fixture
def runner(pump: EventPump) -> Iterator[JobRunner]:
    made = JobRunner(pump.post)
    yield made
    made.close()
    pump.drain()


@pytest.fixture
def window(bench: Workbench, qtbot: QtBot) -> Iterator[MainWindow]:
    shown = MainWindow(bench)
    qtbot.addWidget(shown)
    shown.show()
    qtbot.waitUntil(lambda: shown.runner.idle)
    yield shown
    shown.close()


def words(widget: QWidget) -> str:
    """Everything that can be read in a widget now, one text a line."""
    QCoreApplication.sendPostedEvents()  # what was just added is shown by one of these
    labels = widget.findChildren(QLabel)
    return "\n".join(found.text() for found in labels if found.isVisibleTo(widget))


def named(parent: QObject, text: str) -> QWidget:
    """The visible control with these words on it, or with this accessible name."""
    for found in parent.findChildren(QWidget):
        said = {getattr(found, "text", str)(), found.accessibleName()} if hasattr(found, "text") else set()
        if text in said and found.isVisible():
            return found
    raise AssertionError(f"there is no visible {text!r}")
