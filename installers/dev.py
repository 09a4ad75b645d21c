"""Everything `make` does, in one script of the standard library, for systems with and without make.

python3 installers/dev.py run       set up what is missing, then start the workbench
python3 installers/dev.py test      set up what is missing, then run every test offscreen
python3 installers/dev.py help      the other commands
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "installers" / "requirements"
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OVERRIDES = ROOT / "installers" / "engine" / "overrides.cmake"
FAULTS = ROOT / "installers" / "engine" / "compiler-faults.cmake"
PROGRESS = re.compile(r"^\s*\[(\d+)/(\d+)\]")

# Folders of tests that are run with nothing beside them.
ALONE = ("end2end", "engine")

ENGINE_FLAGS = (
    "-DGGML_NATIVE=ON",
    "-DLLAVA_BUILD=OFF",
    "-DCMAKE_INSTALL_LIBDIR=llama_cpp/lib",
    "-DCMAKE_INSTALL_BINDIR=llama_cpp/lib",
    "-DCMAKE_INSTALL_INCLUDEDIR=llama_cpp/include",
)


class SetupError(Exception):
    """Something the person at the keyboard has to do first."""


# --- what the system must already have -------------------------------------------------------


def system_packages(*purposes: str) -> list[tuple[str, str]]:
    """(package, proof) of the named purposes, from system-packages.txt."""
    rows = (ROOT / "installers" / "system-packages.txt").read_text(encoding="utf-8").splitlines()
    fields = [row.split() for row in rows if row.strip() and not row.startswith("#")]
    return [(package, proof) for purpose, package, proof in fields if purpose in purposes]


def is_present(proof: str) -> bool:
    """Whether a command, an absolute path or a shared library can be found."""
    if proof.startswith("/"):
        return Path(proof).exists()
    if ".so" not in proof:
        return shutil.which(proof) is not None
    try:
        ctypes.CDLL(proof)
    except OSError:
        return False
    return True


def missing_packages(*purposes: str) -> list[str]:
    if platform.system() != "Linux":
        return []
    return [package for package, proof in system_packages(*purposes) if not is_present(proof)]


def apt_line(packages: Sequence[str]) -> str:
    return "sudo apt-get install --no-install-recommends " + " ".join(packages)


def require(*purposes: str) -> None:
    missing = missing_packages(*purposes)
    if missing:
        raise SetupError(
            f"This system lacks: {', '.join(missing)}.\n"
            f"On Debian or Ubuntu:\n\n    {apt_line(missing)}\n\n"
            "On another system install the packages that hold the same programs and libraries."
        )


def require_compiler() -> None:
    if compiler() is not None:
        return
    advice = {
        "Darwin": "Install Apple's command line tools: xcode-select --install",
        "Windows": "Install the C++ tools of Visual Studio (Desktop development with C++).",
    }.get(platform.system(), apt_line(["g++"]))
    raise SetupError(f"No C++ compiler was found, and the engine is built from source.\n{advice}")


def compiler() -> str | None:
    found = next((c for c in (os.environ.get("CXX"), "c++", "g++", "clang++") if c and shutil.which(c)), None)
    return found or shutil.which("cl")


# --- the virtual environment -----------------------------------------------------------------


def sh(*command: str | Path, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a command; a failure ends the script with that command's own words."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        if quiet:
            print(result.stdout, file=sys.stderr)
        raise SetupError(f"This command failed ({result.returncode}): {' '.join(map(str, command))}")


def digest(*parts: str | bytes) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.encode() if isinstance(part, str) else part)
        sha.update(b"\0")
    return sha.hexdigest()[:24]


def is_stamped(name: str, key: str) -> bool:
    stamp = VENV / f".stamp-{name}"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == key


def stamp(name: str, key: str) -> None:
    (VENV / f".stamp-{name}").write_text(key, encoding="utf-8")


def make_venv() -> None:
    if PYTHON.exists():
        return
    print("· virtual environment in .venv")
    uv = shutil.which("uv")
    if uv:
        sh(uv, "venv", "--seed", "--python", sys.executable, VENV, env={"UV_PYTHON_DOWNLOADS": "never"}, quiet=True)
    else:
        try:
            sh(sys.executable, "-m", "venv", VENV, quiet=True)
        except SetupError as error:
            shutil.rmtree(VENV, ignore_errors=True)
            if platform.system() == "Linux":
                raise SetupError(f"Python's venv module is not complete.\n{apt_line(['python3-venv'])}") from error
            raise
    # The starter models are fetched with this pip too, so it is there even where uv does the rest.
    sh(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", LOCKS / "pip.txt", quiet=True)


def install(lock: Path) -> None:
    uv = shutil.which("uv")
    if uv:
        env = {"UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(VENV)}
        sh(uv, "pip", "install", "--quiet", "--require-hashes", "-r", lock, env=env)
    else:
        sh(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)


def set_up(*, dev: bool) -> None:
    """Bring .venv up to date; does nothing, quickly, when it already is."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said in words instead of failing on syntax later
        raise SetupError(f"Python 3.11 or newer is needed; this is {platform.python_version()}.")
    started = time.monotonic()
    make_venv()
    lock = LOCKS / ("dev.txt" if dev else "run.txt")
    names = ["run", "dev"] if dev else ["run"]
    key = digest(lock.read_bytes(), (ROOT / "pyproject.toml").read_bytes())
    if not is_stamped(names[-1], key) and not (not dev and (VENV / ".stamp-dev").exists() and is_stamped("run", key)):
        print(f"· Python packages from {lock.relative_to(ROOT)}")
        install(lock)
        sh(PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT)
        run_key = digest((LOCKS / "run.txt").read_bytes(), (ROOT / "pyproject.toml").read_bytes())
        stamp("run", run_key)
        if dev:
            stamp("dev", key)
    install_engine()
    seconds = time.monotonic() - started
    if seconds > 2:
        print(f"· set up in {seconds:.0f} s")


# --- the engine wheel ------------------------------------------------------------------------


def engine_store() -> Path:
    if os.environ.get("WORKBENCH_WHEELHOUSE"):
        return Path(os.environ["WORKBENCH_WHEELHOUSE"])
    if platform.system() == "Darwin":
        return Path.home() / "Library" / "Caches" / "workbench" / "engine"
    if platform.system() == "Windows":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "workbench" / "Cache" / "engine"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workbench" / "engine"


def engine_flags() -> list[str]:
    flags = [*ENGINE_FLAGS, f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={OVERRIDES.as_posix()}"]
    backend = os.environ.get("WORKBENCH_ENGINE_BACKEND", "")
    if backend:
        flags.append(f"-DGGML_{backend.upper()}=ON")
    return flags


def cpu_features() -> str:
    """What a native build depends on beside the compiler."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    listed = next((line.split(":")[1] for line in lines if line.startswith(("flags", "Features"))), "")
    return " ".join(sorted(listed.split()))


def engine_key() -> str:
    """Everything that decides what the built wheel contains."""
    cxx = compiler() or ""
    version = subprocess.run([cxx, "--version"], capture_output=True, text=True, check=False).stdout if cxx else ""
    where = OVERRIDES.as_posix()
    return digest(
        (LOCKS / "engine.txt").read_bytes(),
        (LOCKS / "engine-build.txt").read_bytes(),
        OVERRIDES.read_bytes(),
        FAULTS.read_bytes(),
        " ".join(engine_flags()).replace(where, OVERRIDES.name),
        version.splitlines()[0] if version else "",
        platform.system(),
        platform.machine(),
        cpu_features(),
        os.environ.get("CMAKE_ARGS", ""),
    )


def tool_venv(name: str) -> Path:
    """The Python of a virtual environment of its own, kept beside the engine, with the pinned ``name``.txt."""
    locks = [LOCKS / "pip.txt", LOCKS / f"{name}.txt"]
    home = engine_store() / f"{name}-{digest(*(lock.read_bytes() for lock in locks))}"
    python = home / BIN.relative_to(VENV) / PYTHON.name
    if not (home / ".complete").exists():
        sh(sys.executable, "-m", "venv", "--clear", home, quiet=True)
        for lock in locks:
            sh(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock, quiet=True)
        (home / ".complete").touch()
    return python


def build_venv() -> tuple[Path, dict[str, str]]:
    """A virtual environment with the pinned cmake and ninja, and the variables to use it."""
    python = tool_venv("engine-build")
    env = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1),
        "CMAKE_ARGS": " ".join([*engine_flags(), os.environ.get("CMAKE_ARGS", "")]).strip(),
    }
    return python, env


def build_engine(folder: Path) -> Path:
    """Build the engine wheel into ``folder``; minutes, once per compiler and processor."""
    require_compiler()
    print("· building the llama.cpp engine (a few minutes, once; kept for next time)")
    started = time.monotonic()
    python, env = build_venv()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        log = folder.parent / f"{folder.name}.log"
        command = [str(python), "-m", "pip", "wheel", "--verbose", "--no-cache-dir", "--no-deps"]
        command += ["--no-build-isolation", "--no-binary", "llama-cpp-python", "--require-hashes"]
        command += ["-r", str(LOCKS / "engine.txt"), "-w", scratch]
        # A clock pinned for reproducible builds would switch the processor's vector instructions off.
        env = {**os.environ, **env, "SOURCE_DATE_EPOCH": ""}
        env.pop("SOURCE_DATE_EPOCH")
        if follow_build(command, env, log):
            raise SetupError(f"The engine could not be built. The end of {log} says why.")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(scratch, folder)
        Path(scratch).mkdir()  # for TemporaryDirectory to remove
    print(f"· engine built in {time.monotonic() - started:.0f} s")
    return next(folder.glob("*.whl"))


def follow_build(command: list[str], env: dict[str, str], log: Path) -> int:
    """Run a ninja build, write all it says to ``log`` and its progress to the terminal."""
    shown = -1
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            step = PROGRESS.match(line)
            percent = 100 * int(step[1]) // int(step[2]) if step else shown
            if percent // 10 > shown // 10:
                print(f"  {percent:3d} %", flush=True)
            shown = max(shown, percent)
        code = process.wait()
    if code:
        print("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-30:]), file=sys.stderr)
    return code


def install_engine() -> None:
    key = engine_key()
    if is_stamped("engine", key):
        return
    folder = engine_store() / key
    wheel = next(folder.glob("*.whl"), None) or build_engine(folder)
    sh(PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    stamp("engine", key)


# --- the peers that benchmarks measure against -----------------------------------------------

PEERS = ("llama-bench", "llama-server", "llama-perplexity")


def build_peers() -> Path:
    """The folder of llama.cpp's own programs, from the engine's sdist with its flags; built on request only."""
    folder = engine_store() / f"{engine_key()}-tools"
    names = [f"{peer}.exe" if os.name == "nt" else peer for peer in PEERS]
    if all((folder / name).exists() for name in names):
        return folder
    require_compiler()
    print(f"· building {', '.join(PEERS)} from the same source (about ten minutes, once; kept for next time)")
    python, env = build_venv()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="tools-") as scratch:
        sh(python, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps", "--no-build-isolation",
           "--no-binary", "llama-cpp-python", "--require-hashes", "-r", LOCKS / "engine.txt", "-d", scratch,
           env=env, quiet=True)  # fmt: skip
        shutil.unpack_archive(next(Path(scratch).glob("*.tar.gz")), scratch)
        source = next(Path(scratch).glob("*/vendor/llama.cpp"))
        build = Path(scratch) / "build"
        same = [flag for flag in engine_flags() if flag.startswith("-DGGML_")]
        same.append(f"-DCMAKE_PROJECT_INCLUDE={FAULTS.as_posix()}")
        configure = ["cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *same]
        configure += ["-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF"]
        configure += ["-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_TOOLS=ON", "-DLLAMA_BUILD_COMMON=ON"]
        # The server's pages would be fetched from the network while it is built.
        configure += ["-DLLAMA_BUILD_SERVER=ON", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF"]
        sh(*configure, env=env, quiet=True)
        command = ["cmake", "--build", str(build), "--target", *PEERS, "--verbose"]
        log = folder.parent / f"{folder.name}.log"
        if follow_build(command, {**os.environ, **env}, log):
            raise SetupError(f"llama.cpp's own programs could not be built. The end of {log} says why.")
        for name in names:
            shutil.copy2(next(path for path in build.rglob(name) if path.is_file()), folder / name)
    return folder


def offer_mirror() -> None:
    """Olah, a mirror of the hub by others, for the tests that speak to one; they are skipped without it."""
    try:
        os.environ.setdefault("OLAH_CLI", str(tool_venv("mirror").with_name("olah-cli")))
    except SetupError as error:
        print(f"· olah is not to be had, so nothing is tested against it: {error}")


# --- commands --------------------------------------------------------------------------------


def has_display() -> bool:
    if platform.system() != "Linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def setup(_: Sequence[str]) -> None:
    """Set up .venv and the engine, for running and for developing, and name what the system lacks."""
    set_up(dev=True)
    lacking = missing_packages("window", "test")
    if lacking:
        print(f"· for the window and its tests this system lacks {', '.join(lacking)}:\n\n    {apt_line(lacking)}\n")
    print("· ready: make run · make test")


def run(rest: Sequence[str]) -> None:
    """Set up what is missing and start the workbench: the window, or without a display the terminal."""
    if has_display():
        require("window")
    set_up(dev=False)
    os.environ["WORKBENCH_SYSTEM_PACKAGES"] = apt_line([package for package, _ in system_packages("window")])
    finish([str(BIN / "workbench"), *rest])


def test(rest: Sequence[str]) -> None:
    """Set up what is missing and run every test, offscreen; with arguments, what they choose, in one process."""
    require("window", "test")
    set_up(dev=True)
    offer_mirror()
    pytest = [str(PYTHON), "-m", "pytest"]
    if rest:
        finish([*pytest, *rest])
    # Real models have every core to themselves; of the rest, each file stays in one of two processes.
    alone = [f"tests/{folder}" for folder in ALONE]
    ignored = [f"--ignore={folder}" for folder in alone]
    finish([*pytest, "--numprocesses=2", "--dist=loadfile", *ignored], [*pytest, *alone])


def static(_: Sequence[str]) -> None:
    """Format, lint, types and import contracts, without the tests."""
    set_up(dev=True)
    sh(PYTHON, "-m", "ruff", "format", "--check", ".")
    sh(PYTHON, "-m", "ruff", "check", ".")
    sh(PYTHON, "-m", "mypy")
    sh(BIN / "lint-imports")


def check(rest: Sequence[str]) -> None:
    """Everything a commit must pass: static checks, then the tests."""
    static(rest)
    test(rest)


def tidy(_: Sequence[str]) -> None:
    """Format the code and mend what the linter can mend."""
    set_up(dev=True)
    sh(PYTHON, "-m", "ruff", "format", ".")
    sh(PYTHON, "-m", "ruff", "check", "--fix", ".")


def bench_engine(rest: Sequence[str]) -> None:
    """The engine against llama-bench, llama-server and llama-perplexity of the same source, flags and threads."""
    set_up(dev=True)
    finish([str(PYTHON), "-m", "tests.benchmarks.engine", "--peers", str(build_peers()), *rest])


def bench_fit(rest: Sequence[str]) -> None:
    """The planner's numbers against llama.cpp's, the process's, published files' and other programs'."""
    set_up(dev=True)
    finish([str(PYTHON), "-m", "tests.benchmarks.fit", "--peers", str(tool_venv("peers")), *rest])


def bench_gui(rest: Sequence[str]) -> None:
    """The window's start, its event loop while four panes stream, long answers and conversations, search: with aims."""
    set_up(dev=True)
    finish([str(PYTHON), "-m", "tests.benchmarks.gui", *rest])


def bench_hub(rest: Sequence[str]) -> None:
    """Downloads killed and resumed, against the hub's own command, their memory, and every fault's outcome."""
    set_up(dev=True)
    finish([str(PYTHON), "-m", "tests.benchmarks.hub", *rest])


def probes(rest: Sequence[str]) -> None:
    """Bit for bit where it is promised, prompts beside references, hostile templates and files."""
    set_up(dev=True)
    finish([str(PYTHON), "-m", "tests.benchmarks.probes", *rest])


def screenshots(rest: Sequence[str]) -> None:
    """Draw every page into docs/images with a real window under Xvfb."""
    require("window", "test")
    set_up(dev=True)
    finish([str(PYTHON), "-m", "tests.screenshots", *rest])


def lock(_: Sequence[str]) -> None:
    """Resolve the hashed requirements anew (needs uv)."""
    uv = shutil.which("uv")
    if not uv:
        raise SetupError("uv is needed to resolve requirements: pip install uv")
    base = [uv, "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
    base += ["--no-header", "--no-annotate", "--quiet", "--upgrade"]
    sh(*base, "--group", "pip", "-o", LOCKS / "pip.txt", quiet=True)
    sh(*base, "--group", "engine-build", "-o", LOCKS / "engine-build.txt", quiet=True)
    sh(*base, "--group", "peers", "-o", LOCKS / "peers.txt", quiet=True)
    sh(*base, "--group", "mirror", "-o", LOCKS / "mirror.txt", quiet=True)
    run_args = ["--no-emit-package", "llama-cpp-python", "pyproject.toml", "--group", "install"]
    sh(*base, *run_args, "-o", LOCKS / "run.txt", quiet=True)
    dev_args = ["--extra", "synthetic", "--group", "dev", "-c", LOCKS / "run.txt"]
    sh(*base, *run_args, *dev_args, "-o", LOCKS / "dev.txt", quiet=True)
    print("· engine.txt is kept by hand: the engine's version is a decision, not an upgrade")


def system(rest: Sequence[str]) -> None:
    """Name the system packages that are missing; with --install, install them with apt as root."""
    missing = missing_packages("build", "window", "test")
    if not missing:
        print("· every system package is present")
    elif "--install" in rest:
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "update", "-qq", env=env, quiet=True)
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env, quiet=True)
        print(f"· installed {', '.join(missing)}")
    else:
        print(apt_line(missing))


def finish(*commands: list[str]) -> None:
    """Hand over to the last commands of the job, each whatever became of the others, and to the worst exit status."""
    sys.stdout.flush()
    try:
        sys.exit(max([subprocess.run(command, cwd=ROOT, check=False).returncode for command in commands], key=abs))
    except KeyboardInterrupt:
        sys.exit(130)


COMMANDS = {
    "run": run,
    "test": test,
    "setup": setup,
    "check": check,
    "static": static,
    "tidy": tidy,
    "bench-engine": bench_engine,
    "bench-fit": bench_fit,
    "bench-gui": bench_gui,
    "bench-hub": bench_hub,
    "probes": probes,
    "screenshots": screenshots,
    "lock": lock,
    "system": system,
}


def main() -> int:
    lines = [f"  {name:13} {command.__doc__}" for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        description="Set up, run and check the workbench.",
        epilog="commands:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=[*COMMANDS, "help"], metavar="COMMAND", nargs="?", default="help")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to the command")
    arguments = parser.parse_args()
    if arguments.command == "help":
        parser.print_help()
        return 0
    try:
        COMMANDS[arguments.command](arguments.rest)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
