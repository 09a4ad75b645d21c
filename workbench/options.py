"""How an option is declared: its default, what it may be, its title and its help; and how values are checked by that.

The checking is pydantic's, by its core alone: its models would be a tenth of every start.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

_DECLARED = "option"

Bounds = Mapping[str, int | float]  # ge, gt and le, as in the checking library


@dataclass(frozen=True, slots=True)
class Option:
    """``kinds`` is bool, int, float or str, or else the words there are to choose from; ``optional``: may be None."""

    title: str
    description: str
    kinds: tuple[object, ...] = ()
    optional: bool = False
    bounds: Bounds = dataclasses.field(default_factory=dict)
    max_length: int | None = None
    made_of: Callable[[str], str] | None = None  # raises ValueError

    @property
    def is_choice(self) -> bool:
        return all(isinstance(kind, str) for kind in self.kinds)


def option(
    default: object,
    *,
    title: str,
    description: str,
    max_length: int | None = None,
    made_of: Callable[[str], str] | None = None,
    **bounds: int | float,
) -> Any:
    """A field of a dataclass, beside its annotation; ``made_of`` checks a text and returns what is kept of it."""
    declared = Option(title, description, bounds=bounds, max_length=max_length, made_of=made_of)
    return dataclasses.field(default=default, metadata={_DECLARED: declared})


def declared_by(kind: type) -> dict[str, Option]:
    """The options of a dataclass, by name, in their order."""
    annotations = get_type_hints(kind)
    found = {}
    for field in dataclasses.fields(kind):
        kinds = get_args(annotations[field.name]) or (annotations[field.name],)
        plain = tuple(each for each in kinds if each is not NoneType)
        found[field.name] = dataclasses.replace(
            field.metadata[_DECLARED], kinds=plain, optional=len(plain) < len(kinds)
        )
    return found


def checked(options: Mapping[str, Option], values: Mapping[str, object]) -> dict[str, Any]:
    """Values of some of the options, any of which may be text, as what they are.  Raises pydantic's ValidationError."""
    from pydantic_core import SchemaValidator, core_schema  # a start with nothing but defaults needs no check

    fields = {
        name: core_schema.typed_dict_field(_schema(declared), required=False) for name, declared in options.items()
    }
    schema = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
    found: dict[str, Any] = SchemaValidator(schema).validate_python(dict(values))
    return found


def _schema(declared: Option) -> CoreSchema:
    from pydantic_core import core_schema

    bounds: Mapping[str, Any] = declared.bounds
    schema: CoreSchema
    if declared.is_choice:
        schema = core_schema.literal_schema(list(declared.kinds))
    elif bool in declared.kinds:
        schema = core_schema.bool_schema()
    elif str in declared.kinds:
        schema = core_schema.str_schema(max_length=declared.max_length)
        if declared.made_of is not None:
            schema = core_schema.no_info_after_validator_function(declared.made_of, schema)
    else:
        number = core_schema.int_schema if int in declared.kinds else core_schema.float_schema
        schema = core_schema.no_info_before_validator_function(_no_truth_for_a_number, number(**bounds))
    return core_schema.nullable_schema(schema) if declared.optional else schema


def _no_truth_for_a_number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a truth value is no answer here")
    return value
