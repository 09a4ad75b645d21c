"""Adapters loaded onto weights and given to contexts, with what fails said in the user's terms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workbench.engine import native, native_adapters
from workbench.engine.native_adapters import LoadedAdapter
from workbench.engine.refusal import refusal
from workbench.errors import AdapterError
from workbench.models.params import RunParams
from workbench.words import said

_TRIED = RunParams(n_ctx=256, n_batch=64, n_ubatch=64, n_gpu_layers=0)
_FAILED = "failed to apply lora adapter: "
_HINT = said("Download or convert the adapter again.")


def load(weights: native.Weights, path: Path) -> LoadedAdapter:
    """Raises AdapterError."""
    try:
        return native_adapters.load(weights, path)
    except native.LoadFailed as error:
        line = next((line for line in reversed(error.lines) if _FAILED in line), "")
        reason = line.rpartition(_FAILED)[2].strip().rstrip(".") or said("llama.cpp gave no reason")
        raise AdapterError(
            said("{file} could not be loaded: {why}.", file=path.name, why=reason), hint=_HINT
        ) from error


def use(
    weights: native.Weights, context: native.Context, adapters: Sequence[LoadedAdapter], scales: Sequence[float]
) -> None:
    """Give a new context its adapters.  Raises AdapterError."""
    try:
        native_adapters.use(weights, context, list(zip(adapters, scales, strict=True)))
    except native.NativeError as error:
        names = ", ".join(adapter.path.name for adapter in adapters)
        raise AdapterError(
            said("{names} could not be applied: {error}.", names=names, error=error), hint=_HINT
        ) from error


def try_adapters(path: Path, adapters: Sequence[Path]) -> None:
    """Load them onto the model and evaluate some tokens; in a child, for an assertion may end the process.

    Raises AdapterError, ModelLoadError and UnsupportedArchitectureError.
    """
    native.api()
    try:
        weights = native.Weights(path, n_gpu_layers=0)
    except native.LoadFailed as error:
        raise refusal(path.name, error.lines) from error
    with weights:
        loaded = [load(weights, adapter) for adapter in adapters]
        try:
            context = native.Context(weights, _TRIED)
        except native.LoadFailed as error:
            raise refusal(path.name, error.lines) from error
        try:
            use(weights, context, loaded, [1.0] * len(loaded))
            context.prefill(weights.tokenize("Hello, world! 1+1=2", special=False)[:16] or [0], 0, _never, output=True)
            finite = np.isfinite(context.row()).all()
        except native.NativeError as error:
            raise AdapterError(
                said("{file} cannot be evaluated with it: {error}.", file=path.name, error=error), hint=_HINT
            ) from error
        finally:
            context.close()
    if not finite:
        names = ", ".join(adapter.name for adapter in adapters)
        raise AdapterError(
            said("{names} makes {file} compute values that are not numbers.", names=names, file=path.name), hint=_HINT
        )


def _never() -> bool:
    return False
