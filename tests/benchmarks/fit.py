"""How true the planner's numbers are: python -m tests.benchmarks.fit [--peers PYTHON] [--quick] [--json FILE]

1. The exact probe against real loads: the same contexts, asked without allocating and then made for real, on the
   small real models and on models of real shapes cut to a few layers.
2. The estimate against the probe, over shapes of 3B to 46B parameters and a grid of parameters.
3. The plan against what the process grew by, from loading to the end of an answer.
4. The header scan against the reference reader, on a vocabulary of 262 144 tokens.
5. Bytes fetched for the headers of a repository, from a hub on this machine.
6. Predicted weights against the sizes of published files.
7. Other programs' numbers beside ours, for the same models and contexts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks import fit_peers, fit_remote, published
from tests.benchmarks.fit_cut import write_cut
from tests.engine import grid, shapes
from tests.models import test_models
from workbench.engine.probe import Probe
from workbench.jobs import CancelToken
from workbench.models.describe import describe
from workbench.models.exact import Breakdown, Head
from workbench.models.params import RunParams
from workbench.store.database import Database

MIB = 1 << 20

# How many layers of a shape are loaded for real: one whole period of its kinds of layers.
CUT = {
    "llama3-8b": 2, "llama3-8b-split": 2, "llama3.2-3b-q4_0": 2, "qwen3-30b-a3b": 2, "gemma3-4b": 6, "gpt-oss-20b": 2,
"qwen3.5-9b": 4, "mixtral-8x7b": 1,
}  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Configurations compared, and those that differ."""

    compared: int = 0
    kv_mismatches: int = 0
    compute_mismatches: int = 0
    weight_mismatches: int = 0
    refused: int = 0


# --- 1 -----------------------------------------------------------------------------------------


def probe_against_loads(folder: Path, *, quick: bool) -> dict[str, Any]:
    models = test_models()
    files = {"SmolLM2 135M": models.smollm2, "Gemma 3 270M": models.gemma, "synthetic Mistral": models.mistral}
    files |= {f"{name}, {layers} layers": write_cut(name, folder, layers) for name, layers in CUT.items()}
    files["deepseek2-lite, 4 experts"] = write_cut("deepseek2-lite", folder, 27, experts=4)
    total, seconds = Tally(), {"probe": 0.0, "load": 0.0}
    rows = []
    with Database(folder / "probe.sqlite3") as db:
        probe = Probe(db)
        for name, path in files.items():
            wanted = load_matrix(quick=quick)
            began = time.perf_counter()
            said = ask(probe, path, wanted)
            seconds["probe"] += time.perf_counter() - began
            began = time.perf_counter()
            made = loads(path, [answer.params for answer in said])
            seconds["load"] += time.perf_counter() - began
            own = tally(said, made)
            own.refused = len(wanted) - len(said)
            rows.append({"model": name, **asdict(own)})
            for field in ("compared", "kv_mismatches", "compute_mismatches", "weight_mismatches", "refused"):
                setattr(total, field, getattr(total, field) + getattr(own, field))
        probe.close()
    return {"models": rows, "total": asdict(total), "seconds": seconds}


def load_matrix(*, quick: bool) -> list[RunParams]:
    """Contexts × micro-batches × flash attention × sequences × cache types, and the rarer switches."""
    base = RunParams(n_gpu_layers=0)
    contexts, batches = ((512, 2048), (64, 512)) if not quick else ((512,), (64,))
    found = [
        replace(base, n_ctx=n_ctx, n_ubatch=n_ubatch, flash_attn=flash, n_seq_max=n_seq)
        for n_ctx, n_ubatch, flash, n_seq in itertools.product(contexts, batches, ("on", "off"), (1, 4))
    ]
    found += [replace(base, n_ctx=1024, type_k=kind, type_v=kind, flash_attn="on") for kind in ("q8_0", "q4_0", "bf16")]
    found += [replace(base, n_ctx=1024, n_outputs_max=0), replace(base, n_ctx=1024, swa_full=True)]
    found += [
        replace(base, n_ctx=1024, n_seq_max=4, kv_unified=True),
        replace(base, n_ctx=2048, n_batch=2048, n_ubatch=2048),
    ]
    return found


def ask(probe: Probe, path: Path, wanted: Sequence[RunParams]) -> list[Breakdown]:
    """One by one, so that a context llama.cpp refuses (some caches in some types) costs only itself."""
    from workbench.errors import ProbeError

    model = describe(path)
    heads = [Head(part, part.name, part.stat().st_size) for part in model.files]
    answers = []
    for params in wanted:
        try:
            answers += probe(heads, model.header.sha256, [params], CancelToken())
        except ProbeError as error:
            print(f"  {path.name}: {error.message}", file=sys.stderr)
    return answers


def loads(path: Path, wanted: Sequence[RunParams]) -> list[Any]:
    return child("tests.benchmarks.fit_loads", "breakdowns", str(path), given=[params.as_json() for params in wanted])


def tally(said: Sequence[Breakdown], made: Sequence[Any]) -> Tally:
    found = Tally()
    for answer, real in zip(said, made, strict=True):
        if real is None:
            found.refused += 1
            continue
        found.compared += 1
        for field, ours, theirs in (
            ("kv_mismatches", answer.buffers, real),
            ("compute_mismatches", answer.buffers, real),
            ("weight_mismatches", answer.buffers, real),
        ):
            key = field.split("_", maxsplit=1)[0].replace("weight", "weights") + "_bytes"
            if sum(getattr(buffer, key) for buffer in ours) != sum(buffer[key] for buffer in theirs):
                setattr(found, field, getattr(found, field) + 1)
    return found


# --- 2 -----------------------------------------------------------------------------------------


def estimate_against_probe(folder: Path, *, quick: bool) -> list[dict[str, Any]]:
    models = test_models()
    names = shapes.NAMES[::5] if quick else shapes.NAMES
    files = {"SmolLM2 135M": models.smollm2, "Gemma 3 270M": models.gemma}
    files |= {name: shapes.write(name, folder) for name in names}
    rows = []
    for name, path in files.items():
        compared = grid.compare(path, grid.configurations(full=not quick))
        errors = [row.error for row in compared]
        rows.append(
            {
                "shape": name,
                "large": not compared[0].tiny,
                "configurations": len(compared),
                "kv_mismatches": sum(row.predicted_kv_bytes != row.measured_kv_bytes for row in compared),
                "compute_exact": sum(row.predicted_compute_bytes == row.measured_compute_bytes for row in compared),
                "worst_over": max(errors),
                "worst_under": min(errors),
            }
        )
        exact = rows[-1]["compute_exact"]
        print(
            f"  {name:20} {len(compared):4} configurations, compute exact in {exact:4}, "
            f"total {min(errors):+.2%} … {max(errors):+.2%}",
            flush=True,
        )
    return rows


# --- 3, 4 --------------------------------------------------------------------------------------


def plan_against_growth() -> list[dict[str, Any]]:
    models = test_models()
    rows = []
    for name, path in (("SmolLM2 135M", models.smollm2), ("Gemma 3 270M", models.gemma)):
        for n_ctx in (1024, 4096):
            found = child("tests.benchmarks.fit_loads", "growth", str(path), str(n_ctx))
            predicted = found["predicted_bytes"] + found["repacked_bytes"]
            rows.append({"model": name, "n_ctx": n_ctx, **found, "difference": found["growth_bytes"] / predicted - 1})
    return rows


def scan_against_reader() -> dict[str, Any]:
    path = str(test_models().gemma)
    scan = "from workbench.models.header import read_header; from pathlib import Path"
    scan += "\nmake = lambda name: read_header(Path(name))"
    reader = "from gguf import GGUFReader as make"
    times: dict[str, list[float]] = {"scan": [], "reader": []}
    for _ in range(3):
        for name, opening in (("scan", scan), ("reader", reader)):
            timed = (
                "import time, sys; began = time.perf_counter(); make(sys.argv[1]); print(time.perf_counter() - began)"
            )
            program = f"{opening}\n{timed}"
            done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
            times[name].append(float(done.stdout))
    return {"scan_s": times["scan"], "reader_s": times["reader"], "ratio": min(times["reader"]) / min(times["scan"])}


# --- all ---------------------------------------------------------------------------------------


def child(*words: str, given: object = None) -> Any:
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="a Python that has hf-mem, llmfit and whichllm")
    parser.add_argument("--quick", action="store_true", help="a slice of every matrix")
    parser.add_argument("--only", type=int, action="append", help="only this section; may be repeated")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-fit-") as name:
        folder = Path(name)
        sections: list[tuple[str, Callable[[], Any], Callable[[Any], None]]] = [
            ("probe against real loads", lambda: probe_against_loads(folder, quick=chosen.quick), say_loads),
            ("estimate against the probe", lambda: estimate_against_probe(folder, quick=chosen.quick), say_estimates),
            ("plan against process growth", plan_against_growth, say_growth),
            ("header scan against the reference reader", scan_against_reader, say_scan),
            ("bytes fetched for headers", lambda: fit_remote.measure(folder), fit_remote.say),
            ("published files", published.rows, published.say),
        ]
        if chosen.peers:
            sections.append(("other programs", lambda: fit_peers.measure(folder, chosen.peers), fit_peers.say))
        for number, (title, measure, say) in enumerate(sections, start=1):
            if chosen.only and number not in chosen.only:
                continue
            print(f"\n{number}. {title}", flush=True)
            found = measure()
            say(found)
            results[title] = found
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=2, default=lambda value: asdict(value)))


def say_loads(found: dict[str, Any]) -> None:
    for row in (*found["models"], {"model": "all", **found["total"]}):
        print(
            f"  {row['model']:28} {row['compared']:4} configurations; mismatches: cache {row['kv_mismatches']}, "
            f"compute {row['compute_mismatches']}, weights {row['weight_mismatches']}; refused {row['refused']}"
        )
    seconds = found["seconds"]
    print(f"  probing took {seconds['probe']:.0f} s, loading {seconds['load']:.0f} s")


def say_estimates(rows: list[dict[str, Any]]) -> None:
    for large, title in ((True, "3B and larger"), (False, "tiny models")):
        chosen = [row for row in rows if row["large"] is large]
        if chosen:
            print(
                f"  {title}: {sum(row['configurations'] for row in chosen)} configurations, "
                f"cache mismatches {sum(row['kv_mismatches'] for row in chosen)}, worst over "
                f"{max(row['worst_over'] for row in chosen):+.2%}, "
                f"worst under {min(row['worst_under'] for row in chosen):+.2%}"
            )


def say_growth(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(
            f"  {row['model']:14} context {row['n_ctx']:5}: predicted {row['predicted_bytes'] / MIB:7.1f} MiB"
            f" + repacked {row['repacked_bytes'] / MIB:5.1f}, grew {row['growth_bytes'] / MIB:7.1f} MiB,"
            f" {row['difference']:+.2%}"
        )


def say_scan(found: dict[str, Any]) -> None:
    print(f"  scan {min(found['scan_s']):.3f} s, the reader {min(found['reader_s']):.1f} s: {found['ratio']:.0f} times")


if __name__ == "__main__":
    main()
