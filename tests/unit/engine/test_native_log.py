"""llama.cpp's lines: kept, read for sizes, passed on."""

from __future__ import annotations

import logging
import threading

import pytest

from workbench.engine.native_log import BufferSizes, NativeLog, buffer_sizes

LOAD = (
    "load_tensors:   CPU_Mapped model buffer size =   235.16 MiB",
    "load_tensors:   CPU_REPACK model buffer size =    12.00 MiB",
    "llama_context:        CPU  output buffer size =     1.00 MiB",
    "llama_kv_cache:        CPU KV buffer size =    12.00 MiB",
    "llama_kv_cache:        CPU KV buffer size =    15.00 MiB",
    "sched_reserve:        CPU compute buffer size =    22.50 MiB",
)


def test_buffers_are_added_up_by_kind() -> None:
    assert buffer_sizes(LOAD) == BufferSizes(round(247.16 * 2**20), 27 * 2**20, round(23.5 * 2**20))


def test_what_was_not_announced_is_unknown_and_not_zero() -> None:
    assert buffer_sizes(("nothing to see",)) == BufferSizes(None, None, None)


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
