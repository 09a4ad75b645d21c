"""What happens on the machine that a pack comes to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.hub.conftest import GgufWriter
from tests.unit.hub.packs.conftest import MADE, Packer, Receiver, without
from workbench.errors import Cancelled, PackConsentError, PackError
from workbench.hub import consent
from workbench.hub.packs.contents import Contents, ModelContent
from workbench.hub.packs.install import install, unagreed
from workbench.hub.packs.progress import PackProgress
from workbench.jobs import CancelToken, run


def test_a_model_that_is_here_is_not_copied(
    pack: Packer, receiver: Receiver, contents: Contents, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "renamed.gguf"
    elsewhere.parent.mkdir()
    shutil.copyfile(contents.models[0].file.path, elsewhere)
    receiver.library.add(elsewhere)
    installed = receiver.install(pack("zip"))
    assert installed.models == installed.present == (elsewhere,)
    assert "models/Tiny/Tiny.gguf" not in receiver.files()
    assert "models/Tiny/mmproj-Tiny.gguf" in receiver.files()


def test_installing_twice_changes_nothing(pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    first = receiver.install(path)
    before = {name: (receiver.folder / name).stat().st_mtime_ns for name in receiver.files()}
    again = receiver.install(path)
    assert again.models == again.present == first.models
    assert again.files == ()
    assert {name: (receiver.folder / name).stat().st_mtime_ns for name in receiver.files()} == before


def test_another_model_of_the_same_name_keeps_its_place(
    pack: Packer, receiver: Receiver, write_gguf: GgufWriter
) -> None:
    theirs = write_gguf(receiver.destination.models / "Tiny" / "Tiny.gguf", kind="other")
    before = theirs.read_bytes()
    installed = receiver.install(pack("zip"))
    assert theirs.read_bytes() == before
    own = f"Tiny models-{installed.identity[:8]}"
    assert installed.models == (receiver.destination.models / own / "Tiny" / "Tiny.gguf",)
    assert (installed.models[0].parent / "mmproj-Tiny.gguf").is_file()


def test_a_place_that_is_taken_is_named_and_nothing_is_installed(pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    own = f"Tiny models-{receiver.verify(path).identity[:8]}"
    taken = receiver.destination.suites / own / "greetings" / "suite.json"
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")
    with pytest.raises(PackError, match="another file at"):
        receiver.install(path)
    assert receiver.files() == {str(taken.relative_to(receiver.folder))}


def test_a_licence_is_agreed_to_before_anything_is_installed(pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    verified = receiver.verify(path)
    assert [model.name for model in unagreed(verified, receiver.db)] == ["Tiny"]
    with pytest.raises(PackConsentError, match="under the licence"):
        receiver.install(path, agreed=())
    assert receiver.files() == set()
    receiver.install(path, agreed=["Apache-2.0"])
    assert unagreed(verified, receiver.db) == ()
    (recorded,) = consent.every(receiver.db)
    assert recorded.licence == "Apache-2.0"
    assert recorded.repository == f"sha256:{recorded.revision}"
    receiver.install(path, agreed=())  # once is enough


def test_agreeing_to_a_repositorys_licence_counts_for_a_pack_of_it(
    pack: Packer, receiver: Receiver, contents: Contents
) -> None:
    of = without(
        contents, models=(ModelContent(contents.models[0].file, licence="gemma", repository="a/b", commit="c1"),)
    )
    consent.agree(receiver.db, "A/B", "gemma", "c1")
    receiver.install(pack("zip", of=of), agreed=())
    assert len(receiver.library.files()) == 1


def test_an_older_pack_does_not_come_after_a_newer_one(pack: Packer, receiver: Receiver, contents: Contents) -> None:
    old = pack("zip", name="old.zip")
    new = pack("zip", name="new.zip", created_at=MADE.replace(year=2027))
    receiver.install(new)
    with pytest.raises(PackError, match="newer pack called “Tiny models”"):
        receiver.install(old)
    receiver.install(old, allow_older=True)
    receiver.install(pack("zip", name="other.zip", of=without(contents, name="Other")))


def test_a_cancelled_installation_leaves_nothing(pack: Packer, receiver: Receiver) -> None:
    verified = receiver.verify(pack("zip"))
    for after in range(1, 8):
        cancel = CancelToken()
        seen: list[PackProgress] = []

        def stop_later(
            event: PackProgress, seen: list[PackProgress] = seen, after: int = after, cancel: CancelToken = cancel
        ) -> None:
            seen.append(event)
            if len(seen) == after:
                cancel.cancel()

        task = install(verified, receiver.destination, receiver.library, receiver.db, agreed=verified.licences)
        with pytest.raises(Cancelled):
            run(task, cancel=cancel, on_event=stop_later)
        assert receiver.files() == set()
        assert unagreed(verified, receiver.db)
