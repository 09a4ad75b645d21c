"""Every visible word goes through here, so that it can be told in another language.

What the rooms below say (errors with their hints, verdicts, chips of answers) comes as ``said``, an English sentence
that remembers how it was made.  docs/translating.md tells how the words are collected.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from workbench import words
from workbench.words import Said

log = logging.getLogger(__name__)

CONTEXT = ""  # what Qt's collector gives a function that belongs to no class


def tr(text: str, /, **values: object) -> str:
    """``text`` in the language of the window, with ``{name}`` replaced by its value: whole sentences, never parts.

    ``text`` is a literal, a constant that ``later`` marked, or what a room below ``said``; so can values be.  Any other
    text stays as it is.
    """
    if isinstance(text, Said):
        values = text.values
        text = text.template
    translated = QCoreApplication.translate(CONTEXT, text) if text else ""
    if not values:
        return translated
    told = {name: tr(one) if isinstance(one, Said) else one for name, one in values.items()}
    try:
        return translated.format(**told)
    except (LookupError, ValueError, AttributeError):
        if translated == text:
            raise  # our own sentence: a fault of the program
        log.warning("the translation of %r cannot be filled in: %r", text, translated)
        return text.format(**told)


class Explained(Protocol):
    """An error, or what is kept of one."""

    @property
    def message(self) -> str: ...

    @property
    def hint(self) -> str | None: ...


def explained(problem: Explained) -> str:
    """What went wrong and what to do next, as one text."""
    return " ".join(filter(None, [tr(problem.message), tr(problem.hint or "")]))


def later(text: str) -> str:
    """Marks words that a module keeps, as they are; ``tr`` translates them where they are shown."""
    return text


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 model", "2,400 models": a number with its noun in the language of the window.

    ``one`` is a literal noun; ``many`` one whose plural does not end in s.  "{n} model" and "{n} models" are what is
    translated.
    """
    return tr(words.counted(count, one, many))


def use_language(app: QCoreApplication, folder: Path, locale: QLocale) -> bool:
    """Speak ``locale`` where ``folder`` has its words ("workbench_de.qm"); else English stays, and it is False."""
    translator = QTranslator(app)
    return translator.load(locale, "workbench", "_", str(folder)) and app.installTranslator(translator)
