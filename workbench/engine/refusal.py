"""llama.cpp's refusal of a file, from its log lines, in the user's terms."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import ModelLoadError, UnsupportedArchitectureError, WorkbenchError

_PREFIX = "error loading model: "


def refusal(name: str, lines: Sequence[str]) -> WorkbenchError:
    """``lines`` are what llama.cpp logged while it loaded the file ``name``."""
    said = next((line for line in reversed(lines) if _PREFIX in line), lines[-1] if lines else "")
    reason = said.rpartition(_PREFIX)[2].strip().rstrip(".") or "llama.cpp gave no reason"
    if "unknown model architecture" in reason:
        return UnsupportedArchitectureError(
            f"{name} has an architecture that this build of llama.cpp does not know ({reason}).",
            hint="A newer version of the program may know it.",
        )
    return ModelLoadError(
        f"{name} could not be loaded: {reason}.",
        hint="The file may be damaged: download it again, or try another quantisation.",
    )
