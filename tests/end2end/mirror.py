"""Olah, an independent implementation of the hub's API, as a mirror in front of a hub on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

VARIABLE = "OLAH_CLI"
START_S = 60


def program() -> str | None:
    """The command to start it, where it is installed: in an environment of its own, since it pins other versions."""
    named = os.environ.get(VARIABLE)
    return named if named and Path(named).exists() else shutil.which("olah-cli")


@contextmanager
def mirroring(command: str, hub: str, cdn: str, folder: Path) -> Iterator[str]:
    """The mirror's address, while it runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = own.split(":")
    options = {
        "--host": host,
        "--port": port,
        "--hf-scheme": "http",
        "--hf-netloc": urlsplit(hub).netloc,
        "--hf-lfs-netloc": urlsplit(cdn).netloc,
        "--mirror-scheme": "http",
        "--mirror-netloc": own,
        "--mirror-lfs-netloc": own,
        "--repos-path": str(folder / "repos"),
        "--log-path": str(folder / "log"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [command, *(part for option in options.items() for part in option)],
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            _wait_for(process, host, int(port), folder / "said")
            yield f"http://{own}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], host: str, port: int, said: Path) -> None:
    for _ in range(START_S * 10):
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError:
            pass
        try:
            process.wait(0.1)
            break
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError(f"the mirror did not start: {said.read_text()[-2000:]}")
