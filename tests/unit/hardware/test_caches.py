from __future__ import annotations

from pathlib import Path

from workbench.hardware.caches import last_level_cache_bytes, linux_cache_bytes


def cache(folder: Path, cpu: int, index: int, level: int, kind: str, size: str, shared: str) -> None:
    place = folder / f"cpu{cpu}" / "cache" / f"index{index}"
    place.mkdir(parents=True)
    for name, text in {"level": str(level), "type": kind, "size": size, "shared_cpu_list": shared}.items():
        (place / name).write_text(f"{text}\n")


def test_pieces_of_the_highest_level_are_added_and_shared_ones_counted_once(tmp_path: Path) -> None:
    for cpu in range(4):
        cache(tmp_path, cpu, 0, 1, "Data", "32K", str(cpu))
        cache(tmp_path, cpu, 1, 1, "Instruction", "64K", str(cpu))
        cache(tmp_path, cpu, 3, 3, "Unified", "32768K", "0-1" if cpu < 2 else "2-3")
    assert linux_cache_bytes(tmp_path) == 2 * (32 << 20)


def test_a_processor_with_two_levels_has_its_second_as_last(tmp_path: Path) -> None:
    cache(tmp_path, 0, 0, 1, "Data", "32K", "0-3")
    cache(tmp_path, 0, 2, 2, "Unified", "2M", "0-3")
    assert linux_cache_bytes(tmp_path) == 2 << 20


def test_damaged_or_missing_files_are_passed_over(tmp_path: Path) -> None:
    cache(tmp_path, 0, 0, 3, "Unified", "large", "0")
    (tmp_path / "cpu1" / "cache" / "index0").mkdir(parents=True)
    assert linux_cache_bytes(tmp_path) is None
    assert linux_cache_bytes(tmp_path / "gone") is None


def test_this_machine_has_a_cache() -> None:
    assert last_level_cache_bytes() >= 1 << 18
