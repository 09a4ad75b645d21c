"""Whatever was done to a pack on its way: it is refused in words of its own, and nothing is installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.hub.packs.conftest import Packer, Receiver, add_file, agree, flip, resign, zipped
from workbench.errors import PackError
from workbench.hub.packs import keys, signing
from workbench.hub.packs.install import install
from workbench.hub.packs.signing import SecretKey
from workbench.hub.packs.verify import listing
from workbench.jobs import run

MODEL = "models/Tiny/Tiny.gguf"
Deed = Callable[[Path, SecretKey], object]


def entry(document: dict[str, Any], path: str) -> dict[str, Any]:
    return next(found for found in document["entries"] if found["path"] == path)


def renamed(path: str) -> Deed:
    """A pack whose signed list gives the model this path."""

    def deed(folder: Path, signer: SecretKey) -> None:
        def change(document: dict[str, Any]) -> None:
            entry(document, MODEL)["path"] = path
            document["models"][0]["files"] = [path]

        resign(folder, change, signer)

    return deed


def changed(change: Callable[[dict[str, Any]], object]) -> Deed:
    return lambda folder, signer: resign(folder, change, signer)


def added(path: str, kind: str = "licence", content: bytes = b"text") -> Deed:
    return lambda folder, signer: add_file(folder, path, content, kind, signer)


def text(old: str, new: str) -> Deed:
    """Replace in pack.json, and sign that."""

    def deed(folder: Path, signer: SecretKey) -> None:
        before = (folder / "pack.json").read_text()
        assert old in before
        agree(folder, before.replace(old, new, 1).encode(), signer)

    return deed


def settings(document: object) -> Deed:
    def deed(folder: Path, signer: SecretKey) -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        (folder / "settings/settings.json").write_bytes(data)

        def change(listed: dict[str, Any]) -> None:
            entry(listed, "settings/settings.json").update(
                size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
            )

        resign(folder, change, signer)

    return deed


def signature_of(change: Callable[[str], str]) -> Deed:
    def deed(folder: Path, _: SecretKey) -> None:
        path = folder / "pack.json.minisig"
        path.write_text(change(path.read_text()))

    return deed


def by_a_stranger(folder: Path, _: SecretKey) -> None:
    agree(folder, (folder / "pack.json").read_bytes(), keys.generate())


def by_a_stranger_with_the_same_number(folder: Path, signer: SecretKey) -> None:
    agree(folder, (folder / "pack.json").read_bytes(), SecretKey(signer.number, keys.generate().seed))


def old_list(folder: Path, _: SecretKey) -> None:
    """Another genuine signature of the sender's, of something else."""
    (folder / "pack.json.minisig").write_text(signing.sign(b"{}", _, comment="genuine"))


DEEDS: list[tuple[str, Deed, str]] = [
    ("a model altered", lambda folder, _: flip(folder / MODEL, 200), "is not what pack.json promises"),
    (
        "a licence altered",
        lambda folder, _: flip(folder / "licences/Apache-2.0.txt", 2),
        "is not what pack.json promises",
    ),
    ("the bill altered", lambda folder, _: flip(folder / "bom.cdx.json", 20), "is not what pack.json promises"),
    ("a model cut short", lambda folder, _: os.truncate(folder / MODEL, 100), r"has 100 bytes; pack\.json promises"),
    ("a file missing", lambda folder, _: (folder / MODEL).unlink(), "is missing from the pack"),
    ("sums missing", lambda folder, _: (folder / "SHA256SUMS").unlink(), "is missing from the pack"),
    ("the list missing", lambda folder, _: (folder / "pack.json").unlink(), r"is no pack.*it has no pack\.json"),
    ("a file too many", lambda folder, _: (folder / "extra.txt").write_text("x"), "is in the pack but not in its list"),
    ("sums altered", lambda folder, _: flip(folder / "SHA256SUMS", 3), "SHA256SUMS says something else"),
    ("sums shortened", lambda folder, _: (folder / "SHA256SUMS").write_text(""), "SHA256SUMS says something else"),
    ("the list altered", lambda folder, _: flip(folder / "pack.json", 300), "did not sign this pack.json"),
    ("the signature of something else", old_list, "did not sign this pack.json"),
    ("a key with the same number", by_a_stranger_with_the_same_number, "did not sign this pack.json"),
    ("an unknown key", by_a_stranger, "which nobody here has accepted"),
    ("no signature", lambda folder, _: (folder / "pack.json.minisig").unlink(), "is not signed"),
    (
        "the comment altered",
        signature_of(lambda it: it.replace("Tiny models", "Huge models")),
        "comment of the pack's sig",
    ),
    ("no real signature", signature_of(lambda it: it[:80]), "is not a signature of minisign"),
    (
        "a later format",
        changed(lambda it: it.update(format=2)),
        "has format 2; this version of the program reads up to 1",
    ),
    ("no such format", changed(lambda it: it.update(format=0)), "which format of packs"),
    ("a format in words", changed(lambda it: it.update(format="1")), "which format of packs"),
    (
        "an unknown key on top",
        changed(lambda it: it.update(autorun="x")),
        "has a key that format 1 does not know: 'autorun'",
    ),
    (
        "an unknown key inside",
        changed(lambda it: it["entries"][0].update(mode="755")),
        r"has a key that format 1 does not know: 'entries\.0\.mode'",
    ),
    ("a key left out", changed(lambda it: it.pop("program")), "lacks 'program'"),
    ("a key twice", text('"name"', '"name": "other",\n  "name"'), "has a key twice"),
    ("a size in words", changed(lambda it: it["entries"][0].update(size_bytes="12")), "has a value that cannot be"),
    ("an invisible name", changed(lambda it: it.update(name="a\u202eb")), "has a value that cannot be"),
    ("no JSON", lambda folder, signer: agree(folder, b"{", signer), "it is not JSON"),
    ("endless JSON", lambda folder, signer: agree(folder, b"[" * 200_000, signer), "it is not JSON"),
    ("no number", text('"format": 1', '"format": NaN'), "it is not JSON"),
    ("out of the pack", renamed("models/../../evil.gguf"), "leads out of the pack"),
    ("an absolute path", renamed("/etc/evil.gguf"), "is absolute"),
    ("a drive letter", renamed("C:/evil.gguf"), "begins with a drive letter"),
    ("a backslash", renamed("models\\evil.gguf"), "has a backslash"),
    ("a detour", renamed("models/./evil.gguf"), "is not in its shortest form"),
    ("a double slash", renamed("models//evil.gguf"), "is not in its shortest form"),
    ("no file", renamed("models/"), "names no file"),
    ("a stream of a file", renamed("models/a.gguf:evil"), "a character that Windows does not allow"),
    ("a device", renamed("models/nul.gguf"), "the name of a device"),
    ("a dot at the end", renamed("models/a.gguf."), "ends in a dot or a space"),
    ("a hidden file", renamed("models/.a.gguf"), "is hidden"),
    ("a turned name", renamed("models/a\u202efugg.exe"), "invisible or invalid characters"),
    ("half a character", renamed("models/a\ufffe.gguf"), "invisible or invalid characters"),
    ("a name with two spellings", renamed("models/a\u0308.gguf"), "spells its accents"),
    ("a long name", renamed(f"models/{'a' * 201}.gguf"), "has a name that is too long"),
    ("a deep folder", renamed(f"models/{'a/' * 9}b.gguf"), "too long or too deep"),
    (
        "capitals",
        changed(lambda it: it["entries"].append({**it["entries"][1], "path": "licences/APACHE-2.0.txt"})),
        "capitals",
    ),
    ("twice", changed(lambda it: it["entries"].append(it["entries"][1])), r"holds '.*' twice"),
    (
        "a file that is a folder",
        changed(lambda it: it["entries"].append({**it["entries"][1], "path": "licences/apache-2.0.TXT/more.txt"})),
        "both a file and a folder",
    ),
    (
        "the list lists itself",
        changed(lambda it: it["entries"].append({**it["entries"][1], "path": "pack.json"})),
        "does not belong there",
    ),
    ("a file of the wrong kind", changed(lambda it: entry(it, MODEL).update(kind="suite")), "does not belong there"),
    ("two bills", changed(lambda it: it["entries"].pop(0)), "lists 0 bills of materials"),
    (
        "a model without a file",
        changed(lambda it: it["models"][0].update(files=["models/no.gguf"])),
        "which is no model of the pack",
    ),
    (
        "a licence that is none",
        changed(lambda it: it["models"][0].update(licence_texts=["bom.cdx.json"])),
        "which is no licence of the pack",
    ),
    ("a model twice", changed(lambda it: it["models"].append(it["models"][0])), "belongs to two models"),
    ("weights of nobody", added("models/more.gguf", "model"), "belongs to none of the models"),
    (
        "a licence of a gigabyte",
        changed(lambda it: entry(it, "licences/Apache-2.0.txt").update(size_bytes=10**9)),
        "too large to be licence",
    ),
    ("a setting with a token", settings({"hf_token": "hf_x"}), "which no pack may change"),
    ("a setting with an address", settings({"hub_endpoint": "https://evil.example"}), "which no pack may change"),
    ("a setting with a path", settings({"theme": "../../x"}), "a value that it cannot have"),
    ("settings that are a list", settings([1]), "are no list of names"),
    ("settings that are no JSON", settings(b"{"), "are not JSON"),
]
MESSAGES = {message for _, _, message in DEEDS}


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(("deed", "message"), [deed[1:] for deed in DEEDS], ids=[deed[0] for deed in DEEDS])
def test_a_tampered_pack_is_refused(
    deed: Deed, message: str, form: str, pack: Packer, receiver: Receiver, signer: SecretKey, tmp_path: Path
) -> None:
    path = pack("folder")
    deed(path, signer)
    if form == "zip":
        path = zipped(path, tmp_path / "tampered.zip")
    with pytest.raises(PackError) as refused:
        receiver.install(path)
    assert re.search(message, refused.value.message)
    assert [other for other in MESSAGES if re.search(other, refused.value.message)] == [message]
    assert refused.value.hint
    assert receiver.files() == set()
    assert receiver.library.files() == ()


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("deed", ["out of the pack", "a later format", "a file too many", "the list altered"])
def test_a_listing_refuses_too(deed: str, form: str, pack: Packer, signer: SecretKey, tmp_path: Path) -> None:
    path = pack("folder")
    next(found for found in DEEDS if found[0] == deed)[1](path, signer)
    if form == "zip":
        path = zipped(path, tmp_path / "tampered.zip")
    with pytest.raises(PackError):
        listing(path, trusted=[signer.public])


def link(folder: Path) -> None:
    (folder / MODEL).unlink()
    (folder / MODEL).symlink_to("/etc/hostname")


def linked_folder(folder: Path) -> None:
    shutil.move(folder / "models", folder.parent / "models")
    (folder / "models").symlink_to(folder.parent / "models")


def pipe(folder: Path) -> None:
    (folder / MODEL).unlink()
    os.mkfifo(folder / MODEL)


def linked_list(folder: Path) -> None:
    shutil.move(folder / "pack.json", folder.parent / "pack.json")
    (folder / "pack.json").symlink_to(folder.parent / "pack.json")


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights there")
@pytest.mark.parametrize(
    ("deed", "message"),
    [
        (link, "is a link"),
        (linked_folder, "is a link"),
        (linked_list, "is a link"),
        (pipe, "is a device, a pipe or a socket"),
        (lambda folder: (folder / "more").mkdir(), "has an empty folder"),
        (lambda folder: (folder / os.fsdecode(b"\xff.txt")).write_text("x"), "invisible or invalid characters"),
        (
            lambda folder: (folder / "LICENCES").mkdir() or (folder / "LICENCES" / "x").write_text("x"),
            "in two spellings",
        ),
    ],
)
def test_a_folder_with_other_than_files_is_refused(
    deed: Callable[[Path], object], message: str, pack: Packer, receiver: Receiver
) -> None:
    path = pack("folder")
    deed(path)
    with pytest.raises(PackError, match=message):
        receiver.install(path)
    assert receiver.files() == set()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="everything is readable for root")
def test_a_file_that_cannot_be_read_is_named(pack: Packer, receiver: Receiver) -> None:
    path = pack("folder")
    (path / MODEL).chmod(0)
    with pytest.raises(PackError, match="cannot be read"):
        receiver.install(path)


def test_what_is_no_pack_is_told_so(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "nothing.zip").write_bytes(b"")
    for name, message in (
        ("empty", "it has no pack.json"),
        ("text.txt", "neither a folder"),
        ("nothing.zip", "neither a folder"),
        ("absent.zip", "There is no"),
    ):
        with pytest.raises(PackError, match=message):
            receiver.verify(tmp_path / name)


def parts_of(pack: Packer) -> tuple[Path, list[Path]]:
    folder = pack("parts", part_bytes=1000)
    return folder, sorted(folder.glob("tiny.zip.0*"))


def test_a_damaged_part_is_named(pack: Packer, receiver: Receiver) -> None:
    folder, parts = parts_of(pack)
    for part in parts:
        flip(part, part.stat().st_size // 2)
        with pytest.raises(PackError) as refused:
            receiver.verify(folder)
        # A damaged directory, in the last parts, is all that can be said of them at once.
        assert part.name in refused.value.message or "sha256sum --check tiny.zip.sha256" in (refused.value.hint or "")
        flip(part, part.stat().st_size // 2)
    assert receiver.verify(folder).signed.standing == "trusted"


def test_checksums_of_parts_that_were_altered_are_noticed(pack: Packer, receiver: Receiver) -> None:
    folder, _ = parts_of(pack)
    sums = folder / "tiny.zip.sha256"
    lines = sums.read_text().splitlines()
    lines[1] = "0" * 64 + lines[1][64:]
    sums.write_text("\n".join(lines) + "\n")
    with pytest.raises(PackError, match=r"tiny\.zip\.002 was damaged"):
        receiver.verify(folder)


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        (lambda folder: (folder / "tiny.zip.002").unlink(), r"tiny\.zip\.002 is missing"),
        (lambda folder: (folder / "tiny.zip.sha256").unlink(), r"tiny\.zip\.sha256 is missing"),
        (lambda folder: (folder / "tiny.zip.900").write_bytes(b"x"), "and is none of them"),
        (lambda folder: (folder / "tiny.zip.sha256").write_text("x\n"), "is no list of the pack's parts"),
        (
            lambda folder: (folder / "tiny.zip.sha256").write_text(f"{'0' * 64}  ../x\n"),
            "is no list of the pack's parts",
        ),
        (lambda folder: (folder / "tiny.zip.002").write_bytes(b""), "A part of the pack is empty"),
        (lambda folder: (folder / "other.zip.001").write_bytes(b"x"), "the parts of 2 packs"),
    ],
)
def test_parts_that_are_not_all_there_are_refused(
    deed: Callable[[Path], object], message: str, pack: Packer, receiver: Receiver
) -> None:
    folder, _ = parts_of(pack)
    deed(folder)
    with pytest.raises(PackError, match=message):
        receiver.install(folder)
    assert receiver.files() == set()


def test_a_pack_that_changes_after_it_was_verified_is_not_installed(pack: Packer, receiver: Receiver) -> None:
    path = pack("folder")
    verified = receiver.verify(path)
    task = install(verified, receiver.destination, receiver.library, receiver.db, agreed=verified.licences)
    for name in (MODEL, "pack.json"):
        flip(path / name, 50)
        with pytest.raises(PackError, match="changed after the pack was verified"):
            run(task)
        flip(path / name, 50)
        assert receiver.files() == set()
    run(task)
    assert len(receiver.library.files()) == 1


def test_what_calls_itself_a_model_and_is_none_is_not_installed(
    pack: Packer, receiver: Receiver, signer: SecretKey
) -> None:
    path = pack("folder")
    add_file(path, "models/x/evil.gguf", b"#!/bin/sh\n", "licence", signer)

    def change(document: dict[str, Any]) -> None:
        entry(document, "models/x/evil.gguf")["kind"] = "model"
        document["models"].append(
            {**document["models"][0], "name": "evil", "files": ["models/x/evil.gguf"], "companions": []}
        )

    resign(path, change, signer)
    with pytest.raises(PackError, match="'evil' in the pack is no model"):
        receiver.install(path)
    assert receiver.files() == set()
