"""Control groups of both versions, as recorded folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hardware.cgroups import Limits, limits_now, read_limits


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def test_a_container_of_version_2_sees_its_own_group_as_root(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "cpu.max": "150000 100000",
            "memory.max": "4000000000",
            "memory.current": "1500000000",
            "memory.stat": "anon 900000000\ninactive_file 500000000\nactive_file 1",
        },
    )
    assert read_limits("0::/\n", root) == Limits(1.5, 4_000_000_000, 3_000_000_000)


def test_the_tightest_of_nested_groups_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "user.slice/memory.max": "8000000000",
            "user.slice/memory.current": "7900000000",
            "user.slice/app/memory.max": "max",
            "user.slice/app/memory.high": "2000000000",
            "user.slice/app/memory.current": "500000000",
            "user.slice/app/cpu.max": "max 100000",
            "user.slice/cpu.max": "200000 100000",
        },
    )
    limits = read_limits("0::/user.slice/app\n", root)
    assert limits == Limits(2.0, 2_000_000_000, 100_000_000)


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "memory/job/memory.limit_in_bytes": "1073741824",
            "memory/job/memory.usage_in_bytes": "600000000",
            "memory/job/memory.stat": "inactive_file 7\ntotal_inactive_file 100000000",
            "memory/memory.limit_in_bytes": "9223372036854771712",
            "cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
            "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        },
    )
    text = "5:memory:/job\n4:cpu,cpuacct:/job\n3:pids:/job\n2:name=systemd:/job\n0::/job\n"
    assert read_limits(text, root) == Limits(0.5, 1_073_741_824, 573_741_824)


def test_a_group_named_outside_the_container_is_read_at_the_mount(tmp_path: Path) -> None:
    root = write(tmp_path, {"memory/memory.limit_in_bytes": "2147483648", "memory/memory.usage_in_bytes": "0"})
    assert read_limits("4:memory:/docker/abc123\n", root) == Limits(None, 2_147_483_648, 2_147_483_648)
    assert read_limits("4:memory:/../..\n", root).memory_bytes == 2_147_483_648


def test_a_group_outside_the_mount_is_not_mistaken_for_one_of_the_same_name(tmp_path: Path) -> None:
    root = write(tmp_path, {"memory.max": "5000", "memory.current": "0", "other/memory.max": "1000"})
    assert read_limits("0::/../other\n", root).memory_bytes == 5000


def test_limits_on_swap_are_none_on_memory(tmp_path: Path) -> None:
    root = write(tmp_path, {"memory.max": "max", "memory.swap.max": "0", "memory.swap.high": "1000"})
    assert read_limits("0::/\n", root) == Limits(None, None, None)


def test_the_limits_of_this_process_can_be_read() -> None:
    limits = limits_now()
    assert limits.memory_bytes is None or limits.memory_bytes > 0
    assert limits.memory_room_bytes is None or limits.memory_room_bytes >= 0


@pytest.mark.parametrize("text", ["", "nonsense", "0::/gone", "1:memory:/\n::::\n"])
def test_no_limits_where_nothing_says_so(tmp_path: Path, text: str) -> None:
    assert read_limits(text, tmp_path) == Limits(None, None, None)


def test_damaged_numbers_set_no_limit(tmp_path: Path) -> None:
    root = write(tmp_path, {"cpu.max": "100000 0", "memory.max": "lots", "memory.stat": "inactive_file"})
    assert read_limits("0::/\n", root) == Limits(None, None, None)
