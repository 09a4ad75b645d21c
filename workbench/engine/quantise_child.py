"""What the child process does for a quantisation.  Runs in the child only."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.engine import importance_file, native
from workbench.engine.importance_file import Importance
from workbench.engine.native_importance import Inputs, Watched
from workbench.engine.native_quantise import quantise
from workbench.engine.probe_child import Stage
from workbench.engine.refusal import refusal
from workbench.errors import QuantiseError
from workbench.words import said

QUANTISING, MEASURING = "quantise", "measure"

_TENSOR = re.compile(r"^\[ *(?P<done>\d+)/ *(?P<total>\d+)\] (?P<name>\S+)")
_BECOMES = re.compile(r"size = .*\((?P<type>\w+)\)$")
_FAILED = "failed to quantize: "
_FALLBACK = "required fallback quantization"
_WANTS_IMPORTANCE = "will require an imatrix"


class QuantiseWork:
    """Quantises, and measures importance; knows what it has begun to write."""

    def __init__(self) -> None:
        self._target: Path | None = None

    def quantise(self, request: Mapping[str, Any], stage: Stage) -> dict[str, object]:
        """``types`` by tensor on a dry run; what to say about it always."""
        native.api()
        target, dry_run = Path(request["target"]), bool(request["dry_run"])
        self._target = None if dry_run else target
        with _telling(stage):
            try:
                lines = quantise(
                    Path(request["source"]),
                    target,
                    request["file_type"],
                    importance=_means(request["importance"]),
                    metadata=request["metadata"],
                    n_threads=request["n_threads"],
                    allow_requantise=request["allow_requantise"],
                    dry_run=dry_run,
                )
            except native.NativeError as error:
                raise QuantiseError(
                    said(
                        "{name} could not be quantised: {lines}.",
                        name=Path(request["source"]).name,
                        lines=_reason(error.lines),
                    ),
                    hint=said("Choose another type, or check the file with `workbench models verify`."),
                ) from error
        return {
            "types": _new_types(lines) if dry_run else {},
            "needs_importance": any(_WANTS_IMPORTANCE in line for line in lines),
            "fallback": next((_fallback(line) for line in lines if _FALLBACK in line), None),
        }

    def measure(self, request: Mapping[str, Any], stage: Stage) -> dict[str, object]:
        """Write the importance matrix of a model on a text; how many tokens it took."""
        path, target, size = Path(request["path"]), Path(request["target"]), int(request["chunk_tokens"])
        stage(f"{MEASURING} 0/0")
        try:
            weights = native.Weights(path, n_gpu_layers=request["n_gpu_layers"])
        except native.LoadFailed as error:
            raise refusal(path.name, error.lines) from error
        with weights:
            text = Path(request["text"]).read_text(encoding="utf-8")
            chunks = _chunks(weights, text, size)
            if not chunks:
                raise QuantiseError(
                    said(
                        "The texts are fewer than {size} tokens to {file}: too little for an importance matrix.",
                        size=size,
                        file=path.name,
                    ),
                    hint=said("Give more of what you use the model for; some thousand words are a good start."),
                )
            inputs = _measured(weights, chunks, stage, request["n_threads"])
        self._target = target
        found = Importance(
            {name: sums.astype(np.float32) for name, sums in inputs.sums.items()},
            {name: counts.astype(np.float32) for name, counts in inputs.counts.items()},
            len(chunks),
            size,
        )
        if not all(np.isfinite(sums).all() for sums in found.sums.values()):
            raise QuantiseError(
                said("{file} computes values that are not numbers.", file=path.name),
                hint=said("The file is damaged: download it again."),
            )
        importance_file.write(target, found, datasets=request["datasets"])
        return {"tokens": sum(map(len, chunks)), "matrices": len(found.sums)}

    def abandon(self) -> None:
        """Leave nothing half-written behind; the process ends at once."""
        if self._target is not None:
            with contextlib.suppress(OSError):
                self._target.unlink(missing_ok=True)


def _measured(weights: native.Weights, chunks: Sequence[Sequence[int]], stage: Stage, n_threads: int) -> Inputs:
    try:
        inputs = Inputs()
        context = Watched(weights, max(map(len, chunks)), inputs, n_threads=n_threads)
    except native.NativeError as error:
        raise QuantiseError(
            said("{weights} cannot be measured: {error}.", weights=weights.path.name, error=error),
            hint=said("There may be too little memory."),
        ) from error
    try:
        for number, chunk in enumerate(chunks):
            stage(f"{MEASURING} {number}/{len(chunks)}")
            context.evaluate(chunk)
    except native.NativeError as error:
        raise QuantiseError(
            said("{file} cannot be evaluated: {error}.", file=weights.path.name, error=error),
            hint=said("Try another precision of the model."),
        ) from error
    finally:
        context.close()
    return inputs


def _chunks(weights: native.Weights, text: str, size: int) -> list[list[int]]:
    """Whole chunks only, each beginning with BOS where the model wants one."""
    tokens = weights.tokenize(text, special=False)
    head = [weights.bos] if weights.adds_bos else []
    room = size - len(head)
    return [head + tokens[start : start + room] for start in range(0, len(tokens) - room + 1, room)]


def _means(path: str | None) -> Mapping[str, NDArray[np.float32]]:
    return importance_file.read(Path(path)).means() if path else {}


@contextlib.contextmanager
def _telling(stage: Stage) -> Iterator[None]:
    """Each tensor that llama.cpp logs becomes a stage."""
    teller, logger = _Teller(stage), logging.getLogger("llama.cpp")
    before = logger.level
    logger.addHandler(teller)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(teller)
        logger.setLevel(before)


class _Teller(logging.Handler):
    def __init__(self, stage: Stage) -> None:
        super().__init__(logging.DEBUG)
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        match = _TENSOR.match(record.getMessage())
        if match is not None:
            self._stage(f"{QUANTISING} {match['done']}/{match['total']}")


def _new_types(lines: Sequence[str]) -> dict[str, str]:
    """What a dry run says each tensor would become; those that stay as they are are left out."""
    found, name = {}, ""
    for line in lines:
        tensor, becomes = _TENSOR.match(line), _BECOMES.search(line)
        if tensor is not None:
            name = tensor["name"]
        elif becomes is not None:
            found[name] = becomes["type"]
    return found


def _reason(lines: Sequence[str]) -> str:
    told = next(
        (line for line in reversed(lines) if _FAILED in line), lines[-1] if lines else said("no reason was given")
    )
    return told.rpartition(_FAILED)[2].strip().rstrip(".!")


def _fallback(line: str) -> str:
    """ "12 of 290 tensor(s)", of llama.cpp's warning."""
    return line.rpartition("WARNING: ")[2].partition(" required")[0]
