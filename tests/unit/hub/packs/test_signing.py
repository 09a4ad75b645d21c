"""Signatures and keys in minisign's format, held against the format's description and against minisign itself."""

from __future__ import annotations

import base64
import hashlib
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nacl.bindings
import pytest

from workbench.errors import PackSignatureError
from workbench.hub.packs import keys, signing
from workbench.hub.packs.signing import PublicKey, SecretKey
from workbench.hub.packs.trust import TrustedKeys

DATA = b'{"format": 1}\n'
QUICK = {"opslimit": 32_768, "memlimit_bytes": 2**24}

MINISIGN = shutil.which("minisign")
with_minisign = pytest.mark.skipif(MINISIGN is None, reason="the program minisign is not installed (Debian: minisign)")


def minisign(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    assert MINISIGN is not None
    return subprocess.run([MINISIGN, *map(str, arguments)], input=given, capture_output=True, text=True)


def independently_checked(data: bytes, text: str, public_line: str) -> str:
    """The trusted comment, checked as https://jedisct1.github.io/minisign/ tells, on libsodium alone."""
    untrusted, packed, trusted, packed_global, end = text.split("\n")
    assert (untrusted[:19], trusted[:17], end) == ("untrusted comment: ", "trusted comment: ", "")
    signature, public = base64.b64decode(packed), base64.b64decode(public_line)
    assert (signature[:2], public[:2]) == (b"ED", b"Ed")
    assert signature[2:10] == public[2:10]
    hashed = hashlib.blake2b(data, digest_size=64).digest()
    comment = trusted[17:]
    for signed, message in (
        (signature[10:], hashed),
        (base64.b64decode(packed_global), signature[10:] + comment.encode()),
    ):
        assert nacl.bindings.crypto_sign_open(signed + message, public[10:]) == message
    return comment


def test_a_signature_holds_by_the_formats_own_description(signer: SecretKey) -> None:
    text = signing.sign(DATA, signer, comment="timestamp:1\tfile:pack.json")
    assert independently_checked(DATA, text, signer.public.line) == "timestamp:1\tfile:pack.json"
    read = signing.read_signature(text.encode())
    assert signing.check(DATA, read, [keys.generate().public, signer.public]) == signer.public
    assert read.key_id == signer.public.key_id == f"{int.from_bytes(signer.number, 'little'):016X}"


@with_minisign
def test_minisign_checks_what_we_sign(tmp_path: Path, signer: SecretKey) -> None:
    _, public = keys.write_pair(signer, tmp_path, "ours")
    (tmp_path / "pack.json").write_bytes(DATA)
    (tmp_path / "pack.json.minisig").write_text(signing.sign(DATA, signer, comment="one\ttwo"))
    checked = minisign("-V", "-H", "-m", tmp_path / "pack.json", "-p", public)
    assert (checked.returncode, "Trusted comment: one\ttwo" in checked.stdout) == (0, True)
    (tmp_path / "pack.json").write_bytes(DATA + b" ")
    assert minisign("-V", "-m", tmp_path / "pack.json", "-P", signer.public.line).returncode == 1


@with_minisign
@pytest.mark.parametrize("password", [None, "correct horse"])
def test_keys_go_both_ways_between_minisign_and_us(tmp_path: Path, password: str | None) -> None:
    given = f"{password}\n{password}\n" if password else ""
    options = [] if password else ["-W"]
    theirs = (tmp_path / "theirs.pub", tmp_path / "theirs.key")
    made = minisign("-G", *options, "-p", theirs[0], "-s", theirs[1], given=given)
    assert made.returncode == 0, made.stderr
    secret = keys.read_secret(theirs[1], password=password)
    assert secret.public.line == keys.read_public_file(theirs[0]).line
    assert keys.needs_password(theirs[1]) is (password is not None)
    ours, public = keys.write_pair(secret, tmp_path, "ours", password=password, **QUICK)
    document = tmp_path / "pack.json"
    document.write_bytes(DATA)
    assert minisign("-S", "-m", document, "-s", ours, "-t", "by minisign", given=given).returncode == 0
    read = signing.read_signature((tmp_path / "pack.json.minisig").read_bytes())
    assert signing.check(DATA, read, [keys.read_public_file(public)]).line == secret.public.line
    assert read.comment == "by minisign"


@with_minisign
def test_an_old_signature_is_told_from_a_wrong_one(tmp_path: Path, signer: SecretKey) -> None:
    secret, _ = keys.write_pair(signer, tmp_path, "ours")
    (tmp_path / "pack.json").write_bytes(DATA)
    assert minisign("-S", "-l", "-m", tmp_path / "pack.json", "-s", secret).returncode == 0
    with pytest.raises(PackSignatureError, match="old way"):
        signing.read_signature((tmp_path / "pack.json.minisig").read_bytes())


def test_other_bytes_another_comment_and_another_key_are_told_apart(signer: SecretKey) -> None:
    text = signing.sign(DATA, signer, comment="made today")
    good = signing.read_signature(text.encode())
    stranger = keys.generate().public
    same_number = PublicKey(signer.number, stranger.key)
    other_comment = signing.read_signature(text.replace("made today", "made later").encode())
    for message, data, signature, trusted in (
        ("did not sign this", DATA + b" ", good, [signer.public]),
        ("did not sign this", DATA, good, [same_number]),
        ("comment", DATA, other_comment, [signer.public]),
        ("nobody here has accepted", DATA, good, [stranger]),
        ("nobody here has accepted", DATA, good, []),
    ):
        with pytest.raises(PackSignatureError, match=message):
            signing.check(data, signature, trusted)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text + "more\n",
        lambda text: text.replace("untrusted comment: ", "comment: "),
        lambda text: text.replace("\ntrusted comment: ", "\nuntrusted comment: "),
        lambda text: text.replace("\n", "\0\n", 1),
        lambda text: text[:100],
        lambda text: text.replace("RU", "!!", 1),
        lambda text: text + "x" * 10_000,
    ],
)
def test_what_is_no_signature_is_refused_as_such(signer: SecretKey, damage: object) -> None:
    text = signing.sign(DATA, signer, comment="c")
    assert callable(damage)
    with pytest.raises(PackSignatureError, match="not a signature of minisign"):
        signing.read_signature(damage(text).encode())


def test_a_secret_key_is_its_owners_alone_and_never_shown(tmp_path: Path, signer: SecretKey) -> None:
    secret, public = keys.write_pair(signer, tmp_path / "keys", "mine")
    if sys.platform != "win32":
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert keys.read_secret(secret) == signer
    assert signer.seed.hex() not in repr(signer)
    assert repr(signer.seed) not in repr(signer)
    with pytest.raises(PackSignatureError, match="exists already"):
        keys.write_pair(keys.generate(), tmp_path / "keys", "mine")
    assert keys.read_public_file(public).line == signer.public.line


def test_a_locked_key_opens_with_its_password_alone(tmp_path: Path, signer: SecretKey) -> None:
    secret, _ = keys.write_pair(signer, tmp_path, "mine", password="right", **QUICK)
    assert keys.needs_password(secret)
    assert keys.read_secret(secret, password="right") == signer
    with pytest.raises(PackSignatureError, match="does not open"):
        keys.read_secret(secret, password="wrong")
    with pytest.raises(PackSignatureError, match="locked with a password"):
        keys.read_secret(secret)


def test_a_key_that_would_take_all_memory_is_not_opened(tmp_path: Path, signer: SecretKey) -> None:
    secret, _ = keys.write_pair(signer, tmp_path, "mine", password="right", **QUICK)
    comment, packed, _ = secret.read_text().split("\n")
    raw = bytearray(base64.b64decode(packed))
    raw[46:54] = (2**60).to_bytes(8, "little")
    secret.write_text(f"{comment}\n{base64.b64encode(raw).decode()}\n")
    with pytest.raises(PackSignatureError, match="more than minisign ever asks"):
        keys.read_secret(secret, password="right")


def test_a_damaged_secret_key_is_refused(tmp_path: Path, signer: SecretKey) -> None:
    secret, public = keys.write_pair(signer, tmp_path, "mine")
    comment, packed, _ = secret.read_text().split("\n")
    raw = bytearray(base64.b64decode(packed))
    raw[70] ^= 1
    secret.write_text(f"{comment}\n{base64.b64encode(raw).decode()}\n")
    with pytest.raises(PackSignatureError, match="does not open"):
        keys.read_secret(secret)
    for path in (public, tmp_path, tmp_path / "none"):
        with pytest.raises(PackSignatureError):
            keys.read_secret(path)


def test_accepted_keys_are_kept_until_they_are_withdrawn(tmp_path: Path) -> None:
    first, second = keys.generate().public, keys.generate().public
    trusted = TrustedKeys(tmp_path / "keys" / "trusted.txt")
    assert trusted.all() == ()
    trusted.accept(first, label="Ada")
    trusted.accept(second, label="Grace\nuntrusted comment: forged")
    trusted.accept(first, label="Ada, again")
    again = TrustedKeys(tmp_path / "keys" / "trusted.txt").all()
    assert [(key.key, key.label) for key in again] == [
        (second.key, "Grace-untrusted comment- forged"),
        (first.key, "Ada- again"),
    ]
    assert trusted.withdraw(second.key_id)
    assert not trusted.withdraw(second.key_id)
    assert [key.line for key in trusted.all()] == [first.line]


def test_a_damaged_list_of_keys_accepts_nobody(tmp_path: Path, signer: SecretKey) -> None:
    path = tmp_path / "trusted.txt"
    path.write_text(signer.public.text + "untrusted comment: half\n")
    with pytest.raises(PackSignatureError, match="damaged"):
        TrustedKeys(path).all()
    with pytest.raises(PackSignatureError, match="damaged"):
        TrustedKeys(path).accept(signer.public)
