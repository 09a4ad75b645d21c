"""What tools make of an answer: what it is held to while it is written, and the calls that are read out of it."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.engine import tool_calls
from workbench.engine.base import Request, ToolCall
from workbench.engine.grammar import Judged
from workbench.engine.tool_calls import Family, Vocabulary
from workbench.errors import UsageError
from workbench.words import said


@dataclass(frozen=True, slots=True)
class Calling:
    """``held`` is None where nothing holds the calls: the family's notation is none a grammar is written for, or the
    answer has a form of its own."""

    family: Family
    held: Judged | None

    @classmethod
    def of(cls, request: Request, template: str | None, vocabulary: Vocabulary) -> Calling | None:
        """None without tools.

        Raises TemplateError where the model knows none, or a call cannot be forced; SchemaError for a tool that
        cannot be forced; UsageError where a call is asked for and there is nothing to call, or another form is too.
        """
        required = request.tool_choice == "required"
        if required and not request.tools:
            raise UsageError(said("A call is required, but there is no tool to call."), hint=said("Give it tools."))
        if not request.tools:
            return None
        family = tool_calls.required_family(template)
        if required and request.constraint is not None:
            raise call_or_form()
        if required:
            one = tool_calls.tool_grammar(request.tools, family, vocabulary, most=1)
            return cls(family, Judged(one.gbnf))
        rest = None if request.constraint else tool_calls.rest_grammar(request.tools, family, vocabulary)
        return cls(family, None if rest is None else Judged(rest.gbnf, tool_calls.opening_of(family)))

    def read(self, text: str) -> tuple[ToolCall, ...]:
        return tool_calls.parse(text, self.family)


def call_or_form() -> UsageError:
    return UsageError(
        said("An answer is a call, or follows a schema or a grammar, not both."),
        hint=said("Leave the form out, or leave it to the model whether it calls."),
    )
