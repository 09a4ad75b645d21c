"""What a start of the window leaves alone: everything that only later deeds need is imported by them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LATER = (
    # libraries
    "PySide6.QtNetwork",
    "csv",
    "difflib",
    "hashlib",
    "httpx2",
    "huggingface_hub",
    "jinja2",
    "llama_cpp",
    "markdown_it",
    "numpy",
    "psutil",
    "pydantic",
    "pygments",
    "tomlkit",
    # rooms
    "workbench.chat.decks",
    "workbench.chat.exports",
    "workbench.chat.imports",
    "workbench.chat.votes",
    "workbench.engine.grammar",
    "workbench.engine.llama",
    "workbench.hardware.detect",
    "workbench.hub.catalogue",
    "workbench.hub.downloads",
    "workbench.hub.library",
    "workbench.hub.packing",
    "workbench.models.fit",
    # what the window shows when it is asked for
    "workbench.gui.blind.stage",
    "workbench.gui.compare.differences",
    "workbench.gui.compare.options_panel",
    "workbench.gui.decks.shelf",
    "workbench.gui.history.panel",
    "workbench.gui.hub.download_row",
    "workbench.gui.pages.machine",
    "workbench.gui.pages.models",
    "workbench.gui.pages.votes",
    "workbench.gui.palette",
    "workbench.gui.present.slides",
)

# As the program does it, up to the window on the screen; work in the background has not begun then.
START = """
import json, sys
from workbench import __main__ as program
import workbench.gui.window as made

shown = made.MainWindow.show
def show(window):
    from PySide6.QtCore import QTimer
    shown(window)
    loaded = sorted(sys.modules)
    composer = window.compare.composer
    composer.set_text("hello")
    print(json.dumps({"loaded": loaded, "text": composer.text, "enabled": composer.edit.isEnabled()}), flush=True)
    QTimer.singleShot(0, window.close)
made.MainWindow.show = show
sys.exit(program.open_window(None))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder: Path = tmp_path_factory.mktemp("started")
    (folder / "settings.toml").write_text('theme = "dark"\ncontext = 8192\n', encoding="utf-8")
    env = {**os.environ, "WORKBENCH_DATA_DIR": str(folder), "QT_QPA_PLATFORM": "offscreen"}
    child = subprocess.run([sys.executable, "-c", START], env=env, capture_output=True, text=True, timeout=120)
    assert child.returncode == 0, child.stderr
    told: dict[str, object] = json.loads(child.stdout.splitlines()[0])
    return told


def test_the_window_is_there_and_takes_text(started: dict[str, object]) -> None:
    assert (started["text"], started["enabled"]) == ("hello", True)


@pytest.mark.parametrize("name", LATER)
def test_the_start_does_not_import_what_is_needed_later(started: dict[str, object], name: str) -> None:
    loaded = started["loaded"]
    assert isinstance(loaded, list)
    assert "workbench.gui.pages.compare" in loaded
    assert not [one for one in loaded if one == name or one.startswith(f"{name}.")]
