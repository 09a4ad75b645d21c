"""Asking llama.cpp what a load would take, without allocating it.  Runs in the child only.

A failed assertion of llama.cpp ends the process; the parent makes that a message.  What really is allocated
here is small (compute graphs, output rows) or as large as in a load (recurrent state).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from workbench.engine import breakdown, native
from workbench.engine.native_params import Placement
from workbench.engine.refusal import refusal
from workbench.engine.sparse import in_place, lay_out
from workbench.errors import ProbeError
from workbench.models.exact import Head
from workbench.models.params import RunParams
from workbench.words import said

Stage: TypeAlias = Callable[[str], None]

# Stages, worded for "… took longer than 60 s".
SPARSE, OPEN, CONTEXT = said("laying out its header"), said("opening it"), said("reserving a context")

_ADVICE = said("The estimate stands; it needs no answer from llama.cpp.")


class Questions:
    """Answers them one after the other; the last model stays open, so that another context costs milliseconds."""

    def __init__(self) -> None:
        self._model: native.Weights | None = None
        self._model_key: object = None
        self._folder: Path | None = None

    def answer(self, request: Mapping[str, Any], stage: Stage) -> dict[str, object]:
        """The breakdowns of ``params``, which share a placement.

        ``model`` identifies the files' headers and ``folder`` is an empty one for this question alone.  Raises
        ProbeError, ModelLoadError and UnsupportedArchitectureError.
        """
        heads = [Head(Path(head["path"]), head["name"], head["size_bytes"]) for head in request["heads"]]
        wanted = [RunParams(**params) for params in request["params"]]
        key = (request["model"], Placement.of(wanted[0]))
        if self._model is None or self._model_key != key:
            self._close()
            self._model = self._open(heads, Path(request["folder"]), key[1], stage)
            self._model_key = key
        answers = []
        for params in wanted:
            stage(CONTEXT)
            answers.append(self._ask(self._model, heads[0].name, params))
        return {"breakdowns": answers}

    def abandon(self) -> None:
        """Remove what a killed parent no longer can."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _open(self, heads: list[Head], folder: Path, placement: Placement, stage: Stage) -> native.Weights:
        self._folder = folder
        try:
            path = in_place(heads)
            if path is None:
                stage(SPARSE)
                path = lay_out(heads, folder)
            stage(OPEN)
            return native.Weights(
                path, n_gpu_layers=placement.n_gpu_layers, n_cpu_moe=placement.n_cpu_moe, no_alloc=True
            )
        except native.LoadFailed as error:
            raise refusal(heads[0].name, error.lines) from error
        finally:
            # An open model no longer looks at its file.
            shutil.rmtree(folder, ignore_errors=True)
            self._folder = None

    def _ask(self, model: native.Weights, name: str, params: RunParams) -> dict[str, object]:
        try:
            context = native.Context(model, params)
        except native.LoadFailed as error:
            raise ProbeError(
                said(
                    "llama.cpp makes no context of {n_ctx:,} tokens for {name}: {error}.",
                    n_ctx=params.n_ctx,
                    name=name,
                    error=_last_words(error),
                ),
                hint=_ADVICE,
            ) from error
        try:
            reading = breakdown.read(model, context)
            return {
                "n_ctx": context.n_ctx,
                "source": reading.source.value,
                "buffers": [asdict(buffer) for buffer in reading.buffers],
            }
        finally:
            context.close()

    def _close(self) -> None:
        if self._model is not None:
            self._model.close()
            self._model = None


def _last_words(error: native.NativeError) -> str:
    """The last line that gives a reason, without the function it was logged from."""
    for line in reversed(error.lines):
        where, colon, reason = line.partition(": ")
        if colon and "failed to initialize" not in line.lower():
            return reason.strip().rstrip(".") if " " not in where else line.strip().rstrip(".")
    return said("it gave no reason")
