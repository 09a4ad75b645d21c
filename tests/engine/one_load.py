"""Load one model as the program does, answer once, and leave a receipt; run as a program, for a process of its own.

Usage: python one_load.py DATA_FOLDER MODEL [estimate] [fewer]
With ``estimate`` llama.cpp is not asked beforehand; with ``fewer`` the load is told to be smaller than it is.
"""

from __future__ import annotations

import queue
import sys
from dataclasses import replace
from pathlib import Path

from workbench.app import Workbench
from workbench.chat.comparison import Comparison
from workbench.chat.options import Options
from workbench.engine.base import Sampling
from workbench.hardware.facts import Hardware
from workbench.jobs import JobMessage, JobRunner, run
from workbench.models.describe import describe
from workbench.models.file import ModelFile
from workbench.models.fit import Fit
from workbench.models.params import RunParams

PROMPT = "Tell me about the colours of the sky, and why they change from morning to evening. " * 20
N_CTX = 1024


def main(data_folder: Path, path: Path, wishes: set[str]) -> None:
    with Workbench.open(data_dir=data_folder) as bench:
        model = describe(path)
        if "estimate" not in wishes:
            exact = run(bench.exact(model, n_ctx=N_CTX))
            assert exact.basis == "exact", exact.reasons
        messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
        runner = JobRunner(messages.put)
        comparison = bench.comparison(runner)
        if "fewer" in wishes:
            comparison = _told_less(bench, comparison, runner)
        comparison.options = Options(sampling=Sampling(temperature=0), max_tokens=24)
        pane = comparison.add_pane()
        comparison.choose(pane, model, n_ctx=N_CTX)
        comparison.ask(PROMPT)
        while comparison.busy:
            comparison.deliver(messages.get(timeout=300))
        answer = pane.exchanges[-1].answer
        assert answer is not None
        assert answer.error is None, answer.error
        comparison.close()
        runner.close()


def _told_less(bench: Workbench, comparison: Comparison, runner: JobRunner) -> Comparison:
    """The same with fits for half of the context."""

    def fit(model: ModelFile, hardware: Hardware, *, n_ctx: int, params: RunParams | None) -> Fit:
        found = bench.fit(model, n_ctx=n_ctx // 4, params=params, machine=hardware)
        return replace(found, params=replace(found.params, n_ctx=n_ctx))

    return Comparison(runner, bench.backend, bench.machine, ledger=comparison._findings._ledger, fit=fit)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), set(sys.argv[3:]))
