"""Long answers and conversations: whether the last thousand tokens cost what the first did, memory, and opening."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from PySide6.QtWidgets import QApplication

from tests.benchmarks.gui_figures import Figure
from tests.benchmarks.gui_stream import spin
from workbench.app import Workbench
from workbench.chat.answer import Answer
from workbench.chat.pane import Exchange, Pane
from workbench.engine.base import TextDelta
from workbench.engine.fake import FakeBackend, fake_model
from workbench.gui.compare.transcript import Transcript
from workbench.gui.window import MainWindow

TOKENS, STEP, FRAME = 50_000, 1_000, 4  # tokens of an answer, of a measurement, of a frame: 240 a second
TURNS, OPEN_AIM_MS, PANES = 1_000, 300.0, 2
FLAT_AIM = 1.25

TEXTS = {
    "lines": ("word ", "longer ", "and\n", "`code` ", "**strong** "),
    "one paragraph": ("word ", "longer ", "and ", "`code` ", "**strong** "),
}


def long_answers(app: QApplication) -> Iterator[Figure]:
    for name, words in TEXTS.items():
        costs, grown = _stream(app, words)
        first, last = statistics.median(costs[1:6]), statistics.median(costs[-5:])
        yield Figure("long", f"{name}: the first thousand tokens", first, "ms")
        yield Figure("long", f"{name}: the last thousand of {TOKENS:,}", last, "ms")
        yield Figure("long", f"{name}: last to first", last / first, aim=FLAT_AIM, beside=f"worst {max(costs):.0f} ms")
        yield Figure("long", f"{name}: memory for 10,000 tokens", grown * 10_000 / TOKENS / 1e6, "MB")


def _stream(app: QApplication, words: tuple[str, ...]) -> tuple[list[float], int]:
    """Milliseconds for each thousand tokens drawn, and the bytes that the process grew by."""
    process = psutil.Process()
    pane = Pane(1)
    pane.model = fake_model("model")
    transcript = Transcript()
    transcript.resize(600, 700)
    transcript.show()
    pane.queue("Go on.")
    transcript.draw(pane)
    app.processEvents()
    before = process.memory_info().rss
    given = itertools.cycle(words)
    costs, token = [], 0
    while token < TOKENS:
        begun = time.perf_counter()
        for _ in range(STEP // FRAME):
            for _ in range(FRAME):
                token += 1
                pane.apply(TextDelta(next(given), token, False))
            transcript.draw(pane)
            app.processEvents()
        costs.append(1000 * (time.perf_counter() - begun))
    grown = process.memory_info().rss - before
    transcript.close()
    transcript.deleteLater()
    spin(0.1)
    return costs, grown


def opening(app: QApplication, folder: Path) -> Iterator[Figure]:
    """From the click in the list to answers on the screen: the store, the panes, and what the event loop does then."""
    with Workbench.open(data_dir=folder, backend=FakeBackend()) as bench:
        _fill(bench)
        window = MainWindow(bench)
        window.resize(1280, 800)
        window.show()
        spin(1.0)
        conversation = next(one.id for one in bench.conversations.listed() if one.title.startswith("Conversation"))
        times, worked = [], []
        for _ in range(5):
            window.compare.new_comparison()
            spin(0.2)
            begun, busy = time.perf_counter(), time.process_time()
            window.compare.load_conversation(conversation)
            app.processEvents()
            times.append(1000 * (time.perf_counter() - begun))
            worked.append(1000 * (time.process_time() - busy))
        shown = [len(pane.exchanges) for pane in window.compare.comparison.panes]
        assert shown == [TURNS] * PANES, shown
        window.close()
    middle = statistics.median(times)
    what = f"a conversation of {TURNS:,} turns × {PANES} panes opens"
    beside = f"worst {max(times):.0f} ms; processor time {statistics.median(worked):.0f} ms"
    yield Figure("open", what, middle, "ms", OPEN_AIM_MS, beside)
    yield from _views(app)


def _fill(bench: Workbench) -> None:
    import random

    from tests.benchmarks.history import fill

    with bench.db.transaction() as sql:
        fill(sql, 1, TURNS, PANES, random.Random(1), 16_000)
        for slot in range(PANES):
            sql.execute(
                "INSERT INTO pane (conversation_id, slot, n_ctx) VALUES (1, ?, 4096) ON CONFLICT DO NOTHING", (slot,)
            )


def _views(app: QApplication) -> Iterator[Figure]:
    """Without the store."""
    pane = Pane(1)
    pane.model = fake_model("model")
    answer = Answer("Model", "m.gguf", "llama", "Q8_0", synthetic=False, text="word " * 150, stop_reason="end")
    pane.exchanges = [Exchange(f"Question {number}", answer) for number in range(TURNS)]
    transcript = Transcript()
    transcript.resize(600, 700)
    transcript.show()
    begun = time.perf_counter()
    transcript.draw(pane)
    app.processEvents()
    took = 1000 * (time.perf_counter() - begun)
    made = len(transcript.views)
    transcript.close()
    yield Figure("open", f"of it the views of one pane: {made} of {TURNS:,}", took, "ms")
