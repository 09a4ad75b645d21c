"""What a vote between two answers says."""

from __future__ import annotations

import enum


class Outcome(enum.IntEnum):
    """BOTH_BAD says as much about which is better as a tie does: nothing."""

    LEFT = 0
    TIE = 1
    RIGHT = 2
    BOTH_BAD = 3
