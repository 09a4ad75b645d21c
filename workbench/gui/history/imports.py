"""Conversations of other programs: what a file holds is shown before anything of it is added."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from workbench.errors import WorkbenchError
from workbench.gui import theme
from workbench.gui.errands import errand
from workbench.gui.history.sidebar import LANE, Sidebar
from workbench.gui.history.tree_model import one_line
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.chat.imports.adding import Placed
    from workbench.chat.imports.imported import Imported
    from workbench.chat.imports.placing import Importing
    from workbench.gui.pages.compare import ComparePage

log = logging.getLogger(__name__)

IMPORT_LANE = "import"
WIDTH, HEIGHT = 600, 520
SUFFIXES = frozenset({".json", ".jsonl"})
MOST_PROBLEMS = 200
ROW = 30  # pixels at 100 % text
IMPORTED = int(Qt.ItemDataRole.UserRole)


class Imports(QObject):
    def __init__(self, page: ComparePage, sidebar: Sidebar) -> None:
        super().__init__(page)
        self._page = page
        self._sidebar = sidebar
        self._conversations = page.bench.history.conversations
        self._job: Job | None = None

    @Slot()
    def choose(self) -> None:
        kinds = tr("Conversations (*.json *.jsonl);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self._page, tr("Import conversations"), "", kinds)
        if name:
            self.take(Path(name))

    def take(self, path: Path) -> None:
        """Read away from the window's thread, then shown; what is wrong with the file is said beside the list."""
        from workbench.chat.imports import files as importing

        self._page.errands.run(
            "read conversations", errand(partial(importing.read, path)), partial(self._on_read, path), self._failed,
            lane=LANE,
        )  # fmt: skip

    def take_or(self, paths: Sequence[Path], attach: Callable[[Sequence[Path]], object]) -> None:
        """What was dropped: files of conversations are shown to be imported, anything else is for ``attach``."""
        from workbench.chat.imports import files as importing

        others = [path for path in paths if path.suffix.lower() not in SUFFIXES]
        if others:
            attach(others)
        for path in paths:
            if path not in others:
                self._page.errands.run(
                    "read what was dropped", errand(partial(importing.read, path)), partial(self._on_read, path),
                    partial(self._not_conversations, path, attach), lane=LANE,
                )  # fmt: skip

    def _not_conversations(self, path: Path, attach: Callable[[Sequence[Path]], object], error: Exception) -> None:
        log.info("%s goes along as text: %s", path.suffix, type(error).__name__)
        attach([path])

    def _on_read(self, path: Path, found: tuple[Imported, ...]) -> None:
        dialog = ImportDialog(path, found, self._page)
        dialog.wished.connect(self._add)
        dialog.open()

    @Slot(object)
    def _add(self, chosen: Sequence[Imported]) -> None:
        work = self._conversations.importing(chosen)
        self._job = self._page.errands.run(
            "add conversations", work, self._added, self._not_added, told=self._told, lane=IMPORT_LANE
        )
        self._sidebar.open()
        self._sidebar.panel.undo.say(tr("The conversations are being imported…"), tone=Tone.ACCENT)
        self._sidebar.panel.undo.suggest(tr("Cancel"), self.cancel)

    def _told(self, event: Importing) -> None:
        if self._job is not None:
            done = tr("{done:,} of {total:,} conversations are imported…", done=event.done, total=event.total)
            self._sidebar.panel.undo.message.setText(done)

    def cancel(self) -> None:
        """None of them stays."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._sidebar.panel.undo.say(tr("Cancelled: nothing was imported."), tone=Tone.ACCENT)

    def _not_added(self, error: Exception) -> None:
        self._job = None
        self._failed(error)

    def _added(self, placed: Sequence[Placed]) -> None:
        self._job = None
        ids = [one.conversation_id for one in placed if not one.known]
        self._sidebar.open()
        self._sidebar.refresh()
        said = tr("{number} imported.", number=counted(len(ids), "conversation"))
        if len(ids) < len(placed):
            before = len(placed) - len(ids)
            known = counted(before, "conversation")
            said = tr("{number} imported, {known} here already.", number=counted(len(ids), "conversation"), known=known)
        self._sidebar.panel.undo.offer(said, partial(self._take_out, ids))

    def _take_out(self, ids: Sequence[int]) -> None:
        for conversation_id in ids:
            self._conversations.delete(conversation_id)
        self._sidebar.refresh()

    def _failed(self, error: Exception) -> None:
        self._sidebar.open()
        self._sidebar.say(error)
        if not isinstance(error, WorkbenchError):
            self._sidebar.panel.undo.say(tr("The file could not be read."), str(error))


class ImportDialog(Sheet):
    """``wished`` is emitted with those that are ticked."""

    wished = Signal(object)

    def __init__(self, path: Path, found: Sequence[Imported], parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self.setWindowTitle(tr("Import conversations"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        said = tr("{file} holds {number}.", file=path.name, number=counted(len(found), "conversation"))
        self.title = label(said, role="subtitle", wrap=True)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Conversations in the file"))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for one in found:
            self._add(one)
        self.list.itemChanged.connect(self._look)
        self.problems = QListWidget()
        self.problems.setAccessibleName(tr("What could not be taken over"))
        self.problems.setWordWrap(True)
        for line in _problems(found):
            self.problems.addItem(line)
        self.with_problems = label(tr("What could not be taken over:"), tone=Tone.CAUTION)
        self.take = text_button("", kind="primary")
        self.take.clicked.connect(self._on_take)
        leave = text_button(tr("Cancel"))
        leave.clicked.connect(self.reject)
        self.all_or_none = text_button(tr("Tick all or none"))
        self.all_or_none.clicked.connect(self._toggle)
        row = QHBoxLayout()
        row.addWidget(self.all_or_none)
        row.addStretch(1)
        row.addWidget(leave)
        row.addWidget(self.take)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(self.title)
        column.addWidget(self.list, 3)
        for widget, share in ((self.with_problems, 0), (self.problems, 1)):
            column.addWidget(widget, share)
            widget.setVisible(self.problems.count() > 0)
        column.addLayout(row)
        self._look()

    def chosen(self) -> tuple[Imported, ...]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return tuple(item.data(IMPORTED) for item in items if item.checkState() == Qt.CheckState.Checked)

    def _add(self, one: Imported) -> None:
        title = one_line(one.title) or tr("Untitled")
        words = tr("{title} · {turns}", title=title, turns=counted(len(one.turns), "prompt"))
        item = QListWidgetItem(tr("{words} · with problems", words=words) if one.problems else words)
        item.setData(IMPORTED, one)
        item.setSizeHint(QSize(0, theme.px(ROW)))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if one.turns else Qt.CheckState.Unchecked)
        self.list.addItem(item)

    @Slot()
    def _look(self) -> None:
        number = len(self.chosen())
        self.take.setEnabled(number > 0)
        self.take.setText(tr("Add {number}", number=counted(number, "conversation")))

    @Slot()
    def _toggle(self) -> None:
        state = Qt.CheckState.Unchecked if self.chosen() else Qt.CheckState.Checked
        self.list.itemChanged.disconnect(self._look)  # it looks at all of them, for each of them
        for row in range(self.list.count()):
            self.list.item(row).setCheckState(state)
        self.list.itemChanged.connect(self._look)
        self._look()

    @Slot()
    def _on_take(self) -> None:
        chosen = self.chosen()
        self.accept()
        self.wished.emit(chosen)


def _problems(found: Sequence[Imported]) -> list[str]:
    lines = [
        tr("{title}: {problem}", title=one_line(one.title) or tr("Untitled"), problem=problem)
        for one in found
        for problem in one.problems
    ]
    more = len(lines) - MOST_PROBLEMS
    return lines if more <= 0 else [*lines[:MOST_PROBLEMS], tr("and {n} more", n=more)]
