"""What can be done with a file of the library: verify, show, move or remove our own, take others' off the list."""

from __future__ import annotations

import logging
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QProcess, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QWidget

from workbench.chat.answer import Problem
from workbench.errors import WorkbenchError
from workbench.gui.errands import Errands, errand
from workbench.gui.hub.move_dialog import MoveDialog
from workbench.gui.hub.undo_notice import UndoNotice
from workbench.gui.hub.words import copies_words, remains_words
from workbench.gui.theme import Tone
from workbench.gui.tr import tr
from workbench.gui.words import GAP
from workbench.hardware.words import human_bytes
from workbench.hub.moving import Moved
from workbench.hub.places.place import Program
from workbench.hub.places.same import Held
from workbench.hub.setting_aside import SetAside
from workbench.hub.upkeep import Verdict, Verified, Verifying, reveal
from workbench.jobs import CancelToken, Job, Task
from workbench.models.file import ModelFile

if TYPE_CHECKING:
    from workbench.app import Workbench

log = logging.getLogger(__name__)

LANE = "library"


class FileCare(QObject):
    """``changed`` is emitted when the library is another, ``moved`` with the paths a model had and where it lies now,
    ``removed`` and ``returned`` with the paths of one; what happened is said in ``notice``."""

    changed = Signal()
    moved = Signal(object, object)
    removed = Signal(object)
    returned = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, notice: UndoNotice, window: QWidget) -> None:
        super().__init__(window)
        self._bench, self._errands, self._notice, self._window = workbench, errands, notice, window
        self._job: Job | None = None
        notice.undone.connect(self._on_undo)
        notice.settled.connect(self._on_settled)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def menu(self, held: Held) -> QMenu:
        """What can be done with one; what cannot says why."""
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Verify every byte"), partial(self.verify, held))
        menu.addAction(tr("Show in its folder"), partial(self.reveal, held.file.path))
        menu.addSeparator()
        if held.own:
            size = human_bytes(held.file.size_bytes)
            menu.addAction(tr("Move to another folder…"), partial(self.ask_move, held))
            menu.addAction(tr("Remove (frees {size})", size=size), partial(self.remove, held))
        elif held.program is Program.ADDED:
            menu.addAction(tr("Take off the list"), partial(self.forget, held))
        else:
            menu.addAction(tr("Remove it in {whose}: it is not ours", whose=_whose(held))).setEnabled(False)
        menu.setToolTipsVisible(True)
        menu.setToolTip(copies_words(held))
        return menu

    # --- verify ------------------------------------------------------------------------------

    def verify(self, held: Held) -> None:
        """Read every byte and compare with what is known of it."""
        if self.busy:
            self._notice.say(tr("One file is being verified already."), tr("Wait for it."), tone=Tone.ACCENT)
            return
        self._notice.say(tr("Verifying {name}…", name=held.file.name), tone=Tone.ACCENT)
        done, told = partial(self._verified, held), partial(self._told, held)
        task = _verifying(self._bench, held.file)
        self._job = self._errands.run("verify", task, done, self._failed, told=told, lane=LANE)

    def _told(self, held: Held, progress: Verifying) -> None:
        share = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
        done, total = human_bytes(progress.done_bytes), human_bytes(progress.total_bytes)
        self._notice.say(
            tr("Verifying {name}: {share:.0f}{gap}%", name=held.file.name, share=100 * share, gap=GAP),
            tr("{done} of {total} read", done=done, total=total),
            tone=Tone.ACCENT,
        )

    def _verified(self, held: Held, found: Verified) -> None:
        self._job = None
        first = found.files[0]
        hashes = "\n".join(f"{file.sha256}  {file.path}" for file in found.files)
        if found.verdict is Verdict.DAMAGED:
            wrong = next(file for file in found.files if file.failed)
            sources = " and ".join(dict.fromkeys(one.source for one in wrong.failed))
            self._notice.say(
                tr("✕ {name} is damaged.", name=held.file.name),
                tr("Its SHA-256 is not what {sources} says. Remove it and download it again.", sources=sources),
                details=hashes,
            )
        elif found.verdict is Verdict.INTACT:
            sources = " and ".join(dict.fromkeys(one.source for one in first.met))
            self._notice.say(
                tr("✓ {name} is intact.", name=held.file.name),
                tr("Its SHA-256 is what {sources} says.", sources=sources),
                details=hashes,
                tone=Tone.ACCENT,
            )
        else:
            self._notice.say(
                tr("{name} was read whole; there is nothing to compare it with.", name=held.file.name),
                tr("Its SHA-256 is {sha256}; it is kept to compare with next time.", sha256=first.sha256),
                details=hashes,
                tone=Tone.ACCENT,
            )
        self.changed.emit()

    # --- show --------------------------------------------------------------------------------

    def reveal(self, path: Path) -> None:
        """In the system's own file manager."""
        found = reveal(path)
        if not QProcess.startDetached(found.command[0], list(found.command[1:]))[0]:
            self._notice.say(
                tr("The file manager could not be opened. The folder is {folder}.", folder=found.folder),
                details=str(found.folder),
                tone=Tone.CAUTION,
            )

    # --- move --------------------------------------------------------------------------------

    def ask_move(self, held: Held) -> None:
        """Where to; the dialog says how it goes."""
        dialog = MoveDialog(self._bench, self._errands, held, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.moved.connect(partial(self._moved, held))
        dialog.open()

    def _moved(self, held: Held, moved: Moved) -> None:
        self._notice.say(
            tr("✓ {name} lies in {parent} now.", name=held.file.name, parent=moved.path.parent), tone=Tone.ACCENT
        )
        self.moved.emit(held.file.files, moved)
        self.changed.emit()

    # --- remove ------------------------------------------------------------------------------

    def remove(self, held: Held) -> None:
        """Out of the library at once; off the disk when nobody can undo it any more."""

        def work() -> SetAside:
            return self._bench.set_aside(self._bench.removal(held.file))

        self._errands.run("remove", errand(work), partial(self._removed, held), self._failed, lane=LANE)

    def _removed(self, held: Held, aside: SetAside) -> None:
        freed = human_bytes(aside.plan.frees_bytes)
        said = tr("{name} is removed; closing this message frees {freed}.", name=held.file.name, freed=freed)
        self._notice.offer(said, aside, remains_words(held, aside.plan))
        self.removed.emit(aside.plan.paths)
        self.changed.emit()

    @Slot(object)
    def _on_undo(self, aside: SetAside) -> None:
        work = partial(self._bench.put_back, aside)
        self._errands.run("undo a removal", errand(work), partial(self._put_back, aside), self._failed, lane=LANE)

    def _put_back(self, aside: SetAside, _nothing: object) -> None:
        self.returned.emit(aside.plan.paths)
        self.changed.emit()

    @Slot(object)
    def _on_settled(self, aside: SetAside) -> None:
        work = partial(self._bench.delete, aside)
        self._errands.run("delete what was removed", errand(work), _nothing_more, self._failed, lane=LANE)

    def close(self) -> None:
        """The window closes: nothing can be undone any more."""
        aside = self._notice.take()
        if isinstance(aside, SetAside):
            try:
                self._bench.delete(aside)
            except WorkbenchError as error:
                log.warning("what was removed is deleted by the next start: %s", error.message)

    def forget(self, held: Held) -> None:
        """Off the list of the library; the file stays."""
        work = partial(self._bench.library.remove, held.file.path)
        self._errands.run("forget", errand(work), partial(self._forgotten, held), self._failed, lane=LANE)

    def _forgotten(self, held: Held, _nothing: object) -> None:
        self._notice.say(
            tr("{name} is off the list; the file stays.", name=held.file.name), str(held.file.path), tone=Tone.ACCENT
        )
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self._job = None
        problem = Problem.of(error)
        self._notice.tell(problem)


def _nothing_more(_nothing: object) -> None:
    """It is gone, as was said."""


def _whose(held: Held) -> str:
    return tr("your own folder") if held.program is Program.FOLDER else held.program.value


def _verifying(bench: Workbench, model: ModelFile) -> Task[Verifying, Verified]:
    """The library is listed for it, away from the window's thread."""

    def task(cancel: CancelToken) -> Generator[Verifying, None, Verified]:
        cancel.raise_if_cancelled()
        return (yield from bench.verify(model)(cancel))

    return task
