"""What is kept of conversations, hung into the Compare page."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from workbench.chat.stored import Hit, Listed
from workbench.errors import WorkbenchError
from workbench.gui import names
from workbench.gui.blind.hiding import names_hidden
from workbench.gui.errands import errand, nothing
from workbench.gui.history.sidebar import LANE, Sidebar
from workbench.gui.theme import Tone
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.gui.compare.options_panel import OptionsPanel
    from workbench.gui.history.imports import Imports
    from workbench.gui.history.presets import PresetDeeds
    from workbench.gui.history.prompts import PromptDeeds
    from workbench.gui.pages.compare import ComparePage

EXPORT_LANE = "export"
LONGEST_NAME = 60  # characters of a title in a message


class HistoryPart(QObject):
    """``sidebar`` lists conversations; ``presets``, ``prompts`` and ``imports`` are what the menus ask for."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._conversations = page.bench.history.conversations
        self.sidebar = Sidebar(page)
        page.panel_made.connect(self._add_presets)
        self.sidebar.opened.connect(self._open)
        self.sidebar.found.connect(self._show_hit)
        self.sidebar.renamed.connect(self._rename)
        self.sidebar.wished.connect(self._on_wish)
        page.errands.run("erase what was deleted long ago", errand(page.bench.history.purge), nothing, lane=LANE)

    @Slot(object)
    def _add_presets(self, panel: OptionsPanel) -> None:
        panel.add_tool(self.presets.button)

    @cached_property
    def presets(self) -> PresetDeeds:
        from workbench.gui.history.presets import PresetDeeds

        return PresetDeeds(self._page)

    @cached_property
    def prompts(self) -> PromptDeeds:
        from workbench.gui.history.prompts import PromptDeeds

        return PromptDeeds(self._page)

    @cached_property
    def imports(self) -> Imports:
        from workbench.gui.history.imports import Imports

        return Imports(self._page, self.sidebar)

    def undo(self) -> None:
        """What was deleted last is there again; also where the sidebar was closed meanwhile."""
        if not self.sidebar.panel.undo.undo():
            self._page.composer.say(tr("Nothing was deleted that could come back."))

    @Slot()
    def show_branches(self) -> None:
        from workbench.gui.history.branches import BranchesDialog

        BranchesDialog(self._page).open()

    # --- opening -----------------------------------------------------------------------------

    @Slot(int)
    def _open(self, conversation_id: int) -> None:
        if conversation_id != self._page.record.diary.conversation_id:
            self._page.load_conversation(conversation_id)
        self._page.composer.setFocus()

    @Slot(object)
    def _show_hit(self, hit: Hit) -> None:
        """At its turn, on the branch and with the attempt it was found in."""
        self._open(hit.conversation_id)
        record = self._page.record
        if record.diary.conversation_id != hit.conversation_id:
            return
        self._page.do(partial(record.show_branch, hit.turn_id))
        for pane in self._page.comparison.panes:
            for exchange in pane.exchanges:
                if hit.generation_id in exchange.attempts and hit.generation_id != exchange.generation_id:
                    self._page.do(partial(record.show_attempt, pane, hit.turn_id, hit.generation_id))
                    break
        for view in self._page.row.views:
            view.transcript.show_exchange(hit.turn_id)

    # --- deeds -------------------------------------------------------------------------------

    @Slot(str, object)
    def _on_wish(self, name: str, entry: Listed) -> None:
        deeds: dict[str, Callable[[Listed], object]] = {
            "rename": self.sidebar.panel.edit,
            "pin": self._pin,
            "move": self._ask_folder,
            "tag": self._ask_tags,
            "duplicate": self._duplicate,
            "export": self._export,
            "delete": self._delete,
        }
        self._try(partial(deeds[name], entry))

    def _try(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except WorkbenchError as error:
            self.sidebar.say(error)
        self.sidebar.refresh()

    @Slot(object, str)
    def _rename(self, entry: Listed, title: str) -> None:
        from workbench.gui.history.tree_model import one_line

        title = one_line(title)
        if not title or title == entry.title:
            return
        if entry.id == self._page.record.diary.conversation_id:
            self._try(partial(self._page.record.rename, title))
            self._page.title_changed.emit(title)
        else:
            self._try(partial(self._conversations.rename, entry.id, title))

    def _pin(self, entry: Listed) -> None:
        self._conversations.set_pinned(entry.id, not entry.pinned)

    def _ask_folder(self, entry: Listed) -> None:
        from workbench.gui.history.line_dialog import LineDialog

        question = tr("The folder that “{title}” belongs to; leave it empty for none.", title=_short(entry.title))
        dialog = LineDialog(tr("Move to a folder"), question, entry.folder, tr("Move"),
                            choices=("", *self._conversations.folders()), parent=self._page)  # fmt: skip
        dialog.answered.connect(partial(self._move, entry))
        dialog.open()

    def _move(self, entry: Listed, folder: str) -> None:
        self._try(partial(self._conversations.set_folder, entry.id, folder))

    def _ask_tags(self, entry: Listed) -> None:
        from workbench.gui.history.line_dialog import LineDialog

        question = tr("Tags of “{title}”, with commas between them.", title=_short(entry.title))
        dialog = LineDialog(tr("Tags"), question, ", ".join(entry.tags), tr("Keep"), parent=self._page)
        dialog.answered.connect(partial(self._tag, entry))
        dialog.open()

    def _tag(self, entry: Listed, line: str) -> None:
        tags = [tag.strip() for tag in line.split(",") if tag.strip()]
        self._try(partial(self._conversations.set_tags, entry.id, tuple(dict.fromkeys(tags))))

    def _duplicate(self, entry: Listed) -> None:
        from workbench.gui.history.tree_model import one_line

        title = tr("{title} (copy)", title=one_line(entry.title) or tr("Untitled"))
        made = self._conversations.duplicate(entry.id, title)
        if made is not None:
            said = tr("“{title}” is there twice now.", title=_short(entry.title))
            self.sidebar.panel.undo.offer(said, partial(self._take_out, made))

    def _take_out(self, conversation_id: int) -> None:
        self._try(partial(self._conversations.delete, conversation_id))

    def _delete(self, entry: Listed) -> None:
        page = self._page
        was_open = entry.id == page.record.diary.conversation_id
        if was_open and page.comparison.busy:
            page.stop_all()
        self._conversations.delete(entry.id)
        if was_open:
            page.new_comparison()
            self.sidebar.panel.tree.setFocus()
        self.sidebar.panel.undo.offer(
            tr("“{title}” is deleted.", title=_short(entry.title)), partial(self._bring_back, entry, was_open)
        )

    def _bring_back(self, entry: Listed, was_open: bool) -> None:
        self._try(partial(self._conversations.restore, entry.id))
        if was_open and self._page.record.diary.conversation_id is None:
            self._page.load_conversation(entry.id)

    def _export(self, entry: Listed) -> None:
        kinds = tr("Web page (*.html);;Markdown (*.md);;JSON (*.json);;Table (*.csv)")
        name, _ = QFileDialog.getSaveFileName(self._page, tr("Export the conversation"), _file_name(entry), kinds)
        if name:
            self.export_to(entry, Path(name))

    def export_to(self, entry: Listed, path: Path) -> None:
        """Away from the window's thread: a long conversation takes its time."""
        from workbench.chat.exports.exporting import exporting

        hidden = names_hidden(self._page, entry.id)  # else a vote could be looked up in the file
        work = exporting(self._page.bench.history, entry.id, path, hidden=hidden, names=names.current())
        self._page.errands.run("export", work, self._exported, self.sidebar.say, lane=EXPORT_LANE)

    def _exported(self, path: Path) -> None:
        self.sidebar.panel.undo.say(tr("Written: {file}", file=str(path)), tone=Tone.ACCENT)


def _short(title: str) -> str:
    from workbench.gui.history.tree_model import one_line

    line = one_line(title) or tr("Untitled")
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1].rstrip() + "…"


def _file_name(entry: Listed) -> str:
    """A name that every system takes."""
    kept = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in _short(entry.title))
    return (" ".join(kept.split()) or "conversation") + ".html"
