"""Making a pack: what goes in, who signs, where it goes and how large it gets, then the work with its progress."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QProcess, QStandardPaths, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui import theme
from workbench.gui.errands import Errands, errand
from workbench.gui.hub.pack_contents import ContentsCard
from workbench.gui.hub.pack_form import FormCard
from workbench.gui.hub.pack_words import progress_words, share_of
from workbench.gui.hub.signer_card import SignerCard
from workbench.gui.motion import show_endless
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import ScrollBody
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.sheet import Sheet
from workbench.hardware.words import human_bytes
from workbench.hub.library import Listing
from workbench.hub.packs.foreseen import Foreseen, foresee
from workbench.hub.packs.progress import PackProgress
from workbench.hub.upkeep import reveal
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hub.packs.create import Created

LANE = "packs"
LOOK_LANE = "library"
WIDTH, HEIGHT = 680, 720  # pixels at 100 % text
EXPLAINED = later(
    "A pack carries models with their licences, checksums and a bill of materials to a computer without a network."
)


SIGNED = later(
    "Signed with the key {key}. Whoever gets the pack needs your public key, by another way "
    "than the pack; this is it, to copy:"
)


class PackMaker(Sheet):
    def __init__(
        self, workbench: Workbench, errands: Errands, parent: QWidget | None = None, *, wanted: Sequence[Path] = ()
    ) -> None:
        """``wanted`` are models that are chosen from the start."""
        super().__init__(WIDTH, HEIGHT, parent)
        self._bench, self._errands, self._wanted = workbench, errands.branch(), tuple(wanted)
        self._job: Job | None = None
        self._made: Created | None = None
        self._asked = 0
        self.setWindowTitle(tr("Make a pack"))
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        self.contents = ContentsCard()
        self.form = FormCard(Path(documents or Path.home()))
        self.signature = SignerCard(self._errands, workbench.paths.data / "keys")
        self.notice = Notice()
        self.foreseen = label(role="strong", wrap=True)
        self.public_key = QLineEdit()
        self.public_key.setReadOnly(True)
        self.public_key.setAccessibleName(tr("Your public key, to hand over"))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress of the pack"))
        self.phase = label(role="muted", wrap=True)
        self.reveal_button = text_button(tr("Show in its folder"))
        self.make_button = text_button(tr("Make the pack"), kind="primary")
        self.close_button = text_button(tr("Close"))
        self.body = ScrollBody(tr("The pack to be made"))
        self._arrange()
        for card in (self.contents, self.form):
            card.changed.connect(self._look)
        self.signature.changed.connect(self._draw)
        self.make_button.clicked.connect(self.make)
        self.reveal_button.clicked.connect(self._on_reveal)
        self.close_button.clicked.connect(self.reject)
        self._errands.run(
            "list the library", errand(workbench.library.listing), self._listed, self._unlisted, lane=LOOK_LANE
        )
        self._draw()

    @property
    def busy(self) -> bool:
        return self._job is not None

    # --- foreseen ----------------------------------------------------------------------------

    def _listed(self, listing: Listing) -> None:
        self.contents.draw(listing.held, self._wanted)
        if self.contents.boxes:
            self.contents.boxes[0][0].setFocus()

    def _unlisted(self, error: Exception) -> None:
        self.contents.say(tr(Problem.of(error).message))

    @Slot()
    def _look(self) -> None:
        """How large it gets, and whether there is room; asked away from the window's thread."""
        self._asked += 1
        self._made = None
        self.notice.clear()
        work = partial(foresee, self.contents.chosen, self.contents.extras, self.form.folder, self.form.form)
        told = partial(self._foreseen, self._asked)
        self._errands.run("size of a pack", errand(work), told, self._unforeseen, lane=LOOK_LANE)
        self._draw()

    def _foreseen(self, asked: int, found: Foreseen) -> None:
        if asked != self._asked:
            return
        said = tr(
            "{size}; {free} are free there", size=human_bytes(found.size_bytes), free=human_bytes(found.free_bytes)
        )
        if found.part_count > 1:
            said += tr(" · {part_count} parts", part_count=found.part_count)
        if found.missing_bytes:
            said = tr("✕ {missing} too little room: {said}", missing=human_bytes(found.missing_bytes), said=said)
        self.foreseen.setText(tr("Choose what goes in.") if self.contents.empty else f"{self.contents.words}: {said}")
        theme.mark(self.foreseen, tone=Tone.BAD if found.missing_bytes else Tone.NONE)

    def _unforeseen(self, error: Exception) -> None:
        problem = Problem.of(error)
        self.notice.tell(problem)

    # --- made --------------------------------------------------------------------------------

    @Slot()
    def make(self) -> None:
        """Hash, write and sign; it is at its place whole, or not at all."""
        if self.busy or not self.make_button.isEnabled():
            return
        self.notice.clear()
        task = self._bench.create_pack(
            self.form.name,
            [held.file for held in self.contents.chosen],
            self.form.target,
            signer=self.signature.used,
            form=self.form.form,
            extras=self.contents.extras,
            with_settings=self.contents.settings_box.isChecked(),
        )
        self._job = self._errands.run("make a pack", task, self._done, self._failed, told=self._told, lane=LANE)
        self.phase.setText(tr("Beginning…"))
        self._draw()
        self.close_button.setFocus()

    def _told(self, progress: PackProgress) -> None:
        if self.busy:
            self.bar.setRange(0, 1000)
            self.bar.setValue(share_of(progress))
            self.phase.setText(progress_words(progress))

    def _done(self, made: Created) -> None:
        if not self.busy:
            return
        self._job, self._made = None, made
        self.phase.setText("")
        signer = self.signature.used
        self.public_key.setText(signer.public.line if signer is not None else "")
        self.notice.say(
            tr("✓ {name} is made: {total}.", name=made.path.name, total=human_bytes(made.total_bytes)),
            tr(SIGNED, key=made.key_id) if made.key_id else tr("Not signed."),
            details=self._details(made),
            tone=Tone.ACCENT,
        )
        self._draw()
        self.reveal_button.setFocus()

    def _details(self, made: Created) -> str:
        signer = self.signature.used
        key = (
            tr("Key {key_id}: {line}\n", key_id=signer.public.key_id, line=signer.public.line)
            if signer is not None
            else ""
        )
        return tr("{path}\n{key}Pack {identity}\n", path=made.path, key=key, identity=made.identity)

    def _failed(self, error: Exception) -> None:
        if not self.busy:
            return
        self._job = None
        problem = Problem.of(error)
        self.phase.setText("")
        self.notice.tell(problem)
        self._draw()

    # --- used --------------------------------------------------------------------------------

    @Slot()
    def _on_reveal(self) -> None:
        if self._made is None:
            return
        found = reveal(self._made.path)
        if not QProcess.startDetached(found.command[0], list(found.command[1:]))[0]:
            self.phase.setText(tr("The file manager could not be opened. The folder is {folder}.", folder=found.folder))
            self._draw()

    @Slot()
    def reject(self) -> None:
        """While it is made this cancels and stays; what was written is deleted."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self.phase.setText(tr("Cancelled; nothing of the pack stays."))
            self._draw()
            return
        self._errands.close()
        self.signature.forget()
        super().reject()
        self.deleteLater()

    @Slot()
    def _draw(self) -> None:
        for card in (self.contents, self.form, self.signature):
            card.setEnabled(not self.busy)
        self.bar.setVisible(self.busy)
        if self.busy:
            show_endless(self.bar)
        self.phase.setVisible(bool(self.phase.text()))
        self.reveal_button.setVisible(self._made is not None)
        self.public_key.setVisible(self._made is not None and bool(self.public_key.text()))
        missing = self._missing()
        self.make_button.setVisible(self._made is None)
        self.make_button.setEnabled(not self.busy and not missing)
        self.make_button.setToolTip(missing)
        self.make_button.setAccessibleDescription(missing)
        self.close_button.setText(tr("Cancel") if self.busy else tr("Close"))

    def _missing(self) -> str:
        """What is still to be said before it can be made."""
        if self.contents.empty:
            return tr("Choose at least one model, or add a file.")
        if not self.form.name:
            return tr("Give the pack a name.")
        return "" if self.signature.decided else tr("Choose a key, make one, or go without a signature.")

    def _arrange(self) -> None:
        for card in (self.contents, self.form, self.signature):
            self.body.column.addWidget(card)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        buttons.addWidget(self.foreseen, 1)
        for button in (self.reveal_button, self.make_button, self.close_button):
            buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("Make a pack"), role="title"))
        column.addWidget(label(tr(EXPLAINED), role="muted", wrap=True))
        column.addWidget(self.body, 1)
        for part in (self.notice, self.public_key, self.bar, self.phase):
            column.addWidget(part)
        column.addLayout(buttons)
