"""GPT4All's models: GGUF files in one folder, those it is still fetching named ``incomplete-…``.

The folder is ``modelPath`` of its settings (``modelPaths`` before 2.4.11), else ``nomic.ai/GPT4All`` below the local
data folder; the settings are an INI file of Qt's in ``~/.config`` on Linux and macOS, in the roaming AppData on
Windows.  Source: the nomic-ai/gpt4all repository, gpt4all-chat/src/{main,mysettings,modellist}.cpp (2025), and Qt's
documentation of QSettings::IniFormat.
"""

from __future__ import annotations

import re
from pathlib import Path

from workbench.hub.places import folder
from workbench.hub.places.place import Place, Program, Surroundings, distinct, problem
from workbench.hub.places.reading import Unreadable, small_text
from workbench.words import said

_SETTING = re.compile(r"(?P<key>modelPaths?)\s*=\s*(?P<value>.*)")
_ESCAPE = re.compile(r"\\(?:x(?P<code>[0-9a-fA-F]{1,4})|(?P<character>.))")


def places(around: Surroundings) -> tuple[Place, ...]:
    settings = _settings_folder(around) / "nomic.ai" / "GPT4All.ini"
    usual = around.local_data / "nomic.ai" / "GPT4All"
    try:
        text = small_text(settings)
    except Unreadable as error:
        unread = problem(
            settings,
            said("GPT4All's settings in {settings} cannot be read: {error}.", settings=settings, error=error),
            said("Its usual models folder is looked into; add another one as a folder."),
        )
        broken: tuple[Place, ...] = (Place(Program.GPT4ALL, settings.parent, problems=(unread,)),)
        named = None
    else:
        broken = ()
        named = around.folder(model_path(text or "") or "")
    return tuple(folder.place(found, Program.GPT4ALL) for found in distinct([named or usual])) + broken


def model_path(settings: str) -> str | None:
    """The models folder that GPT4All's settings name, as text; None where they name none."""
    section = "General"
    found: dict[str, str] = {}
    for line in settings.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif section == "General" and (setting := _SETTING.fullmatch(stripped)):
            found[setting["key"]] = _ESCAPE.sub(_unescaped, setting["value"].strip().strip('"'))
    return found.get("modelPath") or found.get("modelPaths") or None


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape["code"], 16)) if escape["code"] else escape["character"]


def _settings_folder(around: Surroundings) -> Path:
    # Qt's INI format ignores macOS's own folders.
    return around.home / ".config" if around.system == "darwin" else around.config
