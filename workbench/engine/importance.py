"""An importance matrix from one's own texts: llama.cpp evaluates them in a child, and its inputs are added up."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.engine.child import Child, ChildCrashedError, ChildGarbledError, ChildTimeoutError
from workbench.engine.told import checked, failed, told
from workbench.errors import QuantiseError
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.words import said

CHUNK_TOKENS = 512

_STAGE_S = 3600.0  # of loading, and of each chunk: a large model on a slow disk takes long


@dataclass(frozen=True, slots=True)
class Measuring:
    """``total_chunks`` is 0 while the model is being loaded."""

    done_chunks: int
    total_chunks: int


@dataclass(frozen=True, slots=True)
class Measured:
    """``tokens`` were evaluated; ``matrices`` of the model have an entry."""

    path: Path
    tokens: int
    matrices: int


def measure(
    model: ModelFile,
    texts: Sequence[Path],
    target: Path,
    *,
    n_threads: int,
    n_gpu_layers: int = 0,
    chunk_tokens: int = CHUNK_TOKENS,
) -> Task[Measuring, Measured]:
    """Write the importance matrix of a model on these texts, in llama.cpp's GGUF form.

    The texts are joined and read in chunks of ``chunk_tokens``; what remains at the end is left out.  Raises
    QuantiseError, EngineCrashedError and Cancelled; nothing is left behind then.
    """

    def task(cancel: CancelToken) -> Generator[Measuring, None, Measured]:
        part = target.absolute().with_name(target.name + ".part")
        yield Measuring(0, 0)
        try:
            with tempfile.TemporaryDirectory() as folder, Child() as child:
                joined = Path(folder) / "text"
                joined.write_text("\n".join(map(_read, texts)), encoding="utf-8")
                request = {
                    "path": str(model.path.absolute()),
                    "text": str(joined),
                    "target": str(part),
                    "chunk_tokens": chunk_tokens,
                    "n_threads": n_threads,
                    "n_gpu_layers": n_gpu_layers,
                    "datasets": [one.name for one in texts],
                }
                report = yield from told(child, "measure", request, cancel, stage_s=_STAGE_S, event=Measuring)
                result = checked(report)
            part.replace(target)
        except (ChildCrashedError, ChildTimeoutError, ChildGarbledError) as error:
            raise failed("measured", model.path, error) from error
        finally:
            part.unlink(missing_ok=True)
        return Measured(target, int(str(result["tokens"])), int(str(result["matrices"])))

    return task


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise QuantiseError(
            said("The text {path} cannot be read: {strerror}.", path=path, strerror=error.strerror),
            hint=said("Check the path and the spelling."),
        ) from error
    except UnicodeDecodeError as error:
        raise QuantiseError(
            said("{file} is not UTF-8 text.", file=path.name), hint=said("Save it as UTF-8.")
        ) from error
