"""Logging: private, bounded, without secrets, and never a reason to stop."""

from __future__ import annotations

import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from workbench import logs
from workbench.paths import Paths, resolve

log = logging.getLogger("workbench.test")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return resolve(tmp_path)


@pytest.fixture(autouse=True)
def everything_as_before() -> Iterator[None]:
    def state() -> tuple[list[logging.Handler], list[int]]:
        names = (None, "workbench", logs.NATIVE_LOGGER)
        return list(logging.getLogger().handlers), [logging.getLogger(name).level for name in names]

    before = state()
    yield
    assert state() == before


def test_lines_go_to_a_private_file(paths: Paths) -> None:
    with logs.setup(paths):
        log.info("loaded %s", "model")
    assert "INFO workbench.test [MainThread] loaded model" in paths.log.read_text()
    assert stat.S_IMODE(paths.log.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.logs.stat().st_mode) == 0o700


def test_the_level_counts_for_us_and_for_the_engine_only(paths: Paths) -> None:
    with logs.setup(paths, "debug"):
        log.debug("ours")
        logging.getLogger("llama.cpp").debug("native")
        logging.getLogger("chatty.library").info("not wanted")
        logging.getLogger("chatty.library").warning("wanted")
    text = paths.log.read_text()
    assert [word in text for word in ("ours", "native", "not wanted", " wanted")] == [True, True, False, True]


SECRETS = {
    "token hf_abcdefghijklmnopqrstuvwx end": "hf_abcdefghijkl",
    "Authorization: Bearer abc.def-ghi end": "abc.def",
    "https://cdn/x?Expires=1&Signature=s3cret~&Key-Pair-Id=K1D end": "s3cret",
    "https://cdn/x?X-Amz-Signature=s3cret&X-Amz-Credential=cr3d end": "cr3d",
    "https://cdn/x?Policy=p0licy end": "p0licy",
    "index https://user:passw0rd@mirror.example/simple end": "passw0rd",
}


@pytest.mark.parametrize(("line", "secret"), SECRETS.items())
def test_secrets_are_left_out_and_the_rest_is_kept(line: str, secret: str) -> None:
    redacted = logs.redact(line)
    assert secret not in redacted
    assert redacted.endswith(" end")
    assert redacted[:5] == line[:5]


def test_secrets_are_left_out_of_tracebacks_too(paths: Paths) -> None:
    with logs.setup(paths):
        try:
            raise ValueError("Bearer s3cret")
        except ValueError:
            log.warning("failed", exc_info=True)
    assert "s3cret" not in paths.log.read_text()
    assert "ValueError: Bearer [redacted]" in paths.log.read_text()


def test_the_log_is_bounded(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    with logs.setup(paths):
        for number in range(100):
            log.info("line %d %s", number, "x" * 50)
    files = sorted(paths.logs.glob("workbench.log*"))
    assert len(files) == logs.FILES
    assert all(file.stat().st_size <= 1000 for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "line 99" in paths.log.read_text()


def test_a_file_that_cannot_be_renamed_is_written_on(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object) -> None:
        raise PermissionError(13, "in use by another process")

    monkeypatch.setattr(logs, "FILE_BYTES", 200)
    monkeypatch.setattr(RotatingFileHandler, "rotate", refused)
    with logs.setup(paths):
        for number in range(10):
            log.info("line %d %s", number, "x" * 50)
    assert [f"line {number} " in paths.log.read_text() for number in range(10)] == [True] * 10


def test_a_second_set_up_replaces_the_first(paths: Paths, tmp_path: Path) -> None:
    other = resolve(tmp_path / "other")
    logs.setup(paths)
    close = logs.setup(other)
    log.info("once")
    close()
    assert "once" not in paths.log.read_text()
    assert other.log.read_text().count("once") == 1


def test_closing_an_old_set_up_does_not_end_the_new_one(paths: Paths, tmp_path: Path) -> None:
    old = logs.setup(paths)
    with logs.setup(resolve(tmp_path / "other")):
        old.close()
        log.info("still there")
    assert "still there" in (tmp_path / "other" / "logs" / "workbench.log").read_text()


def test_warnings_go_to_stderr_when_asked(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    with logs.setup(paths, to_stderr=True):
        log.info("quiet")
        log.warning("Bearer s3cret")
    assert capsys.readouterr().err == "WARNING: Bearer [redacted]\n"


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    with logs.setup(resolve(tmp_path)) as opened:
        log.warning("one")
        log.warning("two")
    assert opened.problem
    assert "cannot be written" in opened.problem
    assert capsys.readouterr().err == opened.problem + "\n"


CRASH = """
import sys, ctypes
from pathlib import Path
from workbench import logs
from workbench.paths import resolve
logs.setup(resolve(Path(sys.argv[1])))
ctypes.string_at(0)
"""


def test_a_native_crash_is_recorded_and_told_at_the_next_start(paths: Paths, tmp_path: Path) -> None:
    crashed = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], capture_output=True, timeout=60)
    assert crashed.returncode != 0
    assert "Current thread" in (paths.logs / "crash.log").read_text()
    with logs.setup(paths):
        pass
    assert "native crash" in paths.log.read_text()
    assert "Current thread" in logs.diagnostics_tail(paths)
    with logs.setup(paths):
        pass
    assert paths.log.read_text().count("native crash") == 1


def test_the_tail_for_diagnostics_is_short_and_fit_to_be_shown(paths: Paths) -> None:
    with logs.setup(paths):
        for number in range(300):
            log.info("line %d", number)
        log.info("read %s", Path.home() / "model.gguf")
    # Written by another program, past our own filter.
    with paths.log.open("a") as file:
        file.write("Bearer s3cret\n")
    tail = logs.diagnostics_tail(paths, lines=10).splitlines()
    assert len(tail) == 10
    assert tail[-1] == "Bearer [redacted]"
    assert str(Path.home()) not in tail[-2]
    assert "model.gguf" in tail[-2]


def test_without_a_log_the_tail_is_empty(paths: Paths) -> None:
    assert logs.diagnostics_tail(paths) == ""
