"""Templates that loop, raise, fill the memory or try to reach Python."""

from __future__ import annotations

_BIG = "{% set b = 'A' * 4000000 %}"
_RANGE = "{% set r = range(99999)|list %}"
_GROW = "{% set ns = namespace(x='A', l=[]) %}"

REACHING = {
    "subclasses": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals of a function": "{{ raise_exception.__globals__.os }}",
    "globals of a method": "{{ messages.__init__.__globals__['__builtins__'] }}",
    "globals of a helper": "{{ cycler.__init__.__globals__.os.system('true') }}",
    "the attr filter": "{{ ''|attr('__class__')|attr('__mro__') }}",
    "the map filter": "{{ ['']|map(attribute='__class__')|map(attribute='__subclasses__')|list }}",
    "a format string": "{{ '{0.__class__.__mro__}'.format('') }}",
    "a format string by a filter": "{{ ('{0.__class__}'|attr('format'))('').mro }}",
    "the environment": "{{ self._TemplateReference__context.environment.globals }}",
    "a frame": "{{ (lipsum or range).gi_frame }}",
    "the loader": "{% include '/etc/passwd' %}",
    "an import": "{% import 'os' as os %}",
    "changing a message": "{% set x = messages.append({}) %}",
    "changing a message in place": "{% set x = messages[0].update({'content': ''}) %}",
    "a method of the sandbox": "{{ tick.__self__ }}",
}

LOOPING = {
    "a loop of loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a loop without calls": _RANGE + "{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
    "a loop that keeps nothing": _RANGE + "{% for a in r %}{% for b in r if false %}{% endfor %}{% endfor %}",
    "a filtered loop": _RANGE + "{% for a in r if r|select('in', r)|list|length < 0 %}{% endfor %}",
    "selecting in a list": _RANGE + "{{ r|reject('in', r)|list|length }}",
    "a macro that doubles": "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "a recursive loop": "{% set t = [[[[1, 1]]]] * 99 %}{% for x in t recursive %}{{ loop(t) }}{% endfor %}",
    "a macro without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a range too long": "{% for i in range(10**9) %}{% endfor %}",
}

FILLING = {
    "a text times a number": "{{ 'A' * 10**10 }}",
    "a number times a text": "{{ 10**10 * 'A' }}",
    "a list times a number": "{{ [0] * 10**10 }}",
    "a power": "{{ 9**(9**9) }}",
    "numbers that square": "{% set ns = namespace(x=9) %}"
    "{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "a width": "{{ '%5000000000d' % 1 }}",
    "a width of a name": "{{ '%(a)5000000000d' % {'a': 1} }}",
    "a width by argument": "{{ '%*d' % (5000000000, 1) }}",
    "a width in braces": "{{ '{:5000000000}'.format(1) }}",
    "a width in braces by argument": "{{ '{:{w}}'.format(1, w=5000000000) }}",
    "padding": "{{ 'A'.ljust(10**10) }}",
    "centring": "{{ 'A'|center(10**10) }}",
    "dummy text": "{{ lipsum(n=10**7) }}",
    "batches": "{{ [1]|batch(10**10, 0)|list }}",
    "tabs": "{{ '\t'.expandtabs(10**10) }}",
    "an indentation": "{{ [1]|tojson(indent=10**10) }}",
    "an indentation of text": "{{ 'A'|indent(10**10, true) }}",
    "doubling by +": _GROW + "{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "doubling by ~": _GROW + "{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "doubling by join": _GROW + "{% for i in range(99) %}{% set ns.x = [ns.x, ns.x]|join %}{% endfor %}",
    "doubling by replacing": _GROW + "{% for i in range(99) %}{% set ns.x = ns.x.replace('A', 'AA') %}{% endfor %}",
    "doubling by a filter": _GROW + "{% for i in range(99) %}{% set ns.x = ns.x|replace('A', 'AA') %}{% endfor %}",
    "doubling by a format": _GROW + "{% for i in range(99) %}{% set ns.x = '%s%s' % (ns.x, ns.x) %}{% endfor %}",
    "doubling a list": _GROW + "{% for i in range(99) %}{% set ns.l = ns.l + ns.l + [1] %}{% endfor %}",
    "lists in lists": _GROW + "{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
    "lists in lists as JSON": _GROW
    + "{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}",
    "lists in lists as text": _GROW
    + "{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|string }}",
    "many copies": _BIG + _GROW + "{% for i in range(9999) %}{% set ns.l = ns.l + [b|upper] %}{% endfor %}",
    "many slices": _BIG + _GROW + "{% for i in range(9999) %}{% set ns.l = ns.l + [b[1:]] %}{% endfor %}",
    "many strips": _BIG + _GROW + "{% for i in range(9999) %}{% set ns.l = ns.l + [(b ~ ' ').strip()] %}{% endfor %}",
    "many splits": _BIG + _GROW + "{% for i in range(9999) %}{% set ns.l = ns.l + [b.split('B')] %}{% endfor %}",
    "many blocks": _BIG
    + _GROW
    + "{% for i in range(9999) %}{% set x %}{{ b }}{% endset %}{% set ns.l = ns.l + [x] %}{% endfor %}",
    "joining a text into itself": _BIG + "{{ b.join(b) }}",
    "joining a text between its letters": _BIG + "{{ b|join(b) }}",
    "summing lists": "{{ ([[1] * 999] * 999)|sum(start=[]) }}",
    "a page without end": "{% for i in range(99999) %}{{ 'A' * 999 }}{% endfor %}",
}

BROKEN = {
    "an unknown name": "{{ undefined_name.attribute }}",
    "an unfinished block": "{% if %}",
    "an unfinished text": "{{ 'unclosed",
    "parentheses without end": "{{" + "(" * 5000 + ")" * 5000 + "}}",
    "blocks without end": "{% if x %}" * 3000,
    "raising": "{{ raise_exception('no') }}",
    "raising something large": "{{ raise_exception('no' * 999999) }}",
    "dividing by nothing": "{{ 1 / 0 }}",
    "a key that is not there": "{{ {}['a'].b }}",
    "a day that is none": "{{ strftime_now(1) }}",
    "an unknown filter": "{{ 'a'|frobnicate }}",
}

KINDS = {"reaching Python": REACHING, "looping": LOOPING, "filling the memory": FILLING, "broken": BROKEN}
HOSTILE = {f"{kind}: {name}": text for kind, known in KINDS.items() for name, text in known.items()}

# Refused attributes are empty where a template only passes them on.
EMPTY = frozenset({"the attr filter", "a format string by a filter", "a frame"})
