"""The prompt library in the window: find one, put it into the composer, edit, bring in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workbench.errors import WorkbenchError
from workbench.gui import theme
from workbench.gui.direction import OwnSide, isolated
from workbench.gui.history.tree_model import one_line
from workbench.gui.history.undo_bar import UndoBar
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from workbench.chat.library import Prompt, Prompts
    from workbench.gui.pages.compare import ComparePage

WIDTH, HEIGHT = 760, 520
LONGEST_FILE = 64 * 1024 * 1024
PROMPT = int(Qt.ItemDataRole.UserRole)


class PromptDeeds(QObject):
    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page

    @property
    def _prompts(self) -> Prompts:
        return self._page.bench.history.prompts

    @Slot()
    def show(self) -> None:
        dialog = PromptsDialog(self._prompts, self._page.composer.text, self._page)
        dialog.chosen.connect(self.insert)
        dialog.open()

    @Slot(object)
    def insert(self, prompt: Prompt) -> None:
        """Into the composer, where the cursor is; undone there as anything that was typed."""
        edit = self._page.composer.edit
        edit.insertPlainText(prompt.text)
        edit.setFocus()


class PromptsDialog(Sheet):
    """``chosen`` is emitted with the prompt that is to be asked.  Every change is kept at once."""

    chosen = Signal(object)

    def __init__(self, prompts: Prompts, now: str = "", parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self._prompts = prompts
        self._now = now
        self._shown: Prompt | None = None
        self.setWindowTitle(tr("Prompt library"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search prompts"))
        self.search.setAccessibleName(tr("Search prompts"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.fill)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Prompts"))
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(self._on_current)
        self.list.itemActivated.connect(self._choose)
        self.empty = label(role="muted", wrap=True)
        self.name, self.folder, self.tags = QLineEdit(), QLineEdit(), QLineEdit()
        self.text = QPlainTextEdit()
        OwnSide(self.text)
        self.text.setProperty("role", "field")
        self.text.setTabChangesFocus(True)
        self.undo = UndoBar()
        self._make_buttons()
        self._lay_out()
        QShortcut(QKeySequence("Del"), self.list, self._remove, context=Qt.ShortcutContext.WidgetShortcut)
        QShortcut(QKeySequence("Ctrl+Z"), self, self.undo.undo)
        QShortcut(QKeySequence("Ctrl+F"), self, self.search.setFocus)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._choose)
        self.fill()
        self.search.setFocus()

    # --- the list ----------------------------------------------------------------------------

    @Slot()
    def fill(self) -> None:
        self._keep()
        self._fill(self._shown.id if self._shown is not None else None)

    def _fill(self, chosen: int | None) -> None:
        """Anew, with that prompt chosen; what stands in the fields is kept already, or not to be."""
        self._shown = None
        words = self.search.text().casefold().split()
        self.list.clear()
        for prompt in self._prompts.all():
            if all(word in _searched(prompt) for word in words):
                self._add(prompt)
        rows = [row for row in range(self.list.count()) if self.list.item(row).data(PROMPT).id == chosen]
        self.list.setCurrentRow(rows[0] if rows else 0 if self.list.count() else -1)
        nothing = tr("No prompt has these words.") if words else tr(
            "No prompt is kept yet. “New” keeps what stands in the composer, or begin with a file of prompts."
        )  # fmt: skip
        self.empty.setText(nothing)
        self.empty.setVisible(not self.list.count())
        self._show(self._current())

    def _add(self, prompt: Prompt) -> None:
        item = QListWidgetItem(_title(prompt))
        item.setData(PROMPT, prompt)
        self.list.addItem(item)

    def _current(self) -> Prompt | None:
        from workbench.chat.library import Prompt

        prompt = self.list.currentIndex().data(PROMPT)
        return prompt if isinstance(prompt, Prompt) else None

    @Slot()
    def _on_current(self) -> None:
        self._keep()
        self._show(self._current())

    def _show(self, prompt: Prompt | None) -> None:
        self._shown = prompt
        for field in (self.name, self.folder, self.tags, self.text):
            field.setEnabled(prompt is not None)
        self.name.setText(prompt.name if prompt else "")
        self.folder.setText(prompt.folder if prompt else "")
        self.tags.setText(", ".join(prompt.tags) if prompt else "")
        self.text.setPlainText(prompt.text if prompt else "")
        for button in (self.use, self.remove):
            button.setEnabled(prompt is not None)

    # --- deeds -------------------------------------------------------------------------------

    @Slot()
    def _keep(self) -> None:
        """What was edited, if it was; a prompt without a text stays as it was."""
        before = self._shown
        if before is None or not self.text.toPlainText().strip():
            return
        tags = tuple(dict.fromkeys(tag.strip() for tag in self.tags.text().split(",") if tag.strip()))
        edited = replace(before, name=self.name.text(), text=self.text.toPlainText(), folder=self.folder.text(),
                         tags=tags)  # fmt: skip
        if edited == before:
            return
        kept = self._prompts.save(edited)
        self._shown = kept
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item.data(PROMPT).id == kept.id:
                item.setData(PROMPT, kept)
                item.setText(_title(kept))

    @Slot()
    def _new(self) -> None:
        from workbench.chat.library import Prompt

        self._keep()
        text = self._now.strip() or tr("A new prompt")
        self._shown = None
        self.search.clear()
        self._fill(self._prompts.save(Prompt(0, "", text)).id)
        self.name.setFocus()
        self.name.selectAll()

    @Slot()
    def _remove(self) -> None:
        prompt = self._current()
        if prompt is None:
            return
        self._shown = None
        self._prompts.remove(prompt.id)
        self.fill()
        self.undo.offer(tr("“{name}” is deleted.", name=one_line(prompt.name)), partial(self._put_back, prompt))

    def _put_back(self, prompt: Prompt) -> None:
        self._prompts.put_back(prompt.id)
        self.fill()

    @Slot()
    def _choose(self) -> None:
        self._keep()
        prompt = self._shown
        if prompt is not None:
            self.close()
            self.chosen.emit(prompt)

    @Slot()
    def _import(self) -> None:
        kinds = tr("Prompts (*.json *.txt);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, tr("Import prompts"), "", kinds)
        if name:
            self.take_file(Path(name))

    def take_file(self, path: Path) -> None:
        """Prompts of a file beside those that are there; what is wrong with it is said."""
        from workbench.chat import library

        try:
            found = self._prompts.save_all(library.from_text(_read(path)))
        except (OSError, UnicodeDecodeError) as error:
            self.undo.say(tr("{file} cannot be read as text.", file=path.name), str(error))
        except WorkbenchError as error:
            self.undo.say(tr(error.message), tr(error.hint or ""))
        else:
            self.fill()
            self.undo.offer(
                tr("{number} imported.", number=counted(len(found), "prompt")), partial(self._take_out, found)
            )

    def _take_out(self, prompts: Sequence[Prompt]) -> None:
        self._shown = None
        for prompt in prompts:
            self._prompts.remove(prompt.id)
        self.fill()

    @Slot()
    def _export(self) -> None:
        from workbench.chat import library

        self._keep()
        kinds = tr("JSON (*.json);;Plain text (*.txt)")
        name, _ = QFileDialog.getSaveFileName(self, tr("Export prompts"), "prompts.json", kinds)
        if not name:
            return
        path = Path(name)
        prompts = self._prompts.all()
        try:
            written = library.as_text(prompts) if path.suffix.lower() == ".txt" else library.as_json(prompts)
            path.write_text(written, encoding="utf-8")
        except OSError as error:
            self.undo.say(tr("{file} cannot be written.", file=name), error.strerror)
        else:
            self.undo.say(tr("Written: {file}", file=name), tone=Tone.ACCENT)

    def closeEvent(self, event: object) -> None:
        self._keep()
        super().closeEvent(event)  # type: ignore[arg-type]  # Qt's own event

    def reject(self) -> None:
        self.close()

    # --- made --------------------------------------------------------------------------------

    def _make_buttons(self) -> None:
        self.use = text_button(tr("Insert"), kind="primary")
        self.use.setToolTip(tr("Into the composer (Ctrl+Enter)"))
        self.new = text_button(tr("New"))
        self.remove = text_button(tr("Delete"))
        self.bring_in = text_button(tr("Import…"))
        self.bring_out = text_button(tr("Export…"))
        self.close_button = text_button(tr("Close"))
        for button, deed in (
            (self.use, self._choose),
            (self.new, self._new),
            (self.remove, self._remove),
            (self.bring_in, self._import),
            (self.bring_out, self._export),
            (self.close_button, self.close),
        ):
            button.clicked.connect(deed)

    def _lay_out(self) -> None:
        left, right = QWidget(), QWidget()
        beside = QVBoxLayout(left)
        beside.setContentsMargins(0, 0, Space.S, 0)
        for widget in (self.search, self.empty):
            beside.addWidget(widget)
        beside.addWidget(self.list, 1)
        form = QVBoxLayout(right)
        form.setContentsMargins(Space.S, 0, 0, 0)
        form.setSpacing(Space.XS)
        for words, field in (
            (tr("Name"), self.name),
            (tr("Text"), self.text),
            (tr("Folder"), self.folder),
            (tr("Tags, with commas between them"), self.tags),
        ):
            said = label(words, role="muted")
            said.setBuddy(field)
            field.setAccessibleName(words)
            form.addWidget(said)
            form.addWidget(field, 1 if field is self.text else 0)
        across = QSplitter()
        across.addWidget(left)
        across.addWidget(right)
        across.setStretchFactor(0, 2)
        across.setStretchFactor(1, 3)
        across.setChildrenCollapsible(False)
        left.setMinimumWidth(theme.px(180))
        row = QHBoxLayout()
        for button in (self.new, self.remove, self.bring_in, self.bring_out):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.close_button)
        row.addWidget(self.use)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(across, 1)
        column.addWidget(self.undo)
        column.addLayout(row)


def _title(prompt: Prompt) -> str:
    name = isolated(one_line(prompt.name))
    return tr("{folder} ▸ {name}", folder=isolated(prompt.folder), name=name) if prompt.folder else name


def _searched(prompt: Prompt) -> str:
    return f"{prompt.name} {prompt.folder} {' '.join(prompt.tags)} {prompt.text}".casefold()


def _read(path: Path) -> str:
    if path.stat().st_size > LONGEST_FILE:
        raise OSError(tr("it is too big for a list of prompts"))
    return path.read_text(encoding="utf-8-sig")
