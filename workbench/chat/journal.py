"""Where a comparison's questions and answers are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workbench.chat.answer import Answer
from workbench.chat.pane import Pane


class Journal(Protocol):
    """Keeps what was asked and answered; called on the face's thread."""

    def asked(self, prompt: str, panes: Sequence[Pane]) -> None: ...

    def begun(self, pane: Pane) -> None: ...

    def partial(self, pane: Pane) -> None: ...

    def finished(self, pane: Pane, answer: Answer) -> None: ...
