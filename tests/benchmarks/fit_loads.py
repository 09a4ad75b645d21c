"""Real loads, for the fit benchmark: run as a program in a process of its own.

``python -m tests.benchmarks.fit_loads breakdowns MODEL`` reads parameters as JSON from standard input, loads the
model for real and prints what llama.cpp's breakdown says of each context.
``python -m tests.benchmarks.fit_loads growth MODEL [N_CTX]`` opens the model as the workbench does, lets it read a
prompt longer than a micro-batch and answer, and prints the plan's bytes and this process's growth.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from workbench.engine import breakdown, native
from workbench.engine.base import LoadRequest, Message, Request, Sampling
from workbench.engine.llama import LlamaBackend
from workbench.engine.stored_verdicts import StoredVerdicts
from workbench.engine.vet import Vetter
from workbench.hardware.detect import detect
from workbench.jobs import run
from workbench.models.breakdown import RAM, Kind
from workbench.models.describe import describe
from workbench.models.fit import fit
from workbench.models.params import RunParams
from workbench.store.database import Database

WORDS = "The quick brown fox jumps over the lazy dog while the five boxing wizards look on. "


def breakdowns(path: Path, wanted: list[RunParams]) -> list[object]:
    """Weights, cache and compute bytes of each context; None for one that llama.cpp refuses."""
    answers: list[object] = []
    with native.Weights(path, n_gpu_layers=0) as weights:
        for params in wanted:
            try:
                context = native.Context(weights, params)
            except native.LoadFailed:
                answers.append(None)
                continue
            answers.append([asdict(buffer) for buffer in breakdown.read(weights, context).buffers])
            context.close()
    return answers


def growth(path: Path, n_ctx: int) -> dict[str, object]:
    """As the workbench loads and answers; the engine itself measures the process before and after."""
    model = describe(path)
    params = RunParams(n_ctx=n_ctx, n_gpu_layers=0)
    machine = replace(detect(None, Path.cwd()), devices=())
    plan = fit(model, machine, n_ctx=n_ctx, params=params)
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder) / "w.sqlite3") as db:
        backend = LlamaBackend(Vetter(StoredVerdicts(db)))
        engine = run(lambda cancel: backend.open(LoadRequest(model, plan.params), cancel))
        prompt = WORDS * 40
        while engine.count_tokens((Message("user", prompt),)) > n_ctx - 32:
            prompt = prompt[: len(prompt) * 3 // 4]
        request = Request((Message("user", prompt),), Sampling(temperature=0), max_tokens=16)
        run(lambda cancel: engine.stream(request, cancel))
        facts = engine.facts
        tokens = engine.count_tokens(request.messages)
        engine.close()
        backend.close()
    assert facts.growth is not None
    ram = next(share for share in plan.shares if share.device == RAM)
    return {
        "prompt_tokens": tokens,
        "n_ubatch": plan.params.n_ubatch,
        "predicted_bytes": plan.total_bytes,
        "parts": {part.kind.value: part.size_bytes for part in ram.parts},
        "repacked_bytes": sum(buffer.weights_bytes for buffer in facts.buffers if "REPACK" in buffer.name),
        "weights_bytes": ram.of(Kind.WEIGHTS),
        "growth_bytes": facts.growth.process_bytes,
        "alone": facts.growth.alone,
    }


def main(words: list[str]) -> None:
    match words:
        case ["breakdowns", path]:
            print(json.dumps(breakdowns(Path(path), [RunParams(**params) for params in json.load(sys.stdin)])))
        case ["growth", path, n_ctx]:
            print(json.dumps(growth(Path(path), int(n_ctx))))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
