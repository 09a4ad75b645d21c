"""KL divergence against llama-perplexity, speed and digits: python -m tests.benchmarks.logits --peer PATH

A model and the 16-bit file made from it, on the project's own pages, in windows of 512.  Both sides take one window
a batch, on the same threads.  llama-perplexity needs two runs, of which the first writes a file; ours holds both
models at once and stores nothing, or reads the peer's file.  Times include loading.  Compared are, digit by digit as
printed, the figures from the peer's own file of predictions, and the perplexity printed when it is written.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from tests.models import test_models
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
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout + done.stderr


def timed(into: list[float], work: Callable[[ExitStack], object]) -> object:
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


def measure(job: Job, runs: int) -> dict[str, object]:
    seconds, differing, shared = Seconds(), {}, 0
    for _ in range(runs):
        took, base_said = peer(job, job.base, "-f", str(job.text), "--chunks", str(job.n_windows))
        seconds.peer_base.append(took)
        took, said = peer(job, job.model, "--kl-divergence")
        seconds.peer_kl.append(took)
        exact = timed(seconds.both_at_once, lambda stack: at_once(job, stack))
        stored = timed(seconds.from_file, lambda stack: from_file(job, stack))
        written = timed(seconds.write_base, lambda stack: writing(job, stack))
        assert isinstance(exact, dict)
        assert isinstance(stored, dict)
        assert isinstance(written, Perplexity)
        theirs = printed(said)
        ours = {name: stored[name] for name in theirs if name in stored}
        final = re.search(r"PPL = (\S+) \+/- (\S+)", base_said)
        theirs["PPL of the base"] = " ± ".join(final.groups()) if final else "not printed"
        ours["PPL of the base"] = f"{written.value:.4f} ± {written.error:.5f}"
        shared = len(ours)
        differing = {name: [ours.get(name), theirs[name]] for name in theirs if ours.get(name) != theirs[name]}
    median = {name: statistics.median(getattr(seconds, name)) for name in Seconds.__slots__}
    return {
        "model": job.model.name, "threads": job.threads, "tokens": job.n_windows * WINDOW, "runs": runs,
        "seconds": {name: round(value, 2) for name, value in median.items()},
        "ratio_both_at_once": round((median["peer_base"] + median["peer_kl"]) / median["both_at_once"], 3),
        "ratio_write_base": round(median["peer_base"] / median["write_base"], 3),
        "ratio_from_file": round(median["peer_kl"] / median["from_file"], 3),
        "figures": shared, "differing": differing, "file_bytes": job.file.stat().st_size,
        "bytes_equal": same_bytes(job.file, job.file.with_suffix(".ours")), "without_a_file": exact,
    }  # fmt: skip


def same_bytes(first: Path, second: Path) -> float:
    """The share of bytes that are equal, in files of one length; 0 where the lengths differ."""
    if first.stat().st_size != second.stat().st_size:
        return 0.0
    return float((np.memmap(first, np.uint8, "r") == np.memmap(second, np.uint8, "r")).mean())


def show(result: dict[str, object]) -> None:
    print("{model} against its 16-bit form: {tokens} tokens, {threads} threads, {runs} runs in turns".format(**result))
    print("KL without a file, against the peer's two runs   ratio {ratio_both_at_once:.3f}".format(**result))
    print("writing the base's predictions                   ratio {ratio_write_base:.3f}".format(**result))
    print("KL from the peer's file                          ratio {ratio_from_file:.3f}".format(**result))
    print("{figures} figures printed by both; differing: {differing}".format(**result))
    print("share of equal bytes in the two files of predictions: {bytes_equal:.8f}".format(**result))


def main() -> None:
    parser = argparse.ArgumentParser(description="KL divergence against llama-perplexity.")
    parser.add_argument("--peer", type=Path, required=True, help="the llama-perplexity program")
    parser.add_argument("--model", type=Path, help="a GGUF; the SmolLM2 starter unless given")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=10_240)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not asked.peer.is_file():
        raise SystemExit(f"{asked.peer} is not there: build it from the engine's own source first")
    model = asked.model or test_models().smollm2
    with tempfile.TemporaryDirectory() as folder:
        text, base = Path(folder, "pages.txt"), Path(folder, f"{model.stem}-F16.gguf")
        text.write_text(pages(asked.tokens, model), encoding="utf-8")
        half_precision(model, base)
        job = Job(asked.peer, model, base, text, Path(folder, "base.kld"), asked.tokens // WINDOW, asked.threads)
        result = measure(job, asked.runs)
    print(json.dumps(result, indent=2, ensure_ascii=False)) if asked.json else show(result)


if __name__ == "__main__":
    main()
