"""An engine in a process of its own: the same answers, and a death that costs one pane."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import TODAY, Open, answer, load_request, request
from workbench.engine import child_process
from workbench.engine.base import (
    AnswerEvent,
    LoadEvent,
    Loading,
    LoadRequest,
    Message,
    Numbered,
    Sampling,
    StopReason,
    TextDelta,
    Vetting,
)
from workbench.engine.choosing import ChoosingBackend
from workbench.engine.isolated import IsolatedBackend, IsolatedEngine
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.verdict import RememberedVerdicts, Verdict
from workbench.engine.vet import Vetter, identity
from workbench.errors import (
    Cancelled,
    ContextOverflowError,
    EngineCrashedError,
    EngineError,
    TemplateError,
    UsageError,
)
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams

OpenApart = Callable[..., IsolatedEngine]

DRAWN = Sampling(temperature=0.9, seed=7)

PARENT = """
import sys
from pathlib import Path
from workbench.engine.base import LoadRequest
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.params import RunParams
asked = LoadRequest(describe(Path(sys.argv[1])), RunParams(n_ctx=512))
engine = run(lambda cancel: IsolatedBackend(Vetter(RememberedVerdicts())).open(asked, cancel))
print(engine.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def apart(vetter: Vetter) -> IsolatedBackend:
    return IsolatedBackend(vetter, today=lambda: TODAY)


@pytest.fixture
def open_apart(apart: IsolatedBackend) -> Iterator[OpenApart]:
    opened: list[IsolatedEngine] = []

    def open_one(path: Path, **choices: RunParams | str) -> IsolatedEngine:
        asked = load_request(path, **choices)  # type: ignore[arg-type]  # the test's own words, by name
        opened.append(run(lambda cancel: apart.open(asked, cancel)))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()
    assert psutil.Process().children() == []


def shown(
    engine: IsolatedEngine, words: str, *, max_tokens: int, on_text: Callable[[], None]
) -> tuple[list[str], object]:
    """The texts that came, and the completion or the error it ended with; ``on_text`` is called for each."""
    texts: list[str] = []

    def on_event(event: AnswerEvent) -> None:
        if isinstance(event, TextDelta):
            texts.append(event.text)
            on_text()

    try:
        ended: object = run(
            lambda cancel: engine.stream(request(words, max_tokens=max_tokens), cancel), on_event=on_event
        )
    except EngineError as error:
        ended = error
    return texts, ended


@pytest.mark.parametrize("model", ["smollm2_path", "mistral_path"])
def test_the_answer_is_the_one_the_program_itself_gives(
    model: str, request: pytest.FixtureRequest, open_model: Open, open_apart: OpenApart
) -> None:
    from tests.engine.conftest import request as ask

    path = request.getfixturevalue(model)
    here, there = open_model(path), open_apart(path)
    asked = replace(ask("Name three colours.", sampling=DRAWN, max_tokens=24), alternatives=2)
    first, second = answer(here, asked), answer(there, asked)
    assert (second.text, second.thinking, second.seed) == (first.text, first.thinking, 7)
    assert second.prompt == first.prompt
    assert second.choices == first.choices
    assert second.samplers == first.samplers
    assert second.timings.completion_tokens == first.timings.completion_tokens
    assert answer(there, ask("And three more.")).text == answer(here, ask("And three more.")).text


def test_its_facts_are_those_of_the_same_load_here(smollm2_path: Path, open_model: Open, open_apart: OpenApart) -> None:
    here, there = open_model(smollm2_path).facts, open_apart(smollm2_path).facts
    assert there.buffers == here.buffers
    assert (there.n_ctx, there.params, there.template_source) == (here.n_ctx, here.params, here.template_source)
    assert (there.engine, there.engine_version) == (here.engine, here.engine_version)
    assert not there.weights_shared


def test_the_first_answer_completes_the_facts(mistral_path: Path, open_apart: OpenApart) -> None:
    engine = open_apart(mistral_path)
    before = engine.facts
    answer(engine, "Hi")
    assert [before.warm, engine.facts.warm] == [False, True]
    assert engine.facts.growth is not None


def test_tokens_are_counted_while_it_answers(mistral_path: Path, open_model: Open, open_apart: OpenApart) -> None:
    engine, messages = open_apart(mistral_path), [Message("user", "Good morning")]
    stream = engine.stream(request("Go on.", max_tokens=400), CancelToken())
    while not isinstance(next(stream), TextDelta):
        pass
    with ThreadPoolExecutor(1) as other:
        assert other.submit(engine.count_tokens, messages).result() == open_model(mistral_path).count_tokens(messages)
    stream.close()


def test_a_cancelled_answer_keeps_its_text_and_the_engine_goes_on(mistral_path: Path, open_apart: OpenApart) -> None:
    engine, cancel = open_apart(mistral_path), CancelToken()
    texts: list[str] = []

    def on_event(event: AnswerEvent) -> None:
        if isinstance(event, TextDelta):
            texts.append(event.text)
            cancel.cancel()

    asked = request("Go on.", max_tokens=900)
    completion = run(lambda token: engine.stream(asked, token), cancel=cancel, on_event=on_event)
    assert completion.stop_reason is StopReason.CANCELLED
    assert completion.text == "".join(texts)
    assert answer(engine, request("Go on.", max_tokens=5)).timings.completion_tokens == 5


def test_an_abandoned_answer_leaves_the_engine_usable(mistral_path: Path, open_apart: OpenApart) -> None:
    engine = open_apart(mistral_path)
    whole = answer(engine, "Go on.").text
    stream = engine.stream(request("Something else", max_tokens=500), CancelToken())
    while not isinstance(next(stream), TextDelta):
        pass
    with pytest.raises(RuntimeError, match="only when the old one has ended"):
        next(engine.stream(request("Go on."), CancelToken()))
    stream.close()
    assert answer(engine, "Go on.").text == whole


def test_a_child_that_does_not_stop_is_ended(
    mistral_path: Path, open_apart: OpenApart, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, cancel = open_apart(mistral_path), CancelToken()
    monkeypatch.setattr("workbench.engine.isolated.STOPPING_S", 0.0)
    psutil.Process(engine.pid).suspend()
    cancel.cancel()
    with pytest.raises(EngineCrashedError, match="did not stop"):
        answer(engine, "Go on.", cancel)
    assert not psutil.pid_exists(engine.pid)


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_death_in_the_middle_of_an_answer_is_an_error_and_what_was_written_stays(
    number: signal.Signals, mistral_path: Path, open_apart: OpenApart
) -> None:
    engine = open_apart(mistral_path)
    texts, error = shown(
        engine, "Go on.", max_tokens=900, on_text=lambda: os.kill(engine.pid, number) if engine.pid else None
    )
    assert isinstance(error, EngineCrashedError)
    assert number.name in error.message
    assert error.hint
    assert "llama.cpp said last" in error.hint
    assert "".join(texts)
    with pytest.raises(EngineCrashedError):  # and it stays so until it is opened anew
        answer(engine, "Hello?")
    with pytest.raises(EngineCrashedError):
        engine.count_tokens([Message("user", "Hello?")])


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
def test_the_death_of_one_does_not_disturb_another(smollm2_path: Path, apart: IsolatedBackend) -> None:
    both = threading.Barrier(2)
    processes: dict[bool, int] = {}

    def pane(dies: bool) -> tuple[list[str], object]:
        engine = run(lambda cancel: apart.open(load_request(smollm2_path), cancel))
        processes[dies] = engine.pid
        both.wait(timeout=60)

        def on_text() -> None:
            if dies:
                os.kill(engine.pid, signal.SIGKILL)

        try:
            return shown(engine, "Name a colour.", max_tokens=12, on_text=on_text)
        finally:
            engine.close()

    with ThreadPoolExecutor(2) as lanes:
        (_, died), (texts, lived) = lanes.map(pane, [True, False])
    assert processes[True] != processes[False]
    assert isinstance(died, EngineCrashedError)
    assert getattr(lived, "text", None) == "".join(texts)


def test_a_load_can_be_cancelled_and_leaves_no_process(smollm2_path: Path, apart: IsolatedBackend) -> None:
    cancel = CancelToken()
    opening = apart.open(load_request(smollm2_path), cancel)
    while not isinstance(next(opening), Loading):
        pass
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(lambda _: opening)
    assert psutil.Process().children() == []


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_it_ends_with_a_program_that_is_killed(mistral_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(mistral_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_process.environment(),
    ) as parent:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        parent.wait(timeout=30)
        _, alive = psutil.wait_procs([orphan], timeout=30)
        # Where nobody collects orphans a zombie is all that is left.
        assert all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


def test_a_file_that_aborts_llama_cpp_costs_the_child_alone(mistral_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "twice.gguf"
    raw = mistral_path.read_bytes()
    assert b"<0x0B>" in raw
    file.write_bytes(raw.replace(b"<0x0B>", b"<0x0A>"))  # a token twice
    asked = load_request(file)
    # As if vetting had found nothing wrong with it.
    known = RememberedVerdicts()
    from workbench.engine.templates import choose

    known.put(identity(asked.model, choose(asked.model.chat_template, None)), Verdict())
    with pytest.raises(EngineCrashedError, match=r"llama-vocab\.cpp:\d+: GGML_ASSERT"):
        run(lambda cancel: IsolatedBackend(Vetter(known)).open(asked, cancel))
    assert psutil.Process().children() == []


def test_an_unknown_file_is_vetted_first(mistral_path: Path) -> None:
    backend = IsolatedBackend(Vetter(RememberedVerdicts()))
    seen: list[LoadEvent] = []
    run(lambda cancel: backend.open(load_request(mistral_path), cancel), on_event=seen.append).close()
    assert isinstance(seen[0], Vetting)


def test_errors_come_back_as_what_they_are(mistral_path: Path, apart: IsolatedBackend, open_apart: OpenApart) -> None:
    engine = open_apart(mistral_path, params=RunParams(n_ctx=256, n_batch=64, n_ubatch=64))
    with pytest.raises(ContextOverflowError, match="256") as error:
        answer(engine, "word " * 600)
    assert error.value.hint
    assert answer(engine, "Hi").text is not None
    with pytest.raises(TemplateError):
        run(lambda cancel: apart.open(load_request(mistral_path, template="chatlm"), cancel))
    with pytest.raises(UsageError, match="context"):
        run(lambda cancel: apart.open(load_request(mistral_path, params=RunParams(n_ctx=0)), cancel))


def test_a_closed_engine_says_so(mistral_path: Path, open_apart: OpenApart) -> None:
    engine = open_apart(mistral_path)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="unloaded"):
        engine.count_tokens([Message("user", "Hi")])
    with pytest.raises(EngineError, match="unloaded"):
        answer(engine, "Hi")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_nothing_is_left_open(mistral_path: Path, apart: IsolatedBackend) -> None:
    def once() -> int:
        engine = run(lambda cancel: apart.open(load_request(mistral_path), cancel))
        answer(engine, request("Hi", max_tokens=2))
        engine.close()
        return len(list(Path("/proc/self/fd").iterdir()))

    first = once()
    assert once() == first
    assert psutil.Process().children() == []


def test_what_is_not_the_protocol_ends_the_child(mistral_path: Path, open_apart: OpenApart) -> None:
    engine = open_apart(mistral_path)
    engine._line._take(b'[1, "event", {"": "Popen"}]\n')
    with pytest.raises(EngineCrashedError):
        answer(engine, "Hi")


def test_the_child_inherits_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "https_proxy", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("SOME_INDEX", "https://me:canary@example.org/simple")
    assert not [name for name, value in child_process.environment().items() if "canary" in value]


# --- which backend ---------------------------------------------------------------------------


@pytest.mark.parametrize(("isolated", "kind"), [(True, IsolatedEngine), (False, LlamaEngine)])
def test_a_request_says_which_it_wants(
    isolated: bool, kind: type, mistral_path: Path, backend: LlamaBackend, apart: IsolatedBackend
) -> None:
    plain = load_request(mistral_path)
    asked = LoadRequest(plain.model, plain.params, isolated=isolated)
    engine = run(lambda cancel: ChoosingBackend(backend, apart).open(asked, cancel))
    assert type(engine) is kind
    engine.close()


def test_many_prompts_are_answered_as_here(mistral_path: Path, open_model: Open, open_apart: OpenApart) -> None:
    asked = [request(f"Count to {number}.", max_tokens=6) for number in range(4)]
    here, there = open_model(mistral_path), open_apart(mistral_path)
    assert isinstance(here, LlamaEngine)
    ours = run(lambda cancel: here.stream_many(asked, cancel, slots=2))
    seen: list[Numbered] = []
    theirs = run(lambda cancel: there.stream_many(asked, cancel, slots=2), on_event=seen.append)
    assert [one.text for one in theirs] == [one.text for one in ours]
    assert {event.index for event in seen} == {0, 1, 2, 3}


def test_one_of_many_can_be_dropped(mistral_path: Path, open_apart: OpenApart) -> None:
    engine = open_apart(mistral_path)
    asked = [request("Go on and on.", max_tokens=400), request("Hi.", max_tokens=3)]
    long, short = run(lambda cancel: engine.stream_many(asked, cancel, slots=2, unwanted=lambda: {0}))
    assert long.stop_reason is StopReason.CANCELLED
    assert short.timings.completion_tokens == 3
