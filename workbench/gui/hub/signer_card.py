"""With which key a pack is signed: one that is opened or made here, or none.  No password outlives its use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands, errand
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hub.packs import keys
from workbench.hub.packs.signing import SecretKey

T = TypeVar("T")

LANE = "keys"
EXPLAINED = later(
    "Who gets the pack sees by the signature that it is yours and unaltered, once they "
    "accepted your public key. Keys are minisign’s."
)
UNSIGNED = later("Make it without a signature: nobody will be able to tell who made it")
LOCKED = later("The key’s password; it is used once and not kept")


class SignerCard(Card):
    """``changed`` is emitted when another key, or none, is to sign."""

    changed = Signal()

    def __init__(self, errands: Errands, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(tr("Signature"), parent)
        self._errands = errands
        self._folder = folder
        self._path: Path | None = None
        self._working = False
        self._locked = False
        self.signer: SecretKey | None = None
        self.notice = Notice()
        self.choose_button = text_button(tr("Choose a key file…"), kind="small")
        self.new_button = text_button(tr("Make a new key…"), kind="small")
        self.opened = label(wrap=True)
        self.opened.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = text_button(tr("Copy the public key"), kind="small")
        self.unsigned_box = QCheckBox(tr("Without a signature"))
        self.unsigned_box.setToolTip(tr(UNSIGNED))
        self.unsigned_box.setAccessibleDescription(tr(UNSIGNED))
        self.password = _secret(tr(LOCKED))
        self.open_button = text_button(tr("Open the key"), kind="small")
        self.unlocking = QWidget()
        self.making = NewKey(folder)
        self._arrange()
        self.choose_button.clicked.connect(self._on_choose)
        self.new_button.clicked.connect(self._on_new)
        self.copy_button.clicked.connect(self._on_copy)
        self.open_button.clicked.connect(self._on_open)
        self.password.returnPressed.connect(self._on_open)
        self.making.wished.connect(self._make)
        self.unsigned_box.toggled.connect(self._draw)
        self._draw()

    @property
    def decided(self) -> bool:
        """A key is open, or none is wanted."""
        return self.signer is not None or self.unsigned_box.isChecked()

    @property
    def used(self) -> SecretKey | None:
        return None if self.unsigned_box.isChecked() else self.signer

    def use(self, path: Path) -> None:
        """Open this secret key; a locked one asks for its password first."""
        self._path, self.signer, self._locked = path, None, False
        self.notice.clear()
        self.making.hide()
        self._run(partial(_opened_without_password, path), self._looked)

    def forget(self) -> None:
        """Nothing of the key stays in memory."""
        self.signer = None
        self.password.clear()
        self.making.forget()

    # --- opened ------------------------------------------------------------------------------

    def _looked(self, found: SecretKey | None) -> None:
        if found is not None:
            self._take(found)
            return
        assert self._path is not None
        self.opened.setText(tr("{name} is locked with a password.", name=self._path.name))
        self._locked = True
        self._draw()
        self.password.setFocus()

    @Slot()
    def _on_open(self) -> None:
        if self._path is None or self._working:
            return
        password = self.password.text()
        self.password.clear()
        self.notice.clear()
        self._run(partial(keys.read_secret, self._path, password=password), self._take)

    def _take(self, signer: SecretKey) -> None:
        self.signer, self._locked = signer, False
        where = f" ({self._path})" if self._path is not None else ""
        self.opened.setText(tr("✓ Signs with the key {key_id}{where}", key_id=signer.public.key_id, where=where))
        self.unsigned_box.setChecked(False)
        self._draw()

    # --- made --------------------------------------------------------------------------------

    @Slot()
    def _on_new(self) -> None:
        self.making.show()
        self.making.name.setFocus()

    @Slot(str, object, str)
    def _make(self, name: str, folder: Path, password: str) -> None:
        if self._working:
            return
        self.notice.clear()
        self._run(partial(_made, name, folder, password), self._on_made)

    def _on_made(self, made: tuple[SecretKey, Path, Path]) -> None:
        signer, self._path, public_path = made
        self.making.forget()
        self.making.hide()
        self.notice.say(
            tr("The key {key_id} is made.", key_id=signer.public.key_id),
            tr(
                "{name} stays with you. Give {public_path} to those who get your packs, by another way than the packs.",
                name=self._path.name,
                public_path=public_path,
            ),
            tone=Tone.ACCENT,
        )
        self._take(signer)

    # --- used --------------------------------------------------------------------------------

    def _run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        def ended(result: T) -> None:
            self._working = False
            done(result)

        self._working = True
        self._draw()
        self._errands.run("a key", errand(work), ended, self._failed, lane=LANE)

    def _failed(self, error: Exception) -> None:
        self._working = False
        problem = Problem.of(error)
        self.notice.tell(problem)
        self._draw()

    @Slot()
    def _on_choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, tr("Choose a secret key"), str(self._folder), tr("Keys (*.key);;All (*)")
        )
        if name:
            self.use(Path(name))

    @Slot()
    def _on_copy(self) -> None:
        if self.signer is not None:
            QGuiApplication.clipboard().setText(self.signer.public.line)

    @Slot()
    def _draw(self) -> None:
        unsigned = self.unsigned_box.isChecked()
        for part in (self.choose_button, self.new_button):
            part.setEnabled(not unsigned and not self._working)
        self.unlocking.setVisible(self._locked and not unsigned)
        self.opened.setVisible(bool(self.opened.text()) and not unsigned and (self._locked or self.signer is not None))
        self.copy_button.setVisible(self.signer is not None and not unsigned)
        self.open_button.setEnabled(not self._working)
        self.making.setEnabled(not self._working)
        if unsigned:
            self.making.hide()
        self.changed.emit()

    def _arrange(self) -> None:
        buttons = QWidget()
        row = FlowLayout(buttons, gap=Space.S)
        for button in (self.choose_button, self.new_button, self.copy_button):
            row.addWidget(button)
        line = QHBoxLayout(self.unlocking)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.password, 1)
        line.addWidget(self.open_button)
        self.making.hide()
        self.body.addWidget(label(tr(EXPLAINED), role="muted", wrap=True))
        for part in (self.notice, self.opened, self.unlocking, buttons, self.making, self.unsigned_box):
            self.body.addWidget(part)


class NewKey(QWidget):
    """A key to be made: ``wished`` is emitted with its name, its folder, and its password, "" for none."""

    wished = Signal(str, object, str)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.name = QLineEdit("my-packs")
        self.name.setAccessibleName(tr("Name of the key"))
        self.password = _secret(tr("A password for it; nobody can recover it"))
        self.again = _secret(tr("The password again"))
        self.where = label(role="muted", wrap=True)
        self.folder_button = text_button(tr("Another folder…"), kind="small")
        self.make_button = text_button(tr("Make the key"), kind="small")
        self.said = label(role="small", tone=Tone.CAUTION, wrap=True)
        self.name.textChanged.connect(self._draw)
        self.password.textChanged.connect(self._draw)
        self.again.textChanged.connect(self._draw)
        self.folder_button.clicked.connect(self._on_folder)
        self.make_button.clicked.connect(self._on_make)
        self.again.returnPressed.connect(self._on_make)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        for part in (self.name, self.password, self.again, self.where, self.said):
            column.addWidget(part)
        buttons = QHBoxLayout()
        buttons.addWidget(self.make_button)
        buttons.addWidget(self.folder_button)
        buttons.addStretch(1)
        column.addLayout(buttons)
        self._draw()

    def forget(self) -> None:
        self.password.clear()
        self.again.clear()

    @Slot()
    def _draw(self) -> None:
        name = self.name.text().strip()
        differ = self.password.text() != self.again.text()
        plain = bool(name) and not set(name) & set('/\\:*?"<>|')
        self.make_button.setEnabled(plain and not differ)
        self.where.setText(
            tr("{folder}: {name}.key, which stays secret, and {name}.pub, to give away", folder=self.folder, name=name)
        )
        said = tr("The two passwords differ.") if differ and self.again.text() else ""
        if not differ and not self.password.text():
            said = tr("Without a password, whoever gets the key file can sign in your name.")
        self.said.setText(said)
        self.said.setVisible(bool(said))

    @Slot()
    def _on_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("Where the key is written"), str(self.folder))
        if name:
            self.folder = Path(name)
            self._draw()

    @Slot()
    def _on_make(self) -> None:
        if self.make_button.isEnabled():
            self.wished.emit(self.name.text().strip(), self.folder, self.password.text())


def _secret(words: str) -> QLineEdit:
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setPlaceholderText(words)
    field.setAccessibleName(words)
    return field


def _opened_without_password(path: Path) -> SecretKey | None:
    return None if keys.needs_password(path) else keys.read_secret(path)


def _made(name: str, folder: Path, password: str) -> tuple[SecretKey, Path, Path]:
    signer = keys.generate()
    return signer, *keys.write_pair(signer, folder, name, password=password or None)
