"""What being stoppable costs: prefill with llama.cpp's abort callback and without, one pane and four at once.

The callback runs Python for every few nodes of a graph, and four panes want Python's lock at the same time: each has a
context and a thread of its own here, as in the program.  ``python -m tests.benchmarks.engine --only abort``
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.table import Row
from workbench.engine import native
from workbench.engine.native_batch import BatchContext
from workbench.engine.slots import SHARED, Batch
from workbench.models.params import RunParams

PIECE = 64  # tokens of a batch: the fewer, the more often is asked
AIM = 0.98


def rows(model: Path, threads: int, tokens: int, runs: int) -> Iterator[Row]:
    with native.Weights(model, n_gpu_layers=0) as weights:
        for panes in (1, 4):
            asked, free, calls = prefills(weights, panes, max(1, threads // panes), tokens, runs)
            what = f"{model.name.split('-')[0]}: prefill, {panes} pane{'s' * (panes > 1)} at once"
            ours = f"{panes * tokens / asked:.1f} tok/s"
            yield Row("abort", what, ours, f"not asking {panes * tokens / free:.1f} tok/s", free / asked, AIM)
            yield Row("abort", "  times asked, for each token", f"{calls / (panes * tokens):.0f}", "")


def prefills(weights: native.Weights, panes: int, threads: int, tokens: int, runs: int) -> tuple[float, float, int]:
    """Seconds with the callback and without, in turns, and how often it was called in one prefill of all panes."""
    calls = [0] * panes
    with ThreadPoolExecutor(panes, thread_name_prefix="pane") as pool:
        asked, free = [], []
        for run in range(runs + 1):
            with_it = _at_once(pool, weights, panes, threads, tokens, calls)
            without = _at_once(pool, weights, panes, threads, tokens, None)
            if run:  # the first warms up
                asked.append(with_it)
                free.append(without)
    return statistics.median(asked), statistics.median(free), sum(calls) // (runs + 1)


def _at_once(
    pool: ThreadPoolExecutor, weights: native.Weights, panes: int, threads: int, tokens: int, calls: list[int] | None
) -> float:
    ready = threading.Barrier(panes + 1)
    done = [pool.submit(_prefill, weights, threads, tokens, _stop(calls, pane), ready) for pane in range(panes)]
    ready.wait()
    began = time.perf_counter()
    for future in done:
        future.result()
    return time.perf_counter() - began


def _stop(calls: list[int] | None, pane: int) -> Callable[[], bool] | None:
    if calls is None:
        return None

    def stop() -> bool:
        calls[pane] += 1
        return False

    return stop


def _prefill(
    weights: native.Weights, threads: int, tokens: int, stop: Callable[[], bool] | None, ready: threading.Barrier
) -> None:
    params = RunParams(n_ctx=tokens, n_batch=PIECE, n_ubatch=PIECE, n_gpu_layers=0)
    with BatchContext(weights, params, n_threads=threads) as context:
        ready.wait()
        for start in range(0, tokens, PIECE):
            batch = Batch()
            batch.add([1 + at % 997 for at in range(start, start + PIECE)], start, SHARED, output=False)
            context.evaluate(batch, stop)
        native.api().llama_synchronize(context.pointer)
