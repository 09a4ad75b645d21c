"""A pack is made, looked into, verified and installed, in each of its forms."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.hub.conftest import GgufWriter
from tests.unit.hub.packs.conftest import LICENCE, MADE, Packer, Receiver, sha256, without, zipped
from workbench.errors import Cancelled, DiskFullError, PackError, PackSignatureError
from workbench.hub.packs import create as creating
from workbench.hub.packs import install as installing
from workbench.hub.packs.contents import Contents, Extra, ModelContent, Text
from workbench.hub.packs.create import Form, create
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.signing import SecretKey
from workbench.hub.packs.verify import listing, verify
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe

FORMS: tuple[Form, ...] = ("folder", "zip", "parts")
IN_PACK = {
    "pack.json",
    "pack.json.minisig",
    "SHA256SUMS",
    "bom.cdx.json",
    "models/Tiny/Tiny.gguf",
    "models/Tiny/mmproj-Tiny.gguf",
    "licences/Apache-2.0.txt",
    "catalogue/tiny.json",
    "suites/greetings/suite.json",
    "results/run-1/samples.jsonl",
    "settings/settings.json",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_was_packed_arrives(form: Form, pack: Packer, receiver: Receiver, contents: Contents) -> None:
    path = pack(form, part_bytes=1000)
    installed = receiver.install(path)
    (model,) = receiver.library.files()
    original = contents.models[0].file.path
    assert installed.models == (model.path,)
    assert model.path.read_bytes() == original.read_bytes()
    assert model.sha256 == sha256(original.read_bytes())  # remembered: nobody hashed it since
    own = f"Tiny models-{installed.identity[:8]}"
    assert receiver.files() == {
        "models/Tiny/Tiny.gguf",
        "models/Tiny/mmproj-Tiny.gguf",
        f"catalogue/{own}-tiny.json",
        f"suites/{own}/greetings/suite.json",
        f"results/{own}/run-1/samples.jsonl",
        *(f"packs/{own}/{name}" for name in ("pack.json", "pack.json.minisig", "bom.cdx.json")),
        f"packs/{own}/licences/Apache-2.0.txt",
    }
    assert (receiver.folder / f"packs/{own}/licences/Apache-2.0.txt").read_bytes() == LICENCE.content
    assert installed.settings == {"context": 2048, "temperature": 0.5}


def test_a_folder_can_be_checked_with_standard_tools(pack: Packer) -> None:
    folder = pack("folder")
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert checked.returncode == 0
    assert checked.stdout.count(": OK") == len(IN_PACK) - 2


def test_minisign_checks_a_pack(pack: Packer, signer: SecretKey) -> None:
    if shutil.which("minisign") is None:
        pytest.skip("the program minisign is not installed (Debian: minisign)")
    command = ["minisign", "-V", "-H", "-m", pack("folder") / "pack.json", "-P", signer.public.line]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert (checked.returncode, "pack:Tiny models" in checked.stdout) == (0, True)


def test_a_zip_is_one_that_others_read(pack: Packer) -> None:
    with zipfile.ZipFile(pack("zip")) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == IN_PACK
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.infolist()[0].date_time == (2026, 3, 4, 5, 6, 6)


def test_a_folder_zipped_by_others_is_a_pack_too(pack: Packer, receiver: Receiver, tmp_path: Path) -> None:
    assert receiver.verify(zipped(pack("folder"), tmp_path / "theirs.zip")).signed.standing == "trusted"


def test_parts_joined_by_hand_are_the_zip(pack: Packer, tmp_path: Path, receiver: Receiver) -> None:
    folder = pack("parts", part_bytes=1000)
    parts = sorted(folder.glob("tiny.zip.0*"))
    assert len(parts) > 3
    assert all(part.stat().st_size <= 1000 for part in parts)
    joined = tmp_path / "joined.zip"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert joined.read_bytes() == pack("zip").read_bytes()
    listed = {line[66:]: line[:64] for line in (folder / "tiny.zip.sha256").read_text().splitlines()}
    assert listed == {part.name: sha256(part.read_bytes()) for part in parts}
    for named in (folder, parts[0], parts[2], folder / "tiny.zip.sha256"):
        assert receiver.verify(named).identity == receiver.verify(joined).identity


def test_the_same_contents_make_the_same_pack(pack: Packer) -> None:
    assert pack("zip", name="a.zip").read_bytes() == pack("zip", name="b.zip").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_a_listing_says_what_is_in_it_without_reading_the_models(form: Form, pack: Packer, signer: SecretKey) -> None:
    path = pack(form, part_bytes=100_000)
    if form == "folder":
        model = path / "models/Tiny/Tiny.gguf"
        size_bytes = model.stat().st_size
        model.write_bytes(b"\0" * size_bytes)
    listed = listing(path, trusted=[signer.public])
    assert (listed.manifest.name, listed.manifest.created_at) == ("Tiny models", MADE)
    assert {entry.path for entry in listed.manifest.entries} == IN_PACK - {
        "pack.json",
        "pack.json.minisig",
        "SHA256SUMS",
    }
    (model_listed,) = listed.manifest.models
    assert (model_listed.name, model_listed.licence, model_listed.licence_texts) == (
        "Tiny",
        "Apache-2.0",
        ("licences/Apache-2.0.txt",),
    )
    assert (listed.signed.standing, listed.signed.key_id) == ("trusted", signer.public.key_id)
    assert listing(path).signed.standing == "unknown key"


def test_settings_that_name_a_place_or_a_machine_stay_behind(pack: Packer) -> None:
    folder = pack("folder")
    assert json.loads((folder / "settings/settings.json").read_bytes()) == {"context": 2048, "temperature": 0.5}
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"inside.example" not in everything
    assert str(folder.parent.parent).encode() not in everything


def test_a_split_model_travels_and_arrives_whole(
    tmp_path: Path, write_split: Callable[[Path], Path], pack: Packer, receiver: Receiver
) -> None:
    first = write_split(tmp_path / "sender" / "Big")
    model = describe(first)
    installed = receiver.install(pack("zip", of=Contents("Split", models=(ModelContent(model),))))
    (found,) = receiver.library.files()
    assert [path.name for path in found.files] == ["Big-00001-of-00002.gguf", "Big-00002-of-00002.gguf"]
    assert [path.read_bytes() for path in found.files] == [path.read_bytes() for path in model.files]
    assert installed.models == (found.path,)


def test_results_travel_alone(pack: Packer, receiver: Receiver) -> None:
    only = Contents("Results of machine 7", extras=(Extra("results", "run-7.json", b"{}"),))
    installed = receiver.install(pack("zip", of=only))
    assert [path.name for path in installed.files if path.is_relative_to(receiver.destination.results)] == [
        "run-7.json"
    ]
    assert receiver.library.files() == ()


def test_licences_are_kept_once_and_told_apart(
    pack: Packer, contents: Contents, tmp_path: Path, write_gguf: GgufWriter
) -> None:
    second = describe(write_gguf(tmp_path / "sender" / "Second.gguf", kind="other"))
    models = (
        *contents.models,
        ModelContent(second, licence_texts=(LICENCE, Text("apache-2.0.TXT", b"another text"))),
    )
    listed = listing(pack("folder", of=without(contents, models=models)))
    assert listed.manifest.models[1].licence_texts == ("licences/Apache-2.0.txt", "licences/apache-2.0-2.TXT")
    assert len(listed.manifest.of_kind("licence")) == 2


@pytest.mark.parametrize("form", FORMS)
def test_work_is_told_and_ends_at_its_total(
    form: Form, tmp_path: Path, contents: Contents, receiver: Receiver, signer: SecretKey
) -> None:
    events: list[PackProgress] = []
    made = run(create(contents, tmp_path / "p", form=form, signer=signer), on_event=events.append)
    run(verify(made.path, trusted=receiver.trusted), on_event=events.append)
    for phase in ("hashing", "writing", "verifying"):
        told = [event for event in events if event.phase == phase and event.path]
        assert told[-1].done_bytes == told[-1].total_bytes > 0
        assert [event.done_bytes for event in told] == sorted(event.done_bytes for event in told)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", [1, 8, 15])
def test_a_cancelled_pack_leaves_nothing(
    form: Form, after: int, tmp_path: Path, contents: Contents, signer: SecretKey
) -> None:
    cancel = CancelToken()
    seen: list[PackProgress] = []

    def stop_later(event: PackProgress) -> None:
        seen.append(event)
        if len(seen) == after:
            cancel.cancel()

    (tmp_path / "medium").mkdir()
    with pytest.raises(Cancelled):
        run(create(contents, tmp_path / "medium" / "p", form=form, signer=signer), cancel=cancel, on_event=stop_later)
    assert list((tmp_path / "medium").iterdir()) == []


def test_something_in_the_way_is_never_overwritten(pack: Packer, tmp_path: Path) -> None:
    path = pack("zip")
    before = path.read_bytes()
    with pytest.raises(PackError, match="something at"):
        pack("zip")
    assert path.read_bytes() == before


def test_a_model_that_is_not_what_was_verified_is_not_packed(pack: Packer, contents: Contents, tmp_path: Path) -> None:
    file = dataclasses.replace(contents.models[0].file, sha256="0" * 64)
    with pytest.raises(PackError, match="no longer the file that was verified"):
        pack("zip", of=without(contents, models=(ModelContent(file),)))
    assert not (tmp_path / "medium").exists()


def test_a_model_that_changes_while_it_is_packed_is_noticed(
    tmp_path: Path, contents: Contents, signer: SecretKey
) -> None:
    path = contents.models[0].file.path

    def meddle(event: PackProgress) -> None:
        if event.phase == "writing":
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)

    with pytest.raises(PackError, match="changed while the pack was made"):
        run(create(contents, tmp_path / "p.zip", signer=signer), on_event=meddle)
    assert not (tmp_path / "p.zip").exists()


def test_a_full_disk_is_noticed_before_anything_is_written(
    pack: Packer, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack("zip", name="first.zip")
    monkeypatch.setattr(creating, "free_bytes", lambda folder: 1000)
    with pytest.raises(DiskFullError, match="are free in"):
        pack("zip", name="second.zip")
    assert [found.name for found in (tmp_path / "medium").iterdir()] == ["first.zip"]
    monkeypatch.setattr(installing, "free_bytes", lambda folder: installing.SPARE_BYTES)
    with pytest.raises(DiskFullError, match="are free"):
        receiver.install(path)
    assert receiver.files() == set()


def test_too_many_parts_are_refused_with_the_size_that_would_do(pack: Packer) -> None:
    with pytest.raises(PackError, match="more than 999 parts"):
        pack("parts", part_bytes=1)


def test_an_empty_pack_is_not_made(pack: Packer) -> None:
    with pytest.raises(PackError, match="nothing to put"):
        pack("zip", of=Contents("Nothing"))


def test_an_unsigned_pack_passes_only_where_the_user_says_so(pack: Packer, receiver: Receiver) -> None:
    path = pack("zip", signer=None)
    with pytest.raises(PackSignatureError, match="not signed"):
        receiver.verify(path)
    assert receiver.verify(path, require_signature=False).signed.standing == "unsigned"


def test_a_strangers_pack_passes_only_where_the_user_says_so(pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    with pytest.raises(PackSignatureError, match="nobody here has accepted"):
        receiver.verify(path, trusted=())
    signed = receiver.verify(path, trusted=(), require_signature=False).signed
    assert (signed.standing, signed.key, signed.comment) == ("unknown key", None, None)


def test_what_is_checked_by_others_is_refused_in_their_words(pack: Packer, receiver: Receiver) -> None:
    seen: list[str] = []

    def picky(path: str, data: bytes) -> None:
        seen.append(path)
        raise PackError("The suite has no questions.")

    with pytest.raises(PackError, match="no questions"):
        receiver.verify(pack("zip"), checks={"suite": picky})
    assert seen == ["suites/greetings/suite.json"]


def test_the_bill_of_materials_names_the_models_with_hash_and_licence(pack: Packer, contents: Contents) -> None:
    folder = pack("folder")
    document = json.loads((folder / "bom.cdx.json").read_bytes())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    (model,) = [part for part in document["components"] if part["type"] == "machine-learning-model"]
    assert model["name"] == contents.models[0].file.title
    assert model["licenses"] == [{"license": {"acknowledgement": "declared", "id": "Apache-2.0"}}]
    by_path = {part["name"]: part["hashes"][0]["content"] for part in model["components"]}
    assert by_path == {
        name: sha256((folder / name).read_bytes()) for name in ("models/Tiny/Tiny.gguf", "models/Tiny/mmproj-Tiny.gguf")
    }
    others = {part["name"] for part in document["components"] if part["type"] == "file"}
    assert others == {entry.path for entry in listing(folder).manifest.entries if entry.kind not in ("model", "bill")}
