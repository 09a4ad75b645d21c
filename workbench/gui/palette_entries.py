"""What the palette finds: the table of actions, and what the user has made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence

from workbench.chat.stored import Listed
from workbench.errors import WorkbenchError
from workbench.gui.actions import ACTIONS, Menus, plain
from workbench.gui.compare.parts import part
from workbench.gui.errands import errand
from workbench.gui.history.part import HistoryPart
from workbench.gui.palette import Entry
from workbench.gui.tr import tr
from workbench.models.naming import called

if TYPE_CHECKING:
    from workbench.chat.library import Prompt
    from workbench.chat.presets import Preset
    from workbench.gui.window import MainWindow

NEWEST = 2_000  # conversations; the sidebar's search knows all of them

Kept: TypeAlias = "tuple[Sequence[Listed], Sequence[Preset], Sequence[Prompt]]"


class PaletteEntries(QObject):
    """``changed`` is emitted when what the database holds has been read, a moment after ``all`` was asked."""

    changed = Signal()

    def __init__(self, window: MainWindow, menus: Menus) -> None:
        super().__init__(window)
        self._window = window
        self._menus = menus
        self._kept: Kept = ((), (), ())
        self._reading = False

    def all(self) -> list[Entry]:
        """The actions first; asking reads the rest anew, away from the window's thread."""
        self._read()
        listed, presets, prompts = self._kept
        return [
            *self._actions(),
            *(self._conversation(one) for one in listed),
            *self._models(),
            *(self._preset(one) for one in presets),
            *(self._prompt(one) for one in prompts),
        ]

    def _actions(self) -> Iterator[Entry]:
        for spec in ACTIONS:
            action = self._menus.actions.get(spec.id)
            if action is None or not action.isEnabled() or spec.id == "palette":
                continue
            group = plain(spec.group) if spec.group else ""
            title = plain(spec.title)
            named = tr("{group}: {choice}", group=group, choice=title) if group else title
            yield Entry(named, plain(spec.menu), "chevron-right", action.trigger, _keys(action))

    def _conversation(self, one: Listed) -> Entry:
        return Entry(one.title or tr("Untitled"), tr("Conversation"), "message-text-outline",
                     partial(self._open, one.id))  # fmt: skip

    def _models(self) -> Iterator[Entry]:
        for model in self._window.compare.shelf.models:
            name = called(model.title, model.quantisation)
            yield Entry(name, tr("Model"), "layers-triple-outline", partial(self._window.open_model, model))

    def _preset(self, one: Preset) -> Entry:
        return Entry(one.name, tr("Preset"), "tune-variant", partial(self._history.presets.apply, one))

    def _prompt(self, one: Prompt) -> Entry:
        return Entry(one.name, tr("Prompt"), "text-box-outline", partial(self._history.prompts.insert, one))

    def _open(self, conversation_id: int) -> None:
        self._window.show_page("compare")
        self._window.compare.load_conversation(conversation_id)

    @property
    def _history(self) -> HistoryPart:
        return part(self._window.compare, HistoryPart)

    def _read(self) -> None:
        if self._reading:
            return
        history = self._window.bench.history
        self._reading = True
        self._window.compare.errands.run(
            "read for the palette",
            errand(lambda: (history.conversations.listed()[:NEWEST], history.presets.all(), history.prompts.all())),
            self._on_read,
            self._on_failed,
        )

    def _on_read(self, kept: Kept) -> None:
        before, self._kept = self._kept, kept
        if before != kept:
            self.changed.emit()
        self._reading = False

    def _on_failed(self, error: Exception) -> None:
        self._reading = False
        if isinstance(error, WorkbenchError):
            self._window.notice.say(tr(error.message), tr(error.hint or ""))


def _keys(action: QAction) -> str:
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
