"""What a repository offers: its models described from their headers, the rest named with the reason."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench.errors import Cancelled, GatedModelError, ModelNotFoundError, OfflineError
from workbench.hub.failures import Interrupted, Patience
from workbench.hub.remote import HeadProgress, Hub, RemoteListing
from workbench.jobs import CancelToken, run
from workbench.models.file import Origin
from workbench.models.header import read_header

REPOSITORY = "Owner/Big-1B-GGUF"
HASTY = Patience(connect_s=5, read_s=5, tries=3, first_wait_s=0.001, longest_wait_s=2)

List = Callable[..., RemoteListing]


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def listed(hub: LoopbackHub, tmp_path: Path, models: Path) -> List:
    def listed(
        repository: str = REPOSITORY, revision: str = "main", *, offline: bool = False, endpoint: str = hub.endpoint
    ) -> RemoteListing:
        found = Hub(tmp_path / "cache", models, endpoint=endpoint, offline=offline, patience=HASTY)
        return run(found.listing(repository, revision))

    return listed


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Path]:
    def small(name: str, **options: object) -> Path:
        return big_gguf.write(tmp_path / "files" / name, **{"tokens": 100, **options})  # type: ignore[arg-type]  # few

    return small


Small = Callable[..., Path]


def test_every_quantisation_is_described_without_its_weights(
    hub: LoopbackHub, listed: List, small: Small, models: Path
) -> None:
    q8, f32 = small("q8.gguf"), small("f32.gguf", file_type=0)
    commit = hub.add(REPOSITORY, {"Big-Q8_0.gguf": q8, "full/Big-F32.gguf": f32, "README.md": Path(__file__)})
    listing = listed()
    assert (listing.repository, listing.commit, listing.skipped, listing.kept_at) == (REPOSITORY, commit, (), None)
    assert [(file.name, file.quantisation) for file in listing.files] == [("Big-Q8_0", "Q8_0"), ("Big-F32", "F32")]
    first, second = listing.files
    assert first.path == models / "Owner" / "Big-1B-GGUF" / "Big-Q8_0.gguf"
    assert second.path == models / "Owner" / "Big-1B-GGUF" / "full" / "Big-F32.gguf"
    assert first.origin == Origin(REPOSITORY, commit, "Big-Q8_0.gguf", first.sha256)
    assert (first.size_bytes, first.header.sha256) == (q8.stat().st_size, read_header(q8).sha256)
    assert first.sha256 is not None
    assert len(first.sha256) == 64
    assert not models.exists(), "nothing is downloaded"


def test_one_look_costs_one_question_and_the_headers(hub: LoopbackHub, listed: List, small: Small) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf"), "b.gguf": small("b.gguf", file_type=0)})
    listing = listed()
    metadata = [one for one in hub.served if one.file is None]
    assert [one.target for one in metadata] == [f"/api/models/{REPOSITORY}/revision/main?blobs=true"]
    assert listing.fetched_bytes == hub.sent_bytes()
    hub.forget()
    again = listed()
    assert again.files == listing.files
    assert (again.fetched_bytes, hub.requests()) == (0, [])


def test_a_split_model_is_one_model(hub: LoopbackHub, listed: List, tmp_path: Path, models: Path) -> None:
    parts = big_gguf.write_parts(tmp_path / "files", "Big-Q8_0", 3, tokens=100)
    hub.add(REPOSITORY, {f"Q8_0/{name}": path for name, path in parts.items()})
    (model,) = listed().files
    assert model.path == models / "Owner" / "Big-1B-GGUF" / "Q8_0" / "Big-Q8_0-00001-of-00003.gguf"
    assert [part.name for part in model.parts] == list(parts)
    assert [head.name for head in model.heads] == list(parts)
    assert model.size_bytes == sum(path.stat().st_size for path in parts.values())
    assert [head.size_bytes for head in model.heads] == [path.stat().st_size for path in parts.values()]
    whole = big_gguf.write(tmp_path / "whole.gguf", tokens=100)
    assert {tensor.name for tensor in model.header.tensors} == {tensor.name for tensor in read_header(whole).tensors}
    assert model.sha256 is None, "no one hash says what three files are"


def test_later_parts_cost_next_to_nothing(hub: LoopbackHub, listed: List, tmp_path: Path) -> None:
    parts = big_gguf.write_parts(tmp_path / "files", "Big", 3)
    hub.add(REPOSITORY, dict(parts))
    listed()
    assert [hub.sent_bytes(name) < 70_000 for name in parts] == [False, True, True]


def test_a_missing_part_is_named_and_the_others_are_listed(
    hub: LoopbackHub, listed: List, small: Small, tmp_path: Path
) -> None:
    parts = big_gguf.write_parts(tmp_path / "files", "Big", 3, tokens=100)
    del parts["Big-00002-of-00003.gguf"]
    hub.add(REPOSITORY, {**parts, "whole.gguf": small("whole.gguf")})
    listing = listed()
    assert [file.name for file in listing.files] == ["whole"]
    assert listing.skipped == (("Big-00001-of-00003.gguf", "Part 2 of 3 is missing."),)
    assert hub.requests("Big-00001-of-00003.gguf") == []


def test_parts_of_two_models_are_not_joined(hub: LoopbackHub, listed: List, tmp_path: Path) -> None:
    mixed = big_gguf.write_parts(tmp_path / "a", "Big", 2, tokens=100)
    other = big_gguf.write_parts(tmp_path / "b", "Big", 2, tokens=100, layers=9)
    mixed["Big-00002-of-00002.gguf"] = other["Big-00002-of-00002.gguf"]
    hub.add(REPOSITORY, dict(mixed))
    listing = listed()
    assert listing.files == ()
    ((path, reason),) = listing.skipped
    assert path == "Big-00001-of-00002.gguf"
    assert reason


def test_a_push_between_two_files_mixes_nothing(hub: LoopbackHub, listed: List, small: Small, tmp_path: Path) -> None:
    old = hub.add(REPOSITORY, {"a.gguf": small("a.gguf"), "b.gguf": small("b.gguf")})
    new = big_gguf.write(tmp_path / "new.gguf", tokens=100, name="Another model")

    def push(progress: HeadProgress) -> None:
        if progress.done_files == 1:
            hub.add(REPOSITORY, {"a.gguf": new, "b.gguf": new})

    found = Hub(tmp_path / "c", tmp_path / "m", endpoint=hub.endpoint, offline=False)
    listing = run(found.listing(REPOSITORY), on_event=push)
    assert listing.commit == old
    assert {file.title for file in listing.files} == {"Big 1B"}


def test_companions_and_damaged_files_are_named_with_the_reason(
    hub: LoopbackHub, listed: List, small: Small, tmp_path: Path
) -> None:
    pointer = tmp_path / "pointer.gguf"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    projector = small("p.gguf", text={"general.type": "mmproj"})
    empty = tmp_path / "empty.gguf"
    empty.touch()
    files = {"a.gguf": small("a.gguf"), "b.gguf": pointer, "innocent.gguf": projector, "empty.gguf": empty}
    hub.add(REPOSITORY, files)
    listing = listed()
    assert [file.name for file in listing.files] == ["a"]
    reasons = dict(listing.skipped)
    assert "Git LFS pointer" in reasons["b.gguf"]
    assert "projector" in reasons["innocent.gguf"]
    assert "is empty" in reasons["empty.gguf"]


def test_progress_counts_files_and_bytes(hub: LoopbackHub, small: Small, tmp_path: Path) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf"), "b.gguf": small("b.gguf")})
    seen: list[HeadProgress] = []
    found = Hub(tmp_path / "c", tmp_path / "m", endpoint=hub.endpoint, offline=False)
    run(found.listing(REPOSITORY), on_event=seen.append)
    assert [one.done_files for one in seen] == sorted(one.done_files for one in seen)
    assert (seen[-1].done_files, seen[-1].total_files) == (2, 2)
    assert seen[-1].fetched_bytes == hub.sent_bytes()
    assert {one.name for one in seen} == {REPOSITORY, "a.gguf", "b.gguf"}


def test_cancelling_ends_the_look(hub: LoopbackHub, small: Small, tmp_path: Path) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf"), "b.gguf": small("b.gguf")})
    cancel = CancelToken()

    def stop(progress: HeadProgress) -> None:
        if progress.done_files == 1:
            cancel.cancel()

    found = Hub(tmp_path / "c", tmp_path / "m", endpoint=hub.endpoint, offline=False)
    with pytest.raises(Cancelled):
        run(found.listing(REPOSITORY), cancel=cancel, on_event=stop)
    assert hub.requests("b.gguf") == []


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"], ids=["asked", "answering"]
)
def test_cancelling_breaks_off_what_is_waited_for(begun: bytes, tmp_path: Path) -> None:
    cancel = CancelToken()

    def cancel_when_asked() -> None:
        with listening.accept()[0] as client:
            client.recv(1 << 16)
            client.sendall(begun)
            cancel.cancel()
            client.recv(1 << 16)  # comes back when the other side has gone

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cancel_when_asked)
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        patience = Patience(read_s=30, tries=1)
        found = Hub(tmp_path / "c", tmp_path / "m", endpoint=endpoint, offline=False, patience=patience)
        with pytest.raises(Cancelled) as raised:
            run(found.listing(REPOSITORY), cancel=cancel)
        asked.result()
    interrupted = raised.value.__context__
    assert isinstance(interrupted, Interrupted)
    assert not isinstance(interrupted.__cause__, httpx2.TimeoutException), "not only when the patience was at its end"


def test_two_looks_at_once_speak_each_to_its_own_hub(hub: LoopbackHub, small: Small, tmp_path: Path) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf")})
    with LoopbackHub() as other:
        other.add(REPOSITORY, {"b.gguf": small("b.gguf")})
        looks = [
            Hub(tmp_path / f"c{number}", tmp_path / "m", endpoint=one.endpoint, offline=False, patience=HASTY)
            for number, one in enumerate([hub, other] * 4)
        ]
        with ThreadPoolExecutor(len(looks)) as pool:
            listings = list(pool.map(lambda look: run(look.listing(REPOSITORY)), looks))
    assert [listing.files[0].name for listing in listings] == ["a", "b"] * 4


# --- what is not there ---------------------------------------------------------------------------


def test_a_repository_without_gguf_says_what_it_has(hub: LoopbackHub, listed: List) -> None:
    hub.add(REPOSITORY, {"model.safetensors": Path(__file__), "config.json": Path(__file__)})
    with pytest.raises(ModelNotFoundError, match="holds no GGUF file, but safetensors") as caught:
        listed()
    assert "GGUF" in (caught.value.hint or "")


@pytest.mark.parametrize("private", [True, False])
def test_what_is_not_there_or_private_is_said_alike(
    hub: LoopbackHub, listed: List, small: Small, private: bool
) -> None:
    if private:
        hub.add(REPOSITORY, {"a.gguf": small("a.gguf")}, private=True)
    with pytest.raises(ModelNotFoundError, match="has no repository Owner/Big-1B-GGUF"):
        listed()
    assert len(hub.served) == 1


def test_an_unknown_revision_is_named(hub: LoopbackHub, listed: List, small: Small) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf")})
    with pytest.raises(ModelNotFoundError, match="revision v9 of Owner/Big-1B-GGUF"):
        listed(revision="v9")


def test_another_branch_is_another_commit(hub: LoopbackHub, listed: List, small: Small) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf")})
    commit = hub.add(REPOSITORY, {"b.gguf": small("b.gguf")}, revision="refs/pr/1")
    listing = listed(revision="refs/pr/1")
    assert (listing.commit, [file.name for file in listing.files]) == (commit, ["b"])
    assert listed(f"{hub.endpoint}/{REPOSITORY}/tree/{commit}").files == listing.files


@pytest.mark.parametrize("code", ["GatedRepo", ""])
def test_a_gated_model_says_that_terms_come_first(hub: LoopbackHub, listed: List, small: Small, code: str) -> None:
    mute = Faults(headers={"X-Error-Code": code})
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf"), "b.gguf": small("b.gguf")}, gated="manual", faults=mute)
    with pytest.raises(GatedModelError, match="not even a file's header can be read") as caught:
        listed()
    assert "terms" in (caught.value.hint or "")
    assert len(hub.requests()) == 1, "the other files are not tried"


def test_a_file_that_is_listed_but_gone_is_skipped(hub: LoopbackHub, listed: List, small: Small) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf")}, faults=Faults(missing_files=True))
    assert listed().skipped == (("a.gguf", "The hub lists it, but does not have it."),)


@pytest.mark.parametrize(("name", "revision"), [("../name", "main"), ("owner/name", "../x"), ("owner/a b", "main")])
def test_a_name_that_is_none_reaches_no_socket(hub: LoopbackHub, listed: List, name: str, revision: str) -> None:
    with pytest.raises(ModelNotFoundError):
        listed(name, revision)
    assert hub.served == []


# --- offline -------------------------------------------------------------------------------------


def test_offline_nothing_is_asked(hub: LoopbackHub, listed: List, small: Small) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf")})
    with pytest.raises(OfflineError, match="was not looked at before"):
        listed(offline=True)
    assert hub.served == []


def test_offline_what_was_seen_before_is_answered_and_dated(
    hub: LoopbackHub, listed: List, small: Small, tmp_path: Path
) -> None:
    parts = big_gguf.write_parts(tmp_path / "files", "Big", 2, tokens=100)
    projector = small("p.gguf", text={"general.type": "mmproj"})
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf"), "p.gguf": projector, **parts})
    online = listed()
    hub.forget()
    offline = listed(offline=True)
    assert offline.kept_at
    assert (offline.files, offline.skipped, offline.commit) == (online.files, online.skipped, online.commit)
    assert (offline.fetched_bytes, hub.served) == (0, [])


def test_offline_a_header_no_longer_kept_is_said(hub: LoopbackHub, listed: List, small: Small) -> None:
    hub.add(REPOSITORY, {"a.gguf": small("a.gguf")})
    listed().files[0].heads[0].path.unlink()
    with pytest.raises(OfflineError, match=r"header of a\.gguf is no longer kept"):
        listed(offline=True)


def test_the_networks_libraries_wait_until_they_are_needed() -> None:
    import subprocess

    check = "import sys, workbench.hub.remote; print([n for n in ('httpx2', 'huggingface_hub') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
