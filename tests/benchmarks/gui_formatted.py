"""Long answers that end, and are laid out as Markdown: the event loop's worst visit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from PySide6.QtWidgets import QApplication

from tests.benchmarks.gui_figures import Figure
from workbench.chat.answer import Answer
from workbench.chat.pane import Exchange, Pane
from workbench.engine.base import TextDelta
from workbench.engine.fake import fake_model
from workbench.gui.collecting import Collector
from workbench.gui.compare.transcript import Transcript
from workbench.gui.widgets.text_view import UNASKED, import_markdown

WORST_AIM_MS = 50.0
DELTA = 400  # characters

_TEXTS = {
    "one table": "| row | **12** | some `code` and words |\n",
    "one block of code": "def function(a, b='text'):  # a comment\n    return a + 1 if b else None\n\n",
    "one list": "- an item with **strong** words and `code` in it, and on\n",
    "mixed": "## Heading\n\nSome words, and *more* of them.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    "```python\nfor i in range(3):\n    print(i)\n```\n\n> quoted\n\n",
}
_HEADS = {"one table": "| a | b | c |\n|---|--:|---|\n", "one block of code": "```python\n"}


@dataclass(slots=True)
class _Visits:
    worst_ms: float = 0.0
    worked_ms: float = 0.0  # processor time, at most
    sum_ms: float = 0.0


def ends(app: QApplication) -> Iterator[Figure]:
    """As it stands at the end of a stream, and as it is drawn first in a conversation that is opened."""
    import_markdown()  # as the page does on another thread, when a prompt is sent
    collector = Collector()  # as the program does
    for name, piece in _TEXTS.items():
        head = _HEADS.get(name, "")
        text = head + piece * ((UNASKED - len(head)) // len(piece))
        for what in (f"the end of a formatted answer of {UNASKED:,} characters", "the same, opened"):
            visits = _visits(app, text, streams=what.startswith("the end"))
            beside = f"worst visit; own work at most {visits.worked_ms:.0f} ms, {visits.sum_ms:.0f} ms in all"
            yield Figure("long", f"{what}: {name}", visits.worst_ms, "ms", WORST_AIM_MS, beside)
    collector.close()


def _visits(app: QApplication, text: str, *, streams: bool) -> _Visits:
    pane = Pane(1)
    pane.model = fake_model("model")
    transcript = Transcript()
    transcript.resize(600, 700)
    transcript.show()
    pane.queue("Go on.")
    transcript.draw(pane)
    for start in range(0, len(text) if streams else 0, DELTA):
        pane.apply(TextDelta(text[start : start + DELTA], start + 1, False))
        transcript.draw(pane)
        app.processEvents()
    answer = Answer("Model", "m.gguf", "llama", "Q8_0", synthetic=False, text=text, stop_reason="end")
    pane.exchanges[-1:] = [Exchange("Go on.", answer)]
    found = _Visits()
    deeds: list[Callable[[], object]] = [partial(transcript.draw, pane), app.processEvents]
    while True:
        if not deeds and not transcript.views[-1].text.is_at_work:
            break
        begun, busy = time.perf_counter(), time.process_time()
        (deeds.pop(0) if deeds else app.processEvents)()
        took = 1000 * (time.perf_counter() - begun)
        found.worst_ms, found.sum_ms = max(found.worst_ms, took), found.sum_ms + took
        found.worked_ms = max(found.worked_ms, 1000 * (time.process_time() - busy))
    assert transcript.views[-1].text.is_markdown
    transcript.close()
    transcript.deleteLater()
    app.processEvents()
    return found
