"""A conversation from end to end, against llama-server; ``python -m tests.benchmarks.engine --only chat``.

Three questions, each after the answer to the one before, greedy and to the same number of tokens.  The server reads the
very tokens that our prompts come to, streams over HTTP and keeps its cache.  Measured is the wall's time from the first
question to the last answer's end, in audit mode, which evaluates its answers again, and in throughput mode.
"""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.peers import Server, serving
from tests.benchmarks.table import Row
from workbench.engine.base import LoadRequest, Message, Mode, Request, Sampling
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.prompt import PromptWriter
from workbench.engine.templates import choose
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.params import RunParams

N_CTX = 2048
TODAY = datetime.date(2026, 3, 1)
BATCH = 512
AIM = 1.0
SUBJECTS = ("rivers", "bridges", "gardens", "lighthouses", "railways", "harbours", "libraries", "deserts", "orchards")
SYSTEM = (
    "You are a patient teacher. You explain at length, with examples from everyday life, and you never stop early. "
)
QUESTIONS = (
    "Write a long essay about the history of {}.",
    "Now write a long story in which {} play a part.",
    "And now explain in many words how {} are built or made.",
)


@dataclass(frozen=True, slots=True)
class Job:
    model: Path
    threads: int
    turns: int
    tokens: int = 40


@dataclass(frozen=True, slots=True)
class Turn:
    seconds: float
    text: str
    tokens: int


class Ours:
    def __init__(self, job: Job) -> None:
        self._job = job
        backend = LlamaBackend(Vetter(RememberedVerdicts()), today=lambda: TODAY)
        self._model = describe(job.model)
        asked = LoadRequest(self._model, RunParams(N_CTX, n_batch=BATCH, n_ubatch=BATCH))
        engine = run(lambda cancel: backend.open(asked, cancel))
        assert isinstance(engine, LlamaEngine)
        self.engine = engine

    def answer(self, messages: tuple[Message, ...], mode: Mode) -> tuple[str, int]:
        asked = Request(messages, Sampling(temperature=0), self._job.tokens, n_threads=self._job.threads, mode=mode)
        done = run(lambda cancel: self.engine.stream(asked, cancel))
        return done.text, done.timings.completion_tokens

    def prompts(self) -> PromptWriter:
        return PromptWriter(self.engine.weights, choose(self._model.chat_template, None), today=TODAY)


def talk(subject: str, answer: Callable[[tuple[Message, ...]], tuple[str, int]]) -> tuple[Turn, ...]:
    messages: tuple[Message, ...] = (Message("system", SYSTEM * 4),)
    turns = []
    for question in QUESTIONS:
        messages += (Message("user", question.format(subject)),)
        began = time.perf_counter()
        text, tokens = answer(messages)
        turns.append(Turn(time.perf_counter() - began, text, tokens))
        messages += (Message("assistant", text),)
    return tuple(turns)


def rows(program: Path, job: Job) -> Iterator[Row]:
    ours = Ours(job)
    writer = ours.prompts()

    def ask_server(server: Server, messages: tuple[Message, ...]) -> tuple[str, int]:
        body = {
            "prompt": list(writer.write(messages).tokens), "n_predict": job.tokens, "temperature": 0,
            "cache_prompt": True, "stream": True, "id_slot": 0,
        }  # fmt: skip
        last = server.completion(body)
        return str(last["content"]), int(last["tokens_predicted"])

    flags = {"-m": job.model, "-t": job.threads, "-tb": job.threads, "-np": 1, "-c": N_CTX, "-b": BATCH, "-ub": BATCH}
    ways: dict[str, list[tuple[Turn, ...]]] = {"audit": [], "throughput": [], "server": []}
    try:
        with serving(program, {**flags, "-fa": "auto"}) as server:
            asking: dict[str, Callable[[tuple[Message, ...]], tuple[str, int]]] = {
                "audit": lambda messages: ours.answer(messages, Mode.AUDIT),
                "throughput": lambda messages: ours.answer(messages, Mode.THROUGHPUT),
                "server": lambda messages: ask_server(server, messages),
            }
            for subject in SUBJECTS[: job.turns + 1]:
                for way, ask in asking.items():
                    ways[way].append(talk(subject, ask))
    finally:
        ours.engine.close()
    yield from _compared(job, {way: talks[1:] for way, talks in ways.items()})  # the first conversation warms up


def _compared(job: Job, ways: dict[str, list[tuple[Turn, ...]]]) -> Iterator[Row]:
    """Only what came to the same number of tokens on all sides is compared."""
    name = job.model.name.split("-")[0]
    for count, title in ((1, "first answer"), (len(QUESTIONS), f"{len(QUESTIONS)} turns")):
        cut = {way: [turns[:count] for turns in talks] for way, talks in ways.items()}
        same = [at for at in range(job.turns) if len({_tokens(talks[at]) for talks in cut.values()}) == 1]
        theirs = cut.pop("server")
        for way, talks in cut.items():
            what = f"{name}: {title}, {way}"
            if not same:
                yield Row("chat", what, "?", "no two of the same length", None, AIM)
                continue
            mine_s, theirs_s = (statistics.median(_seconds(side[at]) for at in same) for side in (talks, theirs))
            alike = sum(_texts(talks[at]) == _texts(theirs[at]) for at in same)
            peer = f"llama-server {theirs_s:.2f} s"
            yield Row("chat", what, f"{mine_s:.2f} s", peer, theirs_s / mine_s, AIM)
            yield Row("chat", "  of them the same text", f"{alike} of {len(same)}", "")


def _seconds(turns: Sequence[Turn]) -> float:
    return sum(turn.seconds for turn in turns)


def _tokens(turns: Sequence[Turn]) -> int:
    return sum(turn.tokens for turn in turns)


def _texts(turns: Sequence[Turn]) -> list[str]:
    return [turn.text for turn in turns]
