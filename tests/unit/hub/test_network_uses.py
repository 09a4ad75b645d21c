"""Every use of the network is in one list, behind one switch, and no other code can open a socket."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

import workbench
from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench.errors import Cancelled, HubError, OfflineError
from workbench.hub.failures import Interrupted
from workbench.hub.network_uses import network_uses
from workbench.hub.remote import Hub
from workbench.hub.switch import Switch
from workbench.jobs import CancelToken, run

ROOT = Path(workbench.__file__).parent

# What of the standard library and of what is installed can open a socket, or starts a program that can.
STANDARD = ("asyncio", "ftplib", "http", "imaplib", "multiprocessing", "poplib", "smtplib", "socket", "socketserver")
ALSO_STANDARD = ("ssl", "subprocess", "telnetlib", "urllib", "webbrowser", "xmlrpc")
LIBRARIES = ("aiohttp", "httpcore", "httpcore2", "httpx", "httpx2", "huggingface_hub", "keyring", "pycurl", "requests")
MORE_LIBRARIES = ("trio", "urllib3", "uvicorn", "websockets", "pip", "tqdm.contrib")
QT = ("PySide6.QtNetwork", "PySide6.QtWebEngineCore", "PySide6.QtWebSockets", "PySide6.QtQuick")
REACHING = frozenset({*STANDARD, *ALSO_STANDARD, *LIBRARIES, *MORE_LIBRARIES, *QT})
HARMLESS = frozenset({"urllib.parse"})

ALLOWED = {
    # The one way to the hub, and what speaks through it.
    "hub/connection.py": {"http", "httpx2", "huggingface_hub", "ssl"},
    "hub/repository.py": {"huggingface_hub"},
    "hub/promises.py": {"huggingface_hub"},
    "hub/search.py": {"huggingface_hub"},
    # Shuts sockets, opens none.
    "hub/breaking.py": {"socket"},
    # The system's password store, on this machine.
    "hub/tokens.py": {"keyring"},
    # pip, for the starter models.
    "hub/wheels.py": {"subprocess"},
    # A socket pair within the process; a local socket between two starts of the program.
    "gui/run.py": {"socket"},
    "gui/instance.py": {"PySide6.QtNetwork"},
    # Programs of this machine that ask nobody.
    "engine/child_process.py": {"subprocess"},
    "cli/doctor.py": {"subprocess"},
    "hardware/apple.py": {"subprocess"},
}


def reaching(path: Path) -> set[str]:
    """What of ``REACHING`` a module imports, wherever in it and in whatever form."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("__import__", "import_module")):
            names = [str(value.value) for value in node.args if isinstance(value, ast.Constant)]
        found |= {known for name in names for known in REACHING if f"{name}.".startswith(f"{known}.")
                  and not any(f"{name}.".startswith(f"{safe}.") for safe in HARMLESS)}  # fmt: skip
    return found


def test_only_the_modules_named_here_can_reach_beyond_the_process() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in sorted(ROOT.rglob("*.py"))
        if "resources" not in path.parts and (names := reaching(path))
    }
    unexpected = {name: names - ALLOWED.get(name, set()) for name, names in found.items()}
    assert not {name: names for name, names in unexpected.items() if names}
    assert {name for name, names in ALLOWED.items() if names - found.get(name, set())} == set(), "no longer needed"


def test_the_search_for_imports_finds_every_form_of_them(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    for text, expected in {
        "import socket": {"socket"},
        "def f():\n    from urllib import request": {"urllib"},
        "from urllib.parse import quote": set(),
        "import http.client as h": {"http"},
        "from PySide6 import QtNetwork": {"PySide6.QtNetwork"},
        "import importlib\nimportlib.import_module('ftplib')": {"ftplib"},
        "import json, pathlib": set(),
    }.items():
        source.write_text(text)
        assert reaching(source) == expected, text


def test_every_connection_is_made_through_the_switch() -> None:
    """``Connection`` is constructed where the switch is looked at, and in the client that is given none."""
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Connection"
    }
    assert makers == {"hub/switch.py", "hub/remote.py", "hub/downloads.py"}


def test_everything_listed_says_what_to_whom_and_when_and_stands_as_the_switch_does() -> None:
    on = network_uses(endpoint="https://mirror.example", offline=False)
    off = network_uses(endpoint="https://mirror.example", offline=True)
    assert all(use.what and use.to and use.when for use in on)
    assert {use.state for use in on if use.switch} == {"allowed"}
    assert {use.state for use in off if use.switch} == {"off"}
    assert {use.state for use in off if not use.switch} == {"this machine only"}
    assert sum("https://mirror.example" in use.to for use in on) == 5
    assert [use.what for use in on] == [use.what for use in off]


# --- the switch ------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        hub.add("owner/name", {"tiny-Q4_0.gguf": big_gguf.write(tmp_path / "tiny.gguf", tokens=50)})
        yield hub


def test_off_means_refused_before_any_request(hub: LoopbackHub) -> None:
    switch = Switch(offline=True)
    with pytest.raises(OfflineError) as refused:
        switch.connecting(hub.endpoint, token=lambda: None)(CancelToken())
    assert refused.value.hint
    with pytest.raises(OfflineError, match="Searching needs the network"):
        run(switch.under("Searching", lambda _: pytest.fail("began")))
    assert hub.served == []


def test_turning_it_off_breaks_off_what_waits_for_an_answer(hub: LoopbackHub, tmp_path: Path) -> None:
    switch = Switch(offline=False)
    hub.break_("owner/name", Faults(stalls=9))
    connect = switch.connecting(hub.endpoint, token=lambda: None)
    listing = Hub(tmp_path, tmp_path, endpoint=hub.endpoint, offline=False, connect=connect).listing("owner/name")
    off = threading.Thread(target=lambda: (_until(lambda: hub.requests()), switch.turn(offline=True)))
    off.start()
    with pytest.raises(OfflineError, match="broken off"):
        run(switch.under("owner/name", listing))
    off.join()
    asked = len(hub.served)
    with pytest.raises(OfflineError):
        run(switch.under("owner/name", listing))
    assert len(hub.served) == asked


def test_turned_on_again_work_begins_afresh(hub: LoopbackHub, tmp_path: Path) -> None:
    switch = Switch(offline=False)
    assert not switch.turn(offline=False)
    assert switch.turn(offline=True)
    assert switch.turn(offline=False)
    connect = switch.connecting(hub.endpoint, token=lambda: None)
    listing = Hub(tmp_path, tmp_path, endpoint=hub.endpoint, offline=False, connect=connect).listing("owner/name")
    assert len(run(switch.under("owner/name", listing)).files) == 1


def test_the_user_s_own_stop_stays_a_stop_and_a_failure_stays_a_failure() -> None:
    switch = Switch(offline=False)
    cancel = CancelToken()

    def stopped(token: CancelToken) -> Generator[None, None, None]:
        yield None
        cancel.cancel()
        token.raise_if_cancelled()

    def failed(token: CancelToken) -> Generator[None, None, None]:
        yield None
        raise HubError("The hub is on holiday.")

    with pytest.raises(Cancelled):
        run(switch.under("It", stopped), cancel=cancel)
    with pytest.raises(HubError, match="holiday"):
        run(switch.under("It", failed))


def _until(true: object) -> None:
    deadline = threading.Event()
    assert callable(true)
    for _ in range(1000):
        if true():
            return
        deadline.wait(0.01)
    sys.exit("never came")


def test_a_connection_from_before_asks_nothing_more(hub: LoopbackHub) -> None:
    switch = Switch(offline=False)
    with switch.connecting(hub.endpoint, token=lambda: None)(CancelToken()) as connection:
        connection.get(f"{hub.endpoint}/owner/name/resolve/main/tiny-Q4_0.gguf", {}).close()
        switch.turn(offline=True)
        hub.forget()
        with pytest.raises(Interrupted):
            connection.get(f"{hub.endpoint}/owner/name/resolve/main/tiny-Q4_0.gguf", {})
    assert hub.served == []
