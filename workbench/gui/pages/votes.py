"""The Votes page: the ranking that all votes give, how far to trust it, and every vote."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QComboBox, QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from workbench.app import Workbench
from workbench.chat.answer import Problem
from workbench.chat.votes import files as vote_files
from workbench.chat.votes.ballots import Filter, Taken
from workbench.chat.votes.files import Saved, Saving, VoteForm
from workbench.chat.votes.taking import Taking, taking_file
from workbench.gui import names
from workbench.gui.errands import Errands
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.votes.file_row import FileRow
from workbench.gui.votes.held import HeldCard
from workbench.gui.votes.judged import Judged, Listing, judging
from workbench.gui.votes.ranking_view import WIDEST, RankingView
from workbench.gui.votes.vote_list import VoteList
from workbench.gui.widgets.cards import Middle
from workbench.gui.widgets.controls import FlowLayout, text_button
from workbench.gui.widgets.notice import Notice

LANE, EXPORT_LANE, IMPORT_LANE = "votes", "export", "import"
FORMS = {
    VoteForm.CSV: (later("Table (*.csv)"), ".csv"),
    VoteForm.ARENA: (later("Arena lines (*.jsonl)"), ".jsonl"),
    VoteForm.DPO: (later("Preference pairs, DPO (*.jsonl)"), ".jsonl"),
    VoteForm.DPO_MESSAGES: (later("Preference pairs as messages (*.jsonl)"), ".jsonl"),
}


class VotesPage(QWidget):
    """``pair_wished`` has the pair somebody wants to vote on, ``opened`` a vote whose answers are to be shown;
    ``vote_wished`` leads back to the vote that is open."""

    pair_wished = Signal(object)
    opened = Signal(object)
    vote_wished = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "page")
        self.setAccessibleName(tr("Votes"))
        self._history = workbench.history
        self._errands = errands
        self._newest = 0
        self._named = names.current()
        self.judged: Judged | None = None
        self.notice = Notice()
        self.exporting = FileRow(tr("Progress of the export"), tr("Cancel"), tr("Cancel the export"))
        self.importing = FileRow(tr("Progress of the import"), tr("Cancel"), tr("Cancel the import"))
        self.importing.cancelled.connect(self._import_cancelled)
        self.ranking = RankingView()
        self.ranking.wished.connect(self.pair_wished)
        self.list = VoteList(workbench.history.ballots)
        self.list.changed.connect(self.refresh)
        self.list.opened.connect(self.opened)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.ranking)
        self._listing = Middle(self.list, WIDEST)
        self.stack.addWidget(self._listing)
        self.held = HeldCard()
        self.held.go.clicked.connect(self.vote_wished)
        self.stack.addWidget(self.held)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, Space.S, 0, 0)
        column.setSpacing(Space.S)
        head = QWidget()
        self._head = Middle(head, WIDEST)
        self.ranking.verticalScrollBar().rangeChanged.connect(self._on_range)
        around = QVBoxLayout(head)
        around.setContentsMargins(Space.XL, 0, Space.XL, 0)
        around.addLayout(self._controls())
        around.addWidget(self.notice)
        around.addWidget(self.exporting)
        around.addWidget(self.importing)
        column.addWidget(self._head)
        column.addWidget(self.stack, 1)

    # --- drawn -------------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Read the votes and work the ranking out, away from this thread; only the newest is shown."""
        self._newest += 1
        if self.judged is None:
            self.ranking.show_working()
        self._errands.run(
            "rank votes",
            judging(self._history, self.wanted),
            partial(self._show, self._newest),
            self._not_done,
            told=partial(self._list, self._newest),
            lane=LANE,
        )

    def hold(self, *, held: bool) -> None:
        """While a blind vote is open nothing is told here: each of its votes is a row already, with both names."""
        self._head.setVisible(not held)  # its filters too know of whom there are votes
        self.stack.setCurrentIndex(self.stack.indexOf(self.held) if held else self._tabs.checkedId())

    @Slot(int, int)
    def _on_range(self, _least: int, most: int) -> None:
        """In line with the cards, which the bar beside them moves."""
        bar = self.ranking.verticalScrollBar().sizeHint().width() if most else 0
        for part in (self._head, self._listing):
            part.setContentsMargins(0, 0, bar, 0)

    @property
    def wanted(self) -> Filter:
        return Filter(
            tag=self.tag.currentData(),
            family=self.family.currentData(),
            blind_only=self.blind_only.isChecked(),
            rater=self.rater.currentData(),
        )

    def _list(self, number: int, found: Listing) -> None:
        if number != self._newest:
            return
        _fill(self.tag, tr("All tags"), [(f"#{tag}", tag) for tag in found.tags])
        _fill(self.family, tr("All families"), [(name.title(), name) for name in found.family_names])
        _fill(self.rater, tr("All raters"), [(name or tr("Without a name"), name) for name in found.raters])
        self.rater.setVisible(len(found.raters) > 1)
        self.export.setEnabled(any(row.counts for row in found.rows))
        self.list.draw(found)

    def _show(self, number: int, found: Judged) -> None:
        if number == self._newest:
            self.judged, self._named = found, names.current()
            self.ranking.draw(found)

    @Slot()
    def rename(self) -> None:
        """The library was looked at: who stands here may have another name now."""
        if self.judged is not None and names.current() != self._named:
            self._named = names.current()
            self.list.draw(self.judged.listing)
            self.ranking.draw(self.judged)

    def _not_done(self, error: Exception) -> None:
        problem = Problem.of(error)
        self.notice.tell(problem)

    # --- files -------------------------------------------------------------------------------

    @Slot()
    def choose_export(self) -> None:
        forms = ";;".join(tr(words) for words, _ in FORMS.values())
        name, chosen = QFileDialog.getSaveFileName(self, tr("Export votes"), "votes.csv", forms)
        if name:
            form = next(form for form, (words, _) in FORMS.items() if tr(words) == chosen or not chosen)
            path = Path(name)
            self.export_to(path if path.suffix else path.with_suffix(FORMS[form][1]), form)

    def export_to(self, path: Path, form: VoteForm) -> None:
        """The votes the filter takes, as far as they count."""
        if self.exporting.job is not None:
            return
        work = vote_files.saving(self._history.ballots, self.wanted, path, form)
        done = partial(self._exported, path)
        job = self._errands.run("export votes", work, done, self._not_exported, told=self._exporting, lane=EXPORT_LANE)
        self.notice.hide()
        self.exporting.begin(job, tr("Reading the votes…"))

    def _exporting(self, event: Saving) -> None:
        done = tr("{done:,} of {total:,} votes are written", done=event.done, total=event.total)
        self.exporting.tell(done, event.done, event.total)

    def _not_exported(self, error: Exception) -> None:
        self.exporting.end()
        self._not_done(error)

    def _exported(self, path: Path, written: Saved) -> None:
        self.exporting.end()
        left_out = [tr("{count:,} left out: {why}", count=count, why=why) for why, count in written.left_out]
        said = tr("{count:,} votes are in {name}.", count=written.votes, name=path.name)
        self.notice.say(said, "; ".join([str(path), *left_out]), tone=Tone.ACCENT)

    @Slot()
    def choose_import(self) -> None:
        kinds = tr("Votes (*.jsonl *.json *.csv);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, tr("Import votes"), "", kinds)
        if name:
            self.import_from(Path(name))

    def import_from(self, path: Path) -> None:
        if self.importing.job is not None:
            return
        done = partial(self._imported, path)
        work = taking_file(self._history.ballots, path)
        job = self._errands.run("import votes", work, done, self._not_imported, told=self._importing, lane=IMPORT_LANE)
        self.notice.hide()
        self.importing.begin(job, tr("Reading {name}…", name=path.name))

    def _importing(self, event: Taking) -> None:
        if event.total is None:
            done = tr("{done:,} votes are read", done=event.done)
        else:
            done = tr("{done:,} of {total:,} votes are taken in", done=event.done, total=event.total)
        self.importing.tell(done, event.done, event.total)

    @Slot()
    def _import_cancelled(self) -> None:
        self.notice.say(tr("Cancelled: no vote of the file is taken in."), tone=Tone.ACCENT)

    def _not_imported(self, error: Exception) -> None:
        self.importing.end()
        self._not_done(error)

    def _imported(self, path: Path, taken: Taken) -> None:
        self.importing.end()
        parts = [tr("{count:,} were here already.", count=taken.known)] if taken.known else []
        if taken.left_out:
            parts.append(tr("{count:,} repeat a vote that is not there, and were left out.", count=taken.left_out))
        said = tr("{count:,} votes came out of {name}.", count=taken.added, name=path.name)
        self.notice.say(said, " ".join(parts) or None, tone=Tone.ACCENT)
        self.refresh()

    # --- made --------------------------------------------------------------------------------

    def _controls(self) -> FlowLayout:
        self.ranking_button = text_button(tr("Ranking"), kind="tab")
        self.list_button = text_button(tr("All votes"), kind="tab")
        self._tabs = QButtonGroup(self)
        for place, button in enumerate((self.ranking_button, self.list_button)):
            button.setCheckable(True)
            self._tabs.addButton(button, place)
        self.ranking_button.setChecked(True)
        self._tabs.idClicked.connect(self.stack.setCurrentIndex)
        self.tag, self.family, self.rater = QComboBox(), QComboBox(), QComboBox()
        self.tag.setAccessibleName(tr("Only votes with this tag"))
        self.family.setAccessibleName(tr("Only votes within this family"))
        self.rater.setAccessibleName(tr("Only votes of this rater"))
        self.rater.hide()  # until there are two
        for combo in (self.tag, self.family, self.rater):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            combo.activated.connect(self.refresh)
        _fill(self.tag, tr("All tags"), [])
        _fill(self.family, tr("All families"), [])
        _fill(self.rater, tr("All raters"), [])
        self.blind_only = QCheckBox(tr("Blind votes only"))
        self.blind_only.toggled.connect(self.refresh)
        self.export = text_button(tr("Export…"))
        self.export.setEnabled(False)
        self.export.clicked.connect(self.choose_export)
        self.load = text_button(tr("Import…"))
        self.load.clicked.connect(self.choose_import)
        flow = FlowLayout(gap=Space.S)
        filters = (self.tag, self.family, self.rater, self.blind_only)
        for part in (self.ranking_button, self.list_button, *filters, self.export, self.load):
            flow.addWidget(part)
        return flow


def _fill(combo: QComboBox, everything: str, entries: list[tuple[str, str]]) -> None:
    """The same choice stays, where there still is one."""
    kept = combo.currentData()
    combo.clear()
    combo.addItem(everything, None)
    for words, value in entries:
        combo.addItem(words, value)
    combo.setCurrentIndex(max(0, combo.findData(kept)) if kept is not None else 0)
