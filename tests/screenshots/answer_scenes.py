"""What stands behind an answer, in pictures: certainty token by token, how it was asked, thinking, no template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QApplication

from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, Thought
from workbench.gui.compare.footing_dialog import FootingDialog

if TYPE_CHECKING:
    from tests.screenshots.__main__ import Camera

QUESTION = "Name three rivers of Europe."
ALTERNATIVES = 5
MAX_TOKENS = 60
TITLE = "A scripted reasoning model"
THOUGHT = (
    "The customer asks about a refund. I should say how long it is possible, on which condition, and what to do. "
    "A friendly tone is wanted, so I begin with thanks. "
)
ANSWER = (
    "Thank you for asking! You can return anything **within 30 days**, as long as it is unused:\n\n"
    "1. write to us,\n2. send the parcel,\n3. your money is back within a week."
)


class AnswerScenes:
    """On real models, those of ``camera``."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.page = camera.window.compare

    def take(self) -> None:
        page, camera = self.page, self.camera
        before = page.comparison.options
        page.comparison.options = replace(before, alternatives=ALTERNATIVES, max_tokens=MAX_TOKENS)
        camera.ask(QUESTION)
        camera.dress("light")
        view = page.row.views[0].transcript.views[-1]
        view.sure.click()
        self._tokens("tokens-light")
        camera.dress("dark")
        self._tokens("tokens-dark")
        view.sure.click()
        camera.dress("light")
        page.row.views[0].transcript.views[-1].asked.click()
        dialog = next(found for found in QApplication.topLevelWidgets() if isinstance(found, FootingDialog))
        camera.rest()
        camera.keep("footing", dialog)
        dialog.reject()
        page.comparison.options = before

    def _tokens(self, name: str) -> None:
        """With the least sure token open: a popup is a window of its own, so the screen is taken."""
        tokens = self.page.row.views[0].transcript.views[-1].tokens
        answer = self.page.row.views[0].transcript.views[-1].answer
        assert tokens is not None
        assert answer is not None
        least = min(range(len(answer.choices)), key=lambda number: answer.choices[number].taken.logprob)
        tokens.anchorClicked.emit(QUrl(f"token:{least}"))
        self.camera.rest()
        self.camera.keep_screen(name)
        assert tokens.popup is not None
        tokens.popup.close()


def scripted(folder: Path) -> Workbench:
    """A workbench whose one model thinks before it answers; like most files of base models it has no template."""
    (folder / "models").mkdir(parents=True)
    write_model(folder / "models" / "scripted.gguf", text={"general.name": TITLE})
    return Workbench.open(data_dir=folder, backend=FakeBackend(_script, tokens_per_s=12))


def thinking(camera: Camera) -> None:
    """While it thinks, unfolded; then finished, folded."""
    page = camera.window.compare
    page.open_model(camera.bench.library.files()[0])
    page.close_pane(page.comparison.panes[1])
    camera.ask("What is our refund policy? Answer in a friendly tone.", until_done=False)
    camera.until(lambda: len(camera.panes[0].thinking) > len(THOUGHT) // 4)
    page.row.views[0].transcript.views[-1].thinking.button.click()
    camera.take("thinking")
    camera.until(lambda: not page.comparison.busy)
    camera.take("thinking-done")


def _script(_request: Request) -> Iterator[str]:
    yield from map(Thought, re.findall(r"\S+\s*", THOUGHT))
    yield from re.findall(r"\S+\s*", ANSWER)
