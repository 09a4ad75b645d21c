"""What holds for every test: its own data folder, no network, no leaks, no errors logged in passing."""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["GGML_NO_BACKTRACE"] = "1"
for name in [key for key in os.environ if key.startswith("WORKBENCH_") and key != "WORKBENCH_TEST_MODELS"]:
    del os.environ[name]

# The process's only switch for every socket of Python code: whatever leaves loopback fails the test.
_refused: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        peer, address = arguments
        if peer.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            _refused.append(f"connect to {address}")
            raise PermissionError(f"a test tried to reach {address}")
    elif event == "socket.getaddrinfo" and not _is_loopback(arguments[0]):
        _refused.append(f"look up {arguments[0]}")
        raise PermissionError(f"a test tried to look up {arguments[0]}")


def _is_loopback(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State goes below the test's own folder, whatever the test forgets to say."""
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "data"))
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING_FACE_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _stays_on_loopback() -> Iterator[None]:
    _refused.clear()
    yield
    assert not _refused, f"left the machine: {_refused}"


@pytest.fixture(autouse=True)
def _leaves_no_thread() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
    left = [thread.name for thread in set(threading.enumerate()) - before if not thread.daemon]
    assert not left, f"threads left behind: {left}"


@pytest.fixture(autouse=True)
def _logs_no_error(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """An ERROR in the log fails the test, unless it is marked ``logs_errors``."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    errors = [
        record.getMessage()
        for phase in ("setup", "call")
        for record in caplog.get_records(phase)
        if record.levelno >= logging.ERROR
    ]
    assert not errors, f"logged as errors: {errors}"


@pytest.fixture(scope="session")
def real_models() -> Any:
    """The three verified models, fetched once and kept outside the checkout."""
    from tests.models import test_models

    return test_models()


@pytest.fixture(scope="session")
def smollm2_path(real_models: Any) -> Path:
    return Path(real_models.smollm2)


@pytest.fixture(scope="session")
def gemma_path(real_models: Any) -> Path:
    return Path(real_models.gemma)


@pytest.fixture(scope="session")
def mistral_path(real_models: Any) -> Path:
    return Path(real_models.mistral)
