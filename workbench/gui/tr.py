"""Every visible word of the window goes through here, so that it can be told in another language.

What the rooms below say (errors with their hints, verdicts, chips of answers) stays as they wrote it: English.
``pyside6-lupdate -tr-function-alias tr+=later`` collects the words; docs/translating.md has the whole command.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

CONTEXT = ""  # what Qt's collector gives a function that belongs to no class


def tr(text: str, /, **values: object) -> str:
    """``text`` in the language of the window, with ``{name}`` replaced by its value: whole sentences, never parts.

    ``text`` is a literal, or a constant that ``later`` marked, so that what is to be translated can be collected.
    """
    said = QCoreApplication.translate(CONTEXT, text)
    return said.format(**values) if values else said


def later(text: str) -> str:
    """Marks words that a module keeps, as they are; ``tr`` translates them where they are shown."""
    return text


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 model", "2,400 models": a number with its noun in the language of the window.

    ``one`` is a literal noun; ``many`` one whose plural does not end in s.  "{n} model" and "{n} models" are what is
    translated.
    """
    return tr("{n} " + (one if count == 1 else many or f"{one}s"), n=f"{count:,}")


def use_language(app: QCoreApplication, folder: Path, locale: QLocale) -> bool:
    """Speak ``locale`` where ``folder`` has its words ("workbench_de.qm"); else English stays, and it is False."""
    translator = QTranslator(app)
    return translator.load(locale, "workbench", "_", str(folder)) and app.installTranslator(translator)
