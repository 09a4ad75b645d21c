"""A probe whose child aborts, hangs, babbles, is killed or cancelled: an error each, and the next one works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from workbench.engine import child, child_process
from workbench.engine.probe import Probe
from workbench.errors import Cancelled, ProbeError
from workbench.jobs import CancelToken
from workbench.models.exact import Breakdown, Head
from workbench.models.params import RunParams
from workbench.store.database import Database

# Each reads its first request before it misbehaves, as a real child would.
READ = "import os, sys, signal; sys.stdin.buffer.readline(); "
OPENING = READ + """print('{"id": 1, "stage": "opening it"}', flush=True); """
ABORT = READ + "print('ggml.c:1: GGML_ASSERT(x) failed', file=sys.stderr, flush=True); os.abort()"
HANG = OPENING + "sys.stdin.buffer.read()"
DEAF = OPENING + "signal.pause()"
BABBLE = READ + "print('Welcome to this shell!', flush=True); sys.stdin.buffer.read()"
WRONG = READ + "print('[1, 2]', flush=True); sys.stdin.buffer.read()"
ENDED = READ + "os.kill(os.getpid(), signal.SIGKILL)"

# The product's own child, in which llama.cpp is told to map a file that it must not read.
WRONG_LOAD_MODE = """
import sys
from workbench.engine import child, native
native.api().LLAMA_LOAD_MODE_NONE = native.api().LLAMA_LOAD_MODE_MMAP
sys.exit(child.serve())
"""

PARENT = """
import sys
from pathlib import Path
from workbench.engine.probe import Probe
from workbench.jobs import CancelToken
from workbench.models.exact import Head
from workbench.models.params import RunParams
from workbench.store.database import Database
import psutil
path = Path(sys.argv[1])
probe = Probe(Database(Path(sys.argv[2])), devices=tuple)
probe((Head(path, path.name, path.stat().st_size),), "sha256", (RunParams(),), CancelToken())
print(psutil.Process().children()[0].pid, flush=True)
sys.stdin.read()
"""

Misbehave = Callable[[str], None]


class CancelledAfter(CancelToken):
    """Cancelled when it has been looked at ``count`` times."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    @property
    def cancelled(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def probe(tmp_path: Path, temporary: Path) -> Iterator[Probe]:
    """A probe that leaves no process and no file behind, whatever happened."""
    before = set(psutil.Process().children())
    database = Database(tmp_path / "probe.sqlite3")
    asked = Probe(database, devices=tuple, stage_s=60)
    yield asked
    asked.close()
    database.close()
    assert set(psutil.Process().children()) == before
    assert list(temporary.iterdir()) == []


@pytest.fixture
def misbehave(monkeypatch: pytest.MonkeyPatch) -> Misbehave:
    def replace_command(code: str) -> None:
        monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", code])

    return replace_command


@pytest.fixture
def head(mistral_path: Path, tmp_path: Path) -> Head:
    """Only the first bytes of a file: it has to be laid out in the temporary folder."""
    first = tmp_path / "first-bytes"
    first.write_bytes(mistral_path.read_bytes()[: 4 << 20])
    return Head(first, mistral_path.name, mistral_path.stat().st_size)


def ask(probe: Probe, head: Head, *, n_ctx: int = 512, cancel: CancelToken | None = None) -> Breakdown:
    return probe((head,), "sha256", (RunParams(n_ctx=n_ctx),), cancel or CancelToken())[0]


def warm_child() -> psutil.Process:
    (found,) = psutil.Process().children()
    return found


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (ABORT, r"crashes llama.cpp .*GGML_ASSERT\(x\)"),
        (WRONG_LOAD_MODE, r"crashes llama.cpp .*GGML_ASSERT\(!ml.no_alloc\)"),
        (BABBLE, "Welcome to this shell"),
        (WRONG, r"\[1, 2\]"),
        (ENDED, "ended by the system"),
    ],
)
def test_what_goes_wrong_in_the_child_is_an_error_and_the_next_question_is_answered(
    code: str, said: str, probe: Probe, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr(child, "command", lambda: [sys.executable, "-c", code])
        with pytest.raises(ProbeError, match=said) as error:
            ask(probe, head)
    assert error.value.hint is not None
    assert "estimate stands" in error.value.hint
    assert ask(probe, head).n_ctx == 512


@pytest.mark.parametrize("code", [HANG, DEAF])
def test_a_child_that_hangs_is_ended_at_its_dead_line(
    code: str, tmp_path: Path, temporary: Path, head: Head, misbehave: Misbehave
) -> None:
    misbehave(code)
    database = Database(tmp_path / "probe.sqlite3")
    with pytest.raises(ProbeError, match=r"opening it took longer than 0\.2 s"):
        ask(Probe(database, devices=tuple, stage_s=0.2), head)
    database.close()
    assert psutil.Process().children() == []
    assert list(temporary.iterdir()) == []


def test_a_question_that_hangs_can_be_cancelled(probe: Probe, head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr(child, "command", lambda: [sys.executable, "-c", HANG])
        with pytest.raises(Cancelled):
            ask(probe, head, cancel=CancelledAfter(10))
    assert psutil.Process().children() == []
    assert ask(probe, head).n_ctx == 512


@pytest.mark.parametrize("looks", [0, 1, 2, 3, 5])
def test_a_cancelled_question_does_not_disturb_the_next(looks: int, probe: Probe, head: Head) -> None:
    ask(probe, head)
    warm = warm_child()
    with pytest.raises(Cancelled):
        probe((head,), "sha256", tuple(RunParams(n_ctx=256 * n) for n in range(3, 60)), CancelledAfter(looks))
    first, second = ask(probe, head, n_ctx=1024), ask(probe, head, n_ctx=2048)
    assert warm_child() == warm, "the open model is kept"
    assert (first.n_ctx, second.n_ctx) == (1024, 2048)
    assert 2 * first.on("RAM")[1] == second.on("RAM")[1]


def test_a_child_killed_between_two_questions_is_replaced(probe: Probe, head: Head) -> None:
    ask(probe, head)
    killed = warm_child()
    killed.kill()
    psutil.wait_procs([killed], timeout=30)
    assert ask(probe, head, n_ctx=1024).n_ctx == 1024
    assert warm_child() != killed


def test_an_unused_child_ends_by_itself_and_is_replaced(tmp_path: Path, temporary: Path, head: Head) -> None:
    database = Database(tmp_path / "probe.sqlite3")
    probe = Probe(database, devices=tuple, idle_s=0.05)
    ask(probe, head)
    for process in psutil.Process().children():
        process.wait(timeout=30)
    assert ask(probe, head, n_ctx=1024).n_ctx == 1024
    probe.close()
    database.close()
    assert psutil.Process().children() == []


def test_a_closed_probe_may_be_asked_again(probe: Probe, head: Head) -> None:
    ask(probe, head)
    probe.close()
    assert psutil.Process().children() == []
    assert ask(probe, head, n_ctx=1024).n_ctx == 1024


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_a_child_ends_with_a_parent_that_is_killed(mistral_path: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(mistral_path), str(tmp_path / "p.sqlite3")],
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_child_whose_parent_is_gone_removes_what_it_was_laying_out(tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)  # opening it waits for ever
    question = {
        "id": 1,
        "operation": "probe",
        "model": "m",
        "folder": str(folder),
        "heads": [{"path": str(pipe), "name": "m.gguf", "size_bytes": 1 << 30}],
        "params": [RunParams().as_json()],
    }
    with subprocess.Popen(
        child.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_process.environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["stage"] == "laying out its header"
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GGUF" + bytes(4096), "could not be loaded"),
        (b"", "could not be loaded"),
    ],
)
def test_a_head_that_is_no_header_is_an_error(content: bytes, said: str, probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "head"
    path.write_bytes(content)
    with pytest.raises(ProbeError, match=said):
        ask(probe, Head(path, "m.gguf", 1 << 30))


def test_a_head_that_is_gone_or_named_like_a_path_is_an_error(probe: Probe, head: Head, tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="cannot be read"):
        ask(probe, Head(tmp_path / "gone", "m.gguf", 1 << 30))
    with pytest.raises(ProbeError, match="no file name"):
        ask(probe, Head(head.path, "../../m.gguf", 1 << 30))


def test_a_temporary_folder_that_cannot_be_used_is_an_error(
    probe: Probe, head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
        with pytest.raises(ProbeError, match="No such file"):
            ask(probe, head)
    assert ask(probe, head).n_ctx == 512
