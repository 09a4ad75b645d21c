"""Answers that come as fast as they can into the real window, and a very long paste: the event loop's worst visit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from tests.benchmarks.gui_figures import Figure
from tests.benchmarks.gui_stream import Clock, Gaps, spin
from workbench.app import Workbench
from workbench.chat.plan import RunMode
from workbench.engine.fake import FakeBackend, fake_model, say
from workbench.gui import theme
from workbench.gui.collecting import Collector
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU

TOKENS = 100_000
PASTED = 1_000_000  # characters
WORST_AIM_MS = 50.0
AFTER_S = 3.0  # after the last token: the answer is kept, laid out, counted

TEXTS = {"lines": "word " * 15 + "\n", "one paragraph": "word "}
WORDS = ("word ", "longer ", "and\n", "`code` ", "**strong** ")


def floods(app: QApplication, folder: Path) -> Iterator[Figure]:
    theme.apply(app, "light", 1.0)
    clock = Clock()
    spin(2.0)
    empty = clock.gaps()
    for panes in (1, 4):
        gaps, seconds = _flood(folder / str(panes), panes)
        what = f"{TOKENS:,} tokens at once × {panes}: the loop's worst gap"
        beside = f"p99 {gaps.p99_ms:.0f} ms, own work at most {gaps.work_ms:.0f} ms, {seconds:.1f} s in all"
        yield Figure("long", what, gaps.worst_ms, "ms", WORST_AIM_MS, f"{beside}; empty: {empty.worst_ms:.0f} ms")
    yield from _paste(folder / "paste")


def _flood(folder: Path, panes: int) -> tuple[Gaps, float]:
    """From the question until a while after the last answer; how many seconds the answers took."""
    backend = FakeBackend(say(WORDS * (TOKENS // len(WORDS))))
    with Workbench.open(data_dir=folder, backend=backend) as bench:
        bench.machine = lambda: LAPTOP_WITHOUT_GPU  # type: ignore[method-assign]
        window = MainWindow(bench)
        collector = Collector()
        window.resize(1280, 800)
        window.show()
        for number in range(panes):
            window.compare.open_model(fake_model(f"model-{number}"))
        comparison = window.compare.comparison
        comparison.options = replace(comparison.options, mode=RunMode.TOGETHER)
        spin(2.0)
        window.compare.composer.set_text("Say all of it.")
        clock, begun = Clock(), time.perf_counter()
        window.compare.send()
        while comparison.busy:
            spin(0.05)
        took = time.perf_counter() - begun
        spin(AFTER_S)
        gaps = clock.gaps()
        answers = [pane.exchanges[-1].answer for pane in comparison.panes if pane.model is not None]
        assert [answer is not None and answer.completion_tokens for answer in answers] == [TOKENS] * panes
        window.close()
        collector.close()
    return gaps, took


def _paste(folder: Path) -> Iterator[Figure]:
    """Into the composer, and the key after it, each until it is painted."""
    with Workbench.open(data_dir=folder, backend=FakeBackend()) as bench:
        window = MainWindow(bench)
        window.resize(1280, 800)
        window.show()
        spin(1.0)
        edit = window.compare.composer.edit
        for name, piece in TEXTS.items():
            text, pasted = (piece * (PASTED // len(piece) + 1))[:PASTED], QMimeData()
            pasted.setText(text)
            edit.setPlainText("")
            spin(0.2)
            took = _until_drawn(partial(edit.insertFromMimeData, pasted))
            clock = Clock()
            spin(AFTER_S)  # typing rests: it is counted, and kept
            after = clock.gaps()
            key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, "a")
            typed = _until_drawn(partial(edit.keyPressEvent, key))
            assert edit.toPlainText() == f"{text}a"
            what = f"{PASTED:,} characters, {name}"
            beside = f"then the loop's worst gap {after.worst_ms:.0f} ms"
            yield Figure("long", f"{what}: pasted", took, "ms", beside=beside)
            yield Figure("long", f"{what}: the key after it", typed, "ms", WORST_AIM_MS)
        window.close()


def _until_drawn(deed: Callable[[], object]) -> float:
    begun = time.perf_counter()
    deed()
    QApplication.processEvents()
    return 1000 * (time.perf_counter() - begun)
