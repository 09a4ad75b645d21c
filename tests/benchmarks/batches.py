"""Many prompts with a common beginning, against llama-server; ``python -m tests.benchmarks.engine --only batches``.

The same texts on the same weights, threads and slots, in turns: together, the server over HTTP with its prompt cache,
and one by one, where the common beginning is kept from prompt to prompt as far as audit mode allows.  Every turn
has a beginning of its own, so that nobody profits from the turn before.  Speeds are the tokens written in a second, by
the clock on the wall from the first request to the last answer.
"""

from __future__ import annotations

import concurrent.futures
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.peers import Server, serving
from tests.benchmarks.table import Row
from workbench.engine.base import LoadRequest, Message, Mode, Request, Sampling
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.params import RunParams

BATCH = 512
COMMON = "You answer in one short sentence and say nothing else. " * 22  # about 240 tokens
AIM_ONE_BY_ONE = 3.0


@dataclass(frozen=True, slots=True)
class Job:
    """``alone`` of the prompts are asked one by one; ``turns`` of the others, and one of those."""

    model: Path
    threads: int
    turns: int
    aim: float
    slots: int = 8
    prompts: int = 64
    alone: int = 64
    tokens: int = 32
    n_ctx: int = 512

    def texts(self, turn: str, count: int) -> list[str]:
        """Of one turn; ``turn`` comes first, so that turns have nothing in common."""
        return [f"{turn}. {COMMON}\nQuestion {at}: what is {at} times 7?\nAnswer:" for at in range(count)]


class Ours:
    """The engine as the program uses it, templates apart."""

    def __init__(self, job: Job) -> None:
        self._job = job
        backend = LlamaBackend(Vetter(RememberedVerdicts()))
        asked = LoadRequest(describe(job.model), RunParams(job.n_ctx, n_batch=BATCH, n_ubatch=BATCH), "none")
        engine = run(lambda cancel: backend.open(asked, cancel))
        assert isinstance(engine, LlamaEngine)
        self.engine = engine

    def rate(self, texts: Sequence[str], mode: Mode) -> float:
        job, sampling = self._job, Sampling(temperature=0)
        requests = [
            Request((Message("user", text),), sampling, job.tokens, n_threads=job.threads, mode=mode) for text in texts
        ]
        began = time.perf_counter()
        done = run(lambda cancel: self.engine.stream_many(requests, cancel, slots=job.slots))
        seconds = time.perf_counter() - began
        return sum(completion.timings.completion_tokens for completion in done) / seconds


def server_rate(server: Server, job: Job, texts: Sequence[str]) -> float:
    """As many connections as the server has slots."""

    def ask(text: str) -> int:
        body = {"prompt": text, "n_predict": job.tokens, "temperature": 0, "cache_prompt": True}
        return int(server.completion(body)["tokens_predicted"])

    began = time.perf_counter()
    pool = concurrent.futures.ThreadPoolExecutor(job.slots)
    try:
        counts = list(pool.map(ask, texts))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a run that is ended does not wait for the server's answers
    return sum(counts) / (time.perf_counter() - began)


def rows(program: Path | None, job: Job) -> Iterator[Row]:
    name = job.model.name.split("-")[0]
    ours = Ours(job)
    try:
        ours.rate(job.texts("Warming up", 2), Mode.THROUGHPUT)
        together, theirs = _against_server(program, job, ours)
        alone = ours.rate(job.texts("One by one", job.alone), Mode.AUDIT)
    finally:
        ours.engine.close()
    what = f"{name}: {job.prompts} prompts, {job.slots} slots"
    told = f"{together:.1f} tok/s"
    if theirs is not None:
        yield Row("batches", what, told, f"llama-server {theirs:.1f} tok/s", together / theirs, job.aim)
    yield Row("batches", what, told, f"one by one {alone:.1f} tok/s", together / alone, AIM_ONE_BY_ONE)


def _against_server(program: Path | None, job: Job, ours: Ours) -> tuple[float, float | None]:
    """Medians of both sides, in turns."""
    if program is None:
        return ours.rate(job.texts("Together", job.prompts), Mode.THROUGHPUT), None
    flags = {
        "-m": job.model, "-t": job.threads, "-tb": job.threads, "-np": job.slots, "-c": job.slots * job.n_ctx,
        "-b": BATCH, "-ub": BATCH, "-fa": "auto",
    }  # fmt: skip
    mine, theirs = [], []
    with serving(program, flags) as server:
        server_rate(server, job, job.texts("Warming up the server", 2))
        for turn in range(job.turns):
            mine.append(ours.rate(job.texts(f"Together, turn {turn}", job.prompts), Mode.THROUGHPUT))
            theirs.append(server_rate(server, job, job.texts(f"The server's turn {turn}", job.prompts)))
    return statistics.median(mine), statistics.median(theirs)
