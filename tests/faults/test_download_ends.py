"""Downloads that end suddenly: killed, out of room, out of memory; real processes, real disks."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.loopback_hub import Faults
from tests.unit.hub.downloading import FILE, PIECE, REPOSITORY, SIZE, Bench, bench_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

CONNECTIONS = 3
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        yield bench


@contextmanager
def child(bench: Bench, *wanted: str, before: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """The program above, after ``before`` ran in its place."""
    program = f"import sys; {before}; from tests.faults.download_child import main; sys.exit(main(*sys.argv[1:]))"
    arguments = [str(bench.home), bench.hub.endpoint, str(PIECE), str(CONNECTIONS), *wanted]
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_it_loses_a_chunk_of_each_connection_at_most(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    bench.publish(faults=Faults(step_s=0.1))
    wanted = (REPOSITORY, bench.commit, FILE)
    kills = 4
    for kill in range(kills):
        with child(bench, *(wanted if not kill else ())) as process:
            for _ in range(chance.randrange(3, 30)):
                assert next(lines_of(process))
            process.kill()
        assert bench.visible == [], "nothing has its name before it is whole"
    bench.hub.break_(REPOSITORY, Faults())
    with child(bench) as process:
        assert list(lines_of(process))[-1].startswith("done")
        assert process.wait() == 0
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) - SIZE <= kills * CONNECTIONS * PIECE


def test_two_programs_at_once_fetch_a_file_once(bench: Bench) -> None:
    gate = threading.Event()
    bench.publish(faults=Faults(gate=gate))
    with child(bench, REPOSITORY, bench.commit, FILE) as first:
        assert any(line.startswith("fetching") for line in lines_of(first))
        with child(bench) as second:
            assert list(lines_of(second)) == [], "it is left to the other one"
            assert second.wait() == 1
        gate.set()
        assert list(lines_of(first))[-1].startswith("done")
    assert bench.hub.sent_bytes(FILE) == SIZE
    bench.assert_right()


def test_a_file_too_large_for_its_disk_is_an_error_and_can_go_on_elsewhere(bench: Bench) -> None:
    bench.publish()
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({12 * PIECE}, resource.RLIM_INFINITY))"
    # The database is shorter than that; SIGXFSZ is ignored by Python.
    with child(bench, REPOSITORY, bench.commit, FILE, before=limit) as process:
        assert list(lines_of(process))[-1].split()[0::2] == ["failed", "file_too_large"]
    assert bench.visible == []
    downloads = bench.downloads()
    (failed,) = downloads.listing()
    assert failed.done_bytes >= PIECE
    downloads.retry(failed.id)
    with child(bench) as process:
        assert list(lines_of(process))[-1].startswith("done")
    bench.assert_right()
    assert bench.hub.sent_bytes(FILE) - SIZE <= CONNECTIONS * PIECE


def test_a_full_disk_pauses_and_keeps_what_arrived(bench: Bench) -> None:
    bench.publish()
    small = bench.folder
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={8 * PIECE}", "none", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may make a disk of that size")
    try:
        with child(bench, REPOSITORY, bench.commit, FILE) as process:
            assert list(lines_of(process))[-1].split()[0::2] == ["paused", "disk_full"]
        assert bench.visible == []
        subprocess.run(["mount", "-o", f"remount,size={40 * PIECE}", small], check=True)
        downloads = bench.downloads()
        (paused,) = downloads.listing()
        downloads.resume(paused.id)
        with child(bench) as process:
            assert list(lines_of(process))[-1].startswith("done")
        bench.assert_right()
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process itself took at most")
def test_memory_does_not_grow_with_the_file(bench: Bench) -> None:
    """The largest the process ever was, of a small and of a larger file."""
    # Not getrusage: that begins with what the parent took.
    peak_kib = "[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0]"
    told = f"import atexit; atexit.register(lambda: print({peak_kib}, flush=True))"
    peaks = []
    for number, size in enumerate((PIECE, 48 << 20)):
        name = f"{number}.gguf"
        bench.publish(name, size=size, seed=number)
        with child(bench, REPOSITORY, bench.commit, name, before=told) as process:
            *_, done, peak = lines_of(process)
            assert done.startswith("done")
            peaks.append(int(peak))
    assert peaks[1] - peaks[0] < 24 << 10, "KiB"
