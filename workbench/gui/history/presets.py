"""Presets in the window: save what stands there, use one again, put them in order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QMenu, QVBoxLayout, QWidget

from workbench.errors import UsageError, WorkbenchError
from workbench.gui.history.line_dialog import LineDialog
from workbench.gui.history.tree_model import one_line
from workbench.gui.history.undo_bar import UndoBar
from workbench.gui.theme import Space
from workbench.gui.tr import counted, explained, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from workbench.chat.presets import Preset, Presets
    from workbench.gui.pages.compare import ComparePage

WIDTH, HEIGHT = 460, 420
PRESET = int(Qt.ItemDataRole.UserRole)


class PresetDeeds(QObject):
    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.menu = QMenu(page)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.button = text_button(tr("Presets"), kind="ghost")
        self.button.setToolTip(tr("Begin with options and panes that were saved, or save these"))
        self.button.setMenu(self.menu)

    @property
    def _presets(self) -> Presets:
        return self._page.bench.history.presets

    @Slot()
    def _fill_menu(self) -> None:
        """As in the File menu, with what else can be done."""
        self.fill(self.menu)
        self.menu.addSeparator()
        self.menu.addAction(tr("Save as a preset…")).triggered.connect(self.save)
        self.menu.addAction(tr("Edit presets…")).triggered.connect(self.manage)

    @Slot()
    def save(self) -> None:
        """Options and panes as they are now; a name that is there already is written over."""
        self._page.commit_options()
        question = tr("A name for these options and panes. One that is there already is replaced.")
        names = [preset.name for preset in self._presets.all()]
        dialog = LineDialog(tr("Save as a preset"), question, "", tr("Save"), choices=("", *names), needed=True,
                            parent=self._page)  # fmt: skip
        dialog.answered.connect(self._save_as)
        dialog.open()

    @Slot(str)
    def _save_as(self, name: str) -> None:
        try:
            self._presets.save(self._page.record.as_preset(name, with_panes=True))
        except WorkbenchError as error:
            self._page.composer.say(explained(error))

    def apply(self, preset: Preset) -> None:
        page = self._page
        if page.comparison.busy:
            page.composer.say(tr("A preset can be used once the answers are written, or stopped."))
            return
        try:
            page.record.use(preset)
        except UsageError as error:
            page.composer.say(explained(error))
            return
        page.show_record()

    def fill(self, menu: QMenu) -> None:
        """One entry for each, for a menu that is about to be shown."""
        menu.clear()
        presets = self._presets.all()
        for preset in presets:
            # A single ampersand would underline the letter after it.
            action = menu.addAction(one_line(preset.name).replace("&", "&&"))
            action.triggered.connect(partial(self.apply, preset))
        if not presets:
            menu.addAction(tr("None is saved yet")).setEnabled(False)

    @Slot()
    def manage(self) -> None:
        dialog = PresetsDialog(self._presets, self._page)
        dialog.used.connect(self.apply)
        dialog.open()


class PresetsDialog(Sheet):
    """``used`` is emitted with the preset that the next comparison is to begin with."""

    used = Signal(object)

    def __init__(self, presets: Presets, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self._presets = presets
        self.setWindowTitle(tr("Presets"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Presets"))
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(self._look)
        self.list.itemActivated.connect(self._use)
        self.facts = label(role="muted", wrap=True)
        self.use = text_button(tr("Use"), kind="primary")
        self.use.clicked.connect(self._use)
        self.rename = text_button(tr("Rename…"))
        self.rename.clicked.connect(self._ask_name)
        self.remove = text_button(tr("Delete"))
        self.remove.clicked.connect(self._remove)
        close = text_button(tr("Close"))
        close.clicked.connect(self.close)
        self.undo = UndoBar()
        row = QHBoxLayout()
        for button in (self.rename, self.remove):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(self.list, 1)
        column.addWidget(self.facts)
        column.addWidget(self.undo)
        column.addLayout(row)
        for keys, deed in (("F2", self._ask_name), ("Del", self._remove)):
            QShortcut(QKeySequence(keys), self.list, deed, context=Qt.ShortcutContext.WidgetShortcut)
        QShortcut(QKeySequence("Ctrl+Z"), self, self.undo.undo)
        self.fill()

    @Slot()
    def fill(self) -> None:
        row = self.list.currentRow()
        self.list.clear()
        for preset in self._presets.all():
            item = QListWidgetItem(one_line(preset.name))
            item.setData(PRESET, preset)
            self.list.addItem(item)
        self.list.setCurrentRow(max(0, min(row, self.list.count() - 1)))
        self._look()

    def current(self) -> Preset | None:
        from workbench.chat.presets import Preset

        preset = self.list.currentIndex().data(PRESET)
        return preset if isinstance(preset, Preset) else None

    @Slot()
    def _look(self) -> None:
        preset = self.current()
        for button in (self.use, self.rename, self.remove):
            button.setEnabled(preset is not None)
        empty = tr("None is saved yet. File ▸ Save as a preset keeps the options and panes that stand in the window.")
        self.facts.setText(_facts(preset) if preset is not None else empty)

    @Slot()
    def _use(self) -> None:
        preset = self.current()
        if preset is not None:
            self.close()
            self.used.emit(preset)

    @Slot()
    def _ask_name(self) -> None:
        preset = self.current()
        if preset is None:
            return
        dialog = LineDialog(tr("Rename the preset"), tr("Its new name"), preset.name, tr("Rename"), needed=True,
                            parent=self)  # fmt: skip
        dialog.answered.connect(partial(self._rename, preset))
        dialog.open()

    def _rename(self, preset: Preset, name: str) -> None:
        self._presets.rename(preset.id, name)
        self.fill()

    @Slot()
    def _remove(self) -> None:
        preset = self.current()
        if preset is None:
            return
        self._presets.remove(preset.id)
        self.fill()
        self.undo.offer(tr("“{name}” is deleted.", name=one_line(preset.name)), partial(self._put_back, preset))

    def _put_back(self, preset: Preset) -> None:
        self._presets.put_back(preset.id)
        self.fill()


def _facts(preset: Preset) -> str:
    """What it holds, in a line."""
    sampling = preset.options.sampling
    panes = counted(len(preset.panes), "pane") if preset.panes else tr("leaves the panes as they are")
    parts = [panes, tr("temperature {value}", value=f"{sampling.temperature:g}")]
    if preset.context is not None:
        parts.append(tr("context {tokens}", tokens=f"{preset.context:,}"))
    if preset.options.system:
        parts.append(tr("system prompt “{begins}”", begins=one_line(preset.options.system[:60])))
    return " · ".join(parts)
