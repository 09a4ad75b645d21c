"""What goes into a pack that is being made: models of the library, files besides, and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.hub.words import plain_tip
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, later, tr
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import ElidedLabel, FlowLayout, IconButton, label, text_button
from workbench.gui.words import family_tone
from workbench.hardware.words import human_bytes
from workbench.hub.packs.contents import Extra, ExtraKind
from workbench.hub.places.same import Held
from workbench.hub.terms import Terms

WORDS: dict[ExtraKind, str] = {
    "suite": later("evaluation suite"),
    "results": later("results"),
    "catalogue": later("catalogue"),
}
_ADD: dict[ExtraKind, str] = {
    "suite": later("Add an evaluation suite…"),
    "results": later("Add results…"),
    "catalogue": later("Add a catalogue…"),
}
SETTINGS = later("The settings that shape answers: sampling, context, theme; nothing that names a place or a person")
NONE = later("The library is empty: download a model first, or open a file. A pack of files alone can be made too.")


class ContentsCard(Card):
    """``changed`` is emitted when something else is chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("What goes in"), parent)
        self.boxes: list[tuple[QCheckBox, Held]] = []
        self.extras: tuple[Extra, ...] = ()
        self.models = QVBoxLayout()
        self.models.setSpacing(0)
        self.models.addWidget(label(tr("Looking into the library…"), role="muted"))
        self.settings_box = QCheckBox(tr("Settings"))
        self.settings_box.setToolTip(tr(SETTINGS))
        self.settings_box.setAccessibleDescription(tr(SETTINGS))
        self.settings_box.toggled.connect(self._on_toggled)
        self.files = QVBoxLayout()
        self.files.setSpacing(0)
        self.add_buttons = {kind: text_button(tr(_ADD[kind]), kind="small") for kind in get_args(ExtraKind)}
        buttons = QWidget()
        row = FlowLayout(buttons, gap=Space.S)
        for kind, button in self.add_buttons.items():
            button.clicked.connect(partial(self._choose, kind))
            row.addWidget(button)
        self.body.addLayout(self.models)
        self.body.addWidget(self.settings_box)
        self.body.addLayout(self.files)
        self.body.addWidget(buttons)

    @property
    def chosen(self) -> tuple[Held, ...]:
        return tuple(held for box, held in self.boxes if box.isChecked())

    @property
    def empty(self) -> bool:
        return not self.chosen and not self.extras

    @property
    def words(self) -> str:
        """ "2 models, 1 other file"."""
        said = [counted(len(self.chosen), "model")] if self.chosen else []
        said += [counted(len(self.extras), "other file")] if self.extras else []
        return ", ".join(said)

    def draw(self, held: Sequence[Held], wanted: Sequence[Path] = ()) -> None:
        """The models of the library; those in ``wanted`` are chosen."""
        clear(self.models)
        self.boxes = []
        for one in held:
            box = QCheckBox(f"{one.file.title} · {one.file.quantisation}")
            box.setChecked(one.file.path in wanted)
            box.setAccessibleName(f"{one.file.title}, {one.file.quantisation}, {_about(one)}")
            box.toggled.connect(self._on_toggled)
            self.boxes.append((box, one))
            row = QHBoxLayout()
            row.setSpacing(Space.S)
            row.addWidget(label("●", tone=family_tone(one.file.family)))
            row.addWidget(box)
            about = ElidedLabel()
            about.setProperty("role", "muted")
            about.setText(_about(one))
            about.set_tip(plain_tip(str(one.file.path)))
            row.addWidget(about, 1)
            self.models.addLayout(row)
        if not held:
            self.models.addWidget(label(tr(NONE), role="muted", wrap=True))
        self.changed.emit()

    def say(self, problem: str) -> None:
        """The library could not be listed."""
        clear(self.models)
        self.models.addWidget(label(f"✕ {problem}", tone=Tone.BAD, wrap=True))

    def add(self, kind: ExtraKind, paths: Sequence[Path]) -> None:
        known = {(extra.kind, extra.content) for extra in self.extras}
        self.extras += tuple(Extra(kind, path.name, path) for path in paths if (kind, path) not in known)
        self._draw_extras()

    # --- used --------------------------------------------------------------------------------

    def _choose(self, kind: ExtraKind) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, tr(_ADD[kind]).rstrip("…"))
        self.add(kind, [Path(name) for name in names])

    def _draw_extras(self) -> None:
        clear(self.files)
        for extra in self.extras:
            row = QHBoxLayout()
            row.setSpacing(Space.S)
            row.addWidget(label(f"{tr(WORDS[extra.kind])}: {extra.name}"), 1)
            away = IconButton("close", tr("Take {name} out again", name=extra.name))
            away.clicked.connect(partial(self._take_out, extra))
            row.addWidget(away)
            self.files.addLayout(row)
        self.changed.emit()

    def _take_out(self, extra: Extra) -> None:
        self.extras = tuple(one for one in self.extras if one is not extra)
        self._draw_extras()

    @Slot()
    def _on_toggled(self) -> None:
        self.changed.emit()


def _about(held: Held) -> str:
    size = human_bytes(held.file.size_bytes)
    along = tr("with {count}", count=counted(len(held.companions), "companion")) if held.companions else ""
    licence = Terms.of(held.file.licence).title if held.file.licence else tr("no licence is named in it")
    return " · ".join(filter(None, [size, along, licence]))
