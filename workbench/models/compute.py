"""The size of the work area: what llama.cpp reserves for the largest graph it will compute."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from workbench.models.architectures import NEARLY_TRIED, TRIED
from workbench.models.cells import batch_of, cells_of, outputs_of, padded_batch, streams_of, window_cells_of
from workbench.models.drawing import draw
from workbench.models.ggml_types import BY_NAME
from workbench.models.params import RunParams
from workbench.models.replay import Program
from workbench.models.shape import Shape
from workbench.models.sketch import Sketch

# Equal to the byte where it was tried, but for a few; elsewhere the drawing may lack an operation.
_NEARLY_MARGIN = 1.02
_UNTRIED_MARGIN = 1.05
_V_ROTATION = 64


def compute_bytes(shape: Shape, params: RunParams) -> int:
    """The work area for one device that computes all layers."""
    program = _program(shape.sketch, params.flash_attn != "off", _rotates(params.type_k), _rotates(params.type_v))
    batch = padded_batch(params)
    values = (
        batch,
        min(batch, outputs_of(params)),
        batch * cells_of(params),
        batch * window_cells_of(shape.window, params),
        cells_of(params) * streams_of(params),
        max(1, params.n_seq_max),
        1,
    )
    return int(program.peak_bytes(values) * _margin(shape))


def _margin(shape: Shape) -> float:
    if shape.architecture not in TRIED:
        return _UNTRIED_MARGIN
    return _NEARLY_MARGIN if shape.architecture in NEARLY_TRIED else 1.0


def input_compute_bytes(shape: Shape, params: RunParams) -> int:
    """The inputs of a batch in main memory, when a GPU computes every layer."""
    return 4 * batch_of(params) * shape.n_embd + mask_bytes(shape, params)


def mask_bytes(shape: Shape, params: RunParams) -> int:
    """Attention masks: which token sees which; in F16 with flash attention, else F32."""
    columns = cells_of(params) + (window_cells_of(shape.window, params) if shape.window else 0)
    return columns * batch_of(params) * (4 if params.flash_attn == "off" else 2)


@functools.lru_cache(maxsize=256)
def _program(sketch: Sketch, flash: bool, k_rotates: bool, v_rotates: bool) -> Program:
    return draw(
        replace(
            sketch,
            flash=flash,
            k_rotations=_of_both(sketch, lambda k, _v: _rotation(k) if k_rotates else 0),
            v_rotations=_of_both(sketch, lambda _k, v: _V_ROTATION if v_rotates and v and not v % _V_ROTATION else 0),
        )
    )


def _of_both(sketch: Sketch, rotation: Callable[[int, int], int]) -> tuple[int, int]:
    plain, windowed = sketch.lengths
    return rotation(*plain), rotation(*windowed)


def _rotates(type_name: str) -> bool:
    """Whether llama.cpp turns rows by a Hadamard matrix before it stores them in this type."""
    return BY_NAME[type_name].block_elements > 1


def _rotation(length: int) -> int:
    """The largest power of two that divides a head, from 64; 0 when none does."""
    if not length or length % 64:
        return 0
    width = 64
    while length % (width * 2) == 0:
        width *= 2
    return width
