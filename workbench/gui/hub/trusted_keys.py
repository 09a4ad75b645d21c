"""Whose packs are accepted: the keys, with their numbers to compare, each of which can be forgotten."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands, errand
from workbench.gui.hub.undo_notice import UndoNotice
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import ScrollBody, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet
from workbench.hub.packs import keys
from workbench.hub.packs.signing import PublicKey

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "keys"
WIDTH, HEIGHT = 620, 420  # pixels at 100 % text
EXPLAINED = later(
    "Packs that one of these keys signed are installed without a question about their "
    "sender. Forgetting a key leaves what was installed where it is."
)
NONE = later("No key was accepted yet. A pack asks for its sender’s key when it is imported.")


class TrustedKeysDialog(Sheet):
    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self._bench, self._errands = workbench, errands.branch()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Accepted keys"))
        self.notice = UndoNotice()
        self.notice.undone.connect(self._on_undone)
        self.area = ScrollBody(tr("Accepted keys"))
        self.add_button = text_button(tr("Accept a key file…"))
        self.add_button.clicked.connect(self._on_add)
        close = text_button(tr("Close"))
        close.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("Accepted keys"), role="title"))
        column.addWidget(label(tr(EXPLAINED), role="muted", wrap=True))
        column.addWidget(self.notice)
        column.addWidget(self.area, 1)
        column.addLayout(buttons)
        self._look()

    def add(self, path: Path) -> None:
        """Accept the key of a public key file."""

        def work() -> None:
            self._bench.packs.trusted.accept(keys.read_public_file(path))

        self._errands.run("accept a key", errand(work), self._changed, self._failed, lane=LANE)

    @Slot()
    def reject(self) -> None:
        self._errands.close()
        super().reject()

    # --- used --------------------------------------------------------------------------------

    def _look(self) -> None:
        work = self._bench.packs.trusted.all
        self._errands.run("list keys", errand(work), self._draw, self._failed, lane=LANE)

    def _changed(self, _result: object) -> None:
        self._look()

    def _draw(self, accepted: tuple[PublicKey, ...]) -> None:
        clear(self.area.column)
        for key in accepted:
            row = _KeyRow(key)
            row.forget_button.clicked.connect(partial(self._forget, key))
            self.area.column.addWidget(row)
        if not accepted:
            self.area.column.addWidget(label(tr(NONE), role="muted", wrap=True))

    def _forget(self, key: PublicKey) -> None:
        work = partial(self._bench.packs.trusted.withdraw, key.key_id)
        self._errands.run("forget a key", errand(work), partial(self._forgotten, key), self._failed, lane=LANE)

    def _forgotten(self, key: PublicKey, _known: bool) -> None:
        self.notice.offer(tr("The key of {label} is forgotten.", label=key.label or key.key_id), key)
        self._look()

    @Slot(object)
    def _on_undone(self, key: PublicKey) -> None:
        work = partial(self._bench.packs.trusted.accept, key, label=key.label)
        self._errands.run("accept a key", errand(work), self._changed, self._failed, lane=LANE)

    def _failed(self, error: Exception) -> None:
        problem = Problem.of(error)
        self.notice.tell(problem)

    @Slot()
    def _on_add(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Choose a public key"), "", tr("Keys (*.pub);;All files (*)"))
        if name:
            self.add(Path(name))


class _KeyRow(QFrame):
    def __init__(self, key: PublicKey) -> None:
        super().__init__()
        self.setProperty("role", "rung")
        self.setAccessibleName(tr("{label}, key {key_id}", label=key.label or tr("no name"), key_id=key.key_id))
        self.forget_button = text_button(tr("Forget"), kind="small")
        self.forget_button.setAccessibleName(tr("Forget the key of {label}", label=key.label or key.key_id))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(key.label or tr("No name was given"), role="strong", wrap=True))
        for text in (tr("Key {key_id}", key_id=key.key_id), key.line):
            line = label(text, role="mono", wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(line)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.S, Space.XS, Space.S, Space.XS)
        row.addLayout(words, 1)
        row.addWidget(self.forget_button, 0, Qt.AlignmentFlag.AlignTop)
