"""``workbench doctor``: what works here, what does not, and what to do about it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from workbench.app import Workbench
from workbench.cli import last_end, output
from workbench.cli.inputs import Json
from workbench.engine import child
from workbench.engine.prompt_cache import PromptCache
from workbench.engine.sentinel import Sentinel
from workbench.errors import WorkbenchError
from workbench.hardware.detect import detect
from workbench.hardware.facts import Device, Memory, Survey
from workbench.hardware.words import human_bytes
from workbench.paths import Paths, resolve

DISK_FLOOR_BYTES = 2 * 10**9
MEMORY_FLOOR_BYTES = 2 * 10**9


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; ``state`` is "ok", "note" (works, with a limit) or "bad"."""

    name: str
    state: str
    message: str
    hint: str | None = None


MARKS = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✕[/]"}


def doctor(json: Json = False) -> None:
    """Check this installation: engine, data folder, database, disk, window, starter downloads."""
    paths = resolve()
    survey = functools.cache(child.survey)
    checks = [
        _guarded("engine", lambda: _engine(survey)),
        *_machine(survey, paths),
        _folder("data folder", paths.data),
        _guarded("database and settings", _database),
        _disk(paths),
        _prompt_cache(paths),
        _last_end(paths),
        _window(),
        _pip(),
    ]
    if json:
        output.emit({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            output.out.print(f"{MARKS[check.state]} [bold]{check.name}[/]", end=": ")
            output.out.print(check.message, markup=False)
            if check.hint:
                output.out.print(f"    {check.hint}", markup=False)
    raise typer.Exit(1 if any(check.state == "bad" for check in checks) else 0)


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except WorkbenchError as error:
        return Check(name, "bad", error.message, error.hint)


def _engine(survey: Callable[[], Survey]) -> str:
    build = survey().build
    return f"llama.cpp {build.version}; processor code for {', '.join(build.cpu_features) or 'any processor'}"


def _machine(survey: Callable[[], Survey], paths: Paths) -> list[Check]:
    """Memory, GPU, and one line for each thing that could not be found out or is unusual."""
    machine = detect(survey, paths.data)
    checks = [_memory(machine.memory), _gpu(machine.devices)]
    return checks + [Check("machine", "note", f"{note}.") for note in machine.notes]


def _memory(memory: Memory) -> Check:
    free = f"{human_bytes(memory.available_bytes)} of {human_bytes(memory.limit_bytes or memory.total_bytes)} free"
    if memory.pressure in ("warning", "critical") or memory.available_bytes < MEMORY_FLOOR_BYTES:
        return Check("memory", "note", f"{free}: memory is short", "Close other programs, or choose small models.")
    return Check("memory", "ok", free)


def _gpu(devices: Sequence[Device]) -> Check:
    if not devices:
        return Check("GPU", "ok", "none that this build of llama.cpp can use: models run on the processor")
    said = [f"{device.description or device.name}, {human_bytes(device.free_bytes)} free" for device in devices]
    return Check("GPU", "ok", "; ".join(said))


def _database() -> str:
    with Workbench.open() as workbench:
        wrong = workbench.db.check()
        if wrong:
            raise WorkbenchError(
                f"{workbench.paths.database} is damaged: {wrong[0]}.",
                hint="Keep a copy of the file, then move it away.",
            )
        return f"{workbench.paths.database} is sound; {len(workbench.library.files())} models in the library"


def _folder(name: str, folder: Path) -> Check:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(name, "bad", f"{folder} cannot be written: {error.strerror}.", "Choose another with --data-dir.")
    return Check(name, "ok", f"{folder} can be written")


def _disk(paths: Paths) -> Check:
    free_bytes = shutil.disk_usage(next(p for p in (paths.data, *paths.data.parents) if p.exists())).free
    if free_bytes < DISK_FLOOR_BYTES:
        return Check("disk", "note", f"only {human_bytes(free_bytes)} free", "Models need from 0.1 GB to many GB each.")
    return Check("disk", "ok", f"{human_bytes(free_bytes)} free")


def _prompt_cache(paths: Paths) -> Check:
    size_bytes = PromptCache(paths.prompt_cache, lambda: 0).size_bytes
    if not size_bytes:
        return Check("prompt cache", "ok", "nothing is kept")
    return Check("prompt cache", "ok", f"{human_bytes(size_bytes)} in {paths.prompt_cache}",
                 "It holds prompts in the clear; delete the folder, or set prompt_cache_gb to 0.")  # fmt: skip


def _last_end(paths: Paths) -> Check:
    died = Sentinel(paths.opening).found()
    if died is None:
        return Check("last end", "ok", "no model has ended the program")
    return Check("last end", "note", died.words, last_end.advice(died))


def _window() -> Check:
    """Whether Qt can start a window; asked in a child, because Qt ends the process when it cannot."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Check("window", "note", "no display here: the command line works, the window does not",
                     "Start it in a graphical session, or set DISPLAY.")  # fmt: skip
    script = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    if result.returncode == 0:
        return Check("window", "ok", "Qt starts")
    reason = next((line for line in result.stderr.splitlines() if line.strip()), "Qt ended without a word")
    wanted = os.environ.get("WORKBENCH_SYSTEM_PACKAGES")
    return Check("window", "bad", reason, wanted or "docs/install.md lists the system libraries Qt needs.")


def _pip() -> Check:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return Check("starter models", "ok", "pip is present, starter models can be fetched")
    return Check(
        "starter models", "note", "pip is missing, starter models cannot be fetched", "Add GGUF files by hand."
    )
