"""Opens the real window on a display of its own and saves pictures of its pages and states."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.xvfb import screen

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PROMPT = "Give me three tips for writing clear e-mails."
FOLLOW_UP = "Now make it two sentences."
SEED = 11
MAX_TOKENS = 130
WAIT_MS = 120_000
PASSES = 8  # of the event loop: a busy page is dressed in one, and laid out in the next ones
PARTS = ("hub", "answers", "compare")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    parser.add_argument("--all", action="store_true", help="also the states that the documentation does not show")
    parser.add_argument("--hub", action="store_true", help="only the hub's: catalogue, downloads, packs")
    parser.add_argument("--answers", action="store_true", help="only what stands behind an answer")
    parser.add_argument("--compare", action="store_true", help="only conversations, votes, decks and the presenter")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with screen(2200, 1400) as display, tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        os.environ |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "QT_API": "pyside6"}
        only = next((name for name in PARTS if getattr(arguments, name)), None)
        take_pictures(Path(folder), arguments.out, everything=arguments.all, only=only)


def take_pictures(folder: Path, out: Path, *, everything: bool, only: str | None) -> None:
    from PySide6.QtWidgets import QApplication

    from tests.loopback_hub import LoopbackHub
    from tests.models import test_models
    from tests.screenshots.answer_scenes import AnswerScenes, scripted, thinking
    from tests.screenshots.compare_scenes import CompareScenes
    from tests.screenshots.hub_scenes import HubScenes, publish
    from tests.screenshots.published import REPOSITORY, write_repository
    from workbench.app import Workbench
    from workbench.gui import theme
    from workbench.gui.collecting import Collector

    app = QApplication(["workbench"])
    app.setWindowIcon(theme.app_icon())
    collector = Collector()
    if only is None:
        with Workbench.open(data_dir=folder / "first") as bench:
            Camera(app, bench, out, everything=everything).first_run()
    if only in (None, "answers"):
        with scripted(folder / "scripted") as bench:
            camera = Camera(app, bench, out, everything=everything)
            thinking(camera)
            camera.window.close()
    models = test_models()
    with LoopbackHub() as hub:
        hub.add(REPOSITORY, write_repository(folder / "repository"))
        flags = {"max_tokens": MAX_TOKENS, "hub_endpoint": hub.endpoint}
        with Workbench.open(data_dir=folder / "data", flags=flags) as bench:
            bench.paths.models.mkdir(parents=True)
            for path in (models.smollm2, models.gemma, models.mistral):
                (bench.paths.models / path.name).symlink_to(path)
            camera = Camera(app, bench, out, everything=everything)
            if only is None:
                camera.everything_else()
            if only in ("answers", "compare"):
                camera.fill_panes()
                camera.seed()
            if only == "answers":
                AnswerScenes(camera).take()
            if only in (None, "compare"):
                CompareScenes(camera).take()
            if only in (None, "hub"):
                publish(hub, folder / "published")
                HubScenes(camera).take()
            camera.window.close()
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
        passes = count()
        self.until(lambda: next(passes) >= PASSES and rested.elapsed() > milliseconds)

    def take(self, name: str, mode: str = "light", *, size: tuple[int, int] = (1280, 800), scale: float = 1.0) -> None:
        self.dress(mode, size=size, scale=scale)
        self.keep(name)

    def dress(self, mode: str, *, size: tuple[int, int] = (1280, 800), scale: float = 1.0) -> None:
        from workbench.gui import theme

        theme.apply(self.app, mode, scale)  # type: ignore[arg-type]
        self.window.resize(*size)
        self.rest()

    def keep(self, name: str, widget=None) -> None:  # type: ignore[no-untyped-def]
        """A picture of the window, or of one of its dialogs, as it is."""
        path = self.out / f"{name}.png"
        _save((widget or self.window).grab(), path)

    def keep_screen(self, name: str) -> None:
        """A picture of the window and of what stands before it."""
        path = self.out / f"{name}.png"
        window = self.window.geometry()
        _save(self.window.screen().grabWindow(0, window.x(), window.y(), window.width(), window.height()), path)

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
        from tests.screenshots.answer_scenes import AnswerScenes

        self.fill_panes()
        self.seed()
        self.ask(PROMPT, until_done=False)
        self.until(lambda: all(len(pane.text) > 60 or not pane.busy for pane in self.panes))
        self.take("compare-streaming")
        self.until(lambda: not self.window.compare.comparison.busy)
        self.window.compare.composer.set_text(FOLLOW_UP)
        self.rest(900)  # the prompt is counted when typing has rested
        self.both("compare")
        self.take("compare-narrow", size=(900, 800))
        self.take("compare-wide", size=(1920, 1080))
        self.take("compare-large-text", scale=1.5)
        self.window.compare.toggle_options()
        self.take_also("compare-options")
        self.window.compare.toggle_options()
        AnswerScenes(self).take()
        self.models()
        self.window.show_page("machine")
        self.until(lambda: self.window.runner.idle)
        self.both("machine")
        self.take_also("machine-narrow", size=(900, 1400))
        self.take_also("machine-long", size=(1280, 1400))
        self.take_also("machine-large-text", scale=1.5)

    def models(self) -> None:
        """The library, then a repository of which nothing but headers was fetched, asked about for other machines."""
        from tests.screenshots.published import REPOSITORY
        from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4060_LAPTOP

        page = self.window.models
        self.window.show_page("models")
        self.until(lambda: bool(page.lines) and not page.busy)
        self.look_at(page.lines[1])
        self.both("models")
        self.take_also("models-narrow", size=(900, 800))
        self.take_also("models-large-text", scale=1.5)
        page.lookup.field.setText(REPOSITORY)
        page.lookup.look_up()
        self.until(lambda: bool(page.remote_views) and not page.busy)
        for view in page.views:
            view.set_open(is_open=False)
        for name, machine in (("ladder", RTX_4060_LAPTOP), ("ladder-no-gpu", LAPTOP_WITHOUT_GPU)):
            page.terms.machine.setCurrentText(machine.label)
            page.terms.machine.activated.emit(0)
            self.until(lambda: not page.busy)
            self.take(name, size=(1280, 1000))
        self.load_dialog()
        page.terms.machine.setCurrentIndex(0)
        page.terms.machine.activated.emit(0)
        self.until(lambda: not page.busy)

    def look_at(self, line) -> None:  # type: ignore[no-untyped-def]
        """As the mouse does: the ghost is drawn, and details are shown once llama.cpp has answered."""
        line.toggle()
        self.until(lambda: not self.window.models.busy)
        line.looked_at.emit(line)

    def load_dialog(self) -> None:
        from workbench.gui.models.load_dialog import LoadDialog

        line = next(line for line in self.window.models.lines if line.fit.model.quantisation == "Q6_K")
        line.options.emit(line.fit, replace(line.fit.params, n_ctx=32768, n_gpu_layers=-1))
        (dialog,) = self.window.models.findChildren(LoadDialog)
        self.until(lambda: dialog.shown is not None and not dialog.exact.waiting)
        self.rest()
        self.keep("load-dialog", dialog)
        dialog.reject()

    @property
    def panes(self):  # type: ignore[no-untyped-def]
        return self.window.compare.comparison.panes

    def fill_panes(self) -> None:
        """With a library and no conversation yet, the page proposes models by itself."""
        self.until(lambda: sum(pane.model is not None for pane in self.panes) == 3 and self.window.runner.idle)
        for view in self.window.compare.row.views:
            if view.template_notice.isVisible():
                view.template_notice.likely[0].click()

    def seed(self) -> None:
        """So that the same answers come out again."""
        from workbench.chat.plan import RunMode

        comparison = self.window.compare.comparison
        sampling = replace(comparison.options.sampling, seed=SEED, temperature=0.3, repetition_penalty=1.1)
        comparison.options = replace(comparison.options, sampling=sampling, mode=RunMode.TOGETHER)

    def ask(self, prompt: str, *, until_done: bool = True) -> None:
        self.window.compare.composer.set_text(prompt)
        self.window.compare.send()
        if until_done:
            self.until(lambda: not self.window.compare.comparison.busy)


def _save(picture, path: Path) -> None:  # type: ignore[no-untyped-def]
    from tests.screenshots.lean import lean

    lean(picture.toImage()).save(str(path), "PNG", 0)  # 0: as small as it gets
    print(path)


if __name__ == "__main__":
    main()
