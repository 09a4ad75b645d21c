"""Where models come from, in the program as a whole: searched, agreed to, fetched, kept, packed, switched off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench.app import Workbench
from workbench.engine.fake import FakeBackend
from workbench.errors import (
    AlreadyHereError,
    LicenceError,
    ModelFileError,
    OfflineError,
    PackConsentError,
    PackSignatureError,
    SettingsError,
)
from workbench.hub import catalogue
from workbench.hub.download_rows import State
from workbench.hub.packs import keys
from workbench.hub.places import finding
from workbench.hub.places.place import Program
from workbench.hub.places.watching import Changed, Watching
from workbench.hub.transfer import Phase
from workbench.hub.upkeep import Verdict
from workbench.jobs import CancelToken, JobRunner
from workbench.jobs import run as run_task
from workbench.models.file import ModelFile

REPOSITORY = "Owner/Tiny-GGUF"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    files = tmp_path / "published"
    model = big_gguf.write(files / "tiny-Q4_0.gguf", tokens=50)
    (files / "LICENSE").write_text("Do as you like.")
    with LoopbackHub() as hub:
        hub.add(REPOSITORY, {"tiny-Q4_0.gguf": model, "LICENSE": files / "LICENSE"}, card={"license": "apache-2.0"})
        yield hub


@pytest.fixture
def online(tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """Towards the loopback hub, in a home where no other program keeps models."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as opened:
        yield opened


def agreed(bench: Workbench) -> ModelFile:
    listing = run_task(bench.remote(REPOSITORY))
    bench.agree(run_task(bench.gate(listing)))
    return listing.files[0]


def test_a_model_goes_from_a_search_through_its_gate_into_the_library(online: Workbench) -> None:
    (hit,) = run_task(online.search("tiny"))
    listing = run_task(online.remote(hit.repository))
    assert (listing.licence, listing.gated) == ("apache-2.0", False)
    gate = run_task(online.gate(listing))
    assert gate.text == "Do as you like."
    (model,) = listing.files
    with pytest.raises(LicenceError):
        online.pull(model)
    assert online.agree(gate).agreed
    download = online.pull(model)
    assert run_task(online.work()) == 1
    assert online.downloads.get(download.id).state is State.DONE
    held = online.held(online.library.resolve("tiny-Q4_0"))
    assert held.own
    assert held.file.sha256 == model.sha256


def test_what_is_here_by_its_hash_is_not_fetched_again(online: Workbench) -> None:
    model = agreed(online)
    assert online.here(model) is None
    online.pull(model)
    run_task(online.work())
    assert online.here(model) is not None
    with pytest.raises(AlreadyHereError):
        online.pull(model)
    assert online.pull(model, again=True).state is State.QUEUED


def test_the_queue_goes_on_after_a_restart(tmp_path: Path, online: Workbench) -> None:
    online.pull(agreed(online))
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as later:
        assert run_task(later.work()) == 1
        assert run_task(later.work()) == 0


def test_switched_offline_a_running_download_is_paused_with_that_reason_and_goes_on_later(
    online: Workbench, hub: LoopbackHub
) -> None:
    model = agreed(online)
    download = online.pull(model)
    hub.break_(REPOSITORY, Faults(stalls=99))
    working = online.work()(CancelToken())
    for state in working:
        if state.phase is Phase.FETCHING:
            break
    online.set_offline(True)
    last = list(working)[-1]
    assert last.phase is Phase.PAUSED
    stopped = online.downloads.get(download.id)
    assert stopped.state is State.PAUSED
    assert stopped.reason is not None
    assert (stopped.reason.code, "switched off" in stopped.reason.message) == ("offline", True)
    hub.forget()
    with pytest.raises(OfflineError):
        online.pull(model)
    with pytest.raises(OfflineError):
        run_task(online.search("tiny"))
    assert run_task(online.work()) == 0, "there is nothing to do: no error"
    assert run_task(online.remote(REPOSITORY)).kept_at is not None, "what was kept is there"
    assert hub.served == []
    assert {use.state for use in online.network_uses() if use.switch} == {"off"}

    hub.break_(REPOSITORY, Faults())
    online.set_offline(False)
    assert online.downloads.get(download.id).state is State.QUEUED
    assert run_task(online.work()) == 1


def test_what_the_user_paused_stays_paused_when_the_network_is_back(online: Workbench) -> None:
    download = online.pull(agreed(online))
    online.downloads.pause(download.id)
    online.set_offline(True)
    online.set_offline(False)
    assert online.downloads.get(download.id).state is State.PAUSED


def test_the_switch_outlasts_the_program(tmp_path: Path, online: Workbench) -> None:
    online.set_offline(True)
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as later:
        assert later.settings.offline
        assert later.switch.offline


def test_the_environment_s_word_is_not_overruled_but_said(online: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_OFFLINE", "1")
    with pytest.raises(SettingsError, match="environment still says offline = true"):
        online.set_offline(False)
    assert online.switch.offline


def test_a_setting_changed_in_any_way_turns_the_switch(online: Workbench) -> None:
    online.settings = replace(online.settings, offline=True)
    assert online.switch.offline


def test_a_token_goes_to_the_hub_in_use_and_opens_what_is_gated(
    tmp_path: Path, hub: LoopbackHub, online: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    model = big_gguf.write(tmp_path / "published" / "gated-Q4_0.gguf", tokens=50)
    hub.add("meta/Gated-GGUF", {model.name: model}, gated="manual", faults=Faults(token="hf_secret"))
    listing = run_task(online.remote("meta/Gated-GGUF"))
    assert listing.gated
    assert len(listing.files) == 1


def test_an_interrupted_removal_is_finished_before_the_first_listing(
    tmp_path: Path, online: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    online.pull(agreed(online))
    run_task(online.work())
    model = online.library.resolve("tiny-Q4_0")
    plan = online.removal(model)
    assert plan.frees_bytes == model.size_bytes
    with monkeypatch.context() as dying:
        dying.setattr("workbench.hub.upkeep._finish", lambda leaving, folder: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            online.remove(plan)
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as later:
        assert later.library.files() == ()


def test_a_removed_model_leaves_the_list_of_downloads(online: Workbench) -> None:
    online.pull(agreed(online))
    run_task(online.work())
    online.remove(online.removal(online.library.resolve("tiny-Q4_0")))
    assert online.downloads.listing() == ()
    assert online.library.files() == ()


def test_a_model_is_not_removed_while_a_pane_has_it_open(online: Workbench) -> None:
    online.pull(agreed(online))
    run_task(online.work())
    model = online.library.resolve("tiny-Q4_0")
    runner = JobRunner(lambda message: None)
    comparison = online.comparison(runner)
    pane = comparison.add_pane()
    comparison.choose(pane, model)
    assert online.removal(model).paths == model.files, "chosen is not open"
    pane.queue("Hello")
    with pytest.raises(ModelFileError, match="open"):
        online.removal(model)
    comparison.close()
    runner.close()


def test_a_model_is_verified_and_moved(tmp_path: Path, online: Workbench) -> None:
    online.pull(agreed(online))
    run_task(online.work())
    model = online.library.resolve("tiny-Q4_0")
    assert run_task(online.verify(model)).verdict is Verdict.INTACT
    moved = run_task(online.move(model, tmp_path / "other disk"))
    assert moved.path == tmp_path / "other disk" / "tiny-Q4_0.gguf"
    assert online.library.resolve("tiny-Q4_0").path == moved.path


def test_models_of_other_programs_are_listed_unless_that_is_switched_off(
    tmp_path: Path, online: Workbench, hub: LoopbackHub
) -> None:
    folder = tmp_path / "home" / ".lmstudio" / "models" / "somebody" / "other"
    folder.mkdir(parents=True)
    shutil.copy(tmp_path / "published" / "tiny-Q4_0.gguf", folder / "other-Q4_0.gguf")
    assert [place.program for place in online.places()] == [Program.LM_STUDIO]
    assert [file.path for file in online.library.files()] == [folder / "other-Q4_0.gguf"]
    online.settings = replace(online.settings, other_programs=False)
    assert online.library.files() == ()


def test_other_programs_folders_are_looked_at_once_while_they_are_watched(
    tmp_path: Path, online: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    find = finding.find
    monkeypatch.setattr("workbench.hub.places.finding.find", lambda *where: looked.append(1) or find(*where))
    online.library.files()
    online.library.files()
    assert len(looked) == 2, "nobody watches: what was found may be old"
    online.paths.models.mkdir(parents=True, exist_ok=True)
    cancel = CancelToken()
    events = online.watch()(cancel)
    assert isinstance(next(events), Watching)
    looked.clear()
    online.library.files()
    online.library.files()
    assert len(looked) == 1
    shutil.copy(tmp_path / "published" / "tiny-Q4_0.gguf", online.paths.models / "new.gguf")
    assert isinstance(next(events), Changed)
    online.library.files()
    assert len(looked) == 2
    cancel.cancel()
    events.close()


def test_a_pack_carries_the_model_s_licence_and_where_it_is_from(tmp_path: Path, online: Workbench) -> None:
    online.pull(agreed(online))
    run_task(online.work())
    model = online.library.resolve("tiny-Q4_0")
    signer = keys.generate()
    made = run_task(online.create_pack("Mine", [model], tmp_path / "mine.zip", signer=signer, with_settings=True))
    (packed,) = made.manifest.models
    assert (packed.repository, packed.licence) == (REPOSITORY, "apache-2.0")
    assert len(packed.licence_texts) == 1
    with pytest.raises(PackSignatureError):
        run_task(online.packs.verify(made.path))

    with Workbench.open(data_dir=tmp_path / "air gap", backend=FakeBackend(), flags={"offline": True}) as gapped:
        gapped.packs.trusted.accept(signer.public, label="me")
        assert run_task(gapped.packs.listing(made.path)).signed.standing == "trusted"
        verified = run_task(gapped.packs.verify(made.path))
        assert [one.licence for one in gapped.packs.unagreed(verified)] == ["apache-2.0"]
        with pytest.raises(PackConsentError):
            run_task(gapped.packs.install(verified))
        installed = run_task(gapped.packs.install(verified, agreed={"apache-2.0"}))
        assert gapped.library.resolve(str(installed.models[0])).title == model.title
        gapped.take_settings(installed.settings)
        assert gapped.settings.context == online.settings.context


def test_the_shipped_catalogue_is_there_and_a_user_s_entry_joins_it(tmp_path: Path, online: Workbench) -> None:
    shipped = online.catalogue
    assert online.catalogue is shipped
    mine = tmp_path / "mine.json"
    renamed = replace(shipped.entries[0], id="my-own", title="My own")
    mine.write_bytes(catalogue.write([renamed], title="Mine", dated=renamed.provenance.dated))
    run_task(online.add_catalogue(str(mine)))
    assert online.catalogue.entry("my-own") is not None


def test_starters_are_not_fetched_offline(online: Workbench) -> None:
    online.set_offline(True)
    with pytest.raises(OfflineError):
        run_task(online.fetch_starters(online.starters()[:1]))


def test_a_bandwidth_cap_of_the_settings_is_in_force_at_once(online: Workbench) -> None:
    online.take_settings({"download_mb_per_s": 2.5})
    assert online.downloads._bucket._bytes_per_s == 2_500_000
    online.take_settings({"download_mb_per_s": None})
    assert online.downloads._bucket._bytes_per_s is None


def test_downloads_that_only_the_switch_had_paused_go_on_at_a_start_with_the_network(
    tmp_path: Path, online: Workbench
) -> None:
    download = online.pull(agreed(online))
    online.set_offline(True)
    online.settings = replace(online.settings, offline=True)
    (tmp_path / "data" / "settings.toml").unlink()
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend()) as later:
        assert later.downloads.get(download.id).state is State.QUEUED


def test_one_command_offline_leaves_another_process_s_downloads_alone(tmp_path: Path, online: Workbench) -> None:
    download = online.pull(agreed(online))
    with Workbench.open(data_dir=tmp_path / "data", backend=FakeBackend(), flags={"offline": True}):
        assert online.downloads.get(download.id).state is State.QUEUED


def test_offline_the_gate_is_there_with_what_was_kept(online: Workbench) -> None:
    listing = run_task(online.remote(REPOSITORY))
    shown = run_task(online.gate(listing))
    online.set_offline(True)
    assert run_task(online.gate(run_task(online.remote(REPOSITORY)))) == shown


def test_a_later_revision_takes_the_place_of_the_earlier_one_where_that_is_said(
    tmp_path: Path, online: Workbench, hub: LoopbackHub
) -> None:
    online.pull(agreed(online))
    run_task(online.work())
    later = big_gguf.write(tmp_path / "published" / "later.gguf", tokens=60)
    hub.add(REPOSITORY, {"tiny-Q4_0.gguf": later}, card={"license": "apache-2.0"})
    model = agreed(online)
    assert online.here(model) is None
    refused = online.pull(model)
    run_task(online.work())
    assert online.downloads.get(refused.id).state is State.FAILED
    online.pull(model, replaces=True)
    assert run_task(online.work()) == 1
    assert online.library.resolve("tiny-Q4_0").sha256 == model.sha256
