"""What another process decides about the network is obeyed here, at once or within a moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench import settings
from workbench.app import Workbench
from workbench.engine.fake import FakeBackend
from workbench.errors import OfflineError
from workbench.hub.download_rows import State
from workbench.hub.switch import Switch
from workbench.hub.transfer import Phase
from workbench.jobs import CancelToken, run

REPOSITORY = "owner/tiny-GGUF"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        hub.add(REPOSITORY, {"tiny-Q4_0.gguf": big_gguf.write(tmp_path / "published.gguf", tokens=50)})
        yield hub


@pytest.fixture
def bench(tmp_path: Path, hub: LoopbackHub) -> Iterator[Workbench]:
    settings.save(tmp_path / "data" / "settings.toml", {"hub_endpoint": hub.endpoint})
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as opened:
        yield opened


def elsewhere(bench: Workbench, **changes: object) -> None:
    """What another process writes."""
    settings.save(bench.paths.settings, changes)


def test_offline_is_obeyed_before_the_next_connection(bench: Workbench, hub: LoopbackHub) -> None:
    run(bench.search("tiny"))
    elsewhere(bench, offline=True)
    hub.forget()
    with pytest.raises(OfflineError):
        run(bench.search("tiny"))
    with pytest.raises(OfflineError):
        run(bench.remote(REPOSITORY))
    assert hub.served == []
    assert bench.settings.offline
    assert {use.state for use in bench.network_uses() if use.switch} == {"off"}
    elsewhere(bench, offline=False)
    assert run(bench.search("tiny"))


def test_offline_is_obeyed_by_what_is_being_downloaded(
    bench: Workbench, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Switch, "LOOK_S", 0.01)
    listing = run(bench.remote(REPOSITORY))
    bench.agree(run(bench.gate(listing)))
    download = bench.pull(listing.files[0])
    gate = threading.Event()
    hub.break_(REPOSITORY, Faults(gate=gate))
    last = None
    for state in bench.work()(CancelToken()):
        if state.phase is Phase.FETCHING and not bench.settings.offline:
            elsewhere(bench, offline=True)
        last = state
    gate.set()
    assert last is not None
    assert last.phase is Phase.PAUSED
    stopped = bench.downloads.get(download.id)
    assert stopped.state is State.PAUSED
    assert stopped.reason is not None
    assert "workbench offline off" in (stopped.reason.hint or "")
    assert "“Offline” in the window" in (stopped.reason.hint or "")


def test_another_hub_and_another_number_of_connections_count_from_the_next_use_on(
    bench: Workbench, hub: LoopbackHub, tmp_path: Path
) -> None:
    with LoopbackHub() as other:
        other.add("owner/elsewhere-GGUF", {"m-Q4_0.gguf": tmp_path / "published.gguf"})
        elsewhere(bench, hub_endpoint=other.endpoint, download_connections=1)
        (hit,) = run(bench.search("elsewhere"))
        assert hit.repository == "owner/elsewhere-GGUF"
        assert hub.served == []
        assert any(other.endpoint in use.to for use in bench.network_uses())
        assert bench.token_state().origin == other.endpoint
        listing = run(bench.remote("owner/elsewhere-GGUF"))
        bench.agree(run(bench.gate(listing)))
        bench.pull(listing.files[0])
        assert run(bench.work()) == 1


def test_a_settings_file_with_a_mistake_changes_nothing_and_is_said(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.paths.settings.write_text("offline = 3 = 4")
    assert run(bench.search("tiny"))
    assert not bench.follow_settings()
    assert caplog.text.count("stay as they were here") == 1, "once for each change of the file"


def test_what_this_process_saves_itself_is_no_news(bench: Workbench) -> None:
    bench.set_offline(True)
    assert not bench.follow_settings()
    elsewhere(bench, context=1024)
    assert bench.follow_settings()
    assert bench.settings.context == 1024
    assert not bench.follow_settings()


def test_a_refreshed_entry_is_known_at_the_next_start_with_its_date(
    bench: Workbench, hub: LoopbackHub, tmp_path: Path
) -> None:
    entry = next(entry for entry in bench.catalogue.entries if entry.gguf_repositories)
    name = entry.gguf_repositories[0].name
    commit = hub.add(name, {"m-Q4_K_M.gguf": tmp_path / "published.gguf"}, gated="auto")
    fresh = run(bench.refresh(entry))
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as later:
        found = later.catalogue.entry(entry.id)
    assert found == fresh
    assert found is not None
    assert found.asked_at is not None
    assert (found.gguf_repositories[0].commit, found.gguf_repositories[0].gated) == (commit, True)
