"""Many prompts over one real model at a time."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.engine.conftest import GREEDY, Open, answer, load_request, request
from tests.engine.lora import write_lora
from workbench.engine import native
from workbench.engine.base import (
    Adapter,
    AnswerEvent,
    Completion,
    Grammar,
    Message,
    Mode,
    Numbered,
    Prefilling,
    Request,
    Sampling,
    StopReason,
    TextDelta,
    nobody,
)
from workbench.engine.batching import Source, stream_many
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.one_by_one import unanswered
from workbench.engine.prompt import PromptWriter
from workbench.engine.templates import choose
from workbench.engine.tuning import NativeBursts, Tried, tune
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=512, n_batch=128, n_ubatch=128, n_gpu_layers=0)
COMMON = "The following are questions about the capitals of countries, each answered with one word. " * 4
COUNTRIES = ("France", "Italy", "Japan", "Spain", "Egypt", "Germany")


@dataclass(slots=True)
class Asked:
    events: list[Numbered]
    completions: tuple[Completion, ...]

    def of(self, index: int) -> list[AnswerEvent | Completion]:
        return [event.event for event in self.events if event.index == index]


class Model:
    """Weights with what is needed to ask them."""

    def __init__(self, path: Path) -> None:
        self.weights = native.Weights(path, n_gpu_layers=0)
        self._writer = PromptWriter(self.weights, choose(None, "none"), today=datetime.date(2026, 3, 1))

    def source(self, *, slots: int = 3, params: RunParams = PARAMS, most_cells: int | None = None) -> Source:
        return Source(self.weights, params, lambda asked: self._writer.write(asked.messages), slots, most_cells)

    def ask(
        self,
        requests: Sequence[Request],
        *,
        slots: int = 3,
        most_cells: int | None = None,
        cancel: CancelToken | None = None,
        unwanted: Callable[[], Collection[int]] = nobody,
        seen: Callable[[Numbered], None] = lambda _: None,
    ) -> Asked:
        events: list[Numbered] = []
        source = self.source(slots=slots, most_cells=most_cells)
        answers = stream_many(source, never_alone, requests, cancel or CancelToken(), unwanted=unwanted)
        while True:
            try:
                events.append(next(answers))
            except StopIteration as end:
                return Asked(events, end.value)
            seen(events[-1])


class Live:
    """How many answers were in flight at a time, at most."""

    def __init__(self) -> None:
        self.most = 0
        self._now: set[int] = set()

    def __call__(self, event: Numbered) -> None:
        if isinstance(event.event, Completion):
            self._now.discard(event.index)
        else:
            self._now.add(event.index)
        self.most = max(self.most, len(self._now))


def never_alone(request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
    raise AssertionError(f"{request} was asked for alone, {cancel}")


def asked(text: str, *, max_tokens: int | None = 6, stop: tuple[str, ...] = (), **more: object) -> Request:
    sampling = more.pop("sampling", GREEDY)
    assert isinstance(sampling, Sampling)
    plain = Request((Message("user", text),), sampling, max_tokens, stop, mode=Mode.THROUGHPUT)
    return replace(plain, **more)  # type: ignore[arg-type]  # whatever a request has


def capitals(count: int = len(COUNTRIES), **more: object) -> list[Request]:
    return [asked(f"{COMMON}\nThe capital of {country} is", **more) for country in COUNTRIES[:count]]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def smollm2(smollm2_path: Path) -> Iterator[Model]:
    model = Model(smollm2_path)
    yield model
    model.weights.close()


def test_the_answers_come_back_in_the_order_of_the_questions(smollm2: Model) -> None:
    found = smollm2.ask(capitals())
    firsts = [completion.text.split()[0].strip(".,") for completion in found.completions]
    assert firsts[:4] == ["Paris", "Rome", "Tokyo", "Madrid"]
    assert [completion.stop_reason for completion in found.completions] == [StopReason.MAX_TOKENS] * 6


def test_what_the_prompts_begin_with_is_evaluated_once(smollm2: Model) -> None:
    found = smollm2.ask(capitals())
    counts = [completion.prompt.token_count for completion in found.completions]
    prefill = [completion.timings.prefill_tokens for completion in found.completions]
    reused = [completion.timings.reused_tokens for completion in found.completions]
    shared = reused[1]
    assert shared > 60
    assert prefill[0] == counts[0]
    assert reused == [0, *[shared] * 5]
    assert [sum(pair) for pair in zip(prefill, reused, strict=True)] == counts


def test_events_interleave_and_each_answer_begins_with_its_prompt_and_ends_with_its_completion(smollm2: Model) -> None:
    found = smollm2.ask(capitals())
    order = [event.index for event in found.events]
    assert order != sorted(order)
    for index, completion in enumerate(found.completions):
        events = found.of(index)
        assert isinstance(events[0], Prefilling)
        assert events[0].prompt is not None
        assert events[-1] == completion
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == completion.text


def test_a_prompt_is_admitted_when_a_slot_frees(smollm2: Model) -> None:
    live = Live()
    found = smollm2.ask(capitals(), slots=2, seen=live)
    assert live.most == 2
    assert all(completion.text for completion in found.completions)


def test_a_small_cache_lets_fewer_answer_at_a_time_and_none_fail(smollm2: Model) -> None:
    live = Live()
    requests = [asked(f"{country}: " + "what is its capital? " * 12) for country in COUNTRIES[:4]]
    found = smollm2.ask(requests, slots=4, most_cells=1, seen=live)
    assert live.most == 1
    assert [completion.stop_reason for completion in found.completions] == [StopReason.MAX_TOKENS] * 4


def test_an_answer_ends_before_its_own_stop_string(smollm2: Model) -> None:
    plain = smollm2.ask(capitals(2))
    stop = plain.completions[0].text[2:5]
    requests = [capitals(2)[0], capitals(2, stop=(stop,))[1], capitals(1, stop=(stop,))[0]]
    found = smollm2.ask(requests)
    assert found.completions[2].stop_reason is StopReason.STOP_STRING
    assert found.completions[2].text == found.completions[0].text[:2]
    assert found.completions[0].stop_reason is StopReason.MAX_TOKENS


def test_an_answer_ends_where_its_own_context_does(smollm2: Model) -> None:
    source = smollm2.source(params=replace(PARAMS, n_ctx=20))
    requests = [asked(f"One, two, three, {word}", max_tokens=None) for word in ("four,", "three,")]
    answers = stream_many(source, never_alone, requests, CancelToken())
    found = [event.event for event in answers if isinstance(event.event, Completion)]
    for completion in found:
        assert completion.stop_reason in {StopReason.CONTEXT_FULL, StopReason.END}
        assert completion.prompt.token_count + completion.timings.completion_tokens <= 21


def test_the_same_seed_draws_the_same_answer_in_the_same_company(smollm2: Model) -> None:
    requests = capitals(3, sampling=Sampling(temperature=1.2, seed=11))
    first, second = smollm2.ask(requests), smollm2.ask(requests)
    assert [one.text for one in first.completions] == [one.text for one in second.completions]
    assert [one.seed for one in first.completions] == [11, 11, 11]


def test_a_constraint_and_alternatives_are_each_requests_own(smollm2: Model) -> None:
    one, two = capitals(2)
    requests = [one, replace(two, constraint=Grammar('root ::= "yes" | "no"'), alternatives=3)]
    free, held = smollm2.ask(requests).completions
    assert held.text in {"yes", "no"}
    assert free.text not in {"yes", "no"}
    assert (len(free.choices), [len(choice.others) for choice in held.choices][:1]) == (0, [3])


def test_a_prompt_that_is_too_long_does_not_sink_the_others(smollm2: Model) -> None:
    requests = [capitals()[0], asked("far too long " * 400), capitals()[1]]
    found = smollm2.ask(requests).completions
    assert [one.stop_reason for one in found] == [StopReason.MAX_TOKENS, StopReason.ERROR, StopReason.MAX_TOKENS]
    assert found[1].failure is not None
    assert "the context holds 512" in found[1].failure.message
    assert [one.failure for one in (found[0], found[2])] == [None, None]


def test_cancelling_keeps_what_was_written_and_ends_every_answer(smollm2: Model) -> None:
    cancel = CancelToken()

    def seen(event: Numbered) -> None:
        if isinstance(event.event, TextDelta) and event.event.completion_tokens >= 3:
            cancel.cancel()

    found = smollm2.ask(capitals(max_tokens=40), slots=2, cancel=cancel, seen=seen)
    assert {completion.stop_reason for completion in found.completions} == {StopReason.CANCELLED}
    texts = [completion.text for completion in found.completions]
    assert all(texts[:2])
    assert texts[2:] == [""] * 4


def test_cancelled_before_it_began_nothing_is_evaluated(smollm2: Model) -> None:
    cancel = CancelToken()
    cancel.cancel()
    found = smollm2.ask(capitals(2), cancel=cancel)
    assert [event.event for event in found.events] == list(found.completions)
    assert {completion.stop_reason for completion in found.completions} == {StopReason.CANCELLED}


def test_one_answer_can_be_given_up_and_the_others_go_on(smollm2: Model) -> None:
    unwanted: set[int] = set()

    def seen(event: Numbered) -> None:
        if event.index == 0 and isinstance(event.event, TextDelta):
            unwanted.update({0, 3})

    found = smollm2.ask(capitals(4, max_tokens=8), slots=2, unwanted=lambda: unwanted, seen=seen).completions
    reasons = [completion.stop_reason for completion in found]
    assert reasons == [StopReason.CANCELLED, StopReason.MAX_TOKENS, StopReason.MAX_TOKENS, StopReason.CANCELLED]
    assert 0 < found[0].timings.completion_tokens < 8
    assert found[3].text == ""


def test_an_abandoned_run_leaves_the_model_usable(smollm2: Model) -> None:
    answers = stream_many(smollm2.source(), never_alone, capitals(), CancelToken())
    while not isinstance(next(answers).event, TextDelta):
        pass
    answers.close()
    assert all(completion.text for completion in smollm2.ask(capitals(2)).completions)


def test_requests_in_audit_mode_are_answered_one_after_the_other_by_the_engine_itself(smollm2: Model) -> None:
    requests = [replace(capitals()[0], mode=Mode.AUDIT), *capitals(2), replace(capitals()[1], mode=Mode.AUDIT)]
    alone: list[Request] = []

    def by_itself(request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        assert not cancel.cancelled
        alone.append(request)
        yield Prefilling(0, 1)
        return unanswered(request, StopReason.END)

    answers = stream_many(smollm2.source(), by_itself, requests, CancelToken())
    events = list(answers)
    assert alone == [requests[0], requests[3]]
    assert {event.index for event in events[:4]} == {0, 3}
    assert {event.index for event in events[4:]} == {1, 2}


def test_the_engine_answers_many_by_itself_and_in_audit_mode_as_if_each_were_alone(
    smollm2_path: Path, open_model: Open
) -> None:
    engine = open_model(smollm2_path, params=PARAMS)
    assert isinstance(engine, LlamaEngine)
    audit = [request(f"Name the capital of {country}.") for country in COUNTRIES[:2]]
    together = [replace(one, mode=Mode.THROUGHPUT) for one in audit]
    found = run(lambda cancel: engine.stream_many([*audit, *together], cancel, slots=2))
    assert [one.text for one in found[:2]] == [answer(engine, one).text for one in audit]
    assert all(one.text and one.prompt.template_source == "file" for one in found)
    assert [str(one.together) for one in found] == ["None"] * 2 + ["2 at a time, n_batch 128"] * 2


def test_an_adapters_answers_are_its_own_in_a_batch_too(
    smollm2_path: Path, backend: LlamaBackend, tmp_path: Path
) -> None:
    lora = write_lora(tmp_path / "lora.gguf", smollm2_path, ("blk.0.attn_q.weight", "blk.1.attn_v.weight"), size=0.5)
    requests = [replace(request(f"Name the capital of {country}."), mode=Mode.THROUGHPUT) for country in COUNTRIES[:2]]

    def texts(*adapters: Adapter) -> list[str]:
        asked = replace(load_request(smollm2_path, params=PARAMS), adapters=adapters)
        engine = run(lambda cancel: backend.open(asked, cancel))
        assert isinstance(engine, LlamaEngine)
        try:
            return [one.text for one in run(lambda cancel: engine.stream_many(requests, cancel, slots=2))]
        finally:
            engine.close()

    assert all(plain != adapted for plain, adapted in zip(texts(), texts(Adapter(lora.path)), strict=True))


def test_how_many_at_a_time_is_tried_on_the_model_itself(smollm2: Model) -> None:
    tried: list[Tried] = []
    bursts = NativeBursts(smollm2.weights, PARAMS, n_threads=1)
    found = run(lambda cancel: tune(bursts, cancel, slots=(2, 4), batches=(128,)), on_event=tried.append)
    assert found.slots in {2, 4}
    assert found.n_batch in {128, 512}
    assert [one.size for one in tried if one.what == "slots"] == [2, 4]
    assert all(one.tokens_per_s > 0 for one in tried)
