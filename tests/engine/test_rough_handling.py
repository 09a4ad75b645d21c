"""What nobody should do to an engine: it says so in words, and its next answer is as if nothing had been."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.engine.chain_gguf import END, LAST, write_chain
from tests.engine.conftest import GREEDY, Open, answer, load_request, request
from tests.engine.tiny_gguf import Tiny, byte_pairs
from tests.engine.tiny_models import write_mamba, write_windowed
from workbench.engine.base import (
    ContextPolicy,
    Engine,
    Grammar,
    LoadEvent,
    LoadRequest,
    Message,
    Mode,
    Request,
    StopReason,
)
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.llama import LlamaBackend
from workbench.engine.vet import Vetter
from workbench.errors import ContextOverflowError, EngineError, GenerationError
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams

SMALL = RunParams(n_ctx=1024, n_batch=64, n_ubatch=64, n_gpu_layers=0)
LONG = "Tell me more about the river. " * 12
MEBIBYTE = 1 << 20

TOKENIZE = """
import sys
from pathlib import Path
from workbench.engine import native
with native.Weights(Path(sys.argv[1]), n_gpu_layers=0, vocab_only=True) as weights:
    print(*(len(weights.tokenize(one * 100_000, special=special)) for one in "a7! " for special in (False, True)))
"""


@pytest.fixture(params=[write_windowed, write_mamba], ids=["window", "state"])
def tiny(request: pytest.FixtureRequest, tmp_path: Path, open_model: Open) -> Engine:
    """Random weights: whatever is wrong in its memory changes the answer."""
    make: Callable[[Path], Path] = request.param
    return open_model(make(tmp_path / "tiny.gguf"), params=SMALL)


@pytest.fixture
def broken(tmp_path: Path) -> LoadRequest:
    """Answers "b" until its prompt ends in an "a": then it computes NaN, which no trial of the file has shown."""
    chain = {LAST: b"a", b"a": END}
    return load_request(write_chain(tmp_path / "nan.gguf", chain, broken=b"a"), params=SMALL)


def test_an_answer_abandoned_or_broken_off_at_any_event_leaves_nothing_behind(tiny: Engine) -> None:
    fresh, other = answer(tiny, request(LONG, max_tokens=8)), request(LONG + "And then?", max_tokens=4)
    count = 1 + sum(1 for _ in tiny.stream(other, CancelToken()))
    for at in range(count):
        for end in (_close, _throw, _cancel):
            end(tiny, other, at)
            assert answer(tiny, request(LONG, max_tokens=8)).text == fresh.text


def test_an_engine_is_not_closed_under_an_answer(tmp_path: Path, open_model: Open) -> None:
    engine = open_model(write_windowed(tmp_path / "tiny.gguf"), params=SMALL)
    for events in (
        engine.stream(request("One"), CancelToken()),
        engine.stream_many([replace(request("One"), mode=Mode.THROUGHPUT)] * 2, CancelToken()),
    ):
        with closing(events):
            next(events)
            with pytest.raises(RuntimeError, match="when its answers have ended"):
                engine.close()
    assert answer(engine, "One").timings.completion_tokens > 0
    engine.close()
    with pytest.raises(EngineError, match="unloaded"):
        next(engine.stream_many([request("One")], CancelToken()))


def test_fifty_turns_take_no_more_memory_than_ten(tiny: Engine) -> None:
    process = psutil.Process()
    messages: tuple[Message, ...] = ()
    taken = []
    for turn in range(50):
        messages = (*messages, Message("user", f"Turn {turn}: {LONG}"))
        asked = Request(messages, GREEDY, 4, policy=ContextPolicy.DROP_OLDEST)
        messages = (*messages[-6:], Message("assistant", answer(tiny, asked).text))
        taken.append(process.memory_info().rss)
    assert taken[-1] - taken[10] < 16 * MEBIBYTE


def test_opening_asking_and_closing_leaves_no_file_open(tmp_path: Path, backend: LlamaBackend) -> None:
    asked = load_request(write_windowed(tmp_path / "tiny.gguf"), params=SMALL)
    counts = []
    for _ in range(4):
        engine = run(lambda cancel: backend.open(asked, cancel))
        answer(engine, request("One", max_tokens=2))
        run(lambda cancel, held=engine: held.stream_many([request("Two", max_tokens=2)], cancel))
        engine.close()
        counts.append(len(psutil.Process().open_files()))
    assert counts[-1] == counts[0]


@pytest.mark.parametrize("apart", [False, True], ids=["here", "apart"])
def test_nan_in_the_middle_of_an_answer_is_a_broken_file_alone_and_together(
    apart: bool, broken: LoadRequest, backend: LlamaBackend, vetter: Vetter
) -> None:
    opening = IsolatedBackend(vetter) if apart else backend
    engine: Engine = run(lambda cancel: opening.open(broken, cancel))
    with closing(engine):
        for _ in range(2):
            with pytest.raises(GenerationError, match="NaN"):
                answer(engine, "Go")
        many = [replace(request("Go"), mode=Mode.THROUGHPUT), request("Go")]
        found = run(lambda cancel: engine.stream_many(many, cancel))
    assert [one.stop_reason for one in found] == [StopReason.ERROR] * 2
    assert all(one.failure is not None and "NaN" in one.failure.message for one in found)


@pytest.mark.parametrize("mode", Mode)
def test_a_prompt_that_fills_the_context_is_answered_with_one_token(
    mode: Mode, tmp_path: Path, open_model: Open
) -> None:
    path = write_windowed(tmp_path / "tiny.gguf")
    count = open_model(path, params=SMALL).count_tokens((Message("user", LONG),))
    engine = open_model(path, params=replace(SMALL, n_ctx=-(-count // 256) * 256))
    room = engine.facts.n_ctx
    text = next(
        LONG + "a " * extra
        for extra in range(room)
        if engine.count_tokens((Message("user", LONG + "a " * extra),)) >= room
    )
    asked = replace(request(text, max_tokens=None), mode=mode)
    (found,) = run(lambda cancel: engine.stream_many([asked], cancel))
    assert (found.prompt.token_count, found.timings.completion_tokens) == (room, 1)
    assert found.stop_reason in {StopReason.CONTEXT_FULL, StopReason.END}


@pytest.mark.parametrize("n_ctx", [1, 2])
def test_a_context_without_room_refuses_the_prompt_with_both_counts(
    n_ctx: int, tmp_path: Path, open_model: Open
) -> None:
    engine = open_model(write_windowed(tmp_path / "tiny.gguf"), params=replace(SMALL, n_ctx=n_ctx))
    with pytest.raises(ContextOverflowError, match=f"the context holds {engine.facts.n_ctx}"):
        answer(engine, LONG * 8)


def test_a_paste_without_a_blank_is_counted_and_refused_and_ends_nothing(tmp_path: Path, open_model: Open) -> None:
    """Through the regular expressions of several families: 27,000 letters in a row would overflow the stack."""
    tiny = Tiny()
    tiny.metadata |= byte_pairs("deepseek-llm")
    path = tiny.write(tmp_path / "pairs.gguf")
    done = subprocess.run([sys.executable, "-c", TOKENIZE, path], capture_output=True, text=True, check=True)
    counts = [int(count) for count in done.stdout.split()]
    assert counts[0] == counts[1] == 50_000
    assert min(counts) > 0
    engine = open_model(write_windowed(tmp_path / "tiny.gguf"), params=SMALL)
    for policy in ContextPolicy:
        with pytest.raises(ContextOverflowError, match="the context holds 1,024"):
            answer(engine, replace(request("a" * 100_000), policy=policy))


def test_a_grammar_that_cannot_be_used_fails_alone_and_is_tried_once(
    mistral_path: Path, open_model: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_model(mistral_path, params=SMALL)
    plain = replace(request("One", max_tokens=4), mode=Mode.THROUGHPUT)
    many = [plain, *[replace(plain, constraint=Grammar('root ::= "a" (')) for _ in range(3)], plain]
    found = run(lambda cancel: engine.stream_many(many, cancel))
    assert [one.failure is None for one in found] == [True, False, False, False, True]
    assert found[1].failure == found[3].failure


def test_a_load_abandoned_at_any_event_frees_what_it_took(tmp_path: Path, backend: LlamaBackend) -> None:
    asked = load_request(write_windowed(tmp_path / "tiny.gguf"), params=SMALL)
    events = len(list(_opened(backend, asked, 99)))
    for count in range(1, events):
        assert len(list(_opened(backend, asked, count))) == count
        assert backend.loaded_count == 0


def _opened(backend: LlamaBackend, asked: LoadRequest, count: int) -> Iterator[LoadEvent]:
    """The first events of a load that is then given up, or of a whole one whose engine is closed."""
    with closing(backend.open(asked, CancelToken())) as opening:
        for _ in range(count):
            try:
                yield next(opening)
            except StopIteration as end:
                end.value.close()
                return


def _close(engine: Engine, asked: Request, at: int) -> None:
    with closing(engine.stream(asked, CancelToken())) as events:
        for _ in range(at):
            next(events)


def _throw(engine: Engine, asked: Request, at: int) -> None:
    events = engine.stream(asked, CancelToken())
    for _ in range(at):
        next(events)
    with pytest.raises(ZeroDivisionError):
        events.throw(ZeroDivisionError())


def _cancel(engine: Engine, asked: Request, at: int) -> None:
    cancel = CancelToken()
    events = engine.stream(asked, cancel)
    for _ in range(at):
        next(events)
    cancel.cancel()
    assert len(list(events)) <= 1  # what was held back
