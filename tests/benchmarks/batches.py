"""Many prompts with a common beginning, against llama-server: python -m tests.benchmarks.batches --peer PATH

The same texts on the same weights, threads and slots, in turns: together, one by one, and the server over HTTP with
its prompt cache.  Every turn has a beginning of its own, so that nobody profits from the turn before.  Printed are
the medians of the tokens written in a second, by the clock on the wall from the first request to the last answer.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.models import test_models
from workbench.engine.base import LoadRequest, Message, Mode, Request, Sampling
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.params import RunParams

BATCH = 512
STARTS_WITHIN_S = 60.0
COMMON = "You answer in one short sentence and say nothing else. " * 22  # about 240 tokens


@dataclass(frozen=True, slots=True)
class Job:
    model: Path
    threads: int
    slots: int
    prompts: int
    tokens: int
    n_ctx: int = 512

    def texts(self, turn: str) -> list[str]:
        """Of one turn; ``turn`` comes first, so that turns have nothing in common."""
        return [f"{turn}. {COMMON}\nQuestion {at}: what is {at} times 7?\nAnswer:" for at in range(self.prompts)]


class Ours:
    """The engine as the program uses it, templates apart."""

    def __init__(self, job: Job) -> None:
        self._job = job
        backend = LlamaBackend(Vetter(RememberedVerdicts()))
        asked = LoadRequest(describe(job.model), RunParams(job.n_ctx, n_batch=BATCH, n_ubatch=BATCH), "none")
        engine = run(lambda cancel: backend.open(asked, cancel))
        assert isinstance(engine, LlamaEngine)
        self.engine = engine

    def together(self, texts: Sequence[str]) -> float:
        return self._rate(texts, Mode.THROUGHPUT)

    def one_by_one(self, texts: Sequence[str]) -> float:
        return self._rate(texts, Mode.AUDIT)

    def _rate(self, texts: Sequence[str], mode: Mode) -> float:
        job, sampling = self._job, Sampling(temperature=0)
        requests = [
            Request((Message("user", text),), sampling, job.tokens, n_threads=job.threads, mode=mode) for text in texts
        ]
        began = time.perf_counter()
        done = run(lambda cancel: self.engine.stream_many(requests, cancel, slots=job.slots), cancel=CancelToken())
        seconds = time.perf_counter() - began
        return sum(completion.timings.completion_tokens for completion in done) / seconds


class Server:
    """llama-server with as many slots, asked over HTTP by as many connections."""

    def __init__(self, port: int, job: Job) -> None:
        self._port = port
        self._job = job

    def rate(self, texts: Sequence[str]) -> float:
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(self._job.slots) as pool:
            counts = list(pool.map(self._ask, texts))
        return sum(counts) / (time.perf_counter() - began)

    def _ask(self, text: str) -> int:
        body = {"prompt": text, "n_predict": self._job.tokens, "temperature": 0, "cache_prompt": True}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        try:
            connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
            return int(json.loads(connection.getresponse().read())["tokens_predicted"])
        finally:
            connection.close()

    def is_up(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def serving(peer: Path, job: Job, more: Sequence[str]) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = {
        "-m": job.model, "-t": job.threads, "-tb": job.threads, "-np": job.slots, "-c": job.slots * job.n_ctx,
        "-b": BATCH, "-ub": BATCH, "-fa": "auto", "--host": "127.0.0.1", "--port": port,
    }  # fmt: skip
    command = [str(peer), *(str(word) for pair in flags.items() for word in pair), *more]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "LLAMA_OFFLINE": "1"})
        try:
            server, until = Server(port, job), time.monotonic() + STARTS_WITHIN_S
            while not server.is_up():
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise SystemExit(f"llama-server did not start:\n{log.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait()


def measure(peer: Path, job: Job, runs: int, more: Sequence[str]) -> dict[str, list[float]]:
    ours = Ours(job)
    try:
        with serving(peer, job, more) as server:
            ways: dict[str, Callable[[Sequence[str]], float]] = {
                "together": ours.together,
                "one_by_one": ours.one_by_one,
                "llama_server": server.rate,
            }
            for way, ask in ways.items():
                ask(job.texts(f"Warming up {way}")[:2])
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for turn in range(runs):
                for way, ask in ways.items():
                    rates[way].append(ask(job.texts(f"Turn {turn} of {way}")))
            return rates
    finally:
        ours.engine.close()


def report(job: Job, runs: int, rates: dict[str, list[float]]) -> dict[str, object]:
    medians = {way: statistics.median(found) for way, found in rates.items()}
    return {
        "schema_version": 1,
        "model": job.model.name,
        "threads": job.threads,
        "slots": job.slots,
        "prompts": job.prompts,
        "tokens": job.tokens,
        "runs": runs,
        "tokens_per_s": {way: round(value, 2) for way, value in medians.items()},
        "against_llama_server": round(medians["together"] / medians["llama_server"], 3),
        "against_one_by_one": round(medians["together"] / medians["one_by_one"], 3),
        "all": {way: [round(value, 2) for value in found] for way, found in rates.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Many prompts at a time against llama-server.")
    parser.add_argument("--peer", type=Path, required=True, help="the llama-server program")
    parser.add_argument("--model", type=Path, help="a GGUF; the SmolLM2 starter unless given")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--server-flag", action="append", default=[], help="one more word for llama-server")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    job = Job(asked.model or test_models().smollm2, asked.threads, asked.slots, asked.prompts, asked.tokens)
    result = report(job, asked.runs, measure(asked.peer, job, asked.runs, asked.server_flag))
    if asked.json:
        print(json.dumps(result, indent=2))
        return
    print(
        "{model}: {prompts} prompts, {tokens} tokens each, {slots} slots, {threads} threads, {runs} runs".format(
            **result
        )
    )
    for way, value in dict(result["tokens_per_s"]).items():  # type: ignore[call-overload]  # a dict by construction
        print(f"{way:14} {value:9.2f} tok/s")
    print(f"against llama-server {result['against_llama_server']}, against one by one {result['against_one_by_one']}")


if __name__ == "__main__":
    main()
