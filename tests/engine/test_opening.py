"""Opening, sharing, cancelling and closing real models."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import SMALL, Open, answer, load_request, request
from workbench.engine.base import (
    Engine,
    LoadEvent,
    Loading,
    Message,
    Prefilling,
    StopReason,
    TextDelta,
    Vetting,
    Waiting,
)
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.errors import Cancelled, EngineError, ModelFileError, TemplateError
from workbench.jobs import CancelToken, run

LONG = "The history of the river valley is long, and many people have written about it. " * 20


class CancelledAfter(CancelToken):
    """Cancelled when it has been asked ``count`` times: inside native code, at a known place."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    @property
    def cancelled(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_facts_say_what_was_opened(smollm2_path: Path, open_model: Open) -> None:
    facts = open_model(smollm2_path).facts
    assert (facts.engine, facts.n_ctx, facts.params) == ("llama.cpp", SMALL.n_ctx, SMALL)
    assert facts.weights_bytes is not None
    assert facts.weights_bytes > 50 * 2**20
    assert facts.kv_bytes == 30 * 2 * 1024 * 192 * 2  # layers, K and V, tokens, width, bytes of f16
    assert facts.compute_bytes is not None


def test_a_file_is_tried_in_a_child_the_first_time_only(mistral_path: Path) -> None:
    backend = LlamaBackend(Vetter(RememberedVerdicts()))
    events: list[list[LoadEvent]] = [[], []]
    for seen in events:
        run(lambda cancel: backend.open(load_request(mistral_path), cancel), on_event=seen.append).close()
    assert isinstance(events[0][0], Vetting)
    assert not any(isinstance(event, Vetting) for event in events[1])


def test_two_panes_on_one_file_share_its_weights_and_stream_at_once(smollm2_path: Path, backend: LlamaBackend) -> None:
    both_open = threading.Barrier(2)

    def pane(_: int) -> tuple[bool, str, int]:
        engine = run(lambda cancel: backend.open(load_request(smollm2_path), cancel))
        both_open.wait(timeout=60)
        loaded = backend.loaded_count
        text = answer(engine, request("Name a colour.", max_tokens=8)).text
        engine.close()
        return engine.facts.weights_shared, text, loaded

    with ThreadPoolExecutor(2) as lanes:
        (first_shared, first, loaded), (second_shared, second, _) = lanes.map(pane, range(2))
    assert {first_shared, second_shared} == {False, True}
    assert first == second
    assert loaded == 1
    assert backend.loaded_count == 0


def test_memory_is_freed_with_the_last_pane(smollm2_path: Path, backend: LlamaBackend) -> None:
    def resident() -> int:
        gc.collect()
        return int(psutil.Process().memory_info().rss)

    engines = [run(lambda cancel: backend.open(load_request(smollm2_path), cancel)) for _ in range(2)]
    answer(engines[0], request("Hi", max_tokens=1))
    engines[0].close()
    assert answer(engines[1], request("Hi", max_tokens=1)).text is not None
    loaded = resident()
    engines[1].close()
    assert loaded - resident() > 40 * 2**20
    assert backend.loaded_count == 0


def test_one_load_waits_for_another(mistral_path: Path, backend: LlamaBackend) -> None:
    first = backend.open(load_request(mistral_path), CancelToken())
    next(first)
    second = backend.open(load_request(mistral_path), CancelToken())
    assert next(second) == Waiting()
    first.close()
    assert not isinstance(next(second), Waiting)
    second.close()
    assert backend.loaded_count == 0


def test_waiting_for_another_load_can_be_cancelled(mistral_path: Path, backend: LlamaBackend) -> None:
    first = backend.open(load_request(mistral_path), CancelToken())
    next(first)
    cancel = CancelToken()
    second = backend.open(load_request(mistral_path), cancel)
    next(second)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(second)
    first.close()


def test_vetting_can_be_cancelled(mistral_path: Path) -> None:
    backend, cancel = LlamaBackend(Vetter(RememberedVerdicts())), CancelToken()
    opening = backend.open(load_request(mistral_path), cancel)
    assert next(opening) == Vetting()
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(opening)
    run(lambda token: backend.open(load_request(mistral_path), token)).close()


def test_a_load_can_be_cancelled(smollm2_path: Path, backend: LlamaBackend, open_model: Open) -> None:
    open_model(smollm2_path).close()  # so that nothing is left to vet
    cancel = CancelToken()
    opening = backend.open(load_request(smollm2_path), cancel)
    assert next(opening) == Loading(0.0)
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(lambda _: opening)
    assert backend.loaded_count == 0
    assert answer(open_model(smollm2_path), request("Hi", max_tokens=2)).text


@pytest.mark.parametrize("asked", [2, 50, 900])
def test_a_prefill_can_be_cancelled_and_the_engine_goes_on(asked: int, smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    plain = answer(engine, "Name a colour.").text
    stopped = answer(engine, request(LONG), CancelledAfter(asked))
    assert (stopped.stop_reason, stopped.text) == (StopReason.CANCELLED, "")
    assert stopped.timings.ttft_ms is None
    assert stopped.timings.prefill_tokens < stopped.prompt.token_count
    assert answer(engine, "Name a colour.").text == plain


def test_a_cancelled_answer_keeps_its_text(mistral_path: Path, open_model: Open) -> None:
    engine, cancel = open_model(mistral_path), CancelToken()
    shown: list[str] = []

    def on_event(event: Prefilling | TextDelta) -> None:
        if isinstance(event, TextDelta):
            shown.append(event.text)
            cancel.cancel()

    completion = run(
        lambda token: engine.stream(request("Go on.", max_tokens=500), token), cancel=cancel, on_event=on_event
    )
    assert completion.stop_reason is StopReason.CANCELLED
    assert completion.text == "".join(shown)
    assert completion.timings.completion_tokens < 10
    assert answer(engine, "Go on.").text


def test_an_abandoned_answer_leaves_the_engine_usable(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path)
    whole = answer(engine, "Go on.").text
    stream = engine.stream(request("Something else", max_tokens=500), CancelToken())
    while not isinstance(next(stream), TextDelta):
        pass
    with pytest.raises(RuntimeError, match="only when the old one has ended"):
        next(engine.stream(request("Go on."), CancelToken()))
    stream.close()
    assert answer(engine, "Go on.").text == whole


def test_an_engine_belongs_to_its_thread(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path)

    def used_elsewhere() -> int:
        with pytest.raises(RuntimeError, match="thread"):
            engine.close()
        with pytest.raises(RuntimeError, match="thread"):
            answer(engine, "Hi")
        return engine.count_tokens([Message("user", "Hi")])

    with ThreadPoolExecutor(1) as other:
        assert other.submit(used_elsewhere).result() == engine.count_tokens([Message("user", "Hi")])


def test_a_closed_engine_says_so(mistral_path: Path, open_model: Open) -> None:
    engine: Engine = open_model(mistral_path)
    engine.close()
    with pytest.raises(EngineError, match="unloaded"):
        engine.count_tokens([Message("user", "Hi")])
    engine.close()


def test_a_file_that_is_gone_is_an_error(mistral_path: Path, backend: LlamaBackend, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    copy.symlink_to(mistral_path)
    asked = load_request(copy)
    copy.unlink()
    with pytest.raises(ModelFileError, match="gone"):
        run(lambda cancel: backend.open(asked, cancel))


def test_a_template_that_does_not_exist_is_an_error_before_anything_is_loaded(
    mistral_path: Path, backend: LlamaBackend
) -> None:
    with pytest.raises(TemplateError):
        run(lambda cancel: backend.open(load_request(mistral_path, template="chatlm"), cancel))
    assert backend.loaded_count == 0
