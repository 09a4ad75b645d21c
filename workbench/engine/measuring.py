"""What the faces ask of the logits: models opened for it, texts cut for it, everything closed again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from workbench.engine.base import Backend, Engine, LoadEvent, LoadRequest
from workbench.engine.divergence import Divergence, divergence, divergence_from
from workbench.engine.kld_file import read_base, write_base
from workbench.engine.native import Weights
from workbench.engine.passages import Passage, Text, text_tokens, windows
from workbench.engine.scoring import Measured, Perplexity, Scorer, perplexity
from workbench.errors import EngineError
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.words import said

CHAT_CONTEXT = 256  # that of the engine that holds the weights; nobody chats with it
FLOOR_PASSAGES = 4

E = TypeVar("E")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to measure, where its weights go (of ``params`` the placement counts), on how many threads."""

    model: ModelFile
    params: RunParams
    n_threads: int = 1


@dataclass(frozen=True, slots=True)
class Opening:
    """A model is being loaded."""

    name: str
    event: LoadEvent


@dataclass(frozen=True, slots=True)
class Measuring:
    """What is being measured, and how far that is."""

    what: str
    measured: Measured


MeasureEvent: TypeAlias = Opening | Measuring


@dataclass(frozen=True, slots=True)
class Compared:
    """A divergence, and ``floor``: the same model against itself without flash attention, on some of the passages.

    ``floor`` is the mean divergence in nats that rounding alone makes: what is below twice as much is no difference.
    """

    divergence: Divergence
    floor: float


@runtime_checkable
class _WithWeights(Protocol):
    @property
    def weights(self) -> Weights: ...


def perplexity_of(
    backend: Backend, subject: Subject, texts: Sequence[Text], *, n_ctx: int = 512, save_base: Path | None = None
) -> Task[MeasureEvent, Perplexity]:
    """As llama-perplexity measures it, of all texts together.

    ``save_base`` also writes llama-perplexity's file of predictions, for one text of at least one window.
    Raises ModelLoadError and EngineError.
    """

    def task(cancel: CancelToken) -> Generator[MeasureEvent, None, Perplexity]:
        if save_base is not None and len(texts) != 1:
            raise EngineError(
                said("A file of predictions is about one text."), hint=said("Give one text, or join them.")
            )
        with contextlib.ExitStack() as open_ones:
            scorer = yield from _scorer(backend, subject, n_ctx, open_ones, cancel)
            if save_base is not None:
                tokens = text_tokens(scorer.weights, texts[0].text)
                found = yield from _told("perplexity", write_base(scorer, tokens, n_ctx, save_base, cancel))
                return replace(found, texts=tuple(replace(one, text=texts[0].name) for one in found.texts))
            return (yield from _told("perplexity", perplexity(scorer, _cut(scorer, texts, n_ctx), cancel)))

    return task


def divergence_of(
    backend: Backend, base: Subject | Path, subject: Subject, texts: Sequence[Text], *, n_ctx: int = 512
) -> Task[MeasureEvent, Compared]:
    """Both models in memory, on the same texts; or against a file of a base's predictions, which names its own text.

    Raises ModelLoadError and EngineError.
    """

    def task(cancel: CancelToken) -> Generator[MeasureEvent, None, Compared]:
        with contextlib.ExitStack() as open_ones:
            if isinstance(base, Path):
                stored = read_base(base)
                model = yield from _scorer(backend, subject, stored.n_ctx, open_ones, cancel)
                passages = stored.passages(model)
                found = yield from _told("divergence", divergence_from(stored, model, cancel))
            else:
                reference = yield from _scorer(backend, base, n_ctx, open_ones, cancel)
                model = yield from _scorer(backend, subject, n_ctx, open_ones, cancel)
                passages = _cut(reference, texts, n_ctx)
                found = yield from _told("divergence", divergence(reference, model, passages, cancel))
            return Compared(found, (yield from _floor(model, subject, passages, cancel)))

    return task


def _floor(
    model: Scorer, subject: Subject, passages: Sequence[Passage], cancel: CancelToken
) -> Generator[MeasureEvent, None, float]:
    """Without flash attention (with it, where it was off) the same sums are made in another order."""
    n_ctx = max(len(passage.tokens) for passage in passages)
    other = "on" if subject.params.flash_attn == "off" else "off"
    params = replace(subject.params, n_ctx=n_ctx, flash_attn=other)
    with Scorer(model.name, model.weights, params, n_threads=subject.n_threads) as plain:
        some = passages[:FLOOR_PASSAGES]
        found = yield from _told("noise floor", divergence(plain, model, some, cancel))
    return found.statistics.mean_kld.value


def _scorer(
    backend: Backend, subject: Subject, n_ctx: int, open_ones: contextlib.ExitStack, cancel: CancelToken
) -> Generator[MeasureEvent, None, Scorer]:
    """Vetted and loaded as for a chat; the scoring context is another one on the same weights."""
    name = subject.model.name
    request = LoadRequest(subject.model, replace(subject.params, n_ctx=CHAT_CONTEXT), template="none")
    engine: Engine = yield from _mapped(backend.open(request, cancel), lambda event: Opening(name, event))
    open_ones.callback(engine.close)
    if not isinstance(engine, _WithWeights):
        raise EngineError(
            said("{engine} does not give the logits of {name}.", engine=engine.facts.engine, name=name),
            hint=said("Measure with the llama.cpp engine."),
        )
    params = replace(subject.params, n_ctx=n_ctx)
    return open_ones.enter_context(Scorer(name, engine.weights, params, n_threads=subject.n_threads))


def _cut(scorer: Scorer, texts: Sequence[Text], n_ctx: int) -> tuple[Passage, ...]:
    return tuple(passage for text in texts for passage in windows(scorer.weights, text, n_ctx))


def _told(what: str, events: Generator[Measured, None, R]) -> Generator[Measuring, None, R]:
    return _mapped(events, lambda measured: Measuring(what, measured))


def _mapped(events: Generator[E, None, R], tell: Callable[[E], T]) -> Generator[T, None, R]:
    """The same work with other events."""
    with contextlib.closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                result: R = stop.value
                return result
            yield tell(event)
