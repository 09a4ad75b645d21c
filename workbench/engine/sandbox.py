"""Jinja for templates of strangers: no way into Python, and no expression that costs more than a prompt may."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set, ValuesView
from typing import Any, Final

import jinja2
import jinja2.ext
import jinja2.filters
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox
import jinja2.visitor

from workbench.words import said

MAX_PROMPT_CHARS = 4 * 1024 * 1024
MAX_BUILT_CHARS = 16 * MAX_PROMPT_CHARS  # all texts of one render together: what a prompt is put together from
MAX_PARTS = 1 << 18  # of one nested value that is turned into text
RENDER_S = 5.0  # of the processor's time

_TICKS_A_LOOK = 32  # the clock is a system call

# What the chat templates of models use.  What is missing writes pages, draws lots, or pads to any width.
# fmt: off
_FILTERS: Final = frozenset(
    {
        "abs", "attr", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float",
        "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min",
        "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string",
        "sum", "title", "tojson", "trim", "unique", "upper",
    }
)
# fmt: on
_TICK: Final = "tick!"  # no template can write such a name
_GLOBALS: Final = frozenset({"cycler", "dict", "joiner", "namespace", "range"})
_COPYING: Final = frozenset({"capitalize", "e", "escape", "lower", "reverse", "title", "trim", "upper"})
_PADDING: Final = frozenset({"center", "expandtabs", "ljust", "rjust", "translate", "zfill"})

_MAX_INTEGER_BITS = 1 << 16
_MAX_FORMAT_CHARS = 4096
_MAX_INDENT = 64

# A width in a format string that is long, or is itself an argument.
_WIDE = {
    "%": re.compile(r"%(\([^)]*\))?[^a-zA-Z%]*(\*|\d{4,})"),
    "{": re.compile(r"\{[^{}]*:[^{}]*(\{|\d{4,})"),
}


class OverBudgetError(Exception):
    """A render took too long or built too much; not an error of Jinja's, so no template can catch or hide it."""


class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Escapes are blocked by Jinja.  Here loops and calls are counted and what they build is added up.

    One render at a time, between ``start`` and its end.  What is left is a single operation of Python that takes
    long on values within the bounds: it ends, but the clock is looked at only afterwards.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # the output is a prompt, not a page
            extensions=["jinja2.ext.loopcontrols", _Generation],
            finalize=self.written,
        )
        self.filters = {name: kept for name, kept in self.filters.items() if name in _FILTERS}
        self.filters |= {name: self._copying(self.filters[name]) for name in _COPYING}
        self.filters |= {"tojson": self._tojson, "join": self._join, "replace": self._replace}
        self.filters |= {"sum": self._sum, "string": self._string, "indent": self._indent, "list": self._list}
        self.filters[_TICK] = lambda _, size: self.tick(size)
        self.globals = {name: kept for name, kept in self.globals.items() if name in _GLOBALS}
        self.start()

    def start(self) -> None:
        """A render begins."""
        self._deadline = time.thread_time() + RENDER_S
        self._ticks = 0
        self._built = 0

    def tick(self, size: int = 0) -> str:
        """A step of a loop that writes ``size`` letters of the template itself, or a call.

        Raises OverBudgetError after RENDER_S of work.
        """
        self._ticks += 1
        if self._ticks % _TICKS_A_LOOK == 0 and time.thread_time() > self._deadline:
            raise OverBudgetError(said("it was still running after {render_s:g} seconds", render_s=RENDER_S))
        self._built += size
        return ""

    def built(self, size: int) -> None:
        """A text or a list of ``size`` is made.  Raises OverBudgetError when that is too much."""
        self.tick(size)
        if size > MAX_PROMPT_CHARS or self._built > MAX_BUILT_CHARS:
            raise OverBudgetError(said("it builds more text than any prompt could hold"))

    def written(self, value: object) -> object:
        """What an expression writes out."""
        self.measure(value)
        return value

    def together(self, *parts: object) -> str:
        """Jinja's ``~``."""
        return self._join(parts)

    def cut(self, value: Any, *bounds: int | None) -> Any:
        """Jinja's ``value[start:stop:step]``."""
        part = value[slice(*bounds)]
        self.built(len(part))
        return part

    def measure(self, value: object) -> int:
        """The letters of a value as text, about; lists can hold each other many times.  Raises OverBudgetError."""
        waiting: list[object] = [value]
        parts, size = 0, 0
        while waiting:
            part = waiting.pop()
            parts += 1
            if isinstance(part, str):
                size += len(part)
            elif isinstance(part, Mapping):
                waiting += [*part.keys(), *part.values()]
            elif isinstance(part, (list, tuple, Set, ValuesView)):
                waiting += part
            if parts + len(waiting) > MAX_PARTS or size > MAX_PROMPT_CHARS:
                raise OverBudgetError(said("it writes out a value that is larger than any prompt"))
        self.built(size)
        return size

    # --- Jinja's hooks -----------------------------------------------------------------------

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sized = (str, list, tuple)
        if operator == "+" and isinstance(left, sized) and isinstance(right, sized):
            self.built(len(left) + len(right))
        if operator == "*" and isinstance(left, sized) and isinstance(right, int):
            self.built(len(left) * max(0, right))
        if operator == "*" and isinstance(left, int) and isinstance(right, sized):
            self.built(max(0, left) * len(right))
        if operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            if bits > _MAX_INTEGER_BITS:
                raise OverBudgetError(said("it computes a number that is far too large"))
        if operator == "%" and isinstance(left, str):
            self._format("%", left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - Jinja's own names
        __self.tick()
        method = getattr(__obj, "__wrapped__", __obj)  # Jinja wraps the formatting methods
        owner = getattr(method, "__self__", None)
        if isinstance(owner, str):
            __self._method(owner, method.__name__, args, kwargs)
        result = super().call(__context, __obj, *args, **kwargs)
        if isinstance(result, (str, list, tuple)):
            __self.built(len(owner) if isinstance(owner, str) else len(result))
        return result

    def call_filter(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        self.tick()
        return super().call_filter(name, value, *args, **kwargs)

    def call_test(self, name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        self.tick()
        return super().call_test(name, value, *args, **kwargs)

    def _generate(
        self, source: jinja2.nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        return super()._generate(_Counted().visit(source), name, filename, defer_init)

    def _method(self, text: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """What a method of a text is going to build.  Raises SecurityError, OverBudgetError."""
        if name in _PADDING:
            raise jinja2.exceptions.SecurityError(said("{name} is not available to chat templates", name=name))
        if name in ("format", "format_map"):
            self._format("{", text, (*args, *kwargs.values()))
        if name == "replace" and len(args) >= 2 and isinstance(args[0], str) and isinstance(args[1], str):
            self._replacing(text, args[0], args[1])
        if name == "join" and args and isinstance(args[0], (list, tuple)):
            self.built(self.measure(args[0]) + len(text) * len(args[0]))
        elif name == "join":
            raise jinja2.exceptions.SecurityError(said("join takes a list"))

    # --- filters that could multiply ---------------------------------------------------------

    def _copying(self, made: Callable[..., Any]) -> Callable[..., Any]:
        def copying(value: Any, *args: Any, **kwargs: Any) -> Any:
            result = made(value, *args, **kwargs)
            if isinstance(result, (str, list)):
                self.built(len(result))
            return result

        return copying

    def _string(self, value: object) -> str:
        self.measure(value)
        return str(value)

    def _list(self, value: Iterable[Any]) -> list[Any]:
        made = list(value)
        self.built(len(made))
        return made

    def _replacing(self, text: str, old: str, new: str) -> None:
        found = text.count(old) if old else len(text) + 1
        self.built(len(text) + found * max(0, len(new) - len(old)))

    def _replace(self, s: object, old: object, new: object, count: int | None = None) -> str:
        text, was, now = self._string(s), self._string(old), self._string(new)
        self._replacing(text, was, now)
        return text.replace(was, now, -1 if count is None else count)

    def _join(self, value: Iterable[Any], d: object = "", attribute: str | int | None = None) -> str:
        between, texts = self._string(d), []
        for part in value if attribute is None else map(self._reading(attribute), value):
            texts.append(self._string(part))
            self.built(len(between))
        return between.join(texts)

    def _sum(self, iterable: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> float:
        """Of numbers; Jinja would also add up lists."""
        numbers = list(iterable if attribute is None else map(self._reading(attribute), iterable))
        if not all(isinstance(number, (int, float)) for number in (start, *numbers)):
            raise jinja2.exceptions.SecurityError(said("only numbers can be summed"))
        return sum(numbers, start)

    def _reading(self, attribute: str | int) -> Callable[[Any], Any]:
        return jinja2.filters.make_attrgetter(self, attribute)

    def _indent(self, s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        size = width if isinstance(width, int) else len(width)
        self.built(len(s) + size * (s.count("\n") + 2))
        return jinja2.filters.do_indent(s, width, first, blank)

    def _tojson(
        self,
        value: object,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: Sequence[str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        """As Hugging Face has it: plain JSON, nothing escaped for HTML; also its order of arguments."""
        self.measure(value)
        if indent is not None and not 0 <= int(indent) <= _MAX_INDENT:
            raise jinja2.exceptions.SecurityError(said("the indentation is too wide"))
        pair = None if separators is None else (str(separators[0]), str(separators[1]))
        text = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=pair, sort_keys=sort_keys)
        self.built(len(text))
        return text

    def _format(self, sign: str, form: str, values: object) -> None:
        if len(form) > _MAX_FORMAT_CHARS or _WIDE[sign].search(form):
            raise jinja2.exceptions.SecurityError(said("the result would be too large"))
        self.built(len(form) + form.count(sign) * self.measure(values))


class _Counted(jinja2.visitor.NodeTransformer):
    """Puts ``tick`` into every loop, and a counting call in place of every ``~`` and every slice."""

    def visit_For(self, node: jinja2.nodes.For) -> jinja2.nodes.Node:  # noqa: N802 - Jinja's own name
        data = sum(len(text.data) for text in node.find_all(jinja2.nodes.TemplateData))
        self.generic_visit(node)
        node.body.insert(0, jinja2.nodes.ExprStmt(_tick(data)).set_lineno(node.lineno))
        if node.test is not None:
            node.test = jinja2.nodes.Or(_tick().set_lineno(node.lineno), node.test)
        return node

    def visit_Concat(self, node: jinja2.nodes.Concat) -> jinja2.nodes.Node:  # noqa: N802 - Jinja's own name
        self.generic_visit(node)
        return _own("together", *node.nodes).set_lineno(node.lineno)

    def visit_Getitem(self, node: jinja2.nodes.Getitem) -> jinja2.nodes.Node:  # noqa: N802 - Jinja's own name
        self.generic_visit(node)
        if not isinstance(node.arg, jinja2.nodes.Slice):
            return node
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        whole = [jinja2.nodes.Const(None) if bound is None else bound for bound in bounds]
        return _own("cut", node.node, *whole).set_lineno(node.lineno)


def _tick(size: int = 0) -> jinja2.nodes.Filter:
    """As a filter it is called without the checks that calls get: it runs in every step.

    Of a constant alone Jinja would work it out while it compiles.
    """
    environment = jinja2.nodes.EnvironmentAttribute("sandboxed")
    return jinja2.nodes.Filter(environment, _TICK, [jinja2.nodes.Const(size)], [], None, None)


def _own(name: str, *arguments: jinja2.nodes.Expr) -> jinja2.nodes.Call:
    """A call of a method of the environment, which no template can name."""
    return jinja2.nodes.Call(jinja2.nodes.EnvironmentAttribute(name), list(arguments), [], None, None)


class _Generation(jinja2.ext.Extension):
    """Hugging Face's ``{% generation %}`` marks the answers for training; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja reads the attribute as it is

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
