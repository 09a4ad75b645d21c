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

_TRIED = RunParams(n_ctx=256, n_batch=64, n_ubatch=64, n_gpu_layers=0)
_FAILED = "failed to apply lora adapter: "
_HINT = "Download or convert the adapter again."


def load(weights: native.Weights, path: Path) -> LoadedAdapter:
    """Raises AdapterError."""
    try:
        return native_adapters.load(weights, path)
    except native.LoadFailed as error:
        said = next((line for line in reversed(error.lines) if _FAILED in line), "")
        reason = said.rpartition(_FAILED)[2].strip().rstrip(".") or "llama.cpp gave no reason"
        raise AdapterError(f"{path.name} could not be loaded: {reason}.", hint=_HINT) from error


def use(
    weights: native.Weights, context: native.Context, adapters: Sequence[LoadedAdapter], scales: Sequence[float]
) -> None:
    """Give a new context its adapters.  Raises AdapterError."""
    try:
        native_adapters.use(weights, context, list(zip(adapters, scales, strict=True)))
    except native.NativeError as error:
        names = ", ".join(adapter.path.name for adapter in adapters)
        raise AdapterError(f"{names} could not be applied: {error}.", hint=_HINT) from error


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
            raise AdapterError(f"{path.name} cannot be evaluated with it: {error}.", hint=_HINT) from error
        finally:
            context.close()
    if not finite:
        names = ", ".join(adapter.name for adapter in adapters)
        raise AdapterError(f"{names} makes {path.name} compute values that are not numbers.", hint=_HINT)


def _never() -> bool:
    return False
