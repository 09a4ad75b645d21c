"""Finding a model: words narrow the catalogue and search the hub, a repository's name shows what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.hub.hit_row import HitRow
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hardware.words import human_bytes
from workbench.hub.remote import HeadProgress, RemoteListing, repository_in
from workbench.hub.search import MAX_HITS, SearchHit
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "hub"
EXPLAINED = later(
    "Words narrow the catalogue at once, Enter searches the hub. Naming a repository shows "
    "what would fit before anything is downloaded: only the files' headers are read, a few "
    "megabytes each, and only when you ask."
)


class LookupCard(Card):
    """``found`` is emitted with a listing, ``cleared`` when it is to be shown no more; ``below`` takes its
    ladders.  ``typed`` carries what stands in the field."""

    found = Signal(object)
    cleared = Signal()
    typed = Signal(str)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(tr("Find a model"), parent)
        self._bench, self._errands = workbench, errands
        self._job: Job | None = None
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Llama 3.2, owner/repository, or a link to one"))
        self.field.setAccessibleName(tr("Words to search for, or a repository to look up"))
        self.field.setClearButtonEnabled(True)
        self.field.returnPressed.connect(self.look_up)
        self.field.textChanged.connect(self._on_text)
        self.button = text_button(tr("Search"))
        self.button.clicked.connect(self.look_up)
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.clicked.connect(self.cancel)
        self.cancel_button.hide()
        self.phase = label(tr(EXPLAINED), role="muted", wrap=True)
        self.notice = Notice()
        self.dismiss = text_button(tr("Clear"), kind="ghost")
        self.dismiss.clicked.connect(self._on_clear)
        self.dismiss.hide()
        self.hits: list[HitRow] = []
        self._hits = QVBoxLayout()
        self._hits.setSpacing(0)
        self.below = QVBoxLayout()
        self.below.setSpacing(Space.S)
        self._arrange()

    @property
    def busy(self) -> bool:
        return self._job is not None

    @Slot()
    def look_up(self) -> None:
        wanted = self.field.text().strip()
        if not wanted or self.busy:
            self.field.setFocus()
            return
        self.field.setFocus()  # what had it may be about to go
        repository = repository_in(wanted)
        if repository is None:
            self.search(wanted)
        else:
            self._look_up(repository)

    def _look_up(self, repository: str) -> None:
        self._begin(tr("Asking for the files of {repository}…", repository=repository))
        task = self._bench.remote(repository)
        self._job = self._errands.run("look up", task, self._done, self._failed, told=self._told, lane=LANE)

    def search(self, words: str) -> None:
        """Ask the hub for repositories with GGUF files by words."""
        self.field.setText(words)
        self._drop_hits()
        self._begin(tr("Searching the hub for “{words}”…", words=words))
        self._job = self._errands.run("search", self._bench.search(words), self._searched, self._failed, lane=LANE)

    def _begin(self, said: str) -> None:
        self.clear()
        self._draw_busy(busy=True)
        self.phase.setText(said)

    def _searched(self, hits: tuple[SearchHit, ...]) -> None:
        if self._job is None:
            return
        self._job = None
        self._draw_busy(busy=False)
        self.dismiss.show()
        self.phase.setText(_hits_words(len(hits)))
        for hit in hits:
            row = HitRow(hit)
            row.chosen.connect(self._on_hit)
            self.hits.append(row)
            self._hits.addWidget(row)

    @Slot(str)
    def _on_hit(self, repository: str) -> None:
        if not self.busy:
            self._look_up(repository)

    def _drop_hits(self) -> None:
        self.hits = []
        clear(self._hits)

    @Slot(str)
    def _on_text(self, text: str) -> None:
        self.button.setText(tr("Look up") if repository_in(text) else tr("Search"))
        # A repository's name is no words of the catalogue's.
        self.typed.emit("" if repository_in(text) else text)

    @Slot()
    def cancel(self) -> None:
        """Stop fetching; what was read is kept for the next time."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._draw_busy(busy=False)
            self.phase.setText(tr("Cancelled. What was read already need not be read again."))
            self.field.setFocus()

    @Slot()
    def clear(self) -> None:
        """Show what was found no more."""
        self.notice.clear()
        self.dismiss.hide()
        self.phase.setText(tr(EXPLAINED))
        self.cleared.emit()

    @Slot()
    def _on_clear(self) -> None:
        self._drop_hits()
        self.field.clear()
        self.clear()

    def _told(self, progress: HeadProgress) -> None:
        if self._job is not None:
            self.phase.setText(progress_words(progress))

    def _done(self, listing: RemoteListing) -> None:
        if self._job is None:
            return
        self._job = None
        self._draw_busy(busy=False)
        count = len(listing.files)
        if not count:
            self.phase.setText(
                tr("{repository} holds no model file that could be used.", repository=listing.repository)
            )
        else:
            self.phase.setText(listing_words(listing))
        self.dismiss.show()
        self.found.emit(listing)

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._draw_busy(busy=False)
        self.phase.setText(tr(EXPLAINED))
        problem = Problem.of(error)
        self.notice.tell(problem)

    def _draw_busy(self, *, busy: bool) -> None:
        self.button.setVisible(not busy)
        self.cancel_button.setVisible(busy)
        self.field.setReadOnly(busy)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.field, 1)
        row.addWidget(self.button)
        row.addWidget(self.cancel_button)
        said = QHBoxLayout()
        said.setSpacing(Space.S)
        said.addWidget(self.phase, 1)
        said.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(row)
        self.body.addLayout(said)
        self.body.addWidget(self.notice)
        self.body.addLayout(self.below)
        self.body.addLayout(self._hits)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.busy:
            self.cancel()
        else:
            super().keyPressEvent(event)


def progress_words(progress: HeadProgress) -> str:
    if not progress.total_files:
        return tr("Asking for the files of {name}…", name=progress.name)
    return tr(
        "{done_files} of {total_files} headers read, {fetched} fetched: {name}",
        done_files=progress.done_files,
        total_files=progress.total_files,
        fetched=human_bytes(progress.fetched_bytes),
        name=progress.name,
    )


def listing_words(listing: RemoteListing) -> str:
    asked = tr(
        "{repository}, commit {commit}: not on this machine", repository=listing.repository, commit=listing.commit[:8]
    )
    if listing.kept_at is not None:
        return tr(
            "{asked}; the hub was not asked, this is as it was on {kept_at}", asked=asked, kept_at=listing.kept_at[:10]
        )
    return tr(
        "{asked}; nothing was downloaded but headers: {fetched}",
        asked=asked,
        fetched=human_bytes(listing.fetched_bytes),
    )


def _hits_words(count: int) -> str:
    if not count:
        return tr("The hub knows no repository with GGUF files of these words.")
    if count >= MAX_HITS:
        return tr("The {count} repositories most downloaded; more words find others.", count=count)
    return (
        tr("1 repository on the hub.")
        if count == 1
        else tr("{count} repositories on the hub, the most downloaded first.", count=count)
    )
