"""The engine beside llama.cpp's own programs, in one table: python -m tests.benchmarks.engine --peers FOLDER

Both sides run the same weights on the same threads, in turns; printed are medians, their ratio and what was aimed at.
``make bench-engine`` builds the peers, once, from the engine's own source and with its flags.  ``--only`` chooses
parts; without ``--full`` each part is short, and all of them take about twelve minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks import aborting, batches, chatting, logits, reuse, speeds
from tests.benchmarks.peers import Peers, end_on_terminate
from tests.benchmarks.table import Row, line, table
from tests.models import test_models
from workbench.engine import native


@dataclass(frozen=True, slots=True)
class Plan:
    peers: Peers
    models: tuple[Path, ...]
    threads: int
    full: bool

    def either(self, full: int, short: int) -> int:
        return full if self.full else short


def _decode(plan: Plan) -> Iterator[Row]:
    if (bench := plan.peers.program("llama-bench")) is not None:
        for model in plan.models:
            job = speeds.Job(model, plan.threads, prompt=512, generated=64, depth=256)
            yield from speeds.rows(bench, job, plan.either(11, 4))


def _chat(plan: Plan) -> Iterator[Row]:
    if (server := plan.peers.program("llama-server")) is not None:
        # The first alone: the others have no chat template.
        yield from chatting.rows(server, chatting.Job(plan.models[0], plan.threads, plan.either(8, 3)))


def _batches(plan: Plan) -> Iterator[Row]:
    server = plan.peers.program("llama-server")
    for model, aim in zip(plan.models, (1.1, 2.5), strict=False):
        job = batches.Job(model, plan.threads, plan.either(5, 2), aim, alone=plan.either(64, 32))
        yield from batches.rows(server, job)


def _turns(plan: Plan) -> Iterator[Row]:
    for model in plan.models:
        yield from reuse.rows(model, plan.threads, 1100, plan.either(5, 1))


def _kl(plan: Plan) -> Iterator[Row]:
    if (program := plan.peers.program("llama-perplexity")) is not None:
        yield from logits.rows(program, plan.models[0], plan.threads, 10_240, plan.either(3, 1))


def _abort(plan: Plan) -> Iterator[Row]:
    yield from aborting.rows(plan.models[0], plan.threads, 256, plan.either(9, 3))


PARTS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "decode": _decode,
    "chat": _chat,
    "batches": _batches,
    "turns": _turns,
    "kl": _kl,
    "abort": _abort,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The engine beside llama.cpp's own programs.")
    parser.add_argument("--peers", type=Path, help="the folder of llama-bench, llama-server and llama-perplexity")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them: %(default)s")
    parser.add_argument("--model", type=Path, help="one GGUF instead of SmolLM2 and Gemma")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--full", action="store_true", help="more turns of everything; most of an hour")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    chosen = asked.only.split(",")
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}")
    end_on_terminate()
    models = (asked.model,) if asked.model else (test_models().smollm2, test_models().gemma)
    plan = Plan(Peers(asked.peers), models, asked.threads, asked.full)
    began, found = time.monotonic(), []
    for name in chosen:
        for row in PARTS[name](plan):
            found.append(row)
            if not asked.json:
                print(line(row), flush=True)
    facts = {
        "engine": native.version(), "machine": platform.processor() or platform.machine(), "threads": asked.threads,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }  # fmt: skip
    if asked.json:
        print(json.dumps({"schema_version": 1, **facts, "rows": [row.as_json() for row in found]}, indent=2))
    else:
        print(f"\n{table(found)}\n" + ", ".join(f"{name} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()
