"""What the menus do: every slot that the table of actions names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox

from workbench import settings
from workbench.errors import SettingsError
from workbench.gui import motion, reading, theme
from workbench.gui.actions import Menus
from workbench.gui.compare.answer_deeds import AnswerDeeds
from workbench.gui.compare.parts import part
from workbench.gui.decks.part import DecksPart
from workbench.gui.diagnostics import diagnostics, versions
from workbench.gui.history.part import HistoryPart
from workbench.gui.present.mode import PresenterPart
from workbench.gui.theme import Tone
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.gui.palette import Palette
    from workbench.gui.window import MainWindow

PROGRAM = "Inference Workbench"
TEXT_SIZES = (0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
RECENT = 12


class Commands(QObject):
    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._bench = window.bench

    def attach(self, menus: Menus) -> None:
        self._menus = menus
        self._recent = menus.submenus["recent"]
        self._recent.aboutToShow.connect(self._fill_recent)
        self._presets = menus.submenus["presets"]
        self._presets.aboutToShow.connect(self._fill_presets)
        self._themes = {mode: menus.actions[f"theme-{mode}"] for mode in ("system", "light", "dark")}
        self._themes[self._bench.settings.theme].setChecked(True)

    @cached_property
    def palette(self) -> Palette:
        from workbench.gui.palette import Palette
        from workbench.gui.palette_entries import PaletteEntries

        entries = PaletteEntries(self._window, self._menus)
        made = Palette(self._window, entries.all)
        entries.changed.connect(made.refresh)
        return made

    # --- File --------------------------------------------------------------------------------

    @Slot()
    def new_comparison(self) -> None:
        self._window.show_page("compare")
        self._window.compare.new_comparison()

    @Slot()
    def choose_file(self) -> None:
        kinds = tr("GGUF models (*.gguf);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self._window, tr("Open GGUF file"), "", kinds)
        if name:
            self._window.open_file(Path(name))

    @Slot()
    def choose_folder(self) -> None:
        """A folder whose models belong to the library from now on."""
        name = QFileDialog.getExistingDirectory(self._window, tr("Add a folder of models"))
        if name:
            self._window.add_folder(Path(name))

    @Slot()
    def import_pack(self) -> None:
        self._window.dialogs.import_pack()

    @Slot()
    def make_pack(self) -> None:
        self._window.dialogs.make_pack()

    @Slot()
    def show_keys(self) -> None:
        self._window.dialogs.show_keys()

    @Slot()
    def show_token(self) -> None:
        self._window.dialogs.show_token()

    @Slot()
    def export(self) -> None:
        self._window.show_page("compare")
        from workbench.gui.compare.export_dialog import open_export

        open_export(self._window.compare)

    @Slot()
    def import_conversations(self) -> None:
        self._window.show_page("compare")
        self._history.imports.choose()

    @Slot()
    def save_preset(self) -> None:
        self._window.show_page("compare")
        self._history.presets.save()

    @Slot()
    def manage_presets(self) -> None:
        self._history.presets.manage()

    @Slot()
    def show_prompts(self) -> None:
        self._window.show_page("compare")
        self._history.prompts.show()

    @Slot()
    def toggle_decks(self) -> None:
        self._window.show_page("compare")
        part(self._window.compare, DecksPart).toggle()

    @Slot()
    def go_on(self) -> None:
        self._window.compare.do(self._window.compare.comparison.go_on)

    @Slot()
    def undo_deletion(self) -> None:
        self._history.undo()

    @Slot()
    def show_data(self) -> None:
        from workbench.gui.data.dialog import DataDialog

        _open(DataDialog(self._bench, self._window))

    @Slot()
    def show_settings(self) -> None:
        from workbench.gui.preferences import PreferencesDialog

        dialog = PreferencesDialog(self._bench.settings, self._window)
        dialog.changed.connect(self.keep)
        _open(dialog)

    @Slot()
    def quit(self) -> None:
        self._window.close()

    @Slot()
    def _fill_recent(self) -> None:
        self._recent.clear()
        listed = self._bench.conversations.listed()[:RECENT]
        for entry in listed:
            # A single ampersand would underline the letter after it.
            action = self._recent.addAction((entry.title or tr("Untitled")).replace("&", "&&"))
            action.setData(entry.id)
            action.triggered.connect(self._on_recent)
        if not listed:
            self._recent.addAction(tr("Nothing was asked yet")).setEnabled(False)

    @Slot()
    def _on_recent(self) -> None:
        self._window.show_page("compare")
        self._window.compare.load_conversation(int(self._sender().data()))

    @Slot()
    def _fill_presets(self) -> None:
        self._history.presets.fill(self._presets)

    @property
    def _history(self) -> HistoryPart:
        return part(self._window.compare, HistoryPart)

    # --- View --------------------------------------------------------------------------------

    @Slot()
    def show_palette(self) -> None:
        self.palette.toggle()

    @Slot()
    def toggle_sidebar(self) -> None:
        self._window.show_page("compare")
        self._history.sidebar.toggle()

    @Slot()
    def find_conversations(self) -> None:
        self._window.show_page("compare")
        self._history.sidebar.find()

    @Slot()
    def show_branches(self) -> None:
        self._window.show_page("compare")
        self._history.show_branches()

    @Slot()
    def show_compare(self) -> None:
        self._window.show_page("compare")

    @Slot()
    def show_models(self) -> None:
        self._window.show_page("models")

    @Slot()
    def show_machine(self) -> None:
        self._window.show_page("machine")

    @Slot()
    def show_votes(self) -> None:
        self._window.show_page("votes")

    @Slot()
    def toggle_downloads(self) -> None:
        self._window.toggle_downloads()

    @Slot()
    def toggle_offline(self) -> None:
        self._window.network.turn(offline=not self._bench.settings.offline)

    @Slot()
    def set_theme(self) -> None:
        self.keep({"theme": self._sender().data()})

    @Slot()
    def larger_text(self) -> None:
        now = self._bench.settings.text_scale
        self.keep({"text_scale": next((size for size in TEXT_SIZES if size > now), TEXT_SIZES[-1])})

    @Slot()
    def smaller_text(self) -> None:
        now = self._bench.settings.text_scale
        self.keep({"text_scale": next((size for size in reversed(TEXT_SIZES) if size < now), TEXT_SIZES[0])})

    @Slot()
    def normal_text(self) -> None:
        self.keep({"text_scale": 1.0})

    @Slot(object)
    def keep(self, changes: Mapping[str, Any]) -> None:
        """Put changed settings into force, and into the settings file."""
        if "offline" in changes:
            self._window.network.turn(offline=bool(changes["offline"]))
            changes = {name: value for name, value in changes.items() if name != "offline"}
        if not changes:
            return
        self._bench.settings = dataclasses.replace(self._bench.settings, **changes)
        if {"theme", "text_scale", "reading_width", "reduced_motion"} & set(changes):
            self.dress()
        try:
            settings.save(self._bench.paths.settings, changes)
        except SettingsError as error:
            self._window.notice.say(tr(error.message), tr(error.hint or ""))

    def dress(self) -> None:
        """In the theme and the text size that the settings say."""
        chosen = self._bench.settings
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, chosen.theme, chosen.text_scale)
            reading.set_characters(chosen.reading_width)
            motion.reduce(app, reduced=chosen.reduced_motion)
            self._themes[chosen.theme].setChecked(True)

    # --- Run ---------------------------------------------------------------------------------

    @Slot()
    def send(self) -> None:
        self._window.show_page("compare")
        self._window.compare.send()

    @Slot()
    def stop_all(self) -> None:
        self._window.compare.stop_all()

    @Slot()
    def toggle_blind(self) -> None:
        self._window.show_page("compare")
        self._window.blind.toggle()

    @Slot()
    def present(self) -> None:
        self._window.show_page("compare")
        part(self._window.compare, PresenterPart).show()

    @Slot()
    def vote_now(self) -> None:
        self._window.show_page("compare")
        self._window.blind.vote_on_shown()

    @Slot()
    def show_differences(self) -> None:
        self._window.show_page("compare")
        part(self._window.compare, AnswerDeeds).differences.newest()

    # --- Help --------------------------------------------------------------------------------

    @Slot()
    def show_welcome(self) -> None:
        self._window.show_page("welcome")

    @Slot()
    def show_shortcuts(self) -> None:
        from workbench.gui.shortcuts import ShortcutsDialog

        _open(ShortcutsDialog(self._window))

    @Slot()
    def show_self_check(self) -> None:
        self._window.dialogs.show_self_check()

    @Slot()
    def copy_diagnostics(self) -> None:
        QGuiApplication.clipboard().setText(diagnostics(self._bench, self._window.machine_now))
        words = tr("They hold no prompt and no answer.")
        self._window.notice.say(tr("Diagnostics are on the clipboard."), words, tone=Tone.ACCENT)

    @Slot()
    def show_about(self) -> None:
        box = QMessageBox(self._window)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(tr("About {program}", program=PROGRAM))
        box.setIconPixmap(theme.app_icon().pixmap(64, 64))
        box.setText(PROGRAM)
        box.setInformativeText("\n".join(versions(self._bench)))
        _open(box)

    def _sender(self) -> QAction:
        action = self.sender()
        assert isinstance(action, QAction)
        return action


def _open(dialog: QDialog) -> None:
    """Never ``exec``: nothing waits for an answer."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
