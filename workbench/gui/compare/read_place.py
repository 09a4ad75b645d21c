"""Where somebody reads in a transcript, and what stays where it is while others find their heights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.gui.widgets.piecewise import moved

if TYPE_CHECKING:
    from workbench.gui.compare.exchange import ExchangeView


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at the upper edge: an exchange, counted from the newest, 0, and the part of it that is above."""

    before_end: int
    turn_id: int | None
    fraction: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """What stays where it is: a part of a view, or while it is ``width`` wide, so many of its pixels."""

    view: ExchangeView
    fraction: float
    pixels: int | None = None
    width: int = 0

    def after(self, view: ExchangeView, top: float, bottom: float, by: float) -> Anchor:
        """When what stood from top to bottom in the text of ``view`` is so much higher."""
        if view is not self.view or self.pixels is None:
            return self
        above = view.text.y()
        return replace(self, pixels=round(above + moved(self.pixels - above, top, bottom, by)))
