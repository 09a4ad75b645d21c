"""This machine in plain words, what fills its memory, and how each model file fits it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from workbench.errors import WorkbenchError
from workbench.gui import theme
from workbench.gui.diagnostics import versions
from workbench.gui.errands import Errands, errand
from workbench.gui.memory import DeviceMemory, Loaded, device_memory
from workbench.gui.models.learnt_card import LearntCard
from workbench.gui.models.load_dialog import LoadDialog, LoadQuestion
from workbench.gui.models.receipts_card import ReceiptsCard
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card, Facts, ScrollPage, clear
from workbench.gui.widgets.controls import IconButton, label, text_button
from workbench.gui.widgets.memory_bar import MemoryBar, Swatch
from workbench.gui.words import FitState, family_tone, fit_state, has_gpu, parameter_count
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes, sentences
from workbench.hub.library import Problem
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, Verdict
from workbench.models.learnt import Learnt
from workbench.models.params import RunParams
from workbench.models.receipt import Receipt

if TYPE_CHECKING:
    from workbench.app import Workbench

BASIS = later("Judged by the memory that is free now, beside the models that are loaded.")
NOTHING_LEARNT = Learnt()
WIDEST = 1080  # pixels at 100 % text: longer lines are hard to read


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the machine and at the library on it."""

    machine: Hardware
    fits: tuple[Fit, ...]
    problems: tuple[Problem, ...]
    receipts: tuple[Receipt, ...] = ()
    learnt: Learnt = NOTHING_LEARNT


def look(bench: Workbench) -> Seen:
    machine = bench.machine()
    listing = bench.library.listing()
    fits = tuple(bench.fit(model, machine=machine) for model in listing.files)
    return Seen(machine, fits, listing.problems, bench.receipts(), bench.learnt())


class MachinePage(ScrollPage):
    """``chosen`` is emitted with a model that the user wants to open, its parameters (None: the shared ones), and
    whether to load it although it is too big."""

    chosen = Signal(object, object, bool)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(WIDEST, parent)
        self._bench, self._errands = workbench, errands
        self._looking = self._again = False
        self._loaded: tuple[Loaded, ...] = ()
        self._bars: list[_Bar] = []
        self.setAccessibleName(tr("This machine"))
        self.status = label(role="muted")
        self.refresh_button = text_button(tr("Look again"))
        self.refresh_button.clicked.connect(self.refresh)
        self.words = Card(tr("In plain words"))
        self.memory = Card(tr("Memory"))
        self.details = Card(tr("Details"))
        self.files = Card(tr("Model files, and how they fit"))
        self.learnt = LearntCard(workbench, errands)
        self.learnt.measured.connect(self.refresh)
        self.receipts = ReceiptsCard(partial(versions, workbench))
        self._arrange()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label(tr("This machine"), role="display"), 1)
        head.addWidget(self.status)
        head.addWidget(self.refresh_button)
        self._pair = QGridLayout()
        self._pair.setSpacing(Space.L)
        self.column.addLayout(head)
        self.column.addWidget(self.words)
        self.column.addLayout(self._pair)
        for card in (self.files, self.learnt, self.receipts):
            self.column.addWidget(card)
        self.column.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.viewport().width() > theme.px(760)
        self._pair.addWidget(self.memory, 0, 0)
        place = (0, 1) if beside else (1, 0)
        self._pair.addWidget(self.details, *place, Qt.AlignmentFlag.AlignTop)
        self._pair.setColumnStretch(0, 1)
        self._pair.setColumnStretch(1, 1 if beside else 0)

    # --- looking -----------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Look at the machine and the library, away from this thread; asked for meanwhile, once more afterwards."""
        if self._looking:
            self._again = True
            return
        self._looking = True
        self.refresh_button.setEnabled(False)
        self.status.setText(tr("looking…"))
        self._errands.run("look at the machine", errand(lambda: look(self._bench)), self._seen, self._failed)

    def _seen(self, seen: Seen) -> None:
        self._ended("")
        self.draw(seen)

    def _failed(self, error: Exception) -> None:
        self._ended(tr("could not look: {error}", error=error.message if isinstance(error, WorkbenchError) else error))

    def _ended(self, status: str) -> None:
        self._looking = False
        self.refresh_button.setEnabled(True)
        self.status.setText(status)
        if self._again:
            self._again = False
            self.refresh()

    @Slot(object)
    def _on_open(self, model: ModelFile) -> None:
        self.chosen.emit(model, None, False)

    @Slot(object)
    def _on_options(self, found: Fit) -> None:
        question = LoadQuestion(found.model, RunParams(n_ctx=found.context))
        dialog = LoadDialog(self._bench, self._errands, question, self)
        dialog.load.connect(self.chosen)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    # --- drawing -----------------------------------------------------------------------------

    def draw(self, seen: Seen) -> None:
        self._draw_words(seen.machine)
        self._draw_details(seen.machine)
        self.draw_memory(seen.machine, self._loaded)
        self._draw_files(seen)
        self.learnt.draw(seen.machine, seen.learnt)
        self.receipts.draw(seen.receipts)

    def draw_memory(self, machine: Hardware, loaded: Sequence[Loaded]) -> None:
        """Only the bars: this is called every two seconds while the window is visible."""
        self._loaded = tuple(loaded)
        memories = device_memory(machine, loaded)
        if len(self._bars) != len(memories):
            clear(self.memory.body)
            self._bars = [_Bar() for _ in memories]
            for bar in self._bars:
                self.memory.body.addWidget(bar)
            self.memory.body.addStretch(1)  # beside the details it is as high as they are
        for bar, memory in zip(self._bars, memories, strict=True):
            bar.draw(memory)

    def _draw_words(self, machine: Hardware) -> None:
        clear(self.words.body)
        notes = set(machine.notes)
        for sentence in sentences(machine):
            tone = Tone.CAUTION if sentence in notes else Tone.NONE
            shape = "△" if sentence in notes else "·"
            self.words.body.addWidget(label(f"{shape}  {tr(sentence)}", tone=tone, wrap=True))

    def _draw_details(self, machine: Hardware) -> None:
        clear(self.details.body)
        cpu, build, paths = machine.cpu, machine.build, self._bench.paths
        facts = Facts()
        facts.add(tr("Processor"), cpu.name or cpu.architecture)
        facts.add(
            tr("Cores"),
            tr(
                "{physical_cores} physical, {logical_cores} logical, {usable_cores} used for models",
                physical_cores=cpu.physical_cores,
                logical_cores=cpu.logical_cores,
                usable_cores=cpu.usable_cores,
            ),
        )
        facts.add(tr("System"), machine.system)
        facts.add(
            tr("Engine"), tr("llama.cpp {version}", version=build.version) if build is not None else tr("not measured")
        )
        if build is not None:
            facts.add(tr("Built for"), ", ".join(build.backends) or tr("the processor alone"))
            facts.add(tr("Instructions"), " ".join(build.cpu_features) or tr("not measured"))
        free = machine.disk_free_bytes
        facts.add(tr("Disk"), tr("{free} free", free=human_bytes(free)) if free is not None else tr("not measured"))
        facts.add(tr("Models folder"), str(paths.models), mono=True)
        facts.add(tr("Data folder"), str(paths.data), mono=True)
        facts.add(tr("Settings file"), str(paths.settings), mono=True)
        facts.add(tr("Log"), str(paths.log), mono=True)
        self.details.body.addWidget(facts)

    def _draw_files(self, seen: Seen) -> None:
        clear(self.files.body)
        if not seen.fits and not seen.problems:
            words = tr(
                "No model file yet. Open a GGUF from the File menu, drop one on the window, or see Help ▸ Get started."
            )
            self.files.body.addWidget(label(words, role="muted", wrap=True))
            return
        self.files.body.addWidget(label(tr(BASIS), role="muted", wrap=True))
        gpu = has_gpu(seen.machine)
        open_now = {model.path for model in self._loaded}
        for index, found in enumerate(seen.fits):
            if index:
                self.files.body.addWidget(_line())
            loaded = FitState("◉", tr("in memory"), "", Tone.GOOD)
            state = loaded if found.model.path in open_now else fit_state(found, has_gpu=gpu)
            row = _FileRow(found, state)
            row.chosen.connect(self._on_open)
            row.options.connect(self._on_options)
            self.files.body.addWidget(row)
        for problem in seen.problems:
            words = f"✕  {problem.path.name}: {tr(problem.error.message)}"
            row_label = label(words, tone=Tone.BAD, wrap=True)
            row_label.setToolTip(tr(problem.error.hint or ""))
            self.files.body.addWidget(row_label)


class _Bar(QWidget):
    """A device's name and figures, its bar, and what the colours mean."""

    def __init__(self) -> None:
        super().__init__()
        self._name = label(role="strong")
        self._figures = label()
        self._bar = MemoryBar(height=14)
        self._legend = QVBoxLayout()
        self._legend.setSpacing(2)
        self._drawn: DeviceMemory | None = None
        head = QHBoxLayout()
        head.addWidget(self._name, 1)
        head.addWidget(self._figures)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, Space.S)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self._bar)
        column.addLayout(self._legend)

    def draw(self, memory: DeviceMemory) -> None:
        self._name.setText(memory.name)
        self._figures.setText(
            tr("{free} free of {total}", free=human_bytes(memory.free_bytes), total=human_bytes(memory.total_bytes))
        )
        self._bar.show_memory(memory)
        if self._drawn == memory:
            return
        self._drawn = memory
        clear(self._legend)
        for piece in memory.pieces:
            self._legend.addWidget(_Legend(Swatch(piece.tone, piece.strength), piece.label, piece.size_bytes))
        others = tr("other programs and this window")
        self._legend.addWidget(_Legend(Swatch(None), others, memory.others_bytes))


class _Legend(QWidget):
    def __init__(self, swatch: Swatch, words: str, size_bytes: int) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(swatch)
        row.addWidget(label(words, role="muted"), 1)
        row.addWidget(label(human_bytes(size_bytes), role="muted"))


class _FileRow(QWidget):
    """One file: what it is on the left, how it fits on the right, and a way to open it."""

    chosen = Signal(object)
    options = Signal(object)

    def __init__(self, found: Fit, state: FitState) -> None:
        super().__init__()
        self.fit = found
        model = found.model
        names = QVBoxLayout()
        names.setSpacing(2)
        title = QHBoxLayout()
        title.setSpacing(Space.S)
        title.addWidget(label("●", tone=family_tone(model.family)))
        title.addWidget(label(model.title, role="strong", wrap=True), 1)
        names.addLayout(title)
        names.addWidget(label(_about(model), role="muted", wrap=True))
        states = QVBoxLayout()
        states.setSpacing(2)
        states.addWidget(label(state.text, tone=state.tone), 0, Qt.AlignmentFlag.AlignRight)
        states.addWidget(label(_assumed(found), role="muted"), 0, Qt.AlignmentFlag.AlignRight)
        open_ = text_button(tr("Open"))
        open_.setAccessibleName(tr("Open {title}", title=model.title))
        open_.setToolTip(str(model.path))
        open_.clicked.connect(self._open)
        more = IconButton("tune-variant", tr("Load options of {title}", title=model.title))
        more.clicked.connect(self._options)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, Space.XS, 0, Space.XS)
        row.setSpacing(Space.M)
        row.addLayout(names, 1)
        row.addLayout(states)
        row.addWidget(open_, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(more, 0, Qt.AlignmentFlag.AlignVCenter)

    @Slot()
    def _open(self) -> None:
        self.chosen.emit(self.fit.model)

    @Slot()
    def _options(self) -> None:
        self.options.emit(self.fit)


def _about(model: ModelFile) -> str:
    said = [
        model.quantisation,
        human_bytes(model.size_bytes),
        tr("{parameter_count} parameters", parameter_count=parameter_count(model.parameter_count)),
        model.name,
    ]
    return " · ".join([*said, tr("synthetic, answers are noise")] if model.synthetic else said)


def _assumed(found: Fit) -> str:
    needs = tr(
        "needs {total} with a context of {context:,} ({basis})",
        total=human_bytes(found.total_bytes),
        context=found.context,
        basis=found.basis,
    )
    if found.verdict is Verdict.TOO_BIG and found.max_context:
        return tr("{needs}; {max_context:,} would fit", needs=needs, max_context=found.max_context)
    return needs


def _line() -> QFrame:
    line = QFrame()
    line.setProperty("role", "line")
    return line
