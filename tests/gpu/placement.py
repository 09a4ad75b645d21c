"""Placements on a GPU: all layers, half of them, none.  Untried on a GPU so far.

python -m tests.gpu.placement [--model FILE] [--n-ctx N]

Each is loaded and answers; llama.cpp's buffers stand beside the estimate, device by device.  The status is 1 when a
device's differ by more than two hundredths, or a placement is not the one that was asked for.  A greedy answer may
differ between placements, for a GPU adds up in another order: that is printed, and no failure.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from tests.gpu import common
from workbench.engine.base import EngineFacts
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import RAM
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.plans import Case

ALLOWED = 0.02


@dataclass(frozen=True, slots=True)
class Tried:
    text: str
    good: bool


def main() -> int:
    parser = common.parser(__doc__.splitlines()[0] if __doc__ else "")
    chosen = parser.parse_args()
    model, here = common.model_of(chosen.model), common.machine()
    case = Case.of(model.header, here, {})
    print(f"{model.name}: {case.everything} layers, the output counted")
    for device in here.devices:
        print(f"{device.name}: {device.description}, {human_bytes(device.free_bytes)} free")
    if not here.devices:
        print("no device was found: the processor alone is tried")
    everything = case.everything
    wanted = (everything, everything // 2, 0) if here.devices else (0,)
    found = {
        layers: tried(case, model, RunParams(n_ctx=chosen.n_ctx, n_gpu_layers=layers), chosen.tokens)
        for layers in wanted
    }
    first = found[wanted[0]].text
    for layers, one in found.items():
        same = "the same text" if one.text == first else "another text"
        print(f"{layers:3} layers on the GPU: {same} as with {wanted[0]}: {one.text!r}")
    return 0 if all(one.good for one in found.values()) else 1


def tried(case: Case, model: ModelFile, params: RunParams, tokens: int) -> Tried:
    engine = common.opened(common.backend(), model, params)
    try:
        text = common.answer(engine, tokens).text
        good = compared(case, engine.facts)
    finally:
        engine.close()
    return Tried(text, good)


def compared(case: Case, facts: EngineFacts) -> bool:
    """Whether every device holds what was said; printed."""
    layers = facts.params.n_gpu_layers
    print(f"-- {layers} layers: loaded in {facts.load_ms:.0f} ms")
    good = True
    for share in case.shares(replace(facts.params, n_gpu_layers=layers)):
        said = share.total_bytes - share.overhead_bytes
        on = [buffer for buffer in facts.buffers if buffer.device == share.device]
        real = sum(buffer.weights_bytes + buffer.kv_bytes + buffer.compute_bytes for buffer in on)
        difference = (real - said) / said if said else float(real > 0)
        # On the processor weights are mapped or rearranged, which is compared elsewhere: make bench-fit.
        close = share.device == RAM or abs(difference) <= ALLOWED
        good = good and close
        mark = "" if close else "   ✕"
        print(
            f"   {share.device:8} said {human_bytes(said):>10}  real {human_bytes(real):>10}  {difference:+.1%}{mark}"
        )
    placed = sum(buffer.weights_bytes for buffer in facts.buffers if buffer.device != RAM)
    if bool(layers) != bool(placed):
        print("   ✕ the weights are not where they were asked to be")
        return False
    return good


if __name__ == "__main__":
    sys.exit(main())
