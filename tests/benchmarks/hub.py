"""Downloads: killed and resumed, against the hub's own command, the memory that a giant takes, and every fault.

    make bench-hub [ARGS="--kills 20 --megabytes 512 --gigabytes 1 --words"]

Everything comes from a hub on this machine, over HTTP, into real files, in child processes.
"""

from __future__ import annotations

import argparse
import filecmp
import hashlib
import json
import logging
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.end2end.other_programs import lay_out
from tests.faults.hub_matrix import ARRIVES, ATTEMPTS, BEGUN_PIECES, CASES, outcome, plain
from tests.loopback_hub import Faults, LoopbackHub
from tests.models import test_models
from tests.unit.hub.places.layouts import everything
from workbench.hub.library import Library
from workbench.hub.places.finding import find
from workbench.store.database import Database

ROOT = Path(__file__).parents[2]
REPOSITORY, FILE = "bench/model", "model-Q4_K_M.gguf"
PIECE_BYTES, CONNECTIONS = 8 << 20, 3
PROGRAM = "import sys; from tests.faults.download_child import main; sys.exit(main(*sys.argv[1:]))"
# It starts when what both programs import is imported.
CLOCK = (
    "import atexit, sys, time; import huggingface_hub.cli.hf, tests.faults.download_child, workbench.hub.connection; "
    "began = time.perf_counter(); "
    "atexit.register(lambda: print('clock', time.perf_counter() - began, file=sys.stderr)); "
)
PEAK = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0], flush=True)"
MEMORY = (
    f"import atexit, workbench.hub.connection, tests.faults.download_child; {PEAK}; atexit.register(lambda: {PEAK}); "
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--megabytes", type=int, default=1024, help="of the file that is raced for")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=int, default=4, help="of the sparse file")
    parser.add_argument("--words", action="store_true", help="what each fault is said to be")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # wrong bytes are meant here
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-hub-") as name:
        folder = Path(name)
        found["kills"] = kills(folder / "kills", options.kills)
        say_kills(found["kills"])
        found["throughput"] = throughput(folder / "race", options.megabytes << 20, options.rounds)
        say_throughput(found["throughput"])
        found["memory"] = memory(folder / "giant", options.gigabytes << 30)
        say_memory(found["memory"])
        found["faults"] = faults()
        say_faults(found["faults"], words=options.words)
        if sys.platform == "linux":
            found["places"] = places(folder / "places")
            say_places(found["places"])
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))
    bad = [found["kills"][key] for key in ("corrupt", "seen_wrong", "beyond")] + [found["faults"]["lost"]]
    return 1 if any(bad) else 0


# --- killed ----------------------------------------------------------------------------------


def kills(folder: Path, count: int) -> dict[str, Any]:
    """Downloads of about a second, each ended at a random moment, then resumed to its end.

    The moments are spread over the whole run for one half, and over its fetching for the other.
    """
    chance = random.Random(1)
    published = [mixed(folder / "random", holes=False), mixed(folder / "sparse", holes=True)]
    phases: Counter[str] = Counter()
    corrupt = seen_wrong = kept_bytes = 0
    twice: list[int] = []
    with LoopbackHub() as hub:
        commits = [hub.add(REPOSITORY, {FILE: path}, faults=Faults(step_s=0.001)) for path in published]
        lengths = [timed(folder / f"whole-{number}", hub.endpoint, commit) for number, commit in enumerate(commits)]
        for number in range(count):
            which, home = number % 2, folder / str(number)
            hub.forget()
            whole_s, fetching_s = lengths[which]
            from_start = number % 4 < 2
            delay_s = chance.uniform(0, 1.05 * (whole_s if from_start else fetching_s))
            phases[killed(home, hub.endpoint, commits[which], delay_s, from_start=from_start)] += 1
            kept_bytes += hub.sent_bytes(FILE)
            final = home.joinpath("models", *REPOSITORY.split("/"), FILE)
            seen_wrong += final.exists() and not filecmp.cmp(final, published[which], shallow=False)
            with child(home, hub.endpoint, commits[which]) as process:
                ended_well = process.wait() == 0
            right = ended_well and final.exists() and filecmp.cmp(final, published[which], shallow=False)
            corrupt += not right
            twice.append(max(0, hub.sent_bytes(FILE) - published[which].stat().st_size))
            shutil.rmtree(home)
    allowed = CONNECTIONS * PIECE_BYTES
    return {
        "downloads": count,
        "killed_while": dict(sorted(phases.items())),
        "corrupt": corrupt,
        "seen_wrong": seen_wrong,
        "allowed_bytes": allowed,
        "mean_bytes_before": kept_bytes / count if count else 0,
        "most_bytes_twice": max(twice, default=0),
        "mean_bytes_twice": statistics.fmean(twice) if twice else 0,
        "beyond": sum(size > allowed for size in twice),
    }


def mixed(path: Path, *, holes: bool) -> Path:
    """Random pieces, every second one a hole where wished, and an end that fills no piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for number in range(8):
            file.seek(number * PIECE_BYTES)
            if not (holes and number % 2):
                file.write(random.Random(number).randbytes(PIECE_BYTES))
        file.seek(8 * PIECE_BYTES)
        file.write(random.Random(8).randbytes(12_345))
    return path


def timed(home: Path, endpoint: str, commit: str) -> tuple[float, float]:
    """How long an undisturbed download takes, and how long from the moment when it begins to fetch."""
    began = time.monotonic()
    with child(home, endpoint, commit, said=True) as process:
        fetching = began_to_fetch(process)
        process.communicate()
    ended = time.monotonic()
    shutil.rmtree(home)
    return ended - began, ended - fetching


def began_to_fetch(process: subprocess.Popen[str]) -> float:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("fetching"):
            break
    return time.monotonic()


def killed(home: Path, endpoint: str, commit: str, delay_s: float, *, from_start: bool) -> str:
    """Begin a download and end it; what it said last."""
    with child(home, endpoint, commit, said=True) as process:
        if not from_start:
            began_to_fetch(process)
        time.sleep(delay_s)
        process.kill()
        lines = process.communicate()[0].split("\n")
    if process.returncode == 0:
        return "ended before"
    said = [line for line in lines[:-1] if line]
    return said[-1].split()[0] if said else "starting" if from_start else "fetching"


def child(home: Path, endpoint: str, commit: str, before: str = "", *, said: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", before + PROGRAM, str(home), endpoint, str(PIECE_BYTES), str(CONNECTIONS)]
    return subprocess.Popen(
        [*command, REPOSITORY, commit, FILE],
        stdout=subprocess.PIPE if said else subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )


def say_kills(found: dict[str, Any]) -> None:
    while_ = ", ".join(f"{count} {phase}" for phase, count in found["killed_while"].items())
    print(f"{found['downloads']} downloads of 67 MB ended by SIGKILL at a random moment ({while_}), all resumed:")
    print(f"  corrupt or unfinished files           {found['corrupt']} (aim 0)")
    print(f"  wrong bytes seen under the final name {found['seen_wrong']} (aim 0)")
    print(f"  fetched more than a chunk a connection twice: {found['beyond']} (aim 0)")
    most, mean, allowed, had = (
        found[key] / 2**20 for key in ("most_bytes_twice", "mean_bytes_twice", "allowed_bytes", "mean_bytes_before")
    )
    print(f"  on average {had:.1f} MiB had come before the end; fetched twice: {mean:.1f} MiB on average,")
    print(f"  {most:.1f} MiB at most, of {allowed:.0f} MiB allowed")


# --- against the hub's own command -----------------------------------------------------------


def throughput(folder: Path, size_bytes: int, rounds: int) -> dict[str, Any]:
    """Both programs one after the other, by the clock on the wall and by their own, which leaves their start out."""
    folder.mkdir(parents=True)
    published = folder / "published"
    with published.open("wb") as file:
        for number in range(size_bytes >> 20):
            file.write(random.Random(number).randbytes(1 << 20))
    whole: dict[str, list[float]] = {"workbench": [], "hf download": []}
    inside: dict[str, list[float]] = {name: [] for name in whole}
    with LoopbackHub() as hub:
        commit = hub.add(REPOSITORY, {FILE: published})
        for number in range(rounds):
            for name in sorted(whole, reverse=number % 2 == 1):
                home = folder / f"{number}-{name.split()[0]}"
                began = time.monotonic()
                inside[name].append(race(name, home, hub.endpoint, commit))
                whole[name].append(time.monotonic() - began)
                shutil.rmtree(home)
                os.sync()
    return {
        "size_bytes": size_bytes,
        "seconds": whole,
        "inside_s": inside,
        "best_mb_per_s": {name: size_bytes / min(taken) / 1e6 for name, taken in whole.items()},
        "ratio": ratio(whole),
        "ratio_inside": ratio(inside),
    }


def race(name: str, home: Path, endpoint: str, commit: str) -> float:
    """One download; the seconds by the program's own clock, after its imports."""
    if name == "workbench":
        program, arguments = (
            PROGRAM,
            [str(home), endpoint, str(PIECE_BYTES), str(CONNECTIONS), REPOSITORY, commit, FILE],
        )
    else:
        program = "import sys; from huggingface_hub.cli.hf import main; sys.exit(main())"
        arguments = ["download", REPOSITORY, FILE, "--revision", commit, "--local-dir", str(home / "models")]
    done = subprocess.run(
        [sys.executable, "-c", CLOCK + program, *arguments],
        cwd=ROOT,
        env={**_own_environment(home), "HF_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed: {done.stderr[-2000:]}")
    return float(done.stderr.rsplit("clock ", 1)[1])


def ratio(seconds: dict[str, list[float]]) -> float:
    ours, theirs = seconds["workbench"], seconds["hf download"]
    return statistics.median(one / other for one, other in zip(theirs, ours, strict=True))


def _own_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    switches = ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_UPDATE_CHECK")
    return {**kept, "HF_HOME": str(home / "hf"), **dict.fromkeys(switches, "1")}


def say_throughput(found: dict[str, Any]) -> None:
    print(f"{found['size_bytes'] / 1e6:.0f} MB, alternating; this program also hashes and syncs:")
    for name, speed in found["best_mb_per_s"].items():
        print(f"  {name:12} best {speed:6.0f} MB/s, all {', '.join(f'{one:.2f}' for one in found['seconds'][name])} s")
    print(f"  as fast as hf download: {found['ratio']:.2f}, without the programs' start {found['ratio_inside']:.2f}")
    print("  (medians of rounds, aim ≥ 1.0)")


# --- memory ----------------------------------------------------------------------------------


def memory(folder: Path, size_bytes: int) -> dict[str, Any]:
    """The growth of a child's resident memory over what it has with everything imported."""
    folder.mkdir(parents=True)
    published = folder / "published"
    with published.open("wb") as file:
        file.truncate(size_bytes)
    digest = hashlib.sha256()
    for _ in range(size_bytes >> 20):
        digest.update(bytes(1 << 20))
    with LoopbackHub() as hub:
        commit = hub.add(REPOSITORY, {FILE: published}, promised={FILE: digest.hexdigest()})
        with child(folder / "home", hub.endpoint, commit, MEMORY, said=True) as process:
            lines = process.communicate()[0].split("\n")
    if process.returncode or "done" not in lines[-3]:
        raise SystemExit(f"the giant did not arrive: {lines[-3:]}")
    shutil.rmtree(folder)
    before, after = int(lines[0]) << 10, int(lines[-2]) << 10
    return {"size_bytes": size_bytes, "peak_bytes": after, "growth_bytes": after - before}


def say_memory(found: dict[str, Any]) -> None:
    gib, growth, peak = found["size_bytes"] / 2**30, found["growth_bytes"] / 1e6, found["peak_bytes"] / 1e6
    print(
        f"memory for a sparse file of {gib:.0f} GiB: {growth:.0f} MB more than before (aim < 100), {peak:.0f} MB in all"
    )


# --- every fault -----------------------------------------------------------------------------


def faults() -> dict[str, Any]:
    """What comes of a download that meets each fault at its first attempt, and when it is resumed."""
    rows = []
    lost = seen_wrong = 0
    for case in CASES:
        row: dict[str, Any] = {"fault": case.name}
        for attempt in ATTEMPTS:
            found = outcome(case, attempt)
            seen_wrong += found.seen_wrong
            kept_less = attempt == "resume" and found.kept_pieces < BEGUN_PIECES
            lost += not found.recovered or (kept_less and case.ends != ARRIVES and not case.restarts)
            row[attempt] = found.ended
            row["kept_pieces" if attempt == "resume" else "words"] = (
                found.kept_pieces if attempt == "resume" else plain(found.message)
            )
        rows.append(row)
    return {"rows": rows, "lost": lost, "seen_wrong": seen_wrong}


def say_faults(found: dict[str, Any], *, words: bool) -> None:
    rows = found["rows"]
    print(f"{len(rows)} faults, each at a first attempt and at one that finds at least {BEGUN_PIECES} of 21 pieces:")
    print(f"  {'fault':44} {'first attempt':18} {'resumed':18} pieces left")
    for row in rows:
        kept = "all" if row["resume"] == ARRIVES else str(row["kept_pieces"])
        print(f"  {row['fault']:44} {row['first']:18} {row['resume']:18} {kept:>11}")
        if words and row["words"]:
            print(f"      {row['words']}")
    print(f"  downloads that did not arrive when the fault was gone, or lost what they had: {found['lost']} (aim 0)")
    print(f"  wrong bytes seen under the final name: {found['seen_wrong']} (aim 0)")


# --- other programs --------------------------------------------------------------------------


def places(folder: Path) -> dict[str, Any]:
    """Folders as other programs lay them out, as the library sees them."""
    folder.mkdir(parents=True)
    home = lay_out(folder, test_models())
    before = everything(home.folder)
    found = find(home.folder, home.environment, root=folder / "nothing")
    with Database(folder / "data" / "workbench.sqlite3") as db:
        listing = Library(db, folder / "data" / "models", places=lambda: found).listing()
    copied = list((folder / "data").rglob("*.gguf"))
    return {
        "files": {place.program.value: len(place.files) for place in found},
        "expected": home.expected,
        "models": dict(Counter(held.program.value for held in listing.held)),
        "elsewhere_too": dict(Counter(copy.program.value for held in listing.held for copy in held.copies)),
        "copied": len(copied),
        "touched": everything(home.folder) != before,
    }


def say_places(found: dict[str, Any]) -> None:
    print("other programs' folders:")
    for name, count in found["files"].items():
        models, too = found["models"].get(name, 0), found["elsewhere_too"].get(name, 0)
        print(f"  {name:20} {count} of {found['expected'][name]} files, {models} models, {too} that others have too")
    print(f"  copied {found['copied']}, touched {'yes' if found['touched'] else 'nothing'}")


if __name__ == "__main__":
    sys.exit(main())
