"""Load one model as the workbench does and print what llama.cpp says it allocated; run as a program.

Usage: python load_facts.py MODEL N_CTX [N_CTX…]
"""

from __future__ import annotations

import ctypes
import json
import re
import sys

from llama_cpp import llama_cpp as native

_LINE = re.compile(r"(\S+) buffer size =\s*([\d.]+) MiB")


def main(path: str, contexts: list[int]) -> None:
    lines: list[str] = []

    @native.llama_log_callback
    def keep(_level: int, text: bytes, _data: ctypes.c_void_p) -> None:
        lines.append(text.decode("utf-8", "replace"))

    native.llama_log_set(keep, ctypes.c_void_p(0))
    native.llama_backend_init()
    model_params = native.llama_model_default_params()
    model_params.n_gpu_layers = 0
    model = native.llama_model_load_from_file(path.encode(), model_params)
    facts: dict[str, object] = {
        "weights_bytes": native.llama_model_size(model),
        "parameter_count": native.llama_model_n_params(model),
        "n_ctx_train": native.llama_model_n_ctx_train(model),
    }
    for n_ctx in contexts:
        lines.clear()
        params = native.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = n_ctx, 512, 512, 1
        params.n_outputs_max, params.swa_full, params.flash_attn_type = 1, False, -1
        params.n_threads = params.n_threads_batch = 1
        context = native.llama_init_from_model(model, params)
        sizes = {"KV": 0.0, "compute": 0.0, "output": 0.0}
        for kind, mebibytes in _LINE.findall("".join(lines)):
            sizes[kind] = sizes.get(kind, 0.0) + float(mebibytes)
        facts[str(n_ctx)] = {"n_ctx": native.llama_n_ctx(context), **sizes}
        native.llama_free(context)
    native.llama_model_free(model)
    print(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1], [int(word) for word in sys.argv[2:]])
