"""Importing a pack: its list and signer first, then every byte of it, and only then is it installed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.errors import PackOlderError
from workbench.gui.errands import Errands
from workbench.gui.hub.pack_view import PackView, signed_words
from workbench.gui.hub.pack_words import progress_words, share_of
from workbench.gui.hub.sender_card import SenderCard
from workbench.gui.motion import show_endless
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, later, tr
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.sheet import Sheet
from workbench.hub.packs.install import Installed
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.signing import PublicKey
from workbench.hub.packs.verify import Listed, Verified
from workbench.jobs import CancelToken, Job, Task

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "packs"
WIDTH, HEIGHT = 660, 640  # pixels at 100 % text
EXPLAINED = later(
    "A pack brings models with their licences from another computer, as one file or a "
    "folder. Every byte is checked before anything is put in its place; what is wrong with "
    "it is said, and nothing is installed."
)
SETTINGS = later("Take over its settings too")


class PackDialog(Sheet):
    """``installed`` is emitted when a pack was, with whether its settings were taken over; ``keys_wished`` when the
    accepted keys are to be shown."""

    installed = Signal(bool)
    keys_wished = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self._bench, self._errands = workbench, errands.branch()
        self._job: Job | None = None
        self._path: Path | None = None
        self._verified: Verified | None = None
        self._older = False
        self.setWindowTitle(tr("Import a pack"))
        self.file_button = text_button(tr("Choose a file…"))
        self.folder_button = text_button(tr("Choose a folder…"))
        self.keys_button = text_button(tr("Accepted keys…"), kind="ghost")
        self.said = label(tr(EXPLAINED), role="muted", wrap=True)
        self.notice = Notice()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress of the pack"))
        self.phase = label(wrap=True)
        self.sender_card = SenderCard()
        self.view = PackView()
        self.settings_box = QCheckBox(tr(SETTINGS))
        self.install_button = text_button(tr("Install"), kind="primary")
        self.close_button = text_button(tr("Close"))
        self._arrange()
        self.file_button.clicked.connect(self._on_file)
        self.folder_button.clicked.connect(self._on_folder)
        self.keys_button.clicked.connect(self.keys_wished)
        self.sender_card.accepted.connect(self._on_accepted)
        self.sender_card.anyhow.connect(self._on_anyhow)
        self.install_button.clicked.connect(self.install)
        self.close_button.clicked.connect(self.reject)
        self._draw()

    @property
    def busy(self) -> bool:
        return self._job is not None

    # --- checked -----------------------------------------------------------------------------

    def check(self, path: Path, *, also: Sequence[PublicKey] = (), keep: bool = False, anyhow: bool = False) -> None:
        """Read the whole pack; nothing is touched.  Where nobody accepted its key it is only listed, unless one of
        ``also`` signed it, which are accepted from then on to ``keep`` them, or it counts ``anyhow``."""
        if self.busy:
            return
        self._path, self._verified, self._older = path, None, False
        self.notice.clear()
        self.view.clear()
        self.sender_card.hide()
        task = _examined(self._bench, path, tuple(also), keep=keep, anyhow=anyhow)
        self._job = self._errands.run("check a pack", task, self._examined, self._failed, told=self._told, lane=LANE)
        self.phase.setText(tr("Checking {name}…", name=path.name))
        self._draw()

    def _examined(self, found: Listed) -> None:
        if self._job is None:
            return
        self._job = None
        if not isinstance(found, Verified):
            self.view.draw(found, ())
            self.phase.setText(tr("This is what the pack says of itself. Nothing of it was checked yet."))
            self.sender_card.ask(found.signed.key_id)
            self._draw()
            (self.sender_card.field if found.signed.key_id else self.sender_card.anyhow_button).setFocus()
            return
        self._verified = found
        self.view.draw(found, self._bench.packs.unagreed(found))
        self.phase.setText(tr("✓ Every byte is what the pack promises. Nothing is installed yet."))
        if found.signed.standing != "trusted":
            self.notice.say(
                signed_words(found.signed), tr("Install it only if you know where it is from."), tone=Tone.CAUTION
            )
        self._draw()
        self.install_button.setFocus()

    @Slot(object, bool)
    def _on_accepted(self, key: PublicKey, always: bool) -> None:
        if self._path is not None:
            self.check(self._path, also=(key,), keep=always)

    @Slot()
    def _on_anyhow(self) -> None:
        if self._path is not None:
            self.check(self._path, anyhow=True)

    # --- installed ---------------------------------------------------------------------------

    @Slot()
    def install(self) -> None:
        """Agrees to the licences that are shown, and puts everything in its place."""
        if self._verified is None or self.busy:
            return
        self.notice.clear()
        settings = self.settings_box.isVisibleTo(self) and self.settings_box.isChecked()
        task = _installing(self._bench, self._verified, self.view.licences, allow_older=self._older, settings=settings)
        done = partial(self._done, settings)
        self._job = self._errands.run("install a pack", task, done, self._failed, told=self._told, lane=LANE)
        self._draw()

    def _done(self, settings: bool, installed: Installed) -> None:
        if self._job is None:
            return
        self._job = None
        self._verified = None
        here = len(installed.present)
        said = tr("✓ Installed: {models}.", models=counted(len(installed.models), "model"))
        self.phase.setText(tr("{said} {here} of them were here already.", said=said, here=here) if here else said)
        self._draw()
        self.close_button.setFocus()
        self.installed.emit(settings)

    def _told(self, progress: PackProgress) -> None:
        if self._job is not None:
            self.bar.setRange(0, 1000)
            self.bar.setValue(share_of(progress))
            self.phase.setText(progress_words(progress))

    def _failed(self, error: Exception) -> None:
        self._job = None
        problem = Problem.of(error)
        self.phase.setText("")
        self.notice.tell(problem, details=f"{self._path}\n{problem.message}")
        self._older = isinstance(error, PackOlderError)
        self._draw()

    # --- used --------------------------------------------------------------------------------

    @Slot()
    def _on_file(self) -> None:
        kinds = tr("Packs (*.zip *.pack *.001);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, tr("Choose a pack"), "", kinds)
        if name:
            self.check(Path(name))

    @Slot()
    def _on_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("Choose a pack's folder"))
        if name:
            self.check(Path(name))

    @Slot()
    def reject(self) -> None:
        """Closing stops what is at work; a pack is installed wholly or not at all."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._errands.close()
        super().reject()
        self.deleteLater()

    def _draw(self) -> None:
        for button in (self.file_button, self.folder_button):
            button.setEnabled(not self.busy)
        self.bar.setVisible(self.busy)
        if self.busy:
            show_endless(self.bar)
        self.phase.setVisible(bool(self.phase.text()))
        self.settings_box.setVisible(self._verified is not None and bool(self._verified.settings))
        self.install_button.setVisible(self._verified is not None)
        self.install_button.setEnabled(not self.busy)
        install = tr("Install the older one") if self._older else tr("Install")
        agree = tr("Agree and install the older one") if self._older else tr("Agree and install")
        self.install_button.setText(agree if self.view.licences else install)
        self.close_button.setText(tr("Cancel") if self.busy else tr("Close"))

    def _arrange(self) -> None:
        choose = QWidget()
        row = FlowLayout(choose, gap=Space.S)
        for button in (self.file_button, self.folder_button, self.keys_button):
            row.addWidget(button)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        buttons.addWidget(self.settings_box)
        buttons.addStretch(1)
        buttons.addWidget(self.install_button)
        buttons.addWidget(self.close_button)
        self.sender_card.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("Import a pack"), role="title"))
        for part in (self.said, choose, self.notice, self.bar, self.phase):
            column.addWidget(part)
        self.view.head.addWidget(self.sender_card)
        column.addWidget(self.view, 1)
        column.addLayout(buttons)


def _examined(
    bench: Workbench, path: Path, also: Sequence[PublicKey], *, keep: bool, anyhow: bool
) -> Task[PackProgress, Listed | Verified]:
    """The list of a pack, and every byte of it where it is known whose it is: that may take minutes."""

    def task(cancel: CancelToken) -> Generator[PackProgress, None, Listed | Verified]:
        listed = yield from bench.packs.listing(path)(cancel)
        if listed.signed.standing != "trusted" and not also and not anyhow:
            return listed
        verified = yield from bench.packs.verify(path, require_signature=not anyhow, also=also)(cancel)
        for key in also if keep else ():  # only now is it known that it signed this pack
            bench.packs.trusted.accept(key, label=key.label)
        return verified

    return task


def _installing(
    bench: Workbench, verified: Verified, licences: Sequence[str], *, allow_older: bool, settings: bool
) -> Task[PackProgress, Installed]:
    def task(cancel: CancelToken) -> Generator[PackProgress, None, Installed]:
        installed = yield from bench.packs.install(verified, agreed=licences, allow_older=allow_older)(cancel)
        if settings:
            bench.take_settings(installed.settings)
        return installed

    return task
