"""llama.cpp's lines: kept, read for sizes, passed on."""

from __future__ import annotations

import logging
import threading

import pytest

from workbench.engine.native_log import Announced, NativeLog, announced, cache_bytes, layer_devices

LOAD = (
    "load_tensors:   CPU_Mapped model buffer size =   235.16 MiB",
    "load_tensors:   CPU_REPACK model buffer size =    12.00 MiB",
    "llama_context:        CPU  output buffer size =     1.00 MiB",
    "llama_kv_cache:        CPU KV buffer size =    12.00 MiB",
    "llama_kv_cache:        CPU KV buffer size =    15.00 MiB",
    "sched_reserve:        CPU compute buffer size =    22.50 MiB",
)


def test_buffers_are_told_apart_by_name_and_kind() -> None:
    assert announced(LOAD) == (
        Announced("CPU_Mapped", "model", round(235.16 * 2**20)),
        Announced("CPU_REPACK", "model", 12 * 2**20),
        Announced("CPU", "output", 2**20),
        Announced("CPU", "KV", 12 * 2**20),
        Announced("CPU", "KV", 15 * 2**20),
        Announced("CPU", "compute", round(22.5 * 2**20)),
    )


def test_caches_are_read_from_the_lines_that_are_right_without_an_allocation() -> None:
    lines = (
        "llama_kv_cache:        CPU KV buffer size =     0.00 MiB",
        "llama_kv_cache: size =   90.00 MiB (  2048 cells,  30 layers,  1/1 seqs), K (f16):   45.00 MiB",
        "llama_memory_recurrent: size =   50.25 MiB (     1 cells,  32 layers,  1 seqs  0 rs_seq), R (f32): 2 MiB",
    )
    assert cache_bytes(lines) == (90 * 2**20, round(50.25 * 2**20))


def test_where_layers_go_is_kept_though_it_is_said_for_debugging() -> None:
    log = NativeLog()
    with log.collected() as lines:
        log.take(1, b"load_tensors: layer   0 assigned to device CPU, is_swa = 0\n")
        log.take(1, b"load_tensors: layer   1 assigned to device CUDA0, is_swa = 1\n")
        log.take(1, b"something else\n")
    assert layer_devices(lines) == {0: "CPU", 1: "CUDA0"}
    assert log.recent() == []


def test_what_was_not_announced_is_not_made_up() -> None:
    lines = ("nothing to see",)
    assert (announced(lines), cache_bytes(lines), layer_devices(lines)) == ((), (), {})


def test_errors_become_warnings_and_debug_lines_and_dots_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="llama.cpp")
    log = NativeLog()
    for level, text in ((1, b"debug\n"), (2, b"info\n"), (3, b"warn\n"), (4, b"error \xff\n"), (5, b".")):
        log.take(level, text)
    assert log.recent() == ["info", "warn", "error \ufffd"]
    assert [record.levelno for record in caplog.records] == [logging.DEBUG, logging.INFO, logging.WARNING]


def test_lines_are_collected_on_the_thread_that_asked() -> None:
    log = NativeLog()
    with log.collected() as mine:
        other = threading.Thread(target=log.take, args=(2, b"theirs"))
        other.start()
        other.join()
        log.take(2, b"mine")
    log.take(2, b"later")
    assert mine == ["mine"]
    assert log.recent(3) == ["theirs", "mine", "later"]
