"""Four panes streaming into the real window: what arrives, and how long the event loop is ever away."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from tests.benchmarks.gui_figures import Figure
from workbench.app import Workbench
from workbench.chat.plan import RunMode
from workbench.engine.fake import FakeBackend, fake_model, say
from workbench.gui import theme
from workbench.gui.collecting import Collector
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.jobs import JobMessage

PANES = 4
TOKENS_PER_S = 100.0
TICK_MS = 2  # how often the loop is asked to come by
P99_AIM_MS = 16.0


@dataclass(frozen=True, slots=True)
class Gaps:
    """Milliseconds between two visits of a timer that wants to be visited every ``TICK_MS``; ``work_ms`` is the most
    that this thread computed between two of them, whatever else the machine did."""

    p50_ms: float
    p99_ms: float
    worst_ms: float
    work_ms: float


class Clock:
    """Notes when the event loop comes by."""

    def __init__(self) -> None:
        self._visits: list[float] = []
        self._worked: list[float] = []
        self._timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._visit)
        self._timer.start()

    def _visit(self) -> None:
        self._visits.append(time.perf_counter())
        self._worked.append(time.thread_time())

    def gaps(self) -> Gaps:
        self._timer.stop()
        found = sorted(1000 * (after - before) for before, after in itertools.pairwise(self._visits))
        p50, p99, worst = (round(found[min(len(found) - 1, int(len(found) * part))], 2) for part in (0.5, 0.99, 1.0))
        work = max(1000 * (after - before) for before, after in itertools.pairwise(self._worked))
        return Gaps(p50, p99, worst, round(work, 2))


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
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def measure(app: QApplication, folder: Path, seconds: float) -> Iterator[Figure]:
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
    dropped = counter.posted - (pump.message_count - delivered_before)
    asked = TOKENS_PER_S * PANES
    yield Figure("stream", f"tokens shown, of {asked:.0f} a second asked for", tokens / elapsed, "tok/s")
    yield Figure("stream", "frames", frames / elapsed, "/s", beside=f"{counter.posted} messages, {dropped} dropped")
    for name, mine, other, aim in (
        ("p50", gaps.p50_ms, empty.p50_ms, None),
        ("p99", gaps.p99_ms, empty.p99_ms, P99_AIM_MS),
        ("worst", gaps.worst_ms, empty.worst_ms, None),
    ):
        what = f"{PANES} panes: the loop's gap, {name}"
        yield Figure("stream", what, mine, "ms", aim, f"an empty loop: {other:.2f} ms")
