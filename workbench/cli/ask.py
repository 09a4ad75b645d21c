"""``workbench ask``: one model answers a file of prompts, several at a time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from workbench.app import Workbench
from workbench.chat.answer import measured
from workbench.chat.options import Options, SamplingMode
from workbench.chat.plan import RunMode, fits_at_all, threads_for, too_big
from workbench.cli import last_end, output
from workbench.cli.compare import shared_options
from workbench.cli.inputs import (
    AdapterFiles,
    Alternatives,
    Context,
    Date,
    Force,
    GrammarFile,
    Isolated,
    Json,
    MaxTokens,
    MinP,
    Penalty,
    Policy,
    SamplingBy,
    Schema,
    Seed,
    Stop,
    System,
    Temperature,
    Template,
    Thinking,
    Threads,
    TopK,
    TopP,
    adapters_of,
    constraint_of,
    day_of,
    given,
)
from workbench.cli.progress import Told, follow, interruptible
from workbench.cli.prompt_files import AnswersFile, Question, is_done, key_of, key_of_load, line_of, read_questions
from workbench.engine.adapters import check_all
from workbench.engine.base import (
    SLOTS,
    Adapter,
    Completion,
    Engine,
    EngineFacts,
    LoadEvent,
    Loading,
    LoadRequest,
    Mode,
    Request,
    StopReason,
)
from workbench.engine.llama import LlamaEngine
from workbench.engine.stored_tunings import Tuning
from workbench.engine.tuning import NativeBursts, Tried, most_that_fit, tune, tuning_key
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run tells: how many answers have ended of how many, and what is done before there can be any.

    ``aside``: it is a note, such as that the model had to be placed otherwise."""

    done: int
    total: int
    before: str = ""
    aside: bool = False


Keyed: TypeAlias = tuple[str, Question, Request]


def ask(
    file: Annotated[
        str, typer.Argument(help="Prompts: a .jsonl file, a text with one on each line, or - for standard input.")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="A name of the library or a path.")],
    slots: Annotated[
        int | None, typer.Option("--slots", min=1, max=64, help="How many to answer at a time (tried once, and kept).")
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="One after the other: bit for bit what each gives by itself.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Append the answers to FILE; prompts answered in it are left out.")
    ] = None,
    system: System = None,
    context: Context = None,
    threads: Threads = None,
    seed: Seed = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    max_tokens: MaxTokens = None,
    stop: Stop = None,
    template: Template = None,
    force: Force = False,
    sampling: SamplingBy = None,
    context_policy: Policy = None,
    schema: Schema = None,
    grammar: GrammarFile = None,
    alternatives: Alternatives = 0,
    adapter: AdapterFiles = None,
    isolated: Isolated = False,
    date: Date = None,
    thinking: Thinking = None,
    json: Json = False,
) -> None:
    """Answer every prompt of FILE: a line of JSON for each as it ends, on stdout or in --out."""
    flags = {"context": context, "threads": threads, "temperature": temperature, "top_k": top_k, "top_p": top_p,
             "min_p": min_p, "repetition_penalty": repetition_penalty, "max_tokens": max_tokens,
             "sampling_mode": sampling, "context_policy": context_policy,
             "isolation": "process" if isolated else None}  # fmt: skip
    constraint = constraint_of(schema, grammar)
    (adapters,) = adapters_of(adapter or (), 1)
    with Workbench.open(flags=given(flags)) as workbench, contextlib.ExitStack() as closing:
        options = replace(
            shared_options(workbench, system, seed, stop, RunMode.AUTO),
            constraint=constraint,
            alternatives=alternatives,
            exactness=Mode.AUDIT if audit else Mode.THROUGHPUT,
            date=day_of(date),
            thinking=thinking,
        )
        questions = read_questions(file, options.system)
        chosen = workbench.library.resolve(model)
        load = _load_request(workbench, chosen, template, adapters, force=force)
        keyed, by_whom = _keyed(workbench, questions, options, load, drawn=seed is None)
        answers = AnswersFile(out) if out is not None else None
        if answers is not None:
            closing.callback(answers.close)
        run = _Run(load, keyed, answers, by_whom)
        cancel = closing.enter_context(interruptible())
        task = run.task(workbench, 1 if audit else slots)
        with last_end.watched(workbench, [chosen]):
            follow(task, _told, name="progress", as_json=json, cancel=cancel, items=True)
    _report(run, as_json=json, cancelled=cancel.cancelled)
    raise typer.Exit(INTERRUPTED if cancel.cancelled else 1 if run.failed else 0)


class _Run:
    """What is asked, and what became of it."""

    def __init__(self, load: LoadRequest, keyed: Sequence[Keyed], answers: AnswersFile | None, by_whom: str) -> None:
        """``by_whom`` says by whose wish the model is sampled so."""
        self._load = load
        self._by_whom = by_whom
        self._answers = answers
        known = answers.keys if answers is not None else frozenset()
        self._keyed = [one for one in keyed if one[0] not in known]
        self.skipped = len(keyed) - len(self._keyed)
        self.answered = self.failed = self.tokens = 0
        self.seconds = 0.0

    def task(self, workbench: Workbench, slots: int | None) -> Task[Progress, None]:
        load = self._load

        def task(cancel: CancelToken) -> Generator[Progress, None, None]:
            total = len(self._keyed)
            if not total:
                return
            engine = yield from _opened(workbench.backend.open(load, cancel), total)
            try:
                for note in engine.facts.notes:
                    yield Progress(0, total, note, aside=True)
                tuned = None
                if slots is None:
                    tuned = yield from _tuned(workbench, engine, load, self._keyed[0][2], cancel, total)
                at_a_time = _fitting(workbench, load, slots or (tuned.slots if tuned else SLOTS))
                n_batch = tuned.n_batch if tuned else None
                yield Progress(0, total)
                began = time.monotonic()
                requests = [request for _, _, request in self._keyed]
                # Closed before the engine is: its memory lies on the engine's weights.
                with contextlib.closing(
                    engine.stream_many(requests, cancel, slots=at_a_time, n_batch=n_batch)
                ) as events:
                    for event in events:
                        if isinstance(event.event, Completion):
                            self._take(event.index, event.event, engine.facts)
                            yield Progress(self.answered + self.failed, total)
                self.seconds = time.monotonic() - began
            finally:
                engine.close()

        return task

    def _take(self, index: int, completion: Completion, facts: EngineFacts) -> None:
        """Write an answer down; one that was cancelled half-way is asked again next time."""
        if completion.stop_reason is StopReason.CANCELLED:
            return
        key, question, request = self._keyed[index]
        self.answered += is_done(completion)
        self.failed += not is_done(completion)
        self.tokens += completion.timings.completion_tokens
        answer = measured(self._load, request, completion, facts, fresh=False, advised=self._by_whom)
        line = line_of(question, key if is_done(completion) else None, answer, completion)
        if self._answers is None:
            output.emit_event("answer", line)
        else:
            self._answers.append(line)


def _keyed(
    workbench: Workbench, questions: Sequence[Question], options: Options, load: LoadRequest, *, drawn: bool
) -> tuple[list[Keyed], str]:
    """Each question as it is asked, and by whose wish the model is sampled so; a seed that was ``drawn`` is each
    answer's own, and no reason to ask again."""
    n_threads = workbench.settings.threads or threads_for(workbench.machine(), running=1)
    sampling, by_whom = options.sampling_for(workbench.advice(load.model))
    if options.sampling_mode is SamplingMode.VENDOR:
        output.err.print(f"sampling: {by_whom}", style="dim", markup=False)
    if drawn:
        sampling = replace(sampling, seed=None)
    of_load = key_of_load(load)
    asked = [replace(options, tools=one.tools, tool_choice=one.tool_choice) for one in questions]
    requests = [
        of.request(one.messages, sampling, n_threads=n_threads, day=None)
        for of, one in zip(asked, questions, strict=True)
    ]
    keyed = [(key_of(request, of_load), one, request) for one, request in zip(questions, requests, strict=True)]
    return keyed, by_whom


def _load_request(
    workbench: Workbench, model: ModelFile, template: str | None, adapters: tuple[Adapter, ...], *, force: bool
) -> LoadRequest:
    """Raises AdapterError for one that is not for this model; DoesNotFitError unless told to load it all the same."""
    check_all(adapters, model)
    found = workbench.fit(model)
    if not fits_at_all(found) and not force:
        raise too_big(found)
    isolated = workbench.settings.isolation == "process" or workbench.isolates(model)
    return LoadRequest(model, found.params, template, adapters, isolated)


def _opened(opening: Generator[LoadEvent, None, Engine], total: int) -> Generator[Progress, None, Engine]:
    while True:
        try:
            event = next(opening)
        except StopIteration as end:
            engine: Engine = end.value
            return engine
        share = f" ({event.fraction:.0%})" if isinstance(event, Loading) else ""
        yield Progress(0, total, f"loading{share}")


def _tuned(
    workbench: Workbench, engine: Engine, load: LoadRequest, request: Request, cancel: CancelToken, total: int
) -> Generator[Progress, None, Tuning | None]:
    """What is fastest here, tried unless it was before; None where there is nothing to try."""
    if not isinstance(engine, LlamaEngine):
        return None
    key = tuning_key(load.model.header.sha256, load.params, request.n_threads)
    found = workbench.tunings.of(key)
    if found is None:
        tries = tune(NativeBursts(engine.weights, load.params, request.n_threads), cancel)
        yield Progress(0, total, "trying how many to answer at a time")
        found = yield from _quietly(tries)
        workbench.tunings.keep(key, found)
    return found


def _quietly(tries: Generator[Tried, None, Tuning]) -> Generator[Progress, None, Tuning]:
    while True:
        try:
            tried = next(tries)
        except StopIteration as end:
            tuning: Tuning = end.value
            return tuning
        yield Progress(0, 0, f"trying how many to answer at a time: {tried.what} {tried.size}")


def _fitting(workbench: Workbench, load: LoadRequest, slots: int) -> int:
    """As many as this machine has room for, and at least one."""
    found = most_that_fit(
        load.params, slots, lambda params: fits_at_all(workbench.fit(load.model, params=params, n_ctx=params.n_ctx))
    )
    return 1 if found is None else found.n_seq_max - 1


def _told(progress: Progress) -> Told:
    if progress.aside:
        return Told("", aside=progress.before, event={"note": progress.before})
    if progress.before:
        return Told(progress.before, event={"doing": progress.before})
    return Told("answering", progress.done, progress.total, event={"done": progress.done, "total": progress.total})


def _report(run: _Run, *, as_json: bool, cancelled: bool) -> None:
    rate = run.tokens / run.seconds if run.seconds > 0 else None
    if as_json:
        output.emit({"answered": run.answered, "failed": run.failed, "skipped": run.skipped,
                     "interrupted": cancelled, "completion_tokens": run.tokens, "tokens_per_s": rate})  # fmt: skip
        return
    said = [f"{run.answered} answered", f"{run.failed} failed", f"{run.skipped} already there"]
    speed = f"; {rate:.1f} tokens/s together" if rate else ""
    output.err.print(", ".join(said) + speed, markup=False)
    if cancelled:
        output.err.print("Stopped; with --out the same command goes on from here.", style="dim")
