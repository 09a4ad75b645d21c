"""Four panes streaming into the real window: what arrives, and how long the event loop is ever away.

``python -m tests.benchmarks.gui [--json]``; the gaps stand beside those of an empty Qt loop in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.xvfb import screen

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from workbench.gui.window import MainWindow
    from workbench.jobs import JobMessage

PANES = 4
TOKENS_PER_S = 100.0
TICK_MS = 2  # how often the loop is asked to come by


@dataclass(frozen=True, slots=True)
class Gaps:
    """Milliseconds between two visits of a timer that wants to be visited every ``TICK_MS``."""

    p50_ms: float
    p99_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    platform: str
    seconds: float
    panes: int
    tokens_per_s_asked: float
    tokens_per_s_shown: float
    frames: int
    frames_per_s: float
    messages_posted: int
    messages_delivered: int
    messages_dropped: int
    empty_loop: Gaps
    window: Gaps


class Clock:
    """Notes when the event loop comes by."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._visits: list[float] = []
        self._timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._visit)
        self._timer.start()

    def _visit(self) -> None:
        self._visits.append(time.perf_counter())

    def gaps(self) -> Gaps:
        self._timer.stop()
        found = sorted(1000 * (after - before) for before, after in zip(self._visits, self._visits[1:], strict=False))
        return Gaps(*(round(found[min(len(found) - 1, int(len(found) * part))], 2) for part in (0.5, 0.99, 1.0)))


class Counter:
    """Stands between the runner and the pump, and counts."""

    def __init__(self, window: MainWindow) -> None:
        self.posted = 0
        self.frames = 0
        self._post = window.pump.post
        self._lock = threading.Lock()  # guards posted: every lane posts
        window.runner._sink = self.post
        window.pump.delivered.connect(self._frame)

    def post(self, message: JobMessage) -> None:
        with self._lock:
            self.posted += 1
        self._post(message)

    def _frame(self) -> None:
        self.frames += 1


def spin(seconds: float) -> None:
    """Run Qt's own event loop for a while."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def measure(app: QApplication, folder: Path, seconds: float) -> Result:
    from workbench.app import Workbench
    from workbench.chat.plan import RunMode
    from workbench.engine.fake import FakeBackend, fake_model, say
    from workbench.gui import theme
    from workbench.gui.collecting import Collector
    from workbench.gui.window import MainWindow
    from workbench.hardware.examples import LAPTOP_WITHOUT_GPU

    theme.apply(app, "light", 1.0)
    clock = Clock()
    spin(min(seconds, 3.0))
    empty = clock.gaps()
    words = ["word ", "longer ", "and\n", "`code` ", "**strong** "]
    backend = FakeBackend(say(words * 100_000), tokens_per_s=TOKENS_PER_S)
    with Workbench.open(data_dir=folder, backend=backend) as bench:
        bench.machine = lambda: LAPTOP_WITHOUT_GPU  # type: ignore[method-assign]
        window = MainWindow(bench)
        collector = Collector()
        window.resize(1280, 800)
        window.show()
        for number in range(PANES):
            window.compare.open_model(fake_model(f"model-{number}"))
        comparison = window.compare.comparison
        comparison.options = replace(comparison.options, mode=RunMode.TOGETHER)
        spin(1.0)
        counter = Counter(window)
        delivered_before = window.pump.message_count
        window.compare.composer.set_text("Go on until you are stopped.")
        window.compare.send()
        spin(0.5)
        clock, frames_before, begun = Clock(), counter.frames, time.perf_counter()
        tokens_before = sum(pane.stats.completion_tokens for pane in comparison.panes)
        spin(seconds)
        elapsed = time.perf_counter() - begun
        gaps, frames = clock.gaps(), counter.frames - frames_before
        tokens = sum(pane.stats.completion_tokens for pane in comparison.panes) - tokens_before
        assert all(pane.busy for pane in comparison.panes)
        pump = window.pump
        window.close()
        collector.close()
    delivered = pump.message_count - delivered_before
    return Result(
        platform=app.platformName(),
        seconds=round(elapsed, 2),
        panes=len(comparison.panes),
        tokens_per_s_asked=TOKENS_PER_S * PANES,
        tokens_per_s_shown=round(tokens / elapsed, 1),
        frames=frames,
        frames_per_s=round(frames / elapsed, 1),
        messages_posted=counter.posted,
        messages_delivered=delivered,
        messages_dropped=counter.posted - delivered,
        empty_loop=empty,
        window=gaps,
    )


@contextlib.contextmanager
def display() -> Iterator[None]:
    """A real X server where there is one to start, else Qt's offscreen platform."""
    if shutil.which("Xvfb"):
        with screen(2200, 1400) as name:
            os.environ |= {"DISPLAY": name, "QT_QPA_PLATFORM": "xcb"}
            yield
    else:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with display(), tempfile.TemporaryDirectory(prefix="workbench-bench-") as folder:
        from PySide6.QtWidgets import QApplication

        result = measure(QApplication(["workbench"]), Path(folder), arguments.seconds)
    if arguments.json:
        print(json.dumps(asdict(result)))
        return
    print(f"{result.panes} panes, {result.seconds:.0f} s on {result.platform}")
    print(f"tokens      {result.tokens_per_s_shown:8.1f} per second shown, {result.tokens_per_s_asked:.0f} asked for")
    print(f"frames      {result.frames:8} ({result.frames_per_s:.1f} per second)")
    print(f"messages    {result.messages_posted:8} posted, {result.messages_dropped} dropped")
    print("event loop       p50      p99    worst   (ms between visits)")
    for name, gaps in (("empty", result.empty_loop), ("window", result.window)):
        print(f"  {name:8} {gaps.p50_ms:8.2f} {gaps.p99_ms:8.2f} {gaps.worst_ms:8.2f}")


if __name__ == "__main__":
    main()
