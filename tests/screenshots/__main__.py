"""Opens the real window on a display of its own and saves pictures of its pages and states."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PROMPT = "Write a short refund policy for an online shop."
WAIT_MS = 20_000


@contextmanager
def own_display() -> Iterator[None]:
    """An X server for this run alone, on whichever display number is free."""
    if shutil.which("Xvfb") is None:
        sys.exit("Xvfb is needed: install it with  sudo apt-get install xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "2200x1400x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            sys.exit("Xvfb did not start")
        os.environ |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "QT_API": "pyside6"}
        yield
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    parser.add_argument("--all", action="store_true", help="also the states that the documentation does not show")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with own_display(), tempfile.TemporaryDirectory(prefix="workbench-pictures-") as folder:
        take_pictures(Path(folder), arguments.out, everything=arguments.all)


def take_pictures(folder: Path, out: Path, *, everything: bool) -> None:
    from PySide6.QtWidgets import QApplication

    from tests.screenshots.cast import Cast, write_all
    from workbench.app import Workbench
    from workbench.gui import theme
    from workbench.gui.collecting import Collector

    app = QApplication(["workbench"])
    app.setWindowIcon(theme.app_icon())
    collector = Collector()
    with Workbench.open(data_dir=folder / "first", backend=(cast := Cast())) as bench:
        bench.machine = cast.machine  # type: ignore[method-assign]
        Camera(app, bench, out, everything=everything).first_run()
    with Workbench.open(data_dir=folder / "data", backend=(cast := Cast())) as bench:
        bench.machine = cast.machine  # type: ignore[method-assign]
        write_all(bench.paths.models)
        Camera(app, bench, out, everything=everything).everything_else()
    collector.close()


class Camera:
    def __init__(self, app, bench, out: Path, *, everything: bool) -> None:  # type: ignore[no-untyped-def]
        from workbench.gui import theme
        from workbench.gui.window import MainWindow

        self.app, self.bench, self.out, self.everything = app, bench, out, everything
        theme.apply(app, "light", 1.0)
        self.window = MainWindow(bench)
        self.window.resize(1280, 800)
        self.window.show()
        self.until(lambda: self.window.runner.idle and self.window.machine_now is not None)

    def until(self, reached: Callable[[], bool]) -> None:
        from PySide6.QtCore import QElapsedTimer, QEventLoop

        waited = QElapsedTimer()
        waited.start()
        while not reached():
            if waited.elapsed() > WAIT_MS:
                raise TimeoutError("the window did not get as far as the picture needs")
            self.app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)

    def rest(self, milliseconds: int = 250) -> None:
        from PySide6.QtCore import QElapsedTimer

        rested = QElapsedTimer()
        rested.start()
        self.until(lambda: rested.elapsed() > milliseconds)

    def take(self, name: str, mode: str = "light", *, size: tuple[int, int] = (1280, 800), scale: float = 1.0) -> None:
        from workbench.gui import theme

        theme.apply(self.app, mode, scale)  # type: ignore[arg-type]
        self.window.resize(*size)
        self.rest()
        path = self.out / f"{name}.png"
        self.window.grab().save(str(path))
        print(path)

    def take_also(self, name: str, *, size: tuple[int, int] = (1280, 800), scale: float = 1.0) -> None:
        if self.everything:
            self.take(name, size=size, scale=scale)

    def both(self, name: str) -> None:
        self.take(f"{name}-light", "light")
        self.take(f"{name}-dark", "dark")

    # --- scenes ------------------------------------------------------------------------------

    def first_run(self) -> None:
        self.window.show_page("welcome")
        self.both("welcome")
        self.take_also("welcome-large-text", scale=1.5)
        self.window.close()

    def everything_else(self) -> None:
        self.fill_panes(3)
        self.ask(PROMPT, until_done=False)
        self.until(lambda: all(len(pane.text) > 60 for pane in self.panes))
        self.take("compare-streaming")
        self.until(lambda: not self.window.compare.comparison.busy)
        self.window.compare.composer.set_text("Now make it two sentences, for the footer of an e-mail.")
        self.rest(900)  # the prompt is counted when typing has rested
        self.both("compare")
        self.take("compare-narrow", size=(900, 800))
        self.take("compare-wide", size=(1920, 1080))
        self.take("compare-large-text", scale=1.5)
        self.window.compare.toggle_options()
        self.take_also("compare-options")
        self.window.compare.toggle_options()
        self.window.show_page("machine")
        self.until(lambda: self.window.runner.idle)
        self.both("machine")
        self.take_also("machine-narrow", size=(900, 1400))
        self.take_also("machine-long", size=(1280, 1400))
        self.take_also("machine-large-text", scale=1.5)
        self.window.close()

    @property
    def panes(self):  # type: ignore[no-untyped-def]
        return self.window.compare.comparison.panes

    def fill_panes(self, count: int) -> None:
        from tests.screenshots.cast import ROLES

        compare = self.window.compare
        models = {file.path.name: file for file in self.bench.library.files()}
        for role in ROLES[:count]:
            compare.open_model(models[role.file_name])
        self.until(lambda: self.window.runner.idle)

    def ask(self, prompt: str, *, until_done: bool = True) -> None:
        self.window.compare.composer.set_text(prompt)
        self.window.compare.send()
        if until_done:
            self.until(lambda: not self.window.compare.comparison.busy)


if __name__ == "__main__":
    main()
