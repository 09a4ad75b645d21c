"""Everything the window can be told to do, once: menus, shortcuts, their overview and the palette are made from this
table."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from workbench.gui.tr import later, tr


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


@dataclass(frozen=True, slots=True)
class Keys:
    """What keys do where no menu says so; ``keys`` are told apart by spaces, any of them does it."""

    where: str
    title: str
    keys: str


FILE, VIEW, RUN, HELP = later("&File"), later("&View"), later("&Run"), later("&Help")
THEME = later("T&heme")

ACTIONS = (
    ActionSpec("new", FILE, later("&New comparison"), "new_comparison", "Ctrl+N"),
    ActionSpec("open", FILE, later("&Open GGUF…"), "choose_file", "Ctrl+O"),
    ActionSpec("add-folder", FILE, later("Add a &folder…"), "choose_folder"),
    ActionSpec("recent", FILE, later("&Recent comparisons")),
    ActionSpec("export", FILE, later("&Export this comparison…"), "export", "Ctrl+E"),
    ActionSpec("import-conversations", FILE, later("Import &conversations…"), "import_conversations"),
    ActionSpec("presets", FILE, later("P&resets"), separate=True),
    ActionSpec("save-preset", FILE, later("&Save as a preset…"), "save_preset"),
    ActionSpec("manage-presets", FILE, later("&Edit presets…"), "manage_presets"),
    ActionSpec("prompts", FILE, later("Prompt &library…"), "show_prompts", "Ctrl+L"),
    ActionSpec("import-pack", FILE, later("&Import a pack…"), "import_pack", "Ctrl+Shift+I", separate=True),
    ActionSpec("make-pack", FILE, later("Make a &pack…"), "make_pack"),
    ActionSpec("keys", FILE, later("Accepted &keys…"), "show_keys"),
    ActionSpec("token", FILE, later("&Access token…"), "show_token"),
    ActionSpec("undo", FILE, later("&Undo the last deletion"), "undo_deletion", "Ctrl+Z", separate=True),
    ActionSpec("data", FILE, later("&Your data…"), "show_data"),
    ActionSpec("settings", FILE, later("Se&ttings…"), "show_settings", "Ctrl+,"),
    ActionSpec("quit", FILE, later("&Quit"), "quit", "Ctrl+Q", separate=True),
    ActionSpec("palette", VIEW, later("&Find anything…"), "show_palette", "Ctrl+K"),
    ActionSpec("compare", VIEW, later("&Compare"), "show_compare", "Ctrl+1", separate=True),
    ActionSpec("models", VIEW, later("M&odels"), "show_models", "Ctrl+2"),
    ActionSpec("machine", VIEW, later("&Machine"), "show_machine", "Ctrl+3"),
    ActionSpec("votes", VIEW, later("Vo&tes"), "show_votes", "Ctrl+4"),
    ActionSpec("sidebar", VIEW, later("Con&versations"), "toggle_sidebar", "Ctrl+B", separate=True),
    ActionSpec("find", VIEW, later("F&ind in conversations"), "find_conversations", "Ctrl+F"),
    ActionSpec("branches", VIEW, later("&Branches of this conversation"), "show_branches", "Ctrl+T"),
    ActionSpec("downloads", VIEW, later("Do&wnloads"), "toggle_downloads", "Ctrl+J", separate=True),
    ActionSpec("offline", VIEW, later("O&ffline"), "toggle_offline"),
    ActionSpec("theme-system", VIEW, later("As the &system"), "set_theme", group=THEME, argument="system",
               separate=True),
    ActionSpec("theme-light", VIEW, later("&Light"), "set_theme", group=THEME, argument="light"),
    ActionSpec("theme-dark", VIEW, later("&Dark"), "set_theme", group=THEME, argument="dark"),
    ActionSpec("larger", VIEW, later("&Larger text"), "larger_text", "Ctrl++"),
    ActionSpec("smaller", VIEW, later("S&maller text"), "smaller_text", "Ctrl+-"),
    ActionSpec("normal", VIEW, later("&Normal text size"), "normal_text", "Ctrl+0"),
    ActionSpec("send", RUN, later("&Send to all"), "send", "Ctrl+Return"),
    ActionSpec("stop", RUN, later("S&top all"), "stop_all", "Ctrl+."),
    ActionSpec("blind", RUN, later("&Blind mode, on or off"), "toggle_blind", "Ctrl+Shift+B", separate=True),
    ActionSpec("vote-now", RUN, later("&Vote on these answers"), "vote_now"),
    ActionSpec("go-on", RUN, later("&Go on with what waits"), "go_on"),
    ActionSpec("decks", RUN, later("&Decks of prompts"), "toggle_decks", "Ctrl+D", separate=True),
    ActionSpec("present", RUN, later("&Present on the whole screen"), "present", "Ctrl+Shift+P"),
    ActionSpec("differences", RUN, later("&Differences of the newest answers"), "show_differences", "Ctrl+Shift+D",
               separate=True),
    ActionSpec("start", HELP, later("&Get started"), "show_welcome", "F1"),
    ActionSpec("shortcuts", HELP, later("&Keyboard shortcuts"), "show_shortcuts", "Ctrl+/"),
    ActionSpec("self-check", HELP, later("&Network self-check…"), "show_self_check"),
    ActionSpec("diagnostics", HELP, later("&Copy diagnostics"), "copy_diagnostics", separate=True),
    ActionSpec("about", HELP, later("&About"), "show_about", separate=True),
)  # fmt: skip

COMPARE, LIST, BLIND, PRESENTER, LIBRARY, DOWNLOADS = (
    later("Panes and answers"), later("List of conversations"), later("Blind votes"), later("Presenter"),
    later("Prompt library"), later("Downloads"),
)  # fmt: skip

KEYS = (
    Keys(COMPARE, later("Options"), "Ctrl+I"),
    Keys(COMPARE, later("To the first, second, … pane"), "Alt+1 … Alt+8"),
    Keys(COMPARE, later("To the next pane, to the one before"), "F6 Shift+F6"),
    Keys(COMPARE, later("This pane alone, or all again"), "Ctrl+Shift+F"),
    Keys(COMPARE, later("The next tab of panes, the one before"), "Ctrl+PgDown Ctrl+PgUp"),
    Keys(COMPARE, later("Scroll the panes together, or each alone"), "Ctrl+Shift+L"),
    Keys(COMPARE, later("Larger and smaller answers"), "Ctrl+Wheel"),
    Keys(COMPARE, later("All panes again"), "Esc"),
    Keys(COMPARE, later("The next difference, the one before"), "F8 Shift+F8"),
    Keys(LIST, later("Open"), "Enter"),
    Keys(LIST, later("Rename"), "F2"),
    Keys(LIST, later("Pin, or let go"), "Ctrl+P"),
    Keys(LIST, later("Move to a folder"), "Ctrl+M"),
    Keys(LIST, later("Tags"), "Ctrl+G"),
    Keys(LIST, later("Delete"), "Del"),
    Keys(LIST, later("All that can be done with it"), "Shift+F10"),
    Keys(LIBRARY, later("Search"), "Ctrl+F"),
    Keys(LIBRARY, later("Into the composer"), "Ctrl+Return"),
    Keys(LIBRARY, later("Delete"), "Del"),
    Keys(DOWNLOADS, later("Pause, or go on"), "Space"),
    Keys(DOWNLOADS, later("Open"), "Enter"),
    Keys(DOWNLOADS, later("Remove from the list"), "Del"),
    Keys(DOWNLOADS, later("Earlier, or later"), "Alt+Up Alt+Down"),
    Keys(BLIND, later("The left answer is better"), "1 A"),
    Keys(BLIND, later("The right answer is better"), "2 B"),
    Keys(BLIND, later("A tie"), "T"),
    Keys(BLIND, later("Both are bad"), "N"),
    Keys(BLIND, later("Skip this pair"), "S"),
    Keys(BLIND, later("Take the last vote back"), "U"),
    Keys(BLIND, later("Comment, tags"), "C #"),
    Keys(PRESENTER, later("Next prompt"), "→"),
    Keys(PRESENTER, later("The prompt before"), "←"),
    Keys(PRESENTER, later("Ask it"), "Space"),
    Keys(PRESENTER, later("Reveal the models"), "R"),
    Keys(PRESENTER, later("Blind or not"), "B"),
    Keys(PRESENTER, later("Figures, or none"), "P"),
    Keys(PRESENTER, later("Choose a deck or prompts"), "D"),
    Keys(PRESENTER, later("Save as a page"), "S"),
    Keys(PRESENTER, later("To the other screen"), "M"),
    Keys(PRESENTER, later("Leave"), "Esc"),
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
        menu = menus.get(spec.menu) or menus.setdefault(spec.menu, window.menuBar().addMenu(tr(spec.menu)))
        if spec.separate:
            menu.addSeparator()
        if not spec.slot:
            made.submenus[spec.id] = menu.addMenu(tr(spec.title))
            continue
        action = QAction(tr(spec.title), window)
        action.setObjectName(spec.id)
        if spec.shortcut:
            action.setShortcuts(_shortcuts(spec.shortcut))
        if spec.group:
            submenu, group = groups.get(spec.group) or groups.setdefault(
                spec.group, (menu.addMenu(tr(spec.group)), QActionGroup(window))
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


def plain(title: str) -> str:
    """A menu's words in the language of the window, without the mark of its letter."""
    return tr(title).replace("&", "").rstrip("…")


def _shortcuts(text: str) -> list[QKeySequence]:
    # On many keyboards "+" needs the shift key that turns it from "=".
    return [QKeySequence(text), QKeySequence("Ctrl+=")] if text == "Ctrl++" else [QKeySequence(text)]
