"""Which ways of asking give the same bits, for each model: python -m tests.benchmarks.determinism

A prompt is answered greedily by the engine itself and every row of logits that a token was drawn from is hashed, so
that "equal" means all bits of all rows.  Where bits differ, the table says whether the text is the same.  What the
program promises (audit mode, and isolation, which runs the same engine) has to be equal: the status is 1 if it is not.
Threads and batches promise nothing; what they do is told.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.models import test_models
from workbench.engine import native
from workbench.engine.base import Backend, LoadRequest, Message, Mode, Request, Sampling
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.prompt_cache import PromptCache
from workbench.engine.sampling import Sampler
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.params import RunParams

TODAY = datetime.date(2026, 3, 1)
PARAMS = RunParams(n_ctx=3072, n_batch=256, n_ubatch=256, n_gpu_layers=0)
GIB = 1 << 30
COMMON = "The lighthouse keeper wrote down the weather, the ships and the birds of every day. " * 14
QUESTION = COMMON + "On the next morning the lighthouse keeper"
OTHER = COMMON + "Many years later, the"
LONG = COMMON * 5 + "On the next morning the lighthouse keeper"
TOKENS = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """``rows`` stand for the logits that each token was drawn from, in order."""

    text: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """``promised`` is whether the program says that these are equal."""

    what: str
    promised: bool
    first: Answer
    other: Answer

    @property
    def equal(self) -> bool:
        return self.first == self.other

    @property
    def verdict(self) -> str:
        if self.equal:
            return f"equal, {len(self.first.rows)} rows"
        same = sum(one == two for one, two in zip(self.first.rows, self.other.rows, strict=False))
        words = "the same text" if self.first.text == self.other.text else "another text"
        return f"{same} of {len(self.first.rows)} rows equal, {words}"


@contextmanager
def watching() -> Iterator[list[list[str]]]:
    """The rows of logits that tokens are drawn from meanwhile, hashed: a list for each answer, in their order."""
    drawn: dict[Sampler, list[str]] = {}
    draw = Sampler.next

    def noting(sampler: Sampler, context: native.Context, row: int = -1, *, free: bool = False) -> int:
        drawn.setdefault(sampler, []).append(hashlib.sha256(context.row(row).tobytes()).hexdigest())
        return draw(sampler, context, row, free=free)

    found: list[list[str]] = []
    Sampler.next = noting  # type: ignore[assignment, method-assign]  # the engine is watched, not a copy of its loop
    try:
        yield found
    finally:
        Sampler.next = draw  # type: ignore[method-assign]  # as it was
        found.extend(drawn.values())


class Asked:
    """One model, opened anew for each ``engine``."""

    def __init__(self, model: Path) -> None:
        self._vetter = Vetter(RememberedVerdicts())
        self._load = LoadRequest(describe(model), PARAMS, "none")

    @contextmanager
    def engine(self, cache: PromptCache | None = None) -> Iterator[LlamaEngine]:
        backend = LlamaBackend(self._vetter, today=lambda: TODAY, prompt_cache=cache)
        engine = run(lambda cancel: backend.open(self._load, cancel))
        try:
            yield engine
        finally:
            engine.close()

    def fresh(self, text: str, mode: Mode = Mode.AUDIT, threads: int = 1) -> Answer:
        with self.engine() as engine:
            return answer(engine, text, mode, threads)

    def apart(self, *, isolated: bool) -> Answer:
        """In a process of its own, or in this one: probabilities as told stand for the rows, which stay there."""
        here = LlamaBackend(self._vetter, today=lambda: TODAY)
        backend: Backend = IsolatedBackend(self._vetter) if isolated else here
        engine = run(lambda cancel: backend.open(self._load, cancel))
        try:
            asked = request(QUESTION, Mode.AUDIT, 1)
            done = run(lambda cancel: engine.stream(replace(asked, alternatives=20), cancel))
        finally:
            engine.close()
        return Answer(done.text, tuple(repr(choice) for choice in done.choices))


def request(text: str, mode: Mode, threads: int) -> Request:
    return Request((Message("user", text),), Sampling(temperature=0), TOKENS, n_threads=threads, mode=mode)


def answer(engine: LlamaEngine, text: str, mode: Mode = Mode.AUDIT, threads: int = 1) -> Answer:
    with watching() as drawn:
        done = run(lambda cancel: engine.stream(request(text, mode, threads), cancel))
    return Answer(done.text, tuple(drawn[0]))


def answers(engine: LlamaEngine, texts: Sequence[str], mode: Mode, slots: int) -> list[Answer]:
    asked = [request(text, mode, 1) for text in texts]
    with watching() as drawn:
        done = run(lambda cancel: engine.stream_many(asked, cancel, slots=slots))
    return [Answer(one.text, tuple(rows)) for one, rows in zip(done, drawn, strict=True)]


def audit(asked: Asked, threads: int) -> Iterator[Compared]:
    cold, long = asked.fresh(QUESTION), asked.fresh(LONG)
    yield Compared("audit: run to run", True, cold, asked.fresh(QUESTION))
    yield Compared(f"audit: 1 thread and {threads}", False, cold, asked.fresh(QUESTION, threads=threads))
    with asked.engine() as engine:
        answer(engine, QUESTION)
        yield Compared("audit: the same again in one context", True, cold, answer(engine, QUESTION))
        answer(engine, OTHER)
        yield Compared("audit: after one that began alike", True, cold, answer(engine, QUESTION))
        answer(engine, OTHER, Mode.THROUGHPUT)
        yield Compared("audit: after a throughput answer", True, cold, answer(engine, QUESTION))
        first, *_ = answers(engine, [QUESTION, OTHER], Mode.AUDIT, 2)
        yield Compared("audit: asked with others", True, cold, first)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            with asked.engine(PromptCache(Path(folder), lambda: GIB)) as engine:
                stored = answer(engine, LONG)
        yield Compared("audit: from the prompt cache on disk", True, long, stored)
    yield Compared("audit: in a process of its own", True, asked.apart(isolated=False), asked.apart(isolated=True))


def throughput(asked: Asked, _threads: int) -> Iterator[Compared]:
    mode = Mode.THROUGHPUT
    cold = asked.fresh(QUESTION, mode)
    yield Compared("throughput: cold, against audit", False, asked.fresh(QUESTION), cold)
    with asked.engine() as engine:
        answer(engine, OTHER, mode)
        yield Compared("throughput: prefix kept and not", False, cold, answer(engine, QUESTION, mode))
        texts = [f"{COMMON}On day {day} the lighthouse keeper" for day in range(8)]
        one, eight = answers(engine, texts, mode, 1), answers(engine, texts, mode, 8)
        yield Compared("throughput: batches of 8, run to run", False, *_joined(eight, answers(engine, texts, mode, 8)))
        yield Compared("throughput: batches of 1 and of 8", False, *_joined(one, eight))
        yield Compared("throughput: batches of 8, against audit", False, *_joined(_alone(engine, texts), eight))


def _alone(engine: LlamaEngine, texts: Sequence[str]) -> list[Answer]:
    return [answer(engine, text) for text in texts]


def _joined(*sides: Sequence[Answer]) -> Iterator[Answer]:
    for side in sides:
        yield Answer("\n".join(one.text for one in side), tuple(row for one in side for row in one.rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, action="append", help="a GGUF; the three test models unless given")
    parser.add_argument("--threads", type=int, default=2, help="compared with one")
    asked = parser.parse_args()
    models = test_models()
    broken = 0
    print(f"{'model':12} {'what':44} {'promised':9} found")
    for path in asked.model or [models.smollm2, models.gemma, models.mistral]:
        one = Asked(path)
        for way in (audit, throughput):
            for found in way(one, asked.threads):
                broken += found.promised and not found.equal
                promised = "equal" if found.promised else "nothing"
                print(f"{path.name.split('-')[0]:12} {found.what:44} {promised:9} {found.verdict}", flush=True)
    print(f"{broken} promises broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
