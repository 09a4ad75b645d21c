"""What a download is doing at this moment, told no more often than somebody can look."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from workbench.hub.delivery import Step
from workbench.hub.download_rows import DownloadRow, Failure, State
from workbench.hub.pace import Speed
from workbench.hub.transfer import Phase

_PHASES = {
    State.QUEUED: Phase.QUEUED,
    State.PUBLISHING: Phase.QUEUED,
    State.PAUSED: Phase.PAUSED,
    State.CANCELLED: Phase.CANCELLED,
    State.FAILED: Phase.FAILED,
    State.DONE: Phase.DONE,
}


@dataclass(frozen=True, slots=True)
class DownloadState:
    """What a download is doing at this moment; ``name`` is the file in turn.

    ``bytes_per_s`` is the mean of the last seconds; ``eta_s`` is None where nobody can know.  ``waits_s`` are left
    until the next attempt, with ``error`` what failed.  ``note`` says what the user should know that is no error.
    """

    id: int
    name: str
    phase: Phase
    done_bytes: int
    total_bytes: int | None
    checked_bytes: int = 0
    bytes_per_s: float = 0.0
    eta_s: float | None = None
    waits_s: float | None = None
    error: Failure | None = None
    note: str | None = None


class Meter:
    """States from steps, not more of them than somebody can look at."""

    def __init__(self, row: DownloadRow, tick_s: float, page: str) -> None:
        self._row = row
        self._tick_s = tick_s
        self._page = page
        self._speed = Speed()
        self._said_at = 0.0
        self._last = DownloadState(row.id, Path(row.wanted.path).name, Phase.QUEUED, 0, row.wanted.total_bytes)

    def state(self, step: Step) -> DownloadState | None:
        """None where there is no news worth telling."""
        moment, now = step.moment, time.monotonic()
        is_news = (moment.phase, moment.note, step.name) != (self._last.phase, self._last.note, self._last.name)
        if not is_news and now - self._said_at < self._tick_s:
            return None
        self._said_at = now
        bytes_per_s = self._speed.now(moment.fetched_bytes)
        left_bytes = step.total_bytes - moment.done_bytes if step.total_bytes is not None else None
        fetching = moment.phase is Phase.FETCHING and left_bytes is not None and bytes_per_s >= 1
        self._last = DownloadState(
            self._row.id,
            step.name,
            moment.phase,
            moment.done_bytes,
            step.total_bytes,
            moment.checked_bytes,
            bytes_per_s,
            left_bytes / bytes_per_s if fetching and left_bytes is not None else None,
            moment.waits_s,
            Failure.of(moment.error, self._page) if moment.error is not None else None,
            moment.note,
        )
        return self._last

    def last(self, row: DownloadRow | None) -> DownloadState:
        """How it ended; a row that is gone was removed."""
        is_done = row is not None and row.state is State.DONE
        total = row.wanted.total_bytes if row is not None else self._last.total_bytes
        return dataclasses.replace(
            self._last,
            phase=_PHASES[row.state] if row is not None else Phase.CANCELLED,
            done_bytes=total if is_done and total is not None else self._last.done_bytes,
            total_bytes=total,
            bytes_per_s=0.0,
            eta_s=None,
            waits_s=None,
            error=row.reason if row is not None else None,
        )
