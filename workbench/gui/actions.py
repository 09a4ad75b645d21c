"""Everything the window can be told to do, once: menus, shortcuts and the overview are made from this table."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QMainWindow, QMenu, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """``slot`` names a method of ``Commands``; one with an ``argument`` finds it as the action's data.

    Actions of one ``group`` exclude each other and are shown in a submenu of that name.  An entry without
    a ``slot`` is a submenu that is filled when it is opened.
    """

    id: str
    menu: str
    title: str
    slot: str = ""
    shortcut: str = ""
    group: str = ""
    argument: str = ""
    separate: bool = False


ACTIONS = (
    ActionSpec("new", "&File", "&New comparison", "new_comparison", "Ctrl+N"),
    ActionSpec("open", "&File", "&Open GGUF…", "choose_file", "Ctrl+O"),
    ActionSpec("add-folder", "&File", "Add a &folder…", "choose_folder"),
    ActionSpec("import-pack", "&File", "&Import a pack…", "import_pack", "Ctrl+I"),
    ActionSpec("make-pack", "&File", "Make a &pack…", "make_pack"),
    ActionSpec("keys", "&File", "Accepted &keys…", "show_keys"),
    ActionSpec("token", "&File", "&Access token…", "show_token"),
    ActionSpec("recent", "&File", "&Recent comparisons"),
    ActionSpec("settings", "&File", "Se&ttings…", "show_settings", "Ctrl+,", separate=True),
    ActionSpec("quit", "&File", "&Quit", "quit", "Ctrl+Q", separate=True),
    ActionSpec("compare", "&View", "&Compare", "show_compare", "Ctrl+1"),
    ActionSpec("models", "&View", "M&odels", "show_models", "Ctrl+2"),
    ActionSpec("machine", "&View", "&Machine", "show_machine", "Ctrl+3"),
    ActionSpec("downloads", "&View", "Do&wnloads", "toggle_downloads", "Ctrl+J", separate=True),
    ActionSpec("offline", "&View", "O&ffline", "toggle_offline"),
    ActionSpec(
        "theme-system", "&View", "As the &system", "set_theme", group="T&heme", argument="system", separate=True
    ),
    ActionSpec("theme-light", "&View", "&Light", "set_theme", group="T&heme", argument="light"),
    ActionSpec("theme-dark", "&View", "&Dark", "set_theme", group="T&heme", argument="dark"),
    ActionSpec("larger", "&View", "&Larger text", "larger_text", "Ctrl++"),
    ActionSpec("smaller", "&View", "S&maller text", "smaller_text", "Ctrl+-"),
    ActionSpec("normal", "&View", "&Normal text size", "normal_text", "Ctrl+0"),
    ActionSpec("send", "&Run", "&Send to all", "send", "Ctrl+Return"),
    ActionSpec("stop", "&Run", "S&top all", "stop_all", "Ctrl+."),
    ActionSpec("start", "&Help", "&Get started", "show_welcome", "F1"),
    ActionSpec("shortcuts", "&Help", "&Keyboard shortcuts", "show_shortcuts", "Ctrl+/"),
    ActionSpec("self-check", "&Help", "&Network self-check…", "show_self_check"),
    ActionSpec("diagnostics", "&Help", "&Copy diagnostics", "copy_diagnostics", separate=True),
    ActionSpec("about", "&Help", "&About", "show_about", separate=True),
)


@dataclass(frozen=True, slots=True)
class Menus:
    """What was built: the actions, and the submenus that are filled when they are opened, by id."""

    actions: dict[str, QAction]
    submenus: dict[str, QMenu]


def build(window: QMainWindow, commands: QObject) -> Menus:
    """Fill the window's menu bar; every slot in the table is a method of ``commands``."""
    made = Menus({}, {})
    menus: dict[str, QMenu] = {}
    groups: dict[str, tuple[QMenu, QActionGroup]] = {}
    for spec in ACTIONS:
        menu = menus.get(spec.menu) or menus.setdefault(spec.menu, window.menuBar().addMenu(spec.menu))
        if spec.separate:
            menu.addSeparator()
        if not spec.slot:
            made.submenus[spec.id] = menu.addMenu(spec.title)
            continue
        action = QAction(spec.title, window)
        action.setObjectName(spec.id)
        if spec.shortcut:
            action.setShortcuts(_shortcuts(spec.shortcut))
        if spec.group:
            submenu, group = groups.get(spec.group) or groups.setdefault(
                spec.group, (menu.addMenu(spec.group), QActionGroup(window))
            )
            action.setCheckable(True)
            group.addAction(action)
            submenu.addAction(action)
        else:
            menu.addAction(action)
        action.setData(spec.argument)
        action.triggered.connect(getattr(commands, spec.slot))
        made.actions[spec.id] = action
    return made


def _shortcuts(text: str) -> list[QKeySequence]:
    # On many keyboards "+" needs the shift key that turns it from "=".
    return [QKeySequence(text), QKeySequence("Ctrl+=")] if text == "Ctrl++" else [QKeySequence(text)]


class ShortcutsDialog(QDialog):
    """The table again, as a page to read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.XXL)
        grid.setVerticalSpacing(Space.S)
        row = 0
        menu = ""
        for spec in ACTIONS:
            if not spec.shortcut:
                continue
            if spec.menu != menu:
                menu = spec.menu
                grid.setRowMinimumHeight(row, Space.S if row else 0)
                grid.addWidget(label(menu.replace("&", ""), role="subtitle"), row + 1, 0)
                row += 2
            keys = QKeySequence(spec.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
            grid.addWidget(label(spec.title.replace("&", "").rstrip("…")), row, 0)
            grid.addWidget(label(keys, role="chip"), row, 1)
            row += 1
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.addLayout(grid)
        column.addStretch(1)
