"""What a process of its own costs an engine: python -m tests.benchmarks.isolation [--model FILE] [--rounds N]

The same file, parameters and prompt, in this process and apart, in turns; printed are medians.  "start" is from
asking to an engine that is ready, vetting apart; "per token" is a whole greedy answer's time after its first text,
as the reader sees it, divided by its tokens; the difference is what encoding, the pipe and two threads cost.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.models import test_models
from workbench.engine.base import AnswerEvent, Backend, LoadRequest, Message, Request, Sampling, TextDelta
from workbench.engine.isolated import IsolatedBackend, IsolatedEngine
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.params import RunParams

PROMPT = "Explain in a few sentences why the sky is blue."


@dataclass(slots=True)
class Seen:
    """Milliseconds of every round; ``own_mib`` is the child's memory beside what its load and answers took."""

    start_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    token_ms: list[float] = field(default_factory=list)
    count_ms: list[float] = field(default_factory=list)
    text: str = ""
    own_mib: float = 0.0


def measure(backend: Backend, asked: LoadRequest, tokens: int, threads: int, seen: Seen) -> None:
    began = time.perf_counter()
    engine = run(lambda cancel: backend.open(asked, cancel))
    seen.start_ms.append(1000 * (time.perf_counter() - began))
    messages = (Message("user", PROMPT),)
    try:
        run(lambda cancel: engine.stream(Request(messages, max_tokens=2, n_threads=threads), cancel))
        began = time.perf_counter()
        engine.count_tokens(messages)
        seen.count_ms.append(1000 * (time.perf_counter() - began))
        times: list[float] = []

        def on_event(event: AnswerEvent) -> None:
            if isinstance(event, TextDelta):
                times.append(time.perf_counter())

        request = Request((Message("user", f"{PROMPT} "),), Sampling(temperature=0), tokens, n_threads=threads)
        began = time.perf_counter()
        completion = run(lambda cancel: engine.stream(request, cancel), on_event=on_event)
        seen.first_ms.append(1000 * (times[0] - began))
        seen.token_ms.append(1000 * (times[-1] - times[0]) / (completion.timings.completion_tokens - 1))
        seen.text = completion.text
        if isinstance(engine, IsolatedEngine):
            child = psutil.Process(engine.pid)
            held = (engine.facts.growth.process_bytes or 0) if engine.facts.growth else 0
            seen.own_mib = (child.memory_info().rss - held) / 2**20
    finally:
        engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, help="a GGUF file; else SmolLM2 135M and the synthetic Mistral")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    files = [chosen.model] if chosen.model else [Path(test_models().smollm2), Path(test_models().mistral)]
    vetter = Vetter(RememberedVerdicts())
    for path in files:
        asked = LoadRequest(describe(path), RunParams(n_ctx=1024, n_gpu_layers=0))
        backends: dict[str, Backend] = {"here": LlamaBackend(vetter), "apart": IsolatedBackend(vetter)}
        seen = {name: Seen() for name in backends}
        measure(backends["here"], asked, 4, chosen.threads, Seen())  # vets the file and warms the disk's cache
        for _ in range(chosen.rounds):
            for name, backend in backends.items():
                measure(backend, asked, chosen.tokens, chosen.threads, seen[name])
        print(f"{path.name}, {chosen.rounds} rounds of {chosen.tokens} tokens, {chosen.threads} threads")
        for what in ("start_ms", "first_ms", "token_ms", "count_ms"):
            here, apart = (statistics.median(getattr(seen[name], what)) for name in ("here", "apart"))
            print(f"  {what:9} here {here:8.2f}   apart {apart:8.2f}   difference {apart - here:+8.2f}")
        print(f"  the child's memory beside its model: {seen['apart'].own_mib:.0f} MiB")
        print(f"  the same text: {seen['here'].text == seen['apart'].text}")


if __name__ == "__main__":
    main()
