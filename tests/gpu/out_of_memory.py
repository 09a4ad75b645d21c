"""A GPU that is full: the model is loaded with less of it there, and says why.  Untried on a GPU so far.

python -m tests.gpu.out_of_memory [--model FILE] [--leave SHARE]

The device is filled by an allocation of our own until only a share of what the model needs is left; the planner is
not told, as if another program had taken it meanwhile.  Then everything is asked for.  The status is 1 unless the
load recovered with fewer layers, told the reason, kept its context, and answers.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gpu import common
from workbench.engine import native
from workbench.engine.smaller import SmallerBackend
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.plans import Case


@contextmanager
def filled(here: Hardware, leave_bytes: int) -> Iterator[None]:
    """While the block lasts, the first device has about ``leave_bytes`` free."""
    native.api()
    lib = native.ggml()
    lib.ggml_backend_dev_by_name.restype, lib.ggml_backend_dev_by_name.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    lib.ggml_backend_dev_buffer_type.restype = ctypes.c_void_p
    lib.ggml_backend_dev_buffer_type.argtypes = [ctypes.c_void_p]
    lib.ggml_backend_buft_alloc_buffer.restype = ctypes.c_void_p
    lib.ggml_backend_buft_alloc_buffer.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    lib.ggml_backend_buffer_free.argtypes = [ctypes.c_void_p]
    device = here.devices[0]
    kind = lib.ggml_backend_dev_buffer_type(lib.ggml_backend_dev_by_name(device.name.encode()))
    taken_bytes = max(0, device.free_bytes - leave_bytes)
    buffer = lib.ggml_backend_buft_alloc_buffer(kind, taken_bytes)
    if not buffer:
        raise SystemExit(f"{human_bytes(taken_bytes)} of {device.name} could not be taken: another program uses it.")
    print(f"{device.name}: {human_bytes(taken_bytes)} taken, about {human_bytes(leave_bytes)} left")
    try:
        yield
    finally:
        lib.ggml_backend_buffer_free(buffer)


def main() -> int:
    parser = common.parser(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--leave", type=float, default=0.6, help="of what the model would take there, 0 to 1")
    chosen = parser.parse_args()
    model, here = common.model_of(chosen.model), common.machine()
    if not here.devices:
        print("no device was found: there is nothing to fill")
        return 0
    params = RunParams(n_ctx=chosen.n_ctx, n_gpu_layers=ALL_LAYERS)
    case = Case.of(model.header, here, {})
    needed_bytes = sum(share.total_bytes for share in case.shares(params)[:-1])
    with filled(here, int(chosen.leave * needed_bytes)):
        engine = common.opened(SmallerBackend(common.backend(), common.machine), model, params)
        try:
            facts, completion = engine.facts, common.answer(engine, chosen.tokens)
        finally:
            engine.close()
    for note in facts.notes:
        print(f"note: {note}")
    print(f"{facts.params.n_gpu_layers} of {case.everything} layers; answered {completion.text!r}")
    recovered = bool(facts.notes) and 0 <= facts.params.n_gpu_layers < case.everything
    return 0 if recovered and facts.n_ctx >= chosen.n_ctx and completion.text else 1


if __name__ == "__main__":
    sys.exit(main())
