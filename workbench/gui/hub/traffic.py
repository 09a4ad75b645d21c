"""The queue of downloads in the window: the work on it, what was said last of each, and the wishes of the user."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from workbench.chat.answer import Problem
from workbench.errors import WorkbenchError
from workbench.gui.errands import Errands, errand
from workbench.gui.tr import later, tr
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hub.download_state import DownloadState
    from workbench.hub.downloads import Download
    from workbench.hub.transfer import Phase

log = logging.getLogger(__name__)

LANE = "downloads"
LIST_LANE = later("download list")  # the quick lane may be busy with pricing models


@dataclass(frozen=True, slots=True)
class Item:
    """A download, and what was said of it last while it ran."""

    download: Download
    state: DownloadState | None

    @property
    def phase(self) -> Phase:
        from workbench.gui.hub.words import phase_of

        return phase_of(self.download, self.state)

    @property
    def coming(self) -> bool:
        """It is to arrive without anybody's doing."""
        from workbench.hub.download_rows import State

        return self.download.state in (State.QUEUED, State.PUBLISHING)

    @property
    def failed(self) -> bool:
        from workbench.hub.download_rows import State

        return self.download.state is State.FAILED

    @property
    def partial(self) -> bool:
        """What arrived of it is not yet a model."""
        from workbench.hub.download_rows import State

        return self.download.state is not State.DONE


@dataclass(frozen=True, slots=True)
class TakenOff:
    """A download that is off the list, and deleted when nobody can take that back any more; ``was_coming``: it was
    stopped for that."""

    id: int
    title: str
    was_coming: bool


class Traffic(QObject):
    """``changed`` is emitted when the list or a state is another, ``arrived`` with each download that ended well,
    ``problem`` with what stopped the work or a wish."""

    changed = Signal()
    arrived = Signal(object)
    problem = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self._downloads: tuple[Download, ...] = ()
        self._states: dict[int, DownloadState] = {}
        self._job: Job | None = None
        self._again = False
        self._looking = False
        self._look_again = False
        self._known_done: frozenset[int] | None = None
        self._off: dict[int, TakenOff] = {}

    # --- what is shown -----------------------------------------------------------------------

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(Item(one, self._states.get(one.id)) for one in self._downloads if one.id not in self._off)

    @property
    def working(self) -> bool:
        return self._job is not None

    @property
    def open_count(self) -> int:
        """How many are still to come."""
        return sum(item.coming for item in self.items)

    @property
    def share(self) -> float | None:
        """How much of what is to come is here; None while nobody knows."""
        from workbench.gui.hub.words import progress_of

        known = [progress_of(item.download, item.state) for item in self.items if item.coming]
        total = sum(total for _, total in known if total)
        return sum(done for done, total in known if total) / total if total else None

    # --- the work ----------------------------------------------------------------------------

    def _listing(self) -> tuple[Download, ...]:
        """Away from the window's thread: the first asking makes the room."""
        return self._bench.downloads.listing()

    @Slot()
    def refresh(self) -> None:
        """Look at the queue again, away from the window's thread."""
        if self._looking:
            self._look_again = True
            return
        self._looking = True
        self._errands.run("list downloads", errand(self._listing), self._take, self._lost, lane=tr(LIST_LANE))

    @Slot()
    def start(self) -> None:
        """Work on the queue."""
        if self._job is not None:
            self._again = True
            return
        self._again = False
        turn = _Turn(self)
        work = self._bench.work()
        turn.job = self._errands.run("downloads", work, turn.ended, turn.failed, told=turn.told, lane=LANE)
        self._job = turn.job

    @Slot()
    def resume_if_queued(self) -> None:
        """Go on with what was queued when the program ended."""

        def look(found: tuple[Download, ...]) -> None:
            self._take(found)
            if self.open_count and not self._bench.settings.offline:
                self.start()

        self._looking = True
        self._errands.run("list downloads", errand(self._listing), look, self._lost, lane=tr(LIST_LANE))

    def told(self, job: Job | None, state: DownloadState) -> None:
        """What the work says; of work that was stopped nothing counts any more."""
        if job is not self._job:
            return
        before = self._states.get(state.id)
        self._states[state.id] = state
        if before is None or before.phase is not state.phase:
            self.refresh()
        self.changed.emit()

    def ended(self, job: Job | None, error: Exception | None) -> None:
        if job is not self._job:
            return
        self._job = None
        self.refresh()
        if error is not None:
            self._states.clear()
            self.problem.emit(Problem.of(error))
        elif self._again:
            self.start()

    def _take(self, found: tuple[Download, ...]) -> None:
        from workbench.hub.download_rows import State

        self._looking = False
        self._downloads = found
        done = frozenset(one.id for one in found if one.state is State.DONE)
        fresh = done - self._known_done if self._known_done is not None else frozenset()
        self._known_done = done
        ids = {one.id for one in found}
        self._states = {key: state for key, state in self._states.items() if key in ids}
        self.changed.emit()
        for one in found:
            if one.id in fresh:
                self.arrived.emit(one)
        if self._look_again:
            self._look_again = False
            self.refresh()

    def _lost(self, error: Exception) -> None:
        self._looking = False
        self.problem.emit(Problem.of(error))

    # --- wishes ------------------------------------------------------------------------------

    def pause(self, download_id: int) -> None:
        self._wish("pause", lambda: self._bench.downloads.pause(download_id))

    def resume(self, download_id: int) -> None:
        """Also of one that failed or was cancelled."""
        self._states.pop(download_id, None)
        self._wish("resume", lambda: self._bench.downloads.resume(download_id), start=True)

    def cancel(self, download_id: int) -> None:
        self._wish("cancel", lambda: self._bench.downloads.cancel(download_id))

    def take_off(self, download_id: int) -> TakenOff | None:
        """Off the list, with what arrived kept until ``delete``, or ``put_back`` undoes it."""
        item = next((item for item in self.items if item.download.id == download_id), None)
        if item is None:
            return None
        taken = TakenOff(download_id, item.download.wanted.path.rsplit("/", 1)[-1], item.coming)
        self._off[download_id] = taken
        if taken.was_coming:
            self.cancel(download_id)
        self.changed.emit()
        return taken

    def put_back(self, taken: TakenOff) -> None:
        if self._off.pop(taken.id, None) is None:
            return
        self.changed.emit()
        if taken.was_coming:
            self.resume(taken.id)

    def delete(self, taken: TakenOff) -> None:
        """Forget it, and delete what arrived; a finished model stays where it is."""

        def work() -> None:
            if taken.id in self._off:
                self._bench.downloads.remove(taken.id)

        def done(_nothing: object) -> None:
            self._off.pop(taken.id, None)
            self.refresh()

        self._errands.run("remove a download", errand(work), done, self._not_deleted(taken), lane=tr(LIST_LANE))

    def _not_deleted(self, taken: TakenOff) -> Callable[[Exception], None]:
        def failed(error: Exception) -> None:
            self._off.pop(taken.id, None)
            self._refused(error)

        return failed

    def close(self) -> None:
        """The program ends: what was taken off the list does not come back."""
        for taken in list(self._off.values()):
            try:
                self._bench.downloads.remove(taken.id)
            except WorkbenchError as error:
                log.info("%s stays in the list of downloads: %s", taken.title, error.message)
        self._off.clear()

    def move(self, download_id: int, step: int) -> None:
        """Up (-1) or down (1) in the queue."""
        order = [item.download.id for item in self.items]
        place = order.index(download_id) + step if download_id in order else -1
        if 0 <= place < len(order):
            self._wish("move", lambda: self._bench.downloads.reorder(download_id, place))

    def clear_done(self) -> None:
        """Take finished ones off the list; their models stay."""
        from workbench.hub.download_rows import State

        done = [one.id for one in self._downloads if one.state is State.DONE]

        def clear() -> None:
            for each in done:
                self._bench.downloads.remove(each)

        self._wish("clear", clear)

    def _wish(self, name: str, work: Callable[[], object], *, start: bool = False) -> None:
        def done(_nothing: object) -> None:
            self.refresh()
            if start:
                self.start()

        self._errands.run(f"{name} a download", errand(work), done, self._refused, lane=tr(LIST_LANE))

    def _refused(self, error: Exception) -> None:
        self.refresh()
        self.problem.emit(Problem.of(error))


class _Turn:
    """One run of the work, told from those before it."""

    def __init__(self, traffic: Traffic) -> None:
        self.job: Job | None = None
        self._traffic = traffic

    def told(self, state: DownloadState) -> None:
        self._traffic.told(self.job, state)

    def ended(self, _count: int) -> None:
        self._traffic.ended(self.job, None)

    def failed(self, error: Exception) -> None:
        self._traffic.ended(self.job, error)
