"""The estimate beside llama.cpp's own numbers, over a grid of parameters; nothing is allocated."""

from __future__ import annotations

import itertools
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.models.describe import describe
from workbench.models.memory import need
from workbench.models.params import RunParams
from workbench.models.shape import shape_of
from workbench.models.weights import rearranged_types

# Models below three billion weights, whose work area is a large part of the whole.
TINY_PARAMETERS = 2_000_000_000

_PROGRAM = Path(__file__).with_name("load_facts.py")
_TIMEOUT_S = 300
_STEP = 29  # one in so many still meets each value of each parameter


@dataclass(frozen=True, slots=True)
class Row:
    """One model with one set of parameters; bytes of main memory, everything in it."""

    shape: str
    params: RunParams
    tiny: bool
    predicted_weights_bytes: int
    predicted_kv_bytes: int
    predicted_compute_bytes: int
    measured_weights_bytes: int
    measured_kv_bytes: int
    measured_compute_bytes: int

    @property
    def error(self) -> float:
        """Of the whole; above 0 the estimate is too high."""
        predicted = self.predicted_weights_bytes + self.predicted_kv_bytes + self.predicted_compute_bytes
        return predicted / (self.measured_weights_bytes + self.measured_kv_bytes + self.measured_compute_bytes) - 1


def configurations(full: bool) -> list[RunParams]:
    """Contexts, micro-batches, flash attention, outputs, sequences and kinds of cache; a slice unless ``full``."""
    every = [
        RunParams(
            n_ctx=n_ctx,
            n_batch=2048,
            n_ubatch=n_ubatch,
            flash_attn=flash_attn,
            n_outputs_max=n_outputs_max,
            n_seq_max=n_seq_max,
            swa_full=cache == "swa_full",
            kv_unified=cache == "kv_unified",
            type_k="q8_0" if cache == "q8_0" else "f16",
            type_v="q8_0" if cache == "q8_0" else "f16",
        )
        for n_ctx, n_ubatch, flash_attn, n_outputs_max, n_seq_max, cache in itertools.product(
            (2048, 8192, 32_768),
            (128, 512, 2048),
            ("on", "off"),
            (0, 1),
            (1, 4),
            ("", "swa_full", "kv_unified", "q8_0"),
        )
        # llama.cpp refuses a quantised V without flash attention.
        if not (cache == "q8_0" and flash_attn == "off") and not (cache == "kv_unified" and n_seq_max == 1)
    ]
    return every if full else every[::_STEP]


def compare(path: Path, params_list: Sequence[RunParams]) -> list[Row]:
    """A row for each set of parameters that llama.cpp accepts.

    Raises CalledProcessError when llama.cpp refuses the file or aborts.
    """
    model = describe(path)
    shape = shape_of(model.header)
    rows = []
    for params, real in zip(params_list, measure(path, params_list), strict=True):
        if real is None:
            continue
        features = None if "CPU_REPACK" in real["buffers"] else ()
        own = need(model.header, shape, params, rearranged=rearranged_types(platform.machine(), features))
        rows.append(
            Row(
                shape=path.stem,
                params=params,
                tiny=model.parameter_count < TINY_PARAMETERS,
                predicted_weights_bytes=own.weights_bytes,
                predicted_kv_bytes=own.kv_bytes,
                predicted_compute_bytes=own.compute_bytes,
                measured_weights_bytes=real["weights"],
                measured_kv_bytes=real["kv"],
                measured_compute_bytes=real["compute"],
            )
        )
    return rows


def measure(path: Path, params_list: Sequence[RunParams], *, real: bool = False) -> list[dict[str, Any] | None]:
    """llama.cpp's breakdowns, from a child process; with ``real`` the model is loaded and memory allocated."""
    asked = json.dumps([params.as_json() for params in params_list])
    words = [sys.executable, str(_PROGRAM), str(path), *(["real"] if real else [])]
    # Without this, ggml starts a debugger when it aborts, and waits for it.
    environment = {**os.environ, "GGML_NO_BACKTRACE": "1"}
    answer = subprocess.run(
        words, input=asked, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, env=environment
    )
    return list(json.loads(answer.stdout.splitlines()[-1]))
