"""What past loads and answers taught about this machine, and its memory bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from workbench.chat.answer import Problem
from workbench.gui import theme
from workbench.gui.errands import Errands
from workbench.gui.models.words import GAP
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, explained, later, tr
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.jobs import Job
from workbench.models.learnt import DeviceSpeed, Learnt, Reserve

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hardware.bandwidth import BandwidthProgress, Measurement

LANE = "bandwidth"
NOTHING = later(
    "Nothing yet: what is learnt comes from loads that had the program to themselves, and "
    "from answers of 16 tokens or more that no other model answered beside. It stays on "
    "this machine."
)


class LearntCard(Card):
    """``measured`` is emitted when the machine's bandwidth is another."""

    measured = Signal()

    def __init__(self, workbench: Workbench, errands: Errands) -> None:
        super().__init__(tr("Learnt on this machine"))
        self._bench, self._errands = workbench, errands
        self._job: Job | None = None
        self.facts = QVBoxLayout()
        self.facts.setSpacing(Space.XS)
        self.bandwidth = label(wrap=True)
        self.outcome = label(role="muted", wrap=True)
        self.outcome.hide()
        self.button = text_button(tr("Measure"))
        self.button.setToolTip(tr("Reads a few hundred megabytes of memory for about a second"))
        self.button.setAccessibleName(tr("Measure memory bandwidth"))
        self.button.clicked.connect(self.measure)
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.clicked.connect(self.cancel)
        self.cancel_button.hide()
        row = QHBoxLayout()
        row.setSpacing(Space.M)
        row.addWidget(self.bandwidth, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(self.facts)
        self.body.addLayout(row)
        self.body.addWidget(self.outcome)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def draw(self, machine: Hardware, learnt: Learnt) -> None:
        clear(self.facts)
        said = _facts(machine, learnt)
        for words in said:
            self.facts.addWidget(label(f"·  {words}", wrap=True))
        if not said:
            self.facts.addWidget(label(tr(NOTHING), role="muted", wrap=True))
        self.bandwidth.setText(_bandwidth_words(machine, learnt))

    @Slot()
    def measure(self) -> None:
        if self.busy:
            return
        self._show_busy(busy=True)
        self._say(tr("Measuring: please leave the computer alone for a second…"))
        self._job = self._errands.run(
            "measure memory", self._bench.measure_bandwidth(), self._done, self._failed, told=self._told, lane=LANE
        )

    @Slot()
    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._show_busy(busy=False)
            self._say(tr("Cancelled; nothing was kept."))

    def _told(self, progress: BandwidthProgress) -> None:
        if self._job is not None and progress.round:
            self._say(
                tr(
                    "Round {round} of {rounds}: {gigabytes} so far",
                    round=progress.round,
                    rounds=progress.rounds,
                    gigabytes=_gigabytes(progress.best_bytes_per_s),
                )
            )

    def _done(self, found: Measurement) -> None:
        if self._job is None:
            return
        self._job = None
        self._show_busy(busy=False)
        refused = found.bytes_per_s is None
        self._say(f"{'△' if refused else '✓'}  {tr(found.said)}", Tone.CAUTION if refused else Tone.GOOD)
        if not refused:
            self.measured.emit()

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._show_busy(busy=False)
        self._say(f"✕  {explained(Problem.of(error))}", Tone.BAD)

    def _show_busy(self, *, busy: bool) -> None:
        self.button.setVisible(not busy)
        self.cancel_button.setVisible(busy)

    def _say(self, text: str, tone: Tone = Tone.NONE) -> None:
        self.outcome.setText(text)
        theme.mark(self.outcome, tone=tone)
        self.outcome.show()


def _facts(machine: Hardware, learnt: Learnt) -> list[str]:
    places = [(tr("Main memory"), tr("The processor"), machine.cpu.key)]
    places += [(name, name, device.key) for device in machine.devices if (name := device.description or device.name)]
    said = [_reserve_words(memory, learnt.reserves[key]) for memory, _, key in places if key in learnt.reserves]
    return said + [_speed_words(device, learnt.speeds[key]) for _, device, key in places if key in learnt.speeds]


def _bandwidth_words(machine: Hardware, learnt: Learnt) -> str:
    found = machine.memory.bandwidth_bytes_per_s
    if found is not None:
        return tr("Memory bandwidth: {gigabytes}, measured", gigabytes=_gigabytes(found))
    if machine.cpu.key in learnt.speeds:
        return tr(
            "Memory bandwidth: not measured: speeds are known only for models about as large as those that answered"
        )
    return tr("Memory bandwidth: not measured, so speeds on the processor are unknown until a model has answered here")


def _reserve_words(name: str, reserve: Reserve) -> str:
    times = tr("{loads} load{what}", loads=reserve.loads, what="s" if reserve.loads != 1 else "")
    if not reserve.size_bytes:
        return tr("{name}: loads took no more than was accounted for (learnt from {times})", name=name, times=times)
    return tr(
        "{name}: {size} are kept for what nobody reports (learnt from {times})",
        name=name,
        size=human_bytes(reserve.size_bytes),
        times=times,
    )


def _speed_words(name: str, speed: DeviceSpeed) -> str:
    times = counted(speed.runs, "run")
    return tr(
        "{name}: reads weights at {gigabytes} while it writes, ±{what:.0f}{gap}% (learnt from {times})",
        name=name,
        gigabytes=_gigabytes(speed.bandwidth_bytes_per_s),
        what=100 * speed.spread,
        gap=GAP,
        times=times,
    )


def _gigabytes(bytes_per_s: float) -> str:
    return f"{bytes_per_s / 1e9:.{1 if bytes_per_s < 1e10 else 0}f}{GAP}GB/s"
