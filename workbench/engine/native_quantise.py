"""llama.cpp's quantisation behind one typed call.  It cannot be cancelled and may abort: in a child process only."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.engine import native
from workbench.words import said

LONGEST_TEXT_BYTES = 127  # of a key or a text in llama_model_kv_override, its closing zero apart

_TAG_INT, _TAG_STR = 0, 3  # llama.h: enum llama_model_kv_override_type


def quantise(
    source: Path,
    target: Path,
    file_type: int,
    *,
    importance: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str | int],
    n_threads: int,
    allow_requantise: bool,
    dry_run: bool,
) -> tuple[str, ...]:
    """The lines llama.cpp logged, one of each tensor among them.  ``metadata`` is written into the target's header.

    Raises NativeError with them when it failed; what it had written so far stays.
    """
    library = native.api()
    params = library.llama_model_quantize_default_params()
    params.nthread = n_threads
    params.ftype = file_type
    params.allow_requantize = allow_requantise
    params.dry_run = dry_run
    entries = _importance(library, importance)
    if importance:
        params.imatrix = entries
    params.kv_overrides = overrides = _overrides(library, metadata)
    with native.native_log.collected() as lines:
        status = library.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params))
    del entries, overrides  # they had to live until here
    if status:
        raise native.NativeError(said("the model was not quantised"), lines)
    return tuple(lines)


def _importance(library: Any, importance: Mapping[str, NDArray[np.float32]]) -> Any:
    """An array that ends with an entry without a name; it points into the given arrays."""
    floats = ctypes.POINTER(ctypes.c_float)
    entries = (library.llama_model_imatrix_data * (len(importance) + 1))()
    for entry, (name, values) in zip(entries, importance.items(), strict=False):
        entry.name = name.encode()
        entry.data = values.ctypes.data_as(floats)
        entry.size = values.size
    return entries


def _overrides(library: Any, metadata: Mapping[str, str | int]) -> Any:
    """An array that ends with an entry without a key."""
    overrides = (library.llama_model_kv_override * (len(metadata) + 1))()
    for override, (key, value) in zip(overrides, metadata.items(), strict=False):
        override.key = key.encode()
        if isinstance(value, int):
            override.tag, override.value.val_i64 = _TAG_INT, value
        else:
            override.tag, override.value.val_str = _TAG_STR, cut(value)
    return overrides


def cut(text: str) -> bytes:
    """As much of it as an override holds, in whole characters."""
    return text.encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore").encode()
