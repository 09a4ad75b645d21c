"""The placements of one model on one machine: which is best, and how long a context it leaves room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from workbench.hardware.facts import Hardware
from workbench.models.breakdown import Basis, Kind, Part, Share
from workbench.models.derived import TensorUse, subject_of, tensor_use
from workbench.models.header import Header
from workbench.models.learnt import Reserve
from workbench.models.memory import CONTEXT_STEP, cache_bytes
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.placement import Subject, place, ram_budget_bytes, usable_devices
from workbench.models.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load takes where.  ``params`` name the placement in numbers: ``n_gpu_layers`` is never -1."""

    verdict: Verdict
    params: RunParams
    shares: tuple[Share, ...]

    @property
    def short_by_bytes(self) -> int:
        return sum(share.short_by_bytes for share in self.shares)


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one machine.  ``reserves`` were learnt from past loads, by device key.

    ``corrections`` are bytes by device name that llama.cpp's own answer was above our arithmetic (below 0:
    under it): every placement is judged with them.
    """

    subject: Subject
    hardware: Hardware
    use: TensorUse
    reserves: Mapping[str, Reserve] = field(default_factory=dict)
    corrections: Mapping[str, int] = field(default_factory=dict)
    _placed: dict[RunParams, tuple[Share, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, header: Header, hardware: Hardware, reserves: Mapping[str, Reserve]) -> Case:
        return cls(subject_of(header), hardware, tensor_use(header), reserves)

    @property
    def everything(self) -> int:
        """The number of layers that is all of them, the output counted."""
        return self.subject.offloadable_layers

    @property
    def has_experts(self) -> bool:
        return self.use.n_expert > 0

    def shares(self, params: RunParams) -> tuple[Share, ...]:
        """For the placement that ``params`` name, whether it fits or not."""
        named = replace(params, n_gpu_layers=self._layers(params))
        shares = self._placed.get(named)
        if shares is None:
            shares = place(self.subject, named, self.hardware, named.n_gpu_layers, reserves=self.reserves)
            if self.corrections:
                shares = tuple(self._corrected(share) for share in shares)
            self._placed[named] = shares
        return shares

    def fits(self, params: RunParams) -> bool:
        return all_fit(self.shares(params))

    def plan(self, params: RunParams) -> Plan:
        """Exactly the placement that ``params`` name, judged."""
        shares = self.shares(params)
        named = replace(params, n_gpu_layers=self._layers(params))
        return Plan(self.verdict_of(named) if all_fit(shares) else Verdict.TOO_BIG, named, shares)

    def verdict_of(self, params: RunParams) -> Verdict:
        """Of a placement that fits."""
        layers = self._layers(params)
        if layers == 0:
            return Verdict.CPU
        if layers < self.everything or (self.has_experts and params.n_cpu_moe):
            return Verdict.SPLIT
        return Verdict.GPU

    def best(self, wanted: RunParams) -> Plan:
        """The fastest placement that fits: all on the GPUs; all but the experts of as few layers as possible;
        as many layers as fit; none.  Else the one that comes nearest.

        A number of GPU layers in ``wanted`` is kept to, and experts wanted in main memory stay there.
        """
        if wanted.n_gpu_layers != ALL_LAYERS:
            return self.plan(wanted)
        nowhere = replace(wanted, n_gpu_layers=0, n_cpu_moe=0)
        candidates = [nowhere]
        if usable_devices(self.hardware):
            whole = replace(wanted, n_gpu_layers=self.everything)
            if self.fits(whole):
                return self.plan(whole)
            if self.has_experts and (some := self._with_fewest_experts_out(whole)) is not None:
                return self.plan(some)
            split = self._with_most_layers(whole)
            if split.n_gpu_layers and self.fits(split):
                return self.plan(split)
            candidates.append(split)
        if self.fits(nowhere):
            return self.plan(nowhere)
        # The placement that comes nearest is the one whose shortage is worth telling.
        return min((self.plan(params) for params in candidates), key=lambda plan: plan.short_by_bytes)

    def longest(self, params: RunParams, at_most: int) -> int | None:
        """The longest context on the placement that ``params`` name; None when not even the shortest fits."""
        step = context_step(params)

        def margin(steps: int) -> int:
            return min(share.margin_bytes for share in self.shares(replace(params, n_ctx=steps * step)))

        return furthest(margin, at_most // step) * step or None

    def longest_anywhere(self, wanted: RunParams, at_most: int) -> int | None:
        """The longest context that fits on some placement."""
        step = context_step(wanted)
        steps = largest(lambda count: self.fits_somewhere(replace(wanted, n_ctx=count * step)), at_most // step)
        return steps * step or None

    def fits_somewhere(self, wanted: RunParams) -> bool:
        """Whether ``best`` is one that fits: what is quickly known is asked first."""
        shape, weights = self.subject.shape, self.subject.weights
        if weights.total_bytes + sum(cache_bytes(shape, wanted)) > self._room_bytes():
            return False
        if wanted.n_gpu_layers != ALL_LAYERS:
            return self.fits(wanted)
        if self.fits(replace(wanted, n_gpu_layers=0, n_cpu_moe=0)):
            return True
        whole = replace(wanted, n_gpu_layers=self.everything)
        return bool(usable_devices(self.hardware)) and (self._some_part_fits(whole) or self.fits(whole))

    def _some_part_fits(self, whole: RunParams) -> bool:
        """Whether the devices can take so much that main memory suffices for the rest.

        What main memory lacks, divided by the most that one layer brings, never leaves out a number that fits.
        """
        n_layer, weights = self.subject.shape.n_layer, self.subject.weights
        cache = cache_bytes(self.subject.shape, whole)
        most = max((own + kept for own, kept in zip(weights.layer_bytes, cache, strict=False)), default=1)
        most = max(1, most, weights.output_bytes)

        def reaches(params: Callable[[int], RunParams], count: int, end: int) -> bool:
            while count < end:
                shares = self.shares(params(count))
                if not devices_fit(shares):
                    return False
                missing = shares[-1].short_by_bytes
                if not missing:
                    return True
                count += -(-missing // most)
            return False

        nowhere = self.shares(replace(whole, n_gpu_layers=0, n_cpu_moe=0))
        # Alone on the processor tied embeddings may be needed twice.
        first = max(1, (nowhere[-1].short_by_bytes - weights.tied_bytes) // most)
        if not self.has_experts:
            return reaches(lambda count: replace(whole, n_gpu_layers=count), first, self.everything)
        out = replace(whole, n_cpu_moe=n_layer)
        return reaches(lambda kept: replace(whole, n_cpu_moe=n_layer - kept), 0, n_layer) or reaches(
            lambda count: replace(out, n_gpu_layers=count), 1, self.everything
        )

    def _room_bytes(self) -> int:
        """No placement has more than this; what devices keep free is not taken off."""
        apart = sum(device.free_bytes for device in usable_devices(self.hardware) if not device.unified)
        return ram_budget_bytes(self.hardware, self.reserves) + apart

    def _layers(self, params: RunParams) -> int:
        if not usable_devices(self.hardware):
            return 0
        return self.everything if params.n_gpu_layers == ALL_LAYERS else min(params.n_gpu_layers, self.everything)

    def _with_fewest_experts_out(self, whole: RunParams) -> RunParams | None:
        layers = self.subject.shape.n_layer

        def kept_in(count: int) -> RunParams:
            return replace(whole, n_cpu_moe=layers - count)

        kept = largest(lambda count: devices_fit(self.shares(kept_in(count))), layers - whole.n_cpu_moe - 1)
        found = kept_in(kept)
        return found if self.fits(found) else None

    def _with_most_layers(self, whole: RunParams) -> RunParams:
        # Experts take most of a layer and compute least of it: without them more layers have their attention
        # and their cache on the GPU.
        base = replace(whole, n_cpu_moe=self.subject.shape.n_layer) if self.has_experts else whole
        count = largest(lambda n: devices_fit(self.shares(replace(base, n_gpu_layers=n))), self.everything - 1)
        return replace(base, n_gpu_layers=count)

    def _corrected(self, share: Share) -> Share:
        missing = self.corrections.get(share.device, 0)
        return replace(share, parts=(*share.parts, Part(Kind.COMPUTE, missing, Basis.EXACT))) if missing else share


def all_fit(shares: Sequence[Share]) -> bool:
    return all(share.short_by_bytes == 0 for share in shares)


def devices_fit(shares: Sequence[Share]) -> bool:
    """Whether the accelerators suffice, whatever main memory has to hold."""
    return all_fit(shares[:-1])


def context_step(params: RunParams) -> int:
    """llama.cpp rounds each sequence's own part up to 256 tokens."""
    return CONTEXT_STEP if params.kv_unified else CONTEXT_STEP * max(1, params.n_seq_max)


def rounded_context(tokens: int, params: RunParams) -> int:
    """The whole context that llama.cpp makes of a wish for ``tokens``."""
    step = context_step(params)
    return max(1, -(-tokens // step)) * step


def trained_context(n_ctx_train: int, params: RunParams) -> int | None:
    """The longest context worth asking for: as trained, for each sequence; None where the file does not say."""
    if not n_ctx_train:
        return None
    own = max(CONTEXT_STEP, n_ctx_train // CONTEXT_STEP * CONTEXT_STEP)
    return own * max(1, params.n_seq_max)


def furthest(margin: Callable[[int], int], at_most: int) -> int:
    """The largest number from 1 whose margin is not below 0, of a margin that falls evenly; 0 when none is.

    Mostly a straight line, so the crossing is guessed from its ends and found in a few steps.
    """
    if at_most < 1 or (high_margin := margin(at_most)) >= 0:
        return max(0, at_most)
    if (low_margin := margin(1)) < 0:
        return 0
    low, high, guesses = 1, at_most, 0
    while high - low > 1:
        guess = low + (high - low) * low_margin // max(1, low_margin - high_margin)
        guesses += 1
        # A line with a bend is closed in on from one side only: now and then the middle helps.
        guess = (low + high) // 2 if guesses % 3 == 0 else min(max(guess, low + 1), high - 1)
        found = margin(guess)
        if found >= 0:
            low, low_margin = guess, found
            if guess + 1 < high:
                beyond = margin(guess + 1)
                if beyond < 0:
                    return guess
                low, low_margin = guess + 1, beyond
        else:
            high, high_margin = guess, found
    return low


def largest(holds: Callable[[int], bool], at_most: int) -> int:
    """The largest number from 1 that still holds, by bisection; 0 when not even 1 does."""
    low, high = 0, max(0, at_most)
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
