"""Reading a file of tools, in the form that OpenAI's interface has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.cli.inputs import read_text
from workbench.engine.base import Constraint, Tool, ToolChoice
from workbench.engine.calling import call_or_form
from workbench.engine.tool_calls import check_name, check_tool
from workbench.errors import UsageError

_KEYS = {"name", "description", "parameters", "strict"}
_SHAPE = (
    'Write a list of {"type": "function", "function": {"name": …, "description": …, "parameters": {…}}}; '
    "parameters is the JSON schema of the arguments."
)


def tools_of(file: Path | None, choice: ToolChoice, form: Constraint | None = None) -> tuple[Tool, ...]:
    """The tools in a file, judged before anything is loaded; functions may also stand there bare.

    ``form`` is what else was asked of the answers.  Without parameters a function takes no arguments.

    Raises UsageError; SchemaError for a name that no call could
    hold, and with ``choice`` "required" for parameters that no grammar can promise.
    """
    if file is None:
        if choice == "required":
            raise UsageError("A call is required, but there is no tool to call.", hint="Give them with --tools FILE.")
        return ()
    if form is not None and choice == "required":
        raise call_or_form()
    try:
        entries = json.loads(read_text(f"@{file}", "tools"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The tools file {file} is not JSON: {error}.", hint=_SHAPE) from error
    return read_tools(entries, f"The tools file {file}", choice)


def read_tools(entries: object, called: str, choice: ToolChoice) -> tuple[Tool, ...]:
    """The tools of a list that was JSON; ``called`` is what errors call it.  Raises what ``tools_of`` does."""
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{called} is not a list with at least one tool.", hint=_SHAPE)
    tools = tuple(_tool(entry, f"{called}, tool {number}") for number, entry in enumerate(entries, 1))
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"{called} names two tools {twice}.", hint="Give each a name of its own.")
    for tool in tools:
        (check_tool if choice == "required" else check_name)(tool)
    return tools


def _tool(entry: object, called: str) -> Tool:
    function: Mapping[str, Any] | object = entry
    if isinstance(entry, dict) and ("function" in entry or "type" in entry):
        kind = entry.get("type", "function")
        if kind != "function":
            raise UsageError(f"{called} is of the type {kind!r}; only functions can be called.", hint=_SHAPE)
        function = entry.get("function", {name: value for name, value in entry.items() if name != "type"})
    if not isinstance(function, dict):
        raise UsageError(f"{called} is not an object.", hint=_SHAPE)
    if unknown := sorted(function.keys() - _KEYS):
        raise UsageError(f"{called} has what no function has: {', '.join(unknown)}.", hint=_SHAPE)
    name, description = function.get("name"), function.get("description", "")
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    if not isinstance(name, str) or not name:
        raise UsageError(f"{called} has no name.", hint=_SHAPE)
    if not isinstance(description, str):
        raise UsageError(f"{called} ({name}): its description is not a text.", hint=_SHAPE)
    if not isinstance(parameters, dict):
        raise UsageError(f"{called} ({name}): its parameters are not a JSON schema.", hint=_SHAPE)
    return Tool(name, description, json.dumps(parameters, ensure_ascii=False))
