"""Prompts that wait until every pane is quiet."""

from __future__ import annotations

from collections.abc import Iterable


class PromptQueue:
    """In the order they will be asked.  ``paused`` holds them back until somebody says to go on."""

    def __init__(self) -> None:
        self._prompts: list[str] = []
        self.paused = False

    @property
    def prompts(self) -> tuple[str, ...]:
        return tuple(self._prompts)

    def add(self, prompt: str) -> None:
        self._prompts.append(prompt)

    def put(self, prompts: Iterable[str], *, paused: bool) -> None:
        """In place of what waits."""
        self._prompts = [prompt for prompt in prompts if prompt.strip()]
        self.paused = paused and bool(self._prompts)

    def remove(self, index: int) -> str:
        """The prompt, which does not wait any more.  Raises IndexError."""
        prompt = self._prompts.pop(index)
        self._settle()
        return prompt

    def move(self, index: int, to: int) -> None:
        """``to`` is the place it has afterwards; beyond the ends means the end.  Raises IndexError."""
        prompt = self._prompts.pop(index)
        self._prompts.insert(max(0, to), prompt)

    def take(self) -> str | None:
        """The next one to ask; None while there is none, or the queue is paused."""
        if self.paused or not self._prompts:
            return None
        return self.remove(0)

    def pause(self) -> None:
        """Nothing to hold back, nothing to go on with."""
        self.paused = bool(self._prompts)

    def _settle(self) -> None:
        if not self._prompts:
            self.paused = False
