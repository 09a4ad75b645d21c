#!/bin/sh
# Untried on a GPU so far.
#
# Proves on a CUDA machine what cannot be proved without one: placements and their sizes, a device that is full,
# and answers that come out the same.  Run it in a checkout by hand:
#
#     sh tests/gpu/run.sh [MODEL.gguf]
#
# It needs what docs/install.md names, and nvcc.  The engine is built by the project's own installer, with CUDA, and
# takes the place of the one in .venv; "python3 installers/dev.py setup" afterwards brings that back.
set -eu
cd "$(dirname "$0")/../.."
if ! command -v nvcc >/dev/null 2>&1; then
    echo "error: nvcc is not there, so no engine with CUDA can be built." >&2
    echo "hint: install NVIDIA's CUDA toolkit, and put its bin folder into PATH." >&2
    exit 1
fi
WORKBENCH_ENGINE_BACKEND=cuda python3 installers/dev.py setup
model="${1:+--model $1}"
failed=""
for script in placement out_of_memory determinism; do
    echo "== $script"
    # shellcheck disable=SC2086 # two words or none
    .venv/bin/python -m "tests.gpu.$script" $model || failed="$failed $script"
done
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
