"""LoRA adapters on shared weights: thin wrappers of llama.cpp's calls."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.engine import native
from workbench.words import said


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """Its matrices, beside the weights they belong to; llama.cpp frees them with those weights."""

    path: Path
    pointer: Any


def load(weights: native.Weights, path: Path) -> LoadedAdapter:
    """Before the context that it is for is made: graphs leave room for the adapters that are there.

    Raises LoadFailed.
    """
    with native.native_log.collected() as lines, weights.planning:
        pointer = native.api().llama_adapter_lora_init(weights.model, os.fsencode(path))
    if not pointer:
        raise native.LoadFailed(said("{file} was not loaded", file=path.name), lines)
    return LoadedAdapter(path, pointer)


def use(weights: native.Weights, context: native.Context, adapters: Sequence[tuple[LoadedAdapter, float]]) -> None:
    """From now on a new context's answers are those of the weights with these adapters, each with its scale.

    One token is evaluated and forgotten, so that the context plans its new graphs now and not beside a load that
    adds another adapter.  Raises NativeError.
    """
    library = native.api()
    pointers = (library.llama_adapter_lora_p_ctypes * len(adapters))(*(adapter.pointer for adapter, _ in adapters))
    scales = (ctypes.c_float * len(adapters))(*(scale for _, scale in adapters))
    status = library.llama_set_adapters_lora(context.pointer, pointers, len(adapters), scales)
    if status:
        raise native.NativeError(
            said("llama_set_adapters_lora returned {status}", status=status), native.native_log.recent(5)
        )
    with weights.planning:
        context.prefill([max(0, weights.bos)], 0, lambda: False, output=True)
    context.clear()
