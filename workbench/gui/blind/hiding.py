"""Whether names, order and speed are hidden now: asked by everything that could tell them."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

_PROPERTY = "namesHidden"
_WHERE = "namesHiddenIn"


def names_hidden(widget: QWidget, conversation_id: int | None = None) -> bool:
    """Of the Compare page, of anything in it, or of the window it stands in; with a conversation only whether the names
    of those who answered in that one are hidden."""
    found: QWidget | None = widget
    while found is not None:
        if found.property(_PROPERTY):
            where = found.property(_WHERE)
            return conversation_id is None or where is None or where == conversation_id
        found = found.parentWidget()
    return False


def hide_names(page: QWidget, *, hidden: bool, conversation_id: int | None = None) -> None:
    """Mark the page, and its window, so that all that stands beside it knows."""
    for marked in {page, page.window()}:
        marked.setProperty(_WHERE, conversation_id)
        marked.setProperty(_PROPERTY, hidden)
