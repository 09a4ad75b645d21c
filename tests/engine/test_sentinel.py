"""The program dies while it works on a model: the next start knows which."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import TODAY, answer, load_request, request
from workbench.engine import child_process
from workbench.engine.base import Completion, Mode
from workbench.engine.fake import fake_model
from workbench.engine.llama import LlamaBackend
from workbench.engine.sentinel import Died, Phase, Sentinel
from workbench.engine.vet import Vetter
from workbench.errors import ModelLoadError
from workbench.jobs import CancelToken, run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no signals")

# A program that ends itself at the first event of a kind, as llama.cpp would end it.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from workbench.engine.base import LoadRequest, Message, Request
from workbench.engine.llama import LlamaBackend
from workbench.engine.sentinel import Sentinel
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import run
from workbench.models.describe import describe
from workbench.models.params import RunParams
path, folder, kind, number = sys.argv[1:]
def die(event):
    if type(event).__name__ == kind:
        os.kill(os.getpid(), int(number))
backend = LlamaBackend(Vetter(RememberedVerdicts()), sentinel=Sentinel(Path(folder)))
asked = LoadRequest(describe(Path(path)), RunParams(n_ctx=512))
engine = run(lambda cancel: backend.open(asked, cancel), on_event=die)
question = Request((Message("user", "Hi"),), max_tokens=3)
run(lambda cancel: engine.stream(question, cancel), on_event=die)
print("answered", flush=True)
if kind == "wait":
    sys.stdin.read()
run(lambda cancel: engine.stream(question, cancel), on_event=lambda _: kind == "later" and os.abort())
engine.close()
"""


def program(model: Path, folder: Path, kind: str, number: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(model), str(folder), kind, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_process.environment(),
    )


def ended(process: subprocess.Popen[bytes]) -> int:
    with process:
        process.communicate(timeout=120)
    return process.returncode


@pytest.mark.parametrize(
    ("event", "number", "phase"),
    [
        ("Loading", signal.SIGKILL, Phase.LOADING),
        ("Loading", signal.SIGABRT, Phase.LOADING),
        ("Prefilling", signal.SIGKILL, Phase.FIRST_ANSWER),
        ("TextDelta", signal.SIGSEGV, Phase.FIRST_ANSWER),
    ],
)
def test_a_death_is_found_at_the_next_start_until_it_is_forgotten(
    event: str, number: signal.Signals, phase: Phase, mistral_path: Path, tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    assert ended(program(mistral_path, tmp_path / "opening", event, number)) == -number
    sentinel = Sentinel(tmp_path / "opening")
    died = sentinel.found()
    assert died is not None
    assert (died.path, died.phase) == (mistral_path, phase)
    assert before <= died.at <= datetime.now(UTC)
    assert died.model_name in died.words
    assert sentinel.found() == died
    sentinel.forget()
    assert sentinel.found() is None
    assert list((tmp_path / "opening").iterdir()) == []


@pytest.mark.parametrize("kind", ["never", "later"])
def test_after_the_first_answer_nothing_is_found(kind: str, mistral_path: Path, tmp_path: Path) -> None:
    status = ended(program(mistral_path, tmp_path / "opening", kind))
    assert status == (-signal.SIGABRT if kind == "later" else 0)
    assert Sentinel(tmp_path / "opening").found() is None


def test_a_load_that_ends_badly_is_no_death(mistral_path: Path, tmp_path: Path, vetter: Vetter) -> None:
    copy = tmp_path / "model.gguf"
    copy.write_bytes(mistral_path.read_bytes())
    sentinel = Sentinel(tmp_path / "opening")
    backend = LlamaBackend(vetter, today=lambda: TODAY, sentinel=sentinel)
    asked = load_request(copy)
    run(lambda cancel: backend.open(asked, cancel)).close()
    stamps = copy.stat()
    copy.write_bytes(bytes(stamps.st_size))  # another file under the same name, size and date
    os.utime(copy, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    with pytest.raises(ModelLoadError):
        run(lambda cancel: backend.open(asked, cancel))
    assert sentinel.found() is None
    assert list((tmp_path / "opening").iterdir()) == []


def test_the_mark_lies_there_only_while_it_has_to(mistral_path: Path, tmp_path: Path, vetter: Vetter) -> None:
    folder = tmp_path / "opening"
    backend = LlamaBackend(vetter, today=lambda: TODAY, sentinel=Sentinel(folder))
    seen: list[list[str]] = []
    engine = run(
        lambda cancel: backend.open(load_request(mistral_path), cancel),
        on_event=lambda event: seen.append([json.loads(mark.read_text())["phase"] for mark in folder.glob("*")]),
    )
    assert [Phase.LOADING.value] in seen
    assert list(folder.iterdir()) == []
    answer(engine, "Hi")
    assert list(folder.iterdir()) == []
    engine.close()


def test_of_many_answers_the_first_is_watched(mistral_path: Path, tmp_path: Path, vetter: Vetter) -> None:
    folder = tmp_path / "opening"
    backend = LlamaBackend(vetter, today=lambda: TODAY, sentinel=Sentinel(folder))
    engine = run(lambda cancel: backend.open(load_request(mistral_path), cancel))
    many = [replace(request("Hi", max_tokens=2), mode=Mode.THROUGHPUT)] * 2
    with closing(engine):
        events = engine.stream_many(many, CancelToken())
        seen = [(isinstance(event.event, Completion), len(list(folder.iterdir()))) for event in events]
    first = next(at for at, (ended, _) in enumerate(seen) if ended)
    assert {count for _, count in seen[:first]} == {1}
    assert {count for _, count in seen[first:]} == {0}


def test_the_mark_of_a_program_that_runs_is_left_alone(tmp_path: Path) -> None:
    sentinel = Sentinel(tmp_path)
    with sentinel.watch(fake_model("A"), Phase.LOADING):
        other = Sentinel(tmp_path)
        assert other.found() is None
        other.forget()
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_two_loads_of_one_program_have_a_mark_each(tmp_path: Path) -> None:
    sentinel = Sentinel(tmp_path)
    with sentinel.watch(fake_model("A"), Phase.FIRST_ANSWER):
        with sentinel.watch(fake_model("B"), Phase.LOADING):
            assert len(list(tmp_path.iterdir())) == 2
        assert [json.loads(mark.read_text())["model"] for mark in tmp_path.iterdir()] == ["A"]


def mark(folder: Path, name: str, *, pid: int, started_s: float, at: str = "2026-03-01T10:00:00+00:00") -> None:
    facts = {"pid": pid, "started_s": started_s, "model": name, "path": f"/m/{name}", "phase": "loading", "at": at}
    (folder / f"{name}.json").write_text(json.dumps(facts))


def test_a_process_number_that_was_given_again_is_another_process(tmp_path: Path) -> None:
    mark(tmp_path, "A", pid=os.getpid(), started_s=psutil.Process().create_time() - 3600)
    died = Sentinel(tmp_path).found()
    assert died == Died("A", Path("/m/A"), Phase.LOADING, datetime(2026, 3, 1, 10, tzinfo=UTC))


def test_the_latest_death_is_told_and_all_are_forgotten(tmp_path: Path) -> None:
    mark(tmp_path, "A", pid=1 << 22, started_s=1.0, at="2026-03-01T10:00:00+00:00")
    mark(tmp_path, "B", pid=1 << 22, started_s=1.0, at="2026-03-02T10:00:00+00:00")
    sentinel = Sentinel(tmp_path)
    died = sentinel.found()
    assert died is not None
    assert died.model_name == "B"
    sentinel.forget()
    assert sentinel.found() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started_s": 1}'])
def test_a_damaged_mark_tells_nothing_and_is_cleared_away(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    sentinel = Sentinel(tmp_path)
    assert sentinel.found() is None
    sentinel.forget()
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_to_write_in_models_are_loaded_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    sentinel = Sentinel(file / "opening")
    done = False
    with sentinel.watch(fake_model("A"), Phase.LOADING):
        done = True
    assert done
    assert sentinel.found() is None
