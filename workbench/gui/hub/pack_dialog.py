"""Importing a pack: checked completely first, then shown with who signed it, and only then installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.errors import PackSignatureError
from workbench.gui import theme
from workbench.gui.errands import Errands
from workbench.gui.hub.pack_view import PackView, signed_words
from workbench.gui.theme import Space, Tone
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hardware.words import human_bytes
from workbench.hub.packs.install import Installed
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.verify import Verified
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "packs"
WIDTH, HEIGHT = 640, 560  # pixels at 100 % text
EXPLAINED = (
    "A pack brings models with their licences from another computer, as one file or a folder. Every byte is checked "
    "before anything is put in its place; what is wrong with it is said, and nothing is installed."
)
_PHASES = {"verifying": "checking", "comparing": "comparing with what is here", "copying": "copying",
           "placing": "putting in place", "hashing": "hashing", "writing": "writing"}  # fmt: skip


class PackDialog(QDialog):
    """``installed`` is emitted when a pack was."""

    installed = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self._job: Job | None = None
        self._path: Path | None = None
        self._verified: Verified | None = None
        self.setWindowTitle("Import a pack")
        self.file_button = text_button("Choose a file…")
        self.folder_button = text_button("Choose a folder…")
        self.said = label(EXPLAINED, wrap=True)
        self.notice = Notice()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the pack")
        self.phase = label(role="muted", wrap=True)
        self.view = PackView()
        self.unsigned_button = text_button("Check it without a signature")
        self.install_button = text_button("Install", kind="primary")
        self.close_button = text_button("Close")
        self._arrange()
        self.file_button.clicked.connect(self._on_file)
        self.folder_button.clicked.connect(self._on_folder)
        self.unsigned_button.clicked.connect(self._on_unsigned)
        self.install_button.clicked.connect(self.install)
        self.close_button.clicked.connect(self.reject)
        self._draw()

    @property
    def busy(self) -> bool:
        return self._job is not None

    # --- checked -----------------------------------------------------------------------------

    def check(self, path: Path, *, require_signature: bool = True) -> None:
        """Read the whole pack; nothing is touched."""
        if self.busy:
            return
        self._path, self._verified = path, None
        self.notice.clear()
        self.view.clear()
        self.unsigned_button.hide()
        task = self._bench.verify_pack(path, require_signature=require_signature)
        self._job = self._errands.run("check a pack", task, self._checked, self._failed, told=self._told, lane=LANE)
        self.phase.setText(f"Checking {path.name}…")
        self._draw()

    def _checked(self, verified: Verified) -> None:
        if self._job is None:
            return
        self._job = None
        self._verified = verified
        self.view.draw(verified, self._bench.unagreed(verified))
        self.phase.setText("Every byte is what the pack promises. Nothing is installed yet.")
        if verified.signed.standing != "trusted":
            self.notice.say(signed_words(verified.signed), "Install it only if you know where it is from.",
                            tone=Tone.CAUTION)  # fmt: skip
        self._draw()
        self.install_button.setFocus()

    # --- installed ---------------------------------------------------------------------------

    @Slot()
    def install(self) -> None:
        """Agrees to the licences that are shown, and puts everything in its place."""
        if self._verified is None or self.busy:
            return
        self.notice.clear()
        task = self._bench.install_pack(self._verified, agreed=self.view.licences)
        self._job = self._errands.run("install a pack", task, self._done, self._failed, told=self._told, lane=LANE)
        self._draw()

    def _done(self, installed: Installed) -> None:
        if self._job is None:
            return
        self._job = None
        self._verified = None
        here = len(installed.present)
        said = f"Installed: {len(installed.models)} {'model' if len(installed.models) == 1 else 'models'}."
        self.phase.setText(f"{said} {here} of them were here already." if here else said)
        self._draw()
        self.close_button.setFocus()
        self.installed.emit()

    def _told(self, progress: PackProgress) -> None:
        if self._job is None:
            return
        # Thousandths: the bar counts in 32 bits, packs in more.
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * progress.done_bytes / progress.total_bytes) if progress.total_bytes else 0)
        amount = f"{human_bytes(progress.done_bytes)} of {human_bytes(progress.total_bytes)}"
        words = [_PHASES[progress.phase], amount if progress.phase != "placing" else "", progress.path]
        self.phase.setText(" · ".join(filter(None, words)))

    def _failed(self, error: Exception) -> None:
        if self._job is None:
            return
        self._job = None
        problem = Problem.of(error)
        self.phase.setText("")
        self.notice.say(f"✕ {problem.message}", problem.hint)
        self.unsigned_button.setVisible(isinstance(error, PackSignatureError) and self._verified is None)
        self._draw()

    # --- used --------------------------------------------------------------------------------

    @Slot()
    def _on_file(self) -> None:
        kinds = "Packs (*.zip *.pack *.001);;All files (*)"
        name, _ = QFileDialog.getOpenFileName(self, "Choose a pack", "", kinds)
        if name:
            self.check(Path(name))

    @Slot()
    def _on_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Choose a pack's folder")
        if name:
            self.check(Path(name))

    @Slot()
    def _on_unsigned(self) -> None:
        if self._path is not None:
            self.check(self._path, require_signature=False)

    @Slot()
    def reject(self) -> None:
        """Closing stops what is at work; a pack is installed wholly or not at all."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        super().reject()
        self.deleteLater()

    def _draw(self) -> None:
        for button in (self.file_button, self.folder_button):
            button.setEnabled(not self.busy)
        self.bar.setVisible(self.busy)
        if self.busy:
            self.bar.setRange(0, 0)
        self.phase.setVisible(bool(self.phase.text()))
        self.install_button.setVisible(self._verified is not None)
        self.install_button.setEnabled(not self.busy)
        self.install_button.setText("Agree and install" if self.view.licences else "Install")
        self.close_button.setText("Cancel" if self.busy else "Close")

    def _arrange(self) -> None:
        choose = QHBoxLayout()
        choose.setSpacing(Space.S)
        choose.addWidget(self.file_button)
        choose.addWidget(self.folder_button)
        choose.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        buttons.addStretch(1)
        self.unsigned_button.hide()
        for button in (self.unsigned_button, self.install_button, self.close_button):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label("Import a pack", role="title"))
        column.addWidget(self.said)
        column.addLayout(choose)
        for part in (self.notice, self.bar, self.phase):
            column.addWidget(part)
        column.addWidget(self.view, 1)
        column.addLayout(buttons)
        self.resize(theme.px(WIDTH), theme.px(HEIGHT))
