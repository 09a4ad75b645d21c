"""The window's figures beside their aims: its start, its event loop, long answers, long conversations, search.

``python -m tests.benchmarks.gui [--part start|stream|long|open|search] [--json]``; what depends on the machine stands
beside a baseline of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.gui_figures import Figure, line, table
from tests.xvfb import screen

PARTS = ("start", "stream", "long", "open", "search")


def measured(parts: tuple[str, ...], seconds: float, rounds: int) -> Iterator[Figure]:
    """The start first: nothing of this process runs beside it yet."""
    if "start" in parts:
        from tests.benchmarks import gui_start

        yield from gui_start.measure(rounds)
    if {"stream", "long", "open"} & set(parts):
        from PySide6.QtWidgets import QApplication

        from tests.benchmarks import gui_flood, gui_formatted, gui_long, gui_stream

        app = QApplication(["workbench"])
        with tempfile.TemporaryDirectory(prefix="workbench-bench-") as folder:
            if "stream" in parts:
                yield from gui_stream.measure(app, Path(folder) / "stream", seconds)
            if "long" in parts:
                yield from gui_long.long_answers(app)
                yield from gui_formatted.ends(app)
                yield from gui_flood.floods(app, Path(folder) / "flood")
            if "open" in parts:
                yield from gui_long.opening(app, Path(folder) / "open")
    if "search" in parts:
        from tests.benchmarks import gui_search

        yield from gui_search.measure()


@contextlib.contextmanager
def display() -> Iterator[str]:
    """A real X server where there is one to start, else Qt's offscreen platform."""
    if shutil.which("Xvfb"):
        with screen(2200, 1400) as name:
            os.environ |= {"DISPLAY": name, "QT_QPA_PLATFORM": "xcb"}
            yield "xcb, under Xvfb"
    else:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        yield "offscreen"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; can be given again")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long panes stream")
    parser.add_argument("--rounds", type=int, default=7, help="how often both windows are started")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    parts = tuple(arguments.part or PARTS)
    figures = []
    with display() as platform:
        for figure in measured(parts, arguments.seconds, arguments.rounds):
            figures.append(figure)
            if not arguments.json:
                print(line(figure), flush=True)
    if arguments.json:
        print(json.dumps({"platform": platform, "figures": [figure.as_json() for figure in figures]}))
    else:
        print(f"\nPlatform: {platform}\n{table(figures)}")


if __name__ == "__main__":
    main()
