"""From a fresh process to a window that can be used, beside an empty PySide6 window, round by round.

Both are told by their parent's clock: from the start of the process until it says that its window is on the screen and
its event loop has nothing left to do.  Ours has a settings file, as an installed program has.  What it left for later
is told too: the longest that its event loop then stood still.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.gui_figures import Figure

AIM = 2.5
AIM_STILL_MS = 50
WATCHED_S = 2
SETTINGS = 'theme = "dark"\ncontext = 8192\ntemperature = 0.8\n'

_READY = """
def told(window, app, watched_s=0.0):
    import time
    from PySide6.QtCore import QTimer

    timer = QTimer(window, interval=1)
    still = [0.0, 0.0]  # when it was looked last, and the longest between two looks

    def look():
        if window.windowHandle() is not None and window.windowHandle().isExposed():
            QTimer.singleShot(0, say)
        else:
            QTimer.singleShot(1, look)

    def say():
        print("ready", flush=True)
        still[0] = time.perf_counter()
        timer.timeout.connect(tick)
        timer.start()
        QTimer.singleShot(round(1000 * watched_s), end)

    def tick():
        now = time.perf_counter()
        still[:] = now, max(still[1], now - still[0])

    def end():
        timer.stop()
        print(1000 * still[1], flush=True)
        window.close()
        app.quit()

    QTimer.singleShot(0, look)
"""

EMPTY = (
    _READY
    + """
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow
app = QApplication([])
window = QMainWindow()
window.setCentralWidget(QLabel("empty"))
window.resize(1280, 800)
window.show()
told(window, app)
app.exec()
"""
)

OURS = (
    _READY
    + """
import os, sys
watched_s = float(sys.argv.pop())
os.environ["WORKBENCH_DATA_DIR"] = sys.argv.pop()
os.environ.setdefault("DISPLAY", "offscreen")  # the program's own question is whether there is any
from workbench import __main__ as program

opened = program.open_window
def open_window(data_dir):
    import gc
    gc.disable()  # before its first import, as it does itself
    import workbench.app  # before Qt, as the program does: Qt's own hook slows every import after it
    import workbench.gui.window as made

    shown = made.MainWindow.show
    def show(window):
        from PySide6.QtWidgets import QApplication
        shown(window)
        told(window, QApplication.instance(), watched_s)
    made.MainWindow.show = show
    return opened(data_dir)
program.open_window = open_window
program.main()
"""
)


def measure(rounds: int) -> Iterator[Figure]:
    """Medians over ``rounds``, each in processes of its own, one after the other; the first round warms up.

    Compiled modules are kept beside, as an installed program has them, whatever the environment says of that.
    """
    empty: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="workbench-start-") as folder:
        settings = Path(folder) / "data" / "settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(SETTINGS, encoding="utf-8")
        for number in range(rounds + 1):
            times = (_start_ms(EMPTY, folder), _start_ms(OURS, folder))
            if number:
                empty.append(times[0])
                ours.append(times[1])
        stood = [_stood_still_ms(folder) for _ in range(rounds)]
    for name, told in (("an empty PySide6 window", empty), ("the window, ready to be used", ours)):
        wall, worked = (statistics.median(times) for times in zip(*told, strict=True))
        yield Figure("start", name, wall, "ms", beside=f"processor time of the whole process {worked:,.0f} ms")
    ratio, worked = (
        statistics.median(mine[which] / other[which] for mine, other in zip(ours, empty, strict=True))
        for which in (0, 1)
    )
    beside = f"{rounds} rounds, median; of processor time {worked:.1f}"
    yield Figure("start", "the window, times the empty one", ratio, aim=AIM, beside=beside)
    what = f"its event loop, longest still in {WATCHED_S} s after that"
    yield Figure("start", what, statistics.median(stood), "ms", AIM_STILL_MS, f"worst round {max(stood):,.0f} ms")


def _start_ms(script: str, folder: str) -> tuple[float, float]:
    """Until it is ready by the clock, and what its process worked until its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    took_ms, _ = _started(script, folder, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took_ms, 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _stood_still_ms(folder: str) -> float:
    _, stood_ms = _started(OURS, folder, WATCHED_S)
    return stood_ms


def _started(script: str, folder: str, watched_s: float) -> tuple[float, float]:
    """Milliseconds until it was ready, and the longest that its event loop stood still in ``watched_s`` after that."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", script, f"{folder}/data", str(watched_s)]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        took_ms = 1000 * (time.perf_counter() - begun)
        stood = process.stdout.read()
    if said.strip() != "ready":
        raise RuntimeError(f"the window did not open; it said {said!r}")
    return took_ms, float(stood.split()[0])
