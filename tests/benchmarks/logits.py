"""KL divergence against llama-perplexity, speed and digits; ``python -m tests.benchmarks.engine --only kl``.

A model and the 16-bit file made from it, on the project's own pages, in windows of 512.  Both sides take one window
a batch, on the same threads.  llama-perplexity needs two runs, of which the first writes a file; ours holds both
models at once and stores nothing, or reads the peer's file.  Times include loading.  Compared are, digit by digit as
printed, the figures from the peer's own file of predictions, and the perplexity printed when it is written.
"""

from __future__ import annotations

import ctypes
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from tests.benchmarks.peers import finished
from tests.benchmarks.table import Row
from workbench.cli.measure_words import figures
from workbench.engine import native
from workbench.engine.divergence import divergence, divergence_from
from workbench.engine.kld_file import read_base, write_base
from workbench.engine.passages import Text, text_tokens, windows
from workbench.engine.scoring import Perplexity, Scorer
from workbench.jobs import run
from workbench.models.params import RunParams

WINDOW = 512
PARAMS = RunParams(n_ctx=WINDOW, n_gpu_layers=0)
ROOT = Path(__file__).parents[2]
AIM = 0.9
MOSTLY_F16 = 1  # llama.h: LLAMA_FTYPE_MOSTLY_F16


@dataclass(frozen=True, slots=True)
class Job:
    peer: Path
    model: Path
    base: Path
    text: Path
    file: Path
    n_windows: int
    threads: int


@dataclass(slots=True)
class Seconds:
    """Of every run."""

    peer_base: list[float] = field(default_factory=list)
    peer_kl: list[float] = field(default_factory=list)
    both_at_once: list[float] = field(default_factory=list)
    write_base: list[float] = field(default_factory=list)
    from_file: list[float] = field(default_factory=list)


def half_precision(model: Path, target: Path) -> None:
    """The same weights, as good as they are, in 16 bits."""
    library = native.api()
    params = library.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = MOSTLY_F16, True
    if library.llama_model_quantize(str(model).encode(), str(target).encode(), ctypes.byref(params)):
        raise SystemExit(f"{model.name} could not be written in 16 bits")


def pages(n_tokens: int, model: Path) -> str:
    """The project's pages, as many as it takes; the same text each time."""
    text = "\n\n".join(
        path.read_text(encoding="utf-8") for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    )
    with native.Weights(model, n_gpu_layers=0, vocab_only=True) as vocabulary:
        available = len(vocabulary.tokenize(text, special=False))
    return text * -(-n_tokens // available)


def peer(job: Job, model: Path, *flags: str) -> tuple[float, str]:
    command = [job.peer, "-m", model, "-c", WINDOW, "-b", WINDOW, "-t", job.threads, "-ngl", 0, *flags]
    command += ["--kl-divergence-base", job.file]
    began = time.perf_counter()
    done = finished(command)
    return time.perf_counter() - began, done.stdout + done.stderr


Value = TypeVar("Value")


def timed(into: list[float], work: Callable[[ExitStack], Value]) -> Value:
    began = time.perf_counter()
    with ExitStack() as stack:
        found = work(stack)
        into.append(time.perf_counter() - began)
    return found


def scorer(job: Job, path: Path, stack: ExitStack) -> Scorer:
    weights = stack.enter_context(native.Weights(path, n_gpu_layers=0))
    return stack.enter_context(Scorer(path.stem, weights, PARAMS, n_threads=job.threads))


def at_once(job: Job, stack: ExitStack) -> dict[str, str]:
    base, model = scorer(job, job.base, stack), scorer(job, job.model, stack)
    passages = windows(base.weights, Text("pages", job.text.read_text(encoding="utf-8")), WINDOW)[: job.n_windows]
    return dict(figures(run(lambda cancel: divergence(base, model, passages, cancel)).statistics))


def from_file(job: Job, stack: ExitStack) -> dict[str, str]:
    model = scorer(job, job.model, stack)
    return dict(figures(run(lambda cancel: divergence_from(read_base(job.file), model, cancel)).statistics))


def writing(job: Job, stack: ExitStack) -> Perplexity:
    base = scorer(job, job.base, stack)
    tokens = text_tokens(base.weights, job.text.read_text(encoding="utf-8"))[: job.n_windows * WINDOW]
    return run(lambda cancel: write_base(base, tokens, WINDOW, job.file.with_suffix(".ours"), cancel))


def printed(text: str) -> dict[str, str]:
    """The peer's figures by name, with its runs of blanks as one."""
    lines = re.findall(r"^((?:Mean|Maximum|Minimum|Median|Cor|RMS|Same|\s*\d).*?)\s*:\s+(.*?)\s*$", text, re.MULTILINE)
    return {
        " ".join(name.split()): " ".join(value.split()) for name, value in lines if "KLD" in name or "p" in name.lower()
    }


def rows(program: Path, model: Path, threads: int, tokens: int, runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        text, base = Path(folder, "pages.txt"), Path(folder, f"{model.stem}-F16.gguf")
        text.write_text(pages(tokens, model), encoding="utf-8")
        half_precision(model, base)
        job = Job(program, model, base, text, Path(folder, "base.kld"), tokens // WINDOW, threads)
        yield from measured(job, runs)


def measured(job: Job, runs: int) -> Iterator[Row]:
    seconds, ours, theirs = Seconds(), {}, {}
    for _ in range(runs):
        took, base_said = peer(job, job.base, "-f", str(job.text), "--chunks", str(job.n_windows))
        seconds.peer_base.append(took)
        took, said = peer(job, job.model, "--kl-divergence")
        seconds.peer_kl.append(took)
        timed(seconds.both_at_once, lambda stack: at_once(job, stack))
        stored = timed(seconds.from_file, lambda stack: from_file(job, stack))
        written = timed(seconds.write_base, lambda stack: writing(job, stack))
        theirs = printed(said)
        final = re.search(r"PPL = (\S+) \+/- (\S+)", base_said)
        theirs["PPL of the base"] = " ± ".join(final.groups()) if final else "not printed"
        ours = {**stored, "PPL of the base": f"{written.value:.4f} ± {written.error:.5f}"}
    peer_base, peer_kl = statistics.median(seconds.peer_base), statistics.median(seconds.peer_kl)
    name = f"{job.model.name.split('-')[0]}: {job.n_windows * WINDOW} tokens,"
    for what, mine, other in (
        ("KL without a file", seconds.both_at_once, peer_base + peer_kl),
        ("writing the base", seconds.write_base, peer_base),
        ("KL from its file", seconds.from_file, peer_kl),
    ):
        took = statistics.median(mine)
        yield Row("kl", f"{name} {what}", f"{took:.1f} s", f"llama-perplexity {other:.1f} s", other / took, AIM)
    differing = {figure: [ours.get(figure), theirs[figure]] for figure in theirs if ours.get(figure) != theirs[figure]}
    equal = len(theirs) - len(differing)
    yield Row("kl", f"{name} figures as printed", f"{equal} equal", f"of {len(theirs)}", equal / len(theirs), 1.0)
    for figure, (mine_said, peer_said) in differing.items():
        yield Row("kl", f"  differs: {figure}", str(mine_said), str(peer_said))
    alike = same_bytes(job.file, job.file.with_suffix(".ours"))
    yield Row("kl", f"{name} equal bytes in the files", f"{alike:.6%}", "")


def same_bytes(first: Path, second: Path) -> float:
    """The share of bytes that are equal, in files of one length; 0 where the lengths differ."""
    if first.stat().st_size != second.stat().st_size:
        return 0.0
    return float((np.memmap(first, np.uint8, "r") == np.memmap(second, np.uint8, "r")).mean())
