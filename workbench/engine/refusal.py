"""What llama.cpp refuses, from its log lines, in the user's terms; and what is refused before it is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.errors import (
    DeviceMemoryError,
    ModelLoadError,
    UnsupportedArchitectureError,
    UsageError,
    WorkbenchError,
)
from workbench.models.params import RunParams

_PREFIX = "error loading model: "
_NO_BUFFER = re.compile(r"(?:failed|unable) to allocate (?P<name>\S+) buffer")
_MAIN_MEMORY = re.compile(r"CPU|\w+_Host")  # pinned memory for a device is main memory too


def refusal(name: str, lines: Sequence[str]) -> WorkbenchError:
    """``lines`` are what llama.cpp logged while it loaded the file ``name``."""
    said = next((line for line in reversed(lines) if _PREFIX in line), lines[-1] if lines else "")
    reason = said.rpartition(_PREFIX)[2].strip().rstrip(".") or "llama.cpp gave no reason"
    if "unknown model architecture" in reason:
        return UnsupportedArchitectureError(
            f"{name} has an architecture that this build of llama.cpp does not know ({reason}).",
            hint="A newer version of the program may know it.",
        )
    if full := full_device(lines):
        return _no_room_on(full, f"the weights of {name}", reason)
    return ModelLoadError(
        f"{name} could not be loaded: {reason}.",
        hint="The file may be damaged: download it again, or try another quantisation.",
    )


def no_context(name: str, params: RunParams, lines: Sequence[str]) -> ModelLoadError:
    """``lines`` are what llama.cpp logged while it made a context for the loaded file ``name``."""
    wanted = f"a context of {params.n_ctx:,} tokens for {name}"
    if full := full_device(lines):
        return _no_room_on(full, wanted, next(line for line in lines if _NO_BUFFER.search(line)))
    return ModelLoadError(f"There is no room for {wanted}.", hint="Choose a shorter context, or close a pane.")


def full_device(lines: Sequence[str]) -> str | None:
    """The device that had no room, by llama.cpp's name of its buffers; None where main memory had none."""
    found = (_NO_BUFFER.search(line) for line in lines)
    return next((match["name"] for match in found if match and not _MAIN_MEMORY.match(match["name"])), None)


def refuse_impossible(params: RunParams) -> None:
    """Raises UsageError for numbers that llama.cpp would replace by its own, or end the process for."""
    for name, value in (
        ("A context", params.n_ctx),
        ("A batch", params.n_batch),
        ("A piece of a batch", params.n_ubatch),
    ):
        if value < 1:
            raise UsageError(f"{name} of {value} tokens is not possible.", hint="Ask for at least 1 token.")
    if params.n_seq_max < 1:
        raise UsageError(f"{params.n_seq_max} sequences are not possible.", hint="Ask for at least 1.")


def _no_room_on(device: str, wanted: str, reason: str) -> DeviceMemoryError:
    return DeviceMemoryError(
        f"There is no room on {device} for {wanted} ({reason.strip().rstrip('.')}).",
        hint="Put fewer layers on it, shorten the context, or close what else uses it.",
    )
