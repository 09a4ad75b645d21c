"""A comparison driven from a terminal: the same panes and jobs as in the window, without Qt."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.app import Workbench
from workbench.chat.comparison import Comparison
from workbench.jobs import JobMessage, JobRunner

FRAME_S = 0.1


class Loop:
    """Delivers job messages on the main thread until all panes are quiet.

    The first Ctrl-C stops the answers and keeps what they have; ``interrupted`` says that it happened.
    """

    def __init__(self, comparison: Comparison, messages: queue.SimpleQueue[JobMessage]) -> None:
        self.comparison = comparison
        self.interrupted = False
        self._messages = messages

    def ask(self, prompt: str, draw: Callable[[], None]) -> None:
        """Send the prompt and deliver until every pane has answered; ``draw`` runs once a batch."""
        self.comparison.ask(prompt)
        while self.comparison.busy:
            try:
                self._deliver_batch()
                draw()
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupted = True
                self.comparison.stop()

    def _deliver_batch(self) -> None:
        try:
            self.comparison.deliver(self._messages.get(timeout=FRAME_S))
            while True:
                self.comparison.deliver(self._messages.get_nowait())
        except queue.Empty:
            return


@contextmanager
def comparing(workbench: Workbench) -> Iterator[Loop]:
    """A loop over an empty comparison; everything is unloaded at the end."""
    messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
    runner = JobRunner(messages.put)
    comparison = workbench.comparison(runner)
    try:
        yield Loop(comparison, messages)
    finally:
        comparison.close()
        runner.close()
