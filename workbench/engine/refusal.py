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
from workbench.words import said

_PREFIX = "error loading model: "
_NO_BUFFER = re.compile(r"(?:failed|unable) to allocate (?P<name>\S+) buffer")
_MAIN_MEMORY = re.compile(r"CPU|\w+_Host")  # pinned memory for a device is main memory too


def refusal(name: str, lines: Sequence[str]) -> WorkbenchError:
    """``lines`` are what llama.cpp logged while it loaded the file ``name``."""
    line = next((line for line in reversed(lines) if _PREFIX in line), lines[-1] if lines else "")
    reason = line.rpartition(_PREFIX)[2].strip().rstrip(".") or said("llama.cpp gave no reason")
    if "unknown model architecture" in reason:
        return UnsupportedArchitectureError(
            said(
                "{name} has an architecture that this build of llama.cpp does not know ({reason}).",
                name=name,
                reason=reason,
            ),
            hint=said("A newer version of the program may know it."),
        )
    if full := full_device(lines):
        return _no_room_on(full, said("the weights of {name}", name=name), reason)
    return ModelLoadError(
        said("{file} could not be loaded: {why}.", file=name, why=reason),
        hint=said("The file may be damaged: download it again, or try another quantisation."),
    )


def no_context(name: str, params: RunParams, lines: Sequence[str]) -> ModelLoadError:
    """``lines`` are what llama.cpp logged while it made a context for the loaded file ``name``."""
    wanted = said("a context of {n_ctx:,} tokens for {name}", n_ctx=params.n_ctx, name=name)
    if full := full_device(lines):
        return _no_room_on(full, wanted, next(line for line in lines if _NO_BUFFER.search(line)))
    return ModelLoadError(
        said("There is no room for {wanted}.", wanted=wanted), hint=said("Choose a shorter context, or close a pane.")
    )


def full_device(lines: Sequence[str]) -> str | None:
    """The device that had no room, by llama.cpp's name of its buffers; None where main memory had none."""
    found = (_NO_BUFFER.search(line) for line in lines)
    return next((match["name"] for match in found if match and not _MAIN_MEMORY.match(match["name"])), None)


def refuse_impossible(params: RunParams) -> None:
    """Raises UsageError for numbers that llama.cpp would replace by its own, or end the process for."""
    for name, value in (
        (said("A context"), params.n_ctx),
        (said("A batch"), params.n_batch),
        (said("A piece of a batch"), params.n_ubatch),
    ):
        if value < 1:
            raise UsageError(
                said("{what} of {n} tokens is not possible.", what=name, n=value),
                hint=said("Ask for at least 1 token."),
            )
    if params.n_seq_max < 1:
        raise UsageError(
            said("{n_seq_max} sequences are not possible.", n_seq_max=params.n_seq_max),
            hint=said("Ask for at least 1."),
        )


def _no_room_on(device: str, wanted: str, reason: str) -> DeviceMemoryError:
    return DeviceMemoryError(
        said(
            "There is no room on {device} for {wanted} ({reason}).",
            device=device,
            wanted=wanted,
            reason=reason.strip().rstrip("."),
        ),
        hint=said("Put fewer layers on it, shorten the context, or close what else uses it."),
    )
