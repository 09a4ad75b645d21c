"""Many requests, one after the other: each answered as if it were the only one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from typing import Protocol

from workbench.engine.base import AnswerEvent, Completion, Numbered, RenderedPrompt, Request, StopReason, nobody
from workbench.engine.recorded import Failure, Timings
from workbench.errors import Cancelled, WorkbenchError
from workbench.jobs import CancelToken


class Alone(Protocol):
    """What answers one request, as ``Engine.stream`` does."""

    def __call__(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]: ...


def one_by_one(
    alone: Alone,
    requests: Sequence[tuple[int, Request]],
    cancel: CancelToken,
    unwanted: Callable[[], Collection[int]] = nobody,
) -> Generator[Numbered, None, None]:
    """The events of each, under its index; an error of one is its completion, and the others go on.

    An answer that becomes ``unwanted`` half-way is closed and loses its text, unlike one in a batch.
    """
    for index, request in requests:
        if cancel.cancelled or index in unwanted():
            yield Numbered(index, unanswered(request, StopReason.CANCELLED))
            continue
        answer = alone(request, cancel)
        try:
            while index not in unwanted():
                yield Numbered(index, next(answer))
            yield Numbered(index, unanswered(request, StopReason.CANCELLED))
        except StopIteration as end:
            yield Numbered(index, end.value)
        except Cancelled:  # before it began
            yield Numbered(index, unanswered(request, StopReason.CANCELLED))
        except WorkbenchError as error:
            yield Numbered(index, unanswered(request, StopReason.ERROR, error))
        finally:
            answer.close()


def in_order(events: Generator[Numbered, None, None]) -> Generator[Numbered, None, tuple[Completion, ...]]:
    """The events as they are, and in the end the completions in the order of the requests."""
    done: dict[int, Completion] = {}
    for event in events:
        if isinstance(event.event, Completion):
            done[event.index] = event.event
        yield event
    return tuple(done[index] for index in sorted(done))


def unanswered(request: Request, reason: StopReason, error: WorkbenchError | None = None) -> Completion:
    """The completion of a request that was never evaluated."""
    timings = Timings(None, 0.0, 0, 0, 0.0, 0)
    prompt = RenderedPrompt("", "none", 0)
    return Completion("", reason, prompt, timings, request.sampling.seed or 0, failure=failure_of(error))


def failure_of(error: WorkbenchError | None) -> Failure | None:
    return None if error is None else Failure(error.code, error.message, error.hint)
