"""Whether names, order and speed are hidden now: asked by everything that could tell them."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

_PROPERTY = "namesHidden"


def names_hidden(widget: QWidget) -> bool:
    """Of the Compare page, of anything in it, or of the window it stands in."""
    found: QWidget | None = widget
    while found is not None:
        if found.property(_PROPERTY):
            return True
        found = found.parentWidget()
    return False


def hide_names(page: QWidget, *, hidden: bool) -> None:
    """Mark the page, and its window, so that all that stands beside it knows."""
    for marked in {page, page.window()}:
        marked.setProperty(_PROPERTY, hidden)
