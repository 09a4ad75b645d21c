"""Whether a GPU gives the same answer twice, bit for bit.  Untried on a GPU so far.

python -m tests.gpu.determinism [--model FILE] [--runs N]

Audit mode, everything on the GPU if there is one.  Run to run, in contexts opened anew, tokens and the log
probabilities of the likeliest alternatives have to be equal: the status is 1 when they are not.  Shapes of batches
are compared too; there a difference is printed, and no failure: another shape may be another kernel.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from tests.gpu import common
from workbench.engine.recorded import Choice
from workbench.models.file import ModelFile
from workbench.models.params import ALL_LAYERS, RunParams

SHAPES = (512, 256, 64, 1)
ALTERNATIVES = 5
LONG = " ".join([common.PROMPT] * 12)  # several batches of the smaller shapes


def main() -> int:
    parser = common.parser(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    model, here = common.model_of(chosen.model), common.machine()
    if not here.devices:
        print("no device was found: the processor alone is tried")
    params = RunParams(n_ctx=chosen.n_ctx, n_gpu_layers=ALL_LAYERS if here.devices else 0)
    first = choices(model, params, chosen.tokens)
    same = [choices(model, params, chosen.tokens) == first for _ in range(chosen.runs - 1)]
    print(f"run to run: {1 + sum(same)} of {chosen.runs} runs equal, to the bit")
    for shape in SHAPES:
        shaped = choices(model, replace(params, n_batch=shape, n_ubatch=shape), chosen.tokens)
        print(f"batches of {shape:4}: {said(first, shaped)}")
    return 0 if all(same) else 1


def choices(model: ModelFile, params: RunParams, tokens: int) -> tuple[Choice, ...]:
    engine = common.opened(common.backend(), model, params)
    try:
        return common.answer(engine, tokens, alternatives=ALTERNATIVES, text=LONG).choices
    finally:
        engine.close()


def said(first: tuple[Choice, ...], other: tuple[Choice, ...]) -> str:
    if first == other:
        return "equal, to the bit"
    same_text = [one.taken.token for one in first] == [one.taken.token for one in other]
    apart = max((abs(one.taken.logprob - two.taken.logprob) for one, two in zip(first, other, strict=False)), default=0)
    return f"{'the same tokens' if same_text else 'other tokens'}, log probabilities up to {apart:.2g} apart"


if __name__ == "__main__":
    sys.exit(main())
