"""Every visible word of the window goes through here, so that it can be told in another language."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

CONTEXT = "workbench"


def tr(text: str, /, **values: object) -> str:
    """``text`` in the language of the window, with ``{name}`` replaced by its value: whole sentences, never parts.

    ``text`` is a literal, so that the tools that collect what is to be translated can find it.
    """
    said = QCoreApplication.translate(CONTEXT, text)
    return said.format(**values) if values else said
