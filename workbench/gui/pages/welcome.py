"""First run on one page: what this machine is, something to try now, and how to bring one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui import theme
from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.gui.hub.own_files import OwnFilesCard
from workbench.gui.hub.starters_card import StartersCard
from workbench.gui.motion import show_endless
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card, ScrollPage, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.text_view import LinkQuestion
from workbench.gui.words import family_tone
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes, sentences
from workbench.hub.licences import consented, remember
from workbench.hub.starter import Starter, StarterProgress, present
from workbench.jobs import Job, JobFinished, JobMessage, JobRunner, JobState

if TYPE_CHECKING:
    from workbench.app import Workbench

WIDEST = 820
DOWNLOAD_LANE = "download"
PRIVACY = later("Your prompts and answers stay on this machine: nothing is sent anywhere, and there is no account.")
_STAGES = {"checking": later("checking"), "downloading": later("downloading"), "unpacking": later("unpacking")}


class WelcomePage(ScrollPage):
    """``fetched`` is emitted when starters arrived, ``queued`` with a download.  ``open_file``, ``add_folder`` and
    ``import_pack`` are wishes, ``show_entry`` carries a model of the catalogue (empty: the Models page as it is)."""

    fetched = Signal()
    queued = Signal(object)
    open_file = Signal()
    add_folder = Signal()
    import_pack = Signal()
    show_entry = Signal(str)
    done = Signal()

    def __init__(
        self,
        workbench: Workbench,
        pump: EventPump,
        runner: JobRunner,
        errands: Errands,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(WIDEST, parent)
        self._bench, self._pump, self._runner = workbench, pump, runner
        self._job: Job | None = None
        self.setAccessibleName(tr("Get started"))
        self.rows = [StarterRow(starter) for starter in workbench.starters()]
        for row in self.rows:
            row.read_licence.connect(self._on_licence)
        self.machine = Card(tr("What is this machine?"))
        self.machine.body.addWidget(label(tr("Looking…"), role="muted"))
        self.try_now = Card(tr("Try now"))
        self.together = StartersCard(workbench, errands)
        self.together.chosen.connect(self.show_entry)
        self.together.queued.connect(self.queued)
        self.own = OwnFilesCard(workbench, errands)
        self.own.listed.connect(self.together.draw_here)
        self.own.open_file.connect(self.open_file)
        self.own.add_folder.connect(self.add_folder)
        self.own.import_pack.connect(self.import_pack)
        self.own.show_models.connect(self._on_show_models)
        self._fill_try_now()
        self._arrange()
        self.refresh()

    @property
    def busy(self) -> bool:
        return self._job is not None

    def draw_machine(self, machine: Hardware) -> None:
        clear(self.machine.body)
        for sentence in sentences(machine, with_build=False):
            tone = Tone.CAUTION if sentence in machine.notes else Tone.NONE
            self.machine.body.addWidget(label(tr(sentence), tone=tone, wrap=True))

    def draw_together(self, machine: Hardware) -> None:
        """One model of each family that fit this machine together."""
        self.together.draw(machine)

    @Slot()
    def look_around(self) -> None:
        """Count what other programs have on this machine."""
        self.own.look()

    @Slot()
    def look_again(self) -> None:
        """Something changed; while the page is not shown nobody has to know, and it looks when it is."""
        if self.isVisible():
            self.own.look()

    @Slot()
    def _on_show_models(self) -> None:
        self.show_entry.emit("")

    @Slot()
    def refresh(self) -> None:
        """Look which starters are there and what is still to be asked."""
        missing = self._missing()
        for row in self.rows:
            row.draw_present(there=row.starter not in missing)
        self.get_button.setVisible(not self.busy and bool(missing))
        self.cancel_button.setVisible(self.busy)
        total = sum(starter.download_bytes for starter in missing)
        self.get_button.setText(
            tr("Get starter models ({total})", total=human_bytes(total)) if total else tr("Get starter models")
        )
        self.go_button.setVisible(not self.busy and len(missing) < len(self.rows))

    def _missing(self) -> list[Starter]:
        return [row.starter for row in self.rows if not present(row.starter, self._bench.paths.models)]

    # --- arranged ----------------------------------------------------------------------------

    def _arrange(self) -> None:
        promise = tr("Ask several open models the same question side by side, on this machine, and see for yourself.")
        self.column.addWidget(label(tr("Which model should you run here?"), role="display", wrap=True))
        self.column.addWidget(label(promise, wrap=True))
        for part in (self.machine, self.try_now, self.together, self.own):
            self.column.addWidget(part)
        self.column.addWidget(label(tr(PRIVACY), role="muted", wrap=True))
        self.column.addStretch(1)

    def _fill_try_now(self) -> None:
        body = self.try_now.body
        body.addWidget(label(tr("Two small real models, to see how it works. No account needed."), wrap=True))
        for row in self.rows:
            body.addWidget(row)
        self.consent = _Consent()
        self.consent.agreed.connect(self._on_agreed)
        self.consent.refused.connect(self._on_refused)
        body.addWidget(self.consent)
        self.notice = Notice()
        body.addWidget(self.notice)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("Progress of the starter models"))
        self.progress.hide()
        self.phase = label(role="muted")
        self.phase.hide()
        body.addWidget(self.progress)
        body.addWidget(self.phase)
        self.get_button = text_button(tr("Get starter models"), kind="primary")
        self.get_button.clicked.connect(self.get_starters)
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.clicked.connect(self.cancel)
        self.go_button = text_button(tr("Compare models"))
        self.go_button.clicked.connect(self.done)
        buttons = QHBoxLayout()
        for button in (self.get_button, self.cancel_button, self.go_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        body.addLayout(buttons)

    # --- getting the starters ----------------------------------------------------------------

    @Slot()
    def get_starters(self) -> None:
        """Ask for consent where it was not given yet, then fetch; a second attempt goes on where the first ended."""
        self.notice.clear()
        unasked = [starter for starter in self._missing() if not consented(self._bench.db, starter)]
        if unasked:
            self.consent.ask(unasked)
            self.get_button.setEnabled(False)
        else:
            self._fetch()

    @Slot()
    def _on_agreed(self) -> None:
        for starter in self.consent.starters:
            remember(self._bench.db, starter)
        self.get_button.setEnabled(True)
        self._fetch()

    @Slot()
    def _on_refused(self) -> None:
        self.get_button.setEnabled(True)
        self.get_button.setFocus()

    def _fetch(self) -> None:
        if self._job is not None:
            return
        task = self._bench.fetch_starters(self._missing())
        self._job = self._runner.submit("starter models", task, lane=DOWNLOAD_LANE)
        self._pump.listen(self._job.id, self._hear)
        show_endless(self.progress)
        self.progress.show()
        self.phase.setText(tr("starting…"))
        self.phase.show()
        self.refresh()

    @Slot()
    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self.phase.setText(tr("stopping…"))
            self.cancel_button.setEnabled(False)

    def _hear(self, message: JobMessage) -> None:
        if isinstance(message, JobFinished):
            self._ended(message)
        elif isinstance(message.event, StarterProgress):
            self._draw_progress(message.event)

    def _draw_progress(self, progress: StarterProgress) -> None:
        # Thousandths: the bar counts in 32 bits, files in more.
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * progress.done_bytes / progress.total_bytes) if progress.total_bytes else 0)
        done, total = human_bytes(progress.done_bytes), human_bytes(progress.total_bytes)
        self.phase.setText(
            tr(
                "{title}: {stages}, {done} of {total}",
                title=progress.starter.title,
                stages=tr(_STAGES[progress.stage]),
                done=done,
                total=total,
            )
        )

    def _ended(self, message: JobFinished) -> None:
        self._job = None
        self.progress.hide()
        self.phase.hide()
        self.cancel_button.setEnabled(True)
        self.refresh()
        if message.state is JobState.SUCCEEDED:
            self.notice.clear()
            self.fetched.emit()
        elif message.state is JobState.CANCELLED:
            self.notice.say(
                tr("Stopped."),
                tr("What was downloaded is kept: the next attempt goes on from there."),
                tone=Tone.ACCENT,
            )
        elif message.error is not None:
            problem = Problem.of(message.error)
            self.notice.tell(problem, details=f"{problem.code}: {problem.message}\n{problem.hint}")

    @Slot(str)
    def _on_licence(self, address: str) -> None:
        LinkQuestion(QUrl(address), QDesktopServices.openUrl, self.window()).open()


class StarterRow(QWidget):
    """A starter model: name and size, its licence in a sentence with the way to its text, whether it is here."""

    read_licence = Signal(str)

    def __init__(self, starter: Starter) -> None:
        super().__init__()
        self.starter = starter
        self.state = label(role="chip")
        link = text_button(tr("Read the licence"), kind="link")
        link.setToolTip(starter.licence_url)
        link.setAccessibleName(tr("Read the licence of {title}", title=starter.title))
        link.clicked.connect(self._on_link)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label("●", tone=family_tone(starter.family)))
        head.addWidget(label(starter.title, role="strong", wrap=True), 1)
        head.addWidget(link)
        head.addWidget(self.state, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, Space.XS)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(label(f"{starter.licence}: {tr(starter.licence_note)}", role="muted", wrap=True))

    def draw_present(self, *, there: bool) -> None:
        size = human_bytes(self.starter.size_bytes)
        self.state.setText(tr("✓ here · {size}", size=size) if there else f"{self.starter.quantisation} · {size}")
        theme.mark(self.state, tone=Tone.GOOD if there else Tone.NONE)

    @Slot()
    def _on_link(self) -> None:
        self.read_licence.emit(self.starter.licence_url)


class _Consent(Notice):
    """Asks once, inside the page, whether the licences are agreed to."""

    agreed = Signal()
    refused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.starters: tuple[Starter, ...] = ()
        self.agree = text_button(tr("I agree, get them"), kind="primary")
        self.agree.clicked.connect(self._on_agree)
        self.dismiss.say(tr("Not now"))
        self.dismiss.clicked.connect(self.refused)
        row = self.layout()
        assert isinstance(row, QHBoxLayout)
        row.insertWidget(1, self.agree, 0, Qt.AlignmentFlag.AlignTop)
        self.agree.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def ask(self, starters: list[Starter]) -> None:
        self.starters = tuple(starters)
        licences = " and ".join(dict.fromkeys(starter.licence for starter in starters))
        self.say(
            tr("These models come under {licences}.", licences=licences),
            tr("Do you agree to use them under these terms? Asked once."),
            tone=Tone.ACCENT,
        )
        self.agree.setFocus()

    @Slot()
    def _on_agree(self) -> None:
        self.clear()
        self.agreed.emit()
