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
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# How the tests were started.  Fetching the real models may need it: pip's settings, a proxy, the cache folder.
_OUTSIDE = dict(os.environ)

# What would lead a test, or a child process of it, to the user's own folders, tokens, proxies or services, and
# the size of a terminal that text would be laid out for.
_USERS_OWN = ("WORKBENCH_", "HF_", "HUGGING", "XDG_", "OLLAMA_", "LLAMA_", "JAN_", "KEYRING_", "DBUS_")
_TERMINAL = ("COLUMNS", "LINES")
for name in [key for key in os.environ if key.startswith(_USERS_OWN + _TERMINAL) or key.lower().endswith("_proxy")]:
    del os.environ[name]
os.environ |= {
    "GGML_NO_BACKTRACE": "1",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
}


# A busy machine fails nothing: examples may take as long as they take.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A process of pytest-xdist inherits what is left above; it is told apart from that how all was started."""
    node.workerinput["outside"] = _OUTSIDE


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


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for whatever is made for several tests, and where nobody else's programs keep anything."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        _live_in(home, patch)
        yield home


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State goes below the test's own folder, whatever the test forgets to say."""
    _live_in(tmp_path / "nobody", monkeypatch)
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "data"))
    # huggingface-hub reads these once, and the program sets them for itself.
    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)


def _live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """A home folder that need not be there; on Linux and macOS all other folders of a user follow from it."""
    for name, below in (("HOME", ""), ("USERPROFILE", ""), ("APPDATA", "Roaming"), ("LOCALAPPDATA", "Local")):
        patch.setenv(name, str(home / below))


@pytest.fixture(scope="session", autouse=True)
def _closes_what_the_binding_leaves_open() -> Iterator[None]:
    """llama-cpp-python opens /dev/null twice when it is imported, and never closes it."""
    yield
    if binding := sys.modules.get("llama_cpp._utils"):
        binding.outnull_file.close()
        binding.errnull_file.close()


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> None:
    """Every test ends with a collection; it need not walk what modules of Python made to stay."""
    gc.collect()
    gc.freeze()


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
def real_models(pytestconfig: pytest.Config) -> Any:
    """The three verified models, fetched once and kept outside the checkout."""
    from tests.models import test_models

    outside: dict[str, str] = getattr(pytestconfig, "workerinput", {}).get("outside", _OUTSIDE)
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(outside):
            patch.delenv(name)
        for name, value in outside.items():
            patch.setenv(name, value)
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
