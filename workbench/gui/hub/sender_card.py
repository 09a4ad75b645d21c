"""A pack whose signer nobody accepted: how to find out whose key it is, and accepting that for once or for good."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from workbench.errors import PackSignatureError
from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, later, tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.hub.packs import keys
from workbench.hub.packs.signing import PublicKey, read_public

UNKNOWN = later("Signed with a key that nobody accepted here")
UNSIGNED = later("Not signed")
COMPARE = later(
    "Anybody can sign a pack, and give a key any name. Get the sender’s public key another "
    "way than the pack came, or read its number to each other on the telephone. If the "
    "numbers differ, the pack is not from there."
)
NOBODY = later(
    "Nobody can tell who made this pack, or whether it was altered on its way. Its own "
    "checksums find only damage. Ask its sender to sign it; go on only if you know where "
    "it is from."
)


class SenderCard(Card):
    """``accepted`` is emitted with a public key and whether it counts from now on; ``anyhow`` when the pack is to be
    checked without knowing whose it is."""

    accepted = Signal(object, bool)
    anyhow = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr(UNKNOWN), parent)
        self.title.setWordWrap(True)
        self._key_id: str | None = None
        self._key: PublicKey | None = None
        self.number = label(role="mono")
        self.number.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.explained = label(tr(COMPARE), wrap=True)
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("The sender’s public key: one line that begins with RW"))
        self.field.setAccessibleName(tr("The sender’s public key"))
        self.file_button = text_button(tr("From a file…"), kind="small")
        self.said = label(role="small", wrap=True)
        self.owner = QLineEdit()
        self.owner.setPlaceholderText(tr("Whose key it is, such as “Anna at the office”"))
        self.owner.setAccessibleName(tr("Whose key it is"))
        self.once_button = text_button(tr("Accept this time"), kind="small")
        self.always_button = text_button(tr("Accept always"), kind="small")
        self.anyhow_button = text_button(tr("Go on without knowing whose it is"), kind="small")
        self.field.textChanged.connect(self._read)
        self.file_button.clicked.connect(self._on_file)
        self.once_button.clicked.connect(self._on_once)
        self.always_button.clicked.connect(self._on_always)
        self.anyhow_button.clicked.connect(self.anyhow)
        self._arrange()

    def ask(self, key_id: str | None) -> None:
        """About a pack that this key signed; None: nobody signed it."""
        self._key_id, self._key = key_id, None
        self.field.clear()
        self.owner.clear()
        self.title.setText(tr(UNKNOWN) if key_id else tr(UNSIGNED))
        self.setAccessibleName(self.title.text())
        self.number.setText(tr("Key {key_id}", key_id=key_id) if key_id else "")
        self.number.setVisible(key_id is not None)
        self.explained.setText(tr(COMPARE) if key_id else tr(NOBODY))
        for part in (self._keyed, self.owner, self.once_button, self.always_button):
            part.setVisible(key_id is not None)
        self._read("")
        self.show()

    def read_file(self, path: Path) -> None:
        """The key in a public key file."""
        try:
            self.field.setText(keys.read_public_file(path).line)
        except PackSignatureError as error:
            self._say(f"✕ {explained(error)}", Tone.BAD)

    # --- used --------------------------------------------------------------------------------

    @Slot(str)
    def _read(self, text: str) -> None:
        self._key = None
        if not text.strip():
            self._say("", Tone.NONE)
        else:
            try:
                found = read_public(text.strip().encode())
            except PackSignatureError:
                self._say(tr("✕ This is not a public key of minisign."), Tone.BAD)
            else:
                self._compare(found)
        for button in (self.once_button, self.always_button):
            button.setEnabled(self._key is not None)

    def _compare(self, found: PublicKey) -> None:
        if found.key_id == self._key_id:
            self._key = found
            self._say(
                tr("✓ It has the number of the key that signed the pack, {key_id}.", key_id=found.key_id), Tone.GOOD
            )
        else:
            self._say(tr("✕ This key is {key_id}: another one signed the pack.", key_id=found.key_id), Tone.BAD)

    def _say(self, words: str, tone: Tone) -> None:
        self.said.setText(words)
        self.said.setVisible(bool(words))
        theme.mark(self.said, tone=tone)

    @Slot()
    def _on_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Choose a public key"), "", tr("Keys (*.pub);;All files (*)"))
        if name:
            self.read_file(Path(name))

    @Slot()
    def _on_once(self) -> None:
        self._accept(always=False)

    @Slot()
    def _on_always(self) -> None:
        self._accept(always=True)

    def _accept(self, *, always: bool) -> None:
        if self._key is not None:
            key = PublicKey(self._key.number, self._key.key, self.owner.text().strip())
            self.accepted.emit(key, always)

    def _arrange(self) -> None:
        self._keyed = QWidget()
        line = QHBoxLayout(self._keyed)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(Space.S)
        line.addWidget(self.field, 1)
        line.addWidget(self.file_button)
        buttons = QWidget()
        row = FlowLayout(buttons, gap=Space.S)
        for button in (self.once_button, self.always_button, self.anyhow_button):
            row.addWidget(button)
        for part in (self.number, self.explained, self._keyed, self.said, self.owner, buttons):
            self.body.addWidget(part)
