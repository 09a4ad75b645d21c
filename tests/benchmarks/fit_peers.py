"""Other programs' numbers beside ours, for the same models and contexts; llama.cpp's own answer is the measure.

A program that names one number for everything is compared with weights, cache and compute buffers together.
llmfit counts half a GB besides, whichllm a framework's overhead: both are left in, as a user would read them.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.engine import shapes
from workbench.engine.probe import Probe
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hardware.facts import Memory
from workbench.jobs import CancelToken
from workbench.models.describe import describe
from workbench.models.exact import Head
from workbench.models.fit import fit
from workbench.models.params import RunParams
from workbench.store.database import Database

CONTEXTS = (8192, 32_768)

# The name on the hub, and what whichllm's own list would say of the model: its window, and the share of layers
# without one.
ASKED: dict[str, tuple[str, dict[str, object]]] = {
    "llama3-8b": ("meta-llama/Llama-3.1-8B-Instruct", {}),
    "llama3.2-3b": ("meta-llama/Llama-3.2-3B-Instruct", {}),
    "mistral-nemo-12b": ("mistralai/Mistral-Nemo-Instruct-2407", {}),
    "mistral-small-24b": ("mistralai/Mistral-Small-24B-Instruct-2501", {}),
    "gemma2-9b": ("google/gemma-2-9b-it", {"sliding_window": 4096, "sliding_window_global_ratio": 0.5}),
    "gemma3-4b": ("google/gemma-3-4b-it", {"sliding_window": 1024, "sliding_window_global_ratio": 1 / 6}),
    "gemma3-12b": ("google/gemma-3-12b-it", {"sliding_window": 1024, "sliding_window_global_ratio": 1 / 6}),
    "mixtral-8x7b": (
        "mistralai/Mixtral-8x7B-Instruct-v0.1", {"is_moe": True, "parameter_count_active": 12_900_000_000}
    ),
}  # fmt: skip
PEERS = ("llmfit", "hf-mem", "whichllm")


def measure(folder: Path, python: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    questions = []
    roomy = replace(LAPTOP_WITHOUT_GPU, memory=Memory(512 << 30, 512 << 30))
    with Database(folder / "peers.sqlite3") as db:
        probe = Probe(db)
        for name, (hub_name, numbers) in ASKED.items():
            path = shapes.write(name, folder)
            model = describe(path)
            for n_ctx in CONTEXTS:
                wanted = RunParams(n_ctx=n_ctx, n_gpu_layers=0)
                (answer,) = probe(
                    [Head(path, path.name, model.size_bytes)], model.header.sha256, [wanted], CancelToken()
                )
                plan = fit(model, roomy, n_ctx=n_ctx, params=wanted)
                if plan.context != n_ctx:
                    continue  # beyond what the model was trained for: the programs would be asked different things
                rows.append(
                    {
                        "model": name,
                        "n_ctx": n_ctx,
                        "real_bytes": sum(answer.on("RAM")),
                        "ours": sum(share.total_bytes - share.overhead_bytes for share in plan.shares),
                    }
                )
                questions.append(
                    {
                        "name": name,
                        "hub_name": hub_name,
                        "n_ctx": n_ctx,
                        "head": str(path),
                        "head_bytes": model.header.data_offset_bytes,
                        "size_bytes": model.size_bytes,
                        "numbers": {"parameter_count": model.parameter_count, **numbers},
                    }
                )
        probe.close()
    program = Path(__file__).with_name("peer_answers.py")
    done = subprocess.run(
        [python, str(program)], input=json.dumps(questions), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the other programs failed:\n{done.stderr[-2000:]}")
    for row, answers in zip(rows, json.loads(done.stdout), strict=True):
        row |= answers
    return rows


def say(rows: list[dict[str, Any]]) -> None:
    print(f"  {'model':18} {'context':>7} {'llama.cpp':>10} {'ours':>8}" + "".join(f"{peer:>10}" for peer in PEERS))
    for row in rows:
        errors = "".join(f"{_error(row, peer):>10}" for peer in PEERS)
        real = f"{row['real_bytes'] / 2**30:6.2f} GiB"
        print(f"  {row['model']:18} {row['n_ctx']:7,} {real} {_error(row, 'ours'):>8}{errors}")
    for who in ("ours", *PEERS):
        found = [abs(row[who] / row["real_bytes"] - 1) for row in rows if row[who] is not None]
        if found:
            print(
                f"  {who:8}: mean error {sum(found) / len(found):6.2%}, worst {max(found):7.2%}, {len(found)} answers"
            )


def _error(row: dict[str, Any], who: str) -> str:
    return f"{row[who] / row['real_bytes'] - 1:+.1%}" if row[who] is not None else "–"
