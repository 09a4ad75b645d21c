"""Several models at once: which fit side by side, what has to move for it, and what taking turns costs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import RAM, Kind
from workbench.models.judge import Question, as_fit
from workbench.models.learnt import Learnt
from workbench.models.params import ALL_LAYERS
from workbench.models.placement import device_budget_bytes, ram_budget_bytes, usable_devices
from workbench.models.plans import Case
from workbench.models.verdict import Fit, TogetherFit, Verdict
from workbench.words import all_of, one_of, said

# What contexts on the same weights share, and what is paid once for a device however many use it.
_OF_THE_FILE = {Kind.WEIGHTS, Kind.VOCABULARY}
_OF_THE_DEVICE = {Kind.DEVICE}

_MOST_TRIES = 64
_FEW_TRIES = 4  # for each of many sets
# A file read before may still be in memory, and a disk's best rate is not always had.
_LOAD_FROM_RATE = (0.25, 2.0)
_LOAD_AS_BEFORE = (0.7, 1.5)

_NOTHING_LEARNT = Learnt()


@dataclass(frozen=True, slots=True)
class _Sum:
    """What fits need together on each device, and what there is."""

    needs: Mapping[str, int]
    budgets: Mapping[str, int]
    unified: frozenset[str]

    @property
    def short(self) -> tuple[tuple[str, int], ...]:
        """What is missing where; memory that a GPU shares is main memory's."""
        from_ram = self.needs[RAM] + sum(self.needs[name] for name in self.unified)
        missing = [(name, self.needs[name] - size) for name, size in self.budgets.items() if name != RAM]
        missing.append(("memory", from_ram - self.budgets[RAM]))
        return tuple((name, size) for name, size in missing if size > 0)

    @property
    def total_bytes(self) -> int:
        return sum(self.needs.values())

    @property
    def available_bytes(self) -> int:
        return sum(size for name, size in self.budgets.items() if name not in self.unified)


def fit_together(
    fits: Sequence[Fit],
    hardware: Hardware,
    *,
    disk_bytes_per_s: float | None = None,
    load_s: Mapping[str, float] | None = None,
    learnt: Learnt = _NOTHING_LEARNT,
) -> TogetherFit:
    """Whether the panes fit side by side: as planned alone, else with some moved off the GPU, the smallest first.

    Weights of one file placed the same way count once, and so does what a device needs for being used at all.
    Where nothing helps they take turns: ``load_s`` are seconds that past loads took, by header sha256, and
    ``disk_bytes_per_s`` the rate for the others; without either for one of them the cost is not known.
    """
    planned = _sum(fits, hardware, learnt)
    if not planned.short:
        return _answer(planned, fits)
    changed = _with_moves(fits, hardware, learnt, _MOST_TRIES)
    if changed is not None:
        return _answer(_sum(changed, hardware, learnt), changed, _moves(fits, changed))
    swap_s = _swap_s(fits, disk_bytes_per_s, load_s or {})
    reasons = [
        said("Short by {missing} of {name}", missing=human_bytes(missing), name=name) for name, missing in planned.short
    ]
    reasons += _who_fits(fits, hardware, learnt)
    too_big = [one.model.title for one in fits if one.verdict is Verdict.TOO_BIG]
    if too_big:
        reasons.append(said("Too big even alone: {too_big}", too_big=all_of(too_big)))
    elif swap_s is not None:
        reasons.append(
            said(
                "Taking turns costs about {least:.0f} to {most:.0f} seconds of loading a round",
                least=swap_s[0],
                most=swap_s[1],
            )
        )
    elif not hardware.described:
        reasons.append(said("What taking turns costs is known after the first loads on this computer"))
    return TogetherFit(
        fits=False,
        total_bytes=planned.total_bytes,
        available_bytes=planned.available_bytes,
        reasons=(_total(planned), *reasons),
        swap_s=swap_s,
    )


def _answer(found: _Sum, fits: Sequence[Fit], reasons: Iterable[str] = ()) -> TogetherFit:
    return TogetherFit(True, found.total_bytes, found.available_bytes, (_total(found), *reasons), tuple(fits))


def _total(found: _Sum) -> str:
    return said(
        "Together they need {total_bytes} of {available_bytes} usable",
        total_bytes=human_bytes(found.total_bytes),
        available_bytes=human_bytes(found.available_bytes),
    )


# --- sums ------------------------------------------------------------------------------------


def _sum(fits: Sequence[Fit], hardware: Hardware, learnt: Learnt) -> _Sum:
    devices = usable_devices(hardware)
    budgets = {device.name: device_budget_bytes(device, learnt.reserves) for device in devices}
    budgets[RAM] = ram_budget_bytes(hardware, learnt.reserves)
    needs = {name: _need(fits, name) for name in budgets}
    return _Sum(needs, budgets, frozenset(device.name for device in devices if device.unified))


def _need(fits: Sequence[Fit], device: str) -> int:
    shared: dict[object, int] = {}
    own = of_device = 0
    for one in fits:
        for share in one.shares:
            if share.device != device:
                continue
            file = _weights_key(one)
            shared[file] = max(shared.get(file, 0), share.of(*_OF_THE_FILE))
            of_device = max(of_device, share.of(*_OF_THE_DEVICE))
            own += share.total_bytes - share.of(*_OF_THE_FILE, *_OF_THE_DEVICE)
    return sum(shared.values()) + of_device + own


def _weights_key(one: Fit) -> object:
    """Loads with the same key share their weights."""
    return one.model.path, one.params.n_gpu_layers, one.params.n_cpu_moe


# --- moving ----------------------------------------------------------------------------------


def _by_loss(fits: Sequence[Fit]) -> Iterator[frozenset[str]]:
    """Sets of files to move off the GPU: few before many, those that lose least (the smallest) first."""
    sizes = {
        str(one.model.path): sum(share.weights_bytes for share in one.shares if share.device != RAM) for one in fits
    }
    movable = sorted((path for path, size in sizes.items() if size), key=lambda path: sizes[path])
    for count in range(1, len(movable) + 1):
        yield from sorted(
            (frozenset(chosen) for chosen in itertools.combinations(movable, count)),
            key=lambda chosen: (sum(sizes[path] for path in chosen), sorted(chosen)),
        )


def _with_moves(fits: Sequence[Fit], hardware: Hardware, learnt: Learnt, at_most: int) -> tuple[Fit, ...] | None:
    """The fits with as few moved off the GPU as make all of them fit; None where ``at_most`` tries find none."""
    if any(one.verdict is Verdict.TOO_BIG for one in fits):
        return None
    for moved in itertools.islice(_by_loss(fits), at_most):
        changed = _moved(fits, moved, hardware, learnt)
        if changed is not None and not _sum(changed, hardware, learnt).short:
            return changed
    return None


def _moved(fits: Sequence[Fit], moved: frozenset[str], hardware: Hardware, learnt: Learnt) -> tuple[Fit, ...] | None:
    """The same fits with the moved ones placed in what the others leave; None when one finds no place."""
    kept = [one for one in fits if str(one.model.path) not in moved]
    placed: dict[int, Fit] = {}
    for index, one in enumerate(fits):
        if str(one.model.path) not in moved:
            placed[index] = one
            continue
        left = _without(hardware, _sum(kept, hardware, learnt).needs)
        before = next((other for other in kept if other.model.path == one.model.path), None)
        wanted = replace(one.params, n_gpu_layers=ALL_LAYERS, n_cpu_moe=0)
        if before is not None:
            wanted = replace(wanted, n_gpu_layers=before.params.n_gpu_layers, n_cpu_moe=before.params.n_cpu_moe)
            # Its weights are there already.
            left = _without(left, {share.device: -share.of(*_OF_THE_FILE) for share in before.shares})
        case = Case.of(one.model.header, left, learnt.reserves)
        asked = Question(one.model, case, wanted, one.context, learnt)
        plan = case.best(wanted)
        if plan.verdict is Verdict.TOO_BIG:
            return None
        placed[index] = as_fit(asked, plan)
        kept.append(placed[index])
    return tuple(placed[index] for index in range(len(fits)))


def _without(hardware: Hardware, used: Mapping[str, int]) -> Hardware:
    """The machine with so much less free."""
    taken = Counter(used)
    from_ram = taken[RAM] + sum(taken[device.name] for device in hardware.devices if device.unified)
    devices = tuple(
        replace(device, free_bytes=max(0, device.free_bytes - taken[device.name])) for device in hardware.devices
    )
    memory = replace(hardware.memory, available_bytes=max(0, hardware.memory.available_bytes - from_ram))
    return replace(hardware, devices=devices, memory=memory)


def _moves(before: Sequence[Fit], after: Sequence[Fit]) -> Iterator[str]:
    told = set()
    for old, new in zip(before, after, strict=True):
        if old is new or new.model.path in told:
            continue
        told.add(new.model.path)
        where = said("partly in main memory") if new.verdict is Verdict.SPLIT else said("in main memory")
        yield said("{model} runs {where}, so that all of them fit", model=new.model.title, where=where)


# --- taking turns ----------------------------------------------------------------------------


def _who_fits(fits: Sequence[Fit], hardware: Hardware, learnt: Learnt) -> Iterator[str]:
    """The largest number of them that fits, moved off the GPU if need be; of as many, those that need most."""
    able = [one for one in fits if one.verdict is not Verdict.TOO_BIG]
    for count in range(min(len(able), len(fits) - 1), 0, -1):
        sets = list(itertools.islice(itertools.combinations(able, count), _MOST_TRIES))
        found = [chosen for chosen in sets if _side_by_side(chosen, hardware, learnt)]
        if found and count > 1:
            best = max(found, key=lambda chosen: _sum(chosen, hardware, learnt).total_bytes)
            yield said("{models} would fit together", models=all_of([one.model.title for one in best]))
            return
        if found:
            yield (
                said("Each fits alone, but no two together")
                if len(found) == len(fits)
                else said("Alone {models} would fit", models=one_of([chosen[0].model.title for chosen in found]))
            )
            return


def _side_by_side(fits: Sequence[Fit], hardware: Hardware, learnt: Learnt) -> bool:
    planned = _sum(fits, hardware, learnt)
    if not planned.short:
        return True
    # Weights need room wherever they are: most sets are told from that.
    files = {one.model.path: one.model.size_bytes for one in fits}
    return (
        sum(files.values()) <= planned.available_bytes and _with_moves(fits, hardware, learnt, _FEW_TRIES) is not None
    )


def _swap_s(
    fits: Sequence[Fit], disk_bytes_per_s: float | None, load_s: Mapping[str, float]
) -> tuple[float, float] | None:
    """Seconds of loading when each file is loaded once a round; the last one may still be there for the next."""
    ranges = []
    for one in {one.model.path: one for one in fits}.values():
        found = load_range_s(one.model.size_bytes, load_s.get(one.model.header.sha256), disk_bytes_per_s)
        if found is None:
            return None
        ranges.append(found)
    if not ranges:
        return None
    lows, highs = zip(*ranges, strict=True)
    return sum(lows) - (max(lows) if len(ranges) > 1 else 0.0), sum(highs)


def load_range_s(size_bytes: int, known_s: float | None, disk_bytes_per_s: float | None) -> tuple[float, float] | None:
    """How long one load takes: as past loads of the model took, else as the disk reads; None without either."""
    if known_s is not None:
        return known_s * _LOAD_AS_BEFORE[0], known_s * _LOAD_AS_BEFORE[1]
    if not disk_bytes_per_s:
        return None
    seconds = size_bytes / disk_bytes_per_s
    return seconds * _LOAD_FROM_RATE[0], seconds * _LOAD_FROM_RATE[1]
