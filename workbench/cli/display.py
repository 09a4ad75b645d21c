"""Whether a window can be shown."""

from __future__ import annotations

import os
import platform


def has_display() -> bool:
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
