"""Tests, and the programs they start, see nothing of the person who runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keyring
import keyring.backends.null

from workbench.engine import child_process
from workbench.hub.places import finding
from workbench.hub.tokens import Tokens

ROOT = Path(__file__).resolve().parents[2]
SEEN = "import json, os, pathlib; print(json.dumps({'home': str(pathlib.Path.home()), 'names': sorted(os.environ)}))"
# Where ollama keeps models for everybody, whoever asks.
SYSTEM_WIDE = {Path("/usr/share/ollama/.ollama/models"), Path("/var/lib/ollama/.ollama/models")}
# What somebody who uses the hub and other programs has in the environment of a shell.
A_USERS = {
    "HF_TOKEN": "hf_canary",
    "HF_HOME": "theirs/hf",
    "HF_ENDPOINT": "https://mirror.example",
    "WORKBENCH_OFFLINE": "1",
    "WORKBENCH_DATA_DIR": "theirs/workbench",
    "OLLAMA_MODELS": "theirs/ollama",
    "LLAMA_CACHE": "theirs/llama.cpp",
    "JAN_DATA_FOLDER": "theirs/jan",
    "XDG_DATA_HOME": "theirs/data",
    "XDG_CACHE_HOME": "theirs/cache",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "all_proxy": "socks5://proxy.example:1080",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
}


def test_the_home_is_the_tests_own_here_and_in_children(tmp_path: Path) -> None:
    assert Path.home().is_relative_to(tmp_path)
    for environment in (None, child_process.environment()):
        done = subprocess.run([sys.executable, "-c", SEEN], env=environment, capture_output=True, text=True, check=True)
        seen = json.loads(done.stdout)
        assert Path(seen["home"]).is_relative_to(tmp_path)
        assert not set(seen["names"]) & (set(A_USERS) - {"WORKBENCH_DATA_DIR", "PYTHON_KEYRING_BACKEND"})


def test_there_is_no_token_no_keyring_and_no_folder_of_the_users(tmp_path: Path) -> None:
    assert isinstance(keyring.get_keyring(), keyring.backends.null.Keyring)
    assert Tokens().token("https://huggingface.co") is None
    models = Path.home() / ".ollama" / "models"
    (models / "manifests").mkdir(parents=True)
    (models / "blobs").mkdir()
    found = {place.folder for place in finding.find(Path.home(), os.environ)}
    assert models in found
    assert all(folder.is_relative_to(tmp_path) for folder in found - SYSTEM_WIDE)


def test_whatever_the_tests_are_started_with_they_do_not_see_it(tmp_path: Path) -> None:
    for name in ("hf/hub", "ollama/manifests", "ollama/blobs", "llama.cpp", "jan/llamacpp/models", "data", "cache"):
        (tmp_path / "theirs" / name).mkdir(parents=True)
    (tmp_path / "theirs" / "llama.cpp" / "theirs.gguf").write_bytes(b"GGUF")
    theirs = {name: str(tmp_path / value) if value.startswith("theirs/") else value for name, value in A_USERS.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inner")]
    done = subprocess.run(
        [*command, __file__, "-k", "test_the_home or test_there_is"],
        cwd=ROOT,
        env=os.environ | theirs,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout
