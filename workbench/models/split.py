"""Models split into several files: their names, and the one header that all parts make together."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.models.cursor import quoted
from workbench.models.header import MAX_TENSORS, TOKENIZER_PREFIX, Header, Tensor
from workbench.words import said

MAX_PARTS = 4096

_NUMBER, _COUNT, _TENSORS = "split.no", "split.count", "split.tensors.count"
# llama_split_path of llama.cpp: "%s-%05d-of-%05d.gguf"; five digits at the least, and never a sixth that is 0.
_NAME = re.compile(r"(?P<prefix>.+)-(?P<number>\d{5}|[1-9]\d{5,})-of-(?P<count>\d{5}|[1-9]\d{5,})\.gguf", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PartName:
    """A file name by llama.cpp's rule for parts; ``number`` counts from 1, as the names do."""

    prefix: str
    number: int
    count: int

    @property
    def siblings(self) -> tuple[str, ...]:
        """The names of all parts, its own among them, in order."""
        return tuple(name_of(self.prefix, number, self.count) for number in range(1, self.count + 1))


def name_of(prefix: str, number: int, count: int) -> str:
    """The name of part ``number`` (from 1) of ``count``."""
    return f"{prefix}-{number:05d}-of-{count:05d}.gguf"


def part_name(name: str) -> PartName | None:
    """What a file's name (or a path in a repository) says about its part, None where it is no part's.

    A name proves nothing: whether the file is a part, its header says.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    number, count = int(found["number"]), int(found["count"])
    return PartName(found["prefix"], number, count) if 1 <= number <= count <= MAX_PARTS else None


def stem_of(path: Path) -> str:
    """The file's name without its ending, and without its number where it is by the rule for parts."""
    named = part_name(path.name)
    return named.prefix if named else path.stem


def part_count(header: Header) -> int:
    """How many files the model of this header is split into; 1 for a whole one."""
    return max(1, header.integer(_COUNT) or 1)


def parts_of(path: Path, header: Header) -> tuple[Path, ...]:
    """Where all parts of a split model lie, in order, from one of them and its header.

    Raises ModelFileError where the name is not by llama.cpp's rule, and where a part is missing.
    """
    number, count = (header.integer(_NUMBER) or 0) + 1, part_count(header)
    if count > MAX_PARTS:
        raise ModelFileError(
            said("{file} says its model is split into {count} parts.", file=path.name, count=count),
            hint=said("At most {max_parts} are read: join them with llama-gguf-split --merge.", max_parts=MAX_PARTS),
        )
    named = part_name(path.name)
    if named is None or (named.number, named.count) != (number, count):
        raise ModelFileError(
            said(
                "{file} is part {number} of {count} of a split model, but its name says otherwise.",
                file=path.name,
                number=number,
                count=count,
            ),
            hint=said(
                "Give all parts their original names back; this one's ends in “{name_of}”.",
                name_of=name_of("", number, count),
            ),
        )
    parts = tuple(path.with_name(name) for name in named.siblings)
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        first, others = missing[0], len(missing) - 1
        model = said("{prefix} is split into {count} parts", prefix=named.prefix, count=count)
        raise ModelFileError(
            said("{first} and {others} more are missing: {model}.", first=first, others=others, model=model)
            if others
            else said("{first} is missing: {model}.", first=first, model=model),
            hint=said("Put all parts into one folder, under their original names."),
        )
    return parts


def joined(headers: Sequence[Header], *, name: str = said("The model")) -> Header:
    """The header of the whole model, from those of all its parts in order: as if it had never been split.

    Metadata are the first part's; offsets stay those in each tensor's own ``part``.  ``sha256`` is that of the
    parts' own.  The header of a model that is not split is given back as it is.

    Raises ModelFileError where the parts are not all of one model, or not in order.
    """
    first = headers[0]
    if len(headers) == part_count(first) == 1:
        return first
    if len(headers) != part_count(first):
        raise _mixed(
            said(
                "{name} says it has {count} parts, but there are {there}.",
                name=name,
                count=part_count(first),
                there=len(headers),
            )
        )
    for number, header in enumerate(headers):
        _check_part(header, first, number, name)
    tensors = _all_tensors(headers, name)
    if len(tensors) != first.integer(_TENSORS):
        raise _mixed(
            said(
                "{name} promises {tensors} tensors, but its parts hold {there}.",
                name=name,
                tensors=first.integer(_TENSORS),
                there=len(tensors),
            )
        )
    return dataclasses.replace(
        first,
        metadata={key: value for key, value in first.metadata.items() if key not in (_NUMBER, _COUNT, _TENSORS)},
        tensors=tensors,
        file_size_bytes=sum(header.file_size_bytes for header in headers),
        sha256=hashlib.sha256("\n".join(header.sha256 for header in headers).encode()).hexdigest(),
    )


def _check_part(header: Header, first: Header, number: int, name: str) -> None:
    part = said("Part {number} of {name}", number=number + 1, name=name)
    told = header.integer(_NUMBER)
    if told != number:
        raise _mixed(
            said("{part} says it is no part.", part=part)
            if told is None
            else said("{part} says it is part {number}.", part=part, number=told + 1)
        )
    for key in (_COUNT, _TENSORS):
        # Other writers than llama.cpp's may leave them out of later parts.
        if header.metadata.get(key, first.metadata.get(key)) != first.metadata.get(key):
            raise _mixed(said("{part} disagrees with the first part about the number of parts or tensors.", part=part))
    if header.architecture not in (None, first.architecture):
        raise _mixed(said("{part} belongs to a model of another architecture.", part=part))
    for key, value in header.metadata.items():
        if key.startswith(TOKENIZER_PREFIX) and first.metadata.get(key) != value:
            raise _mixed(said("{part} belongs to a model with another tokenizer.", part=part))


def _all_tensors(headers: Sequence[Header], name: str) -> tuple[Tensor, ...]:
    if sum(len(header.tensors) for header in headers) > MAX_TENSORS:
        raise _mixed(
            said("{name} has more than {max_tensors} tensors in its parts.", name=name, max_tensors=MAX_TENSORS)
        )
    part_by_name: dict[str, int] = {}
    for number, header in enumerate(headers):
        for tensor in header.tensors:
            other = part_by_name.setdefault(tensor.name, number)
            if other != number:
                raise _mixed(
                    said(
                        "Parts {other} and {number} of {name} both hold {tensor}.",
                        other=other + 1,
                        number=number + 1,
                        name=name,
                        tensor=quoted(tensor.name),
                    )
                )
    return tuple(
        dataclasses.replace(tensor, part=number) for number, header in enumerate(headers) for tensor in header.tensors
    )


def _mixed(message: str) -> ModelFileError:
    return ModelFileError(
        message, hint=said("The parts are of different models or uploads: download all of them again, from one place.")
    )
