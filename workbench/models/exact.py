"""llama.cpp's own answer to what a load would take, as plain values; whoever can ask it is passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.jobs import CancelToken
from workbench.models.params import RunParams


@dataclass(frozen=True, slots=True)
class Head:
    """A GGUF file, or its first bytes: ``path`` holds at least the header, ``size_bytes`` is the whole file's.

    ``name`` is the file's own ("model-00001-of-00003.gguf"): llama.cpp finds the parts of a split model by it.
    """

    path: Path
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """One buffer type of llama.cpp's memory breakdown; ``device`` is "RAM" or the device's name.

    Weights of mapped files are counted once per tensor, as if they were read.
    """

    name: str
    device: str
    weights_bytes: int
    kv_bytes: int
    compute_bytes: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What llama.cpp would allocate (``no_alloc``), or did, for ``params``; ``n_ctx`` is the padded context.

    ``cached`` answers were given before, by the same build, for the same header and parameters.
    """

    params: RunParams
    n_ctx: int
    buffers: tuple[Buffer, ...]
    cached: bool = False

    def on(self, device: str) -> tuple[int, int, int]:
        """Weights, cache and compute bytes on a device."""
        here = [buffer for buffer in self.buffers if buffer.device == device]
        return (
            sum(buffer.weights_bytes for buffer in here),
            sum(buffer.kv_bytes for buffer in here),
            sum(buffer.compute_bytes for buffer in here),
        )


class Prober(Protocol):
    """Asks llama.cpp in a child process.  Any thread; one question at a time."""

    def __call__(
        self, heads: Sequence[Head], header_sha256: str, wanted: Sequence[RunParams], cancel: CancelToken
    ) -> tuple[Breakdown, ...]:
        """One breakdown for each of ``wanted``, in their order.

        Raises ProbeError when llama.cpp refuses, aborts or does not answer in time, and Cancelled.
        """
        ...
