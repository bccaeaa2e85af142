"""Which module-level names saved code uses, compared with what CPython says."""

import importlib.util
import symtable
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import libcst as cst
import pytest

from d2lhelpers.save.names import Analysis, analyze

# Modules with plenty of comprehensions, nested functions, class bodies, globals and string code.
STANDARD = [
    "_strptime",
    "argparse",
    "ast",
    "asyncio.base_events",
    "collections",
    "contextlib",
    "copy",
    "dataclasses",
    "dis",
    "enum",
    "functools",
    "inspect",
    "json.encoder",
    "shutil",
    "statistics",
    "string",
    "subprocess",
    "tempfile",
    "test.test_patma",
    "typing",
]


def read(source: str) -> Analysis:
    return analyze(*cst.parse_module(dedent(source)).body)


def used(source: str) -> set[str]:
    return {use.name for use in read(source).uses}


def eager(source: str) -> set[str]:
    return {use.name for use in read(source).uses if use.eager}


def global_names(table: symtable.SymbolTable) -> Iterator[str]:
    """Names that a module's functions and classes look up at module level, says CPython."""
    for child in table.get_children():
        for symbol in child.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                yield symbol.get_name()
        yield from global_names(child)


@pytest.mark.parametrize("name", STANDARD)
def test_agrees_with_symtable(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"this Python comes without {name}")
    with tokenize.open(spec.origin) as file:
        source = file.read()
    compared = 0
    module = cst.parse_module(source)
    for statement in module.body:
        if not isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            continue
        text = module.code_for_node(statement)
        analysis = analyze(statement)
        found = {use.name for use in analysis.uses if use.string is None}
        table = symtable.symtable(text, name, "exec")
        expected = set(global_names(table))
        # What the statement itself looks up at its top level: decorators, defaults, bases.
        expected |= {s.get_name() for s in table.get_symbols() if s.is_referenced()}
        # Wherever `super` is named, symtable of Python 3.12 on adds the implicit closure __class__,
        # which no source names: nothing to look up.
        assert expected - found <= {"__class__"}, f"{name}.{statement.name.value}"
        # A class body that binds a name after it looked it up finds the module's: symtable calls
        # that local, the analysis does not.
        assert found - expected <= class_names(table), f"{name}.{statement.name.value}"
        compared += 1
    assert compared


def class_names(table: symtable.SymbolTable) -> set[str]:
    names = set()
    for child in table.get_children():
        if child.get_type() == "class":
            names |= {symbol.get_name() for symbol in child.get_symbols() if symbol.is_local()}
        names |= class_names(child)
    return names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(x, *rest, key=default, **more): return x, rest, key, more", {"default"}),
        ("def f():\n    total = 0\n    return total + offset", {"offset"}),
        ("def f(): return [x * scale for x in items if x]", {"scale", "items"}),
        ("def f(): return [x for x in x]", {"x"}),
        ("def f(): return {k: v for k, v in pairs for k in v}", {"pairs"}),
        ("def f(): return [y := g(x) for x in items], y", {"g", "items"}),
        ("def f():\n    def g(): return a\n    a = 1\n    return g", set()),
        (
            "def f():\n    n = 1\n    def g():\n        nonlocal n\n        n = b",
            {"b"},
        ),
        ("def f():\n    global n\n    n = n + 1", {"n"}),
        ("class C:\n    a = 1\n    def m(self): return a", {"a"}),
        ("class C:\n    a = a", {"a"}),
        ("class C:\n    a = 1\n    b = a", set()),
        ("class C:\n    n = 2\n    rows = [n for _ in range(n)]", {"n", "range"}),
        ("class C(Base, metaclass=Meta, key=value): pass", {"Base", "Meta", "value"}),
        ("@decorate(argument)\ndef f(): pass", {"decorate", "argument"}),
        ("f = lambda x, y=start: x + y + free", {"start", "free"}),
        ("def f(x: Ann) -> Ret: pass", {"Ann", "Ret"}),
        ("def f(x: 'Ann[Inner]') -> 'Ret | None': pass", {"Ann", "Inner", "Ret"}),
        ("def f(x: Literal['mean', 'sum']): pass", {"Literal"}),
        ("def f(x: Annotated['T', 'a unit']): pass", {"Annotated", "T"}),
        ("def f(x: list['T']): pass", {"list", "T"}),
        ("def f(x: 'not a type'): pass", set()),
        ("def f():\n    x: Local = 1", {"Local"}),
        ("def f():\n    with open(p) as (a, b): return a, b", {"open", "p"}),
        ("def f():\n    try: pass\n    except E as e: return e", {"E"}),
        ("def f():\n    try: pass\n    except* E as e: return e", {"E"}),
        ("def f():\n    for i, (j, k) in z: pass\n    return i, j, k", {"z"}),
        (
            "def f():\n    import os.path as p\n    from a import b as c\n    return p, c",
            set(),
        ),
        ("def f():\n    del x\n    return x", set()),
        ("def f():\n    a.b = c\n    d[e] = 1\n    del g.h", {"a", "c", "d", "e", "g"}),
        ("def f():\n    count += 1", set()),
        ("def f(x): return f'{x!r:>{width}} {y=}'", {"width", "y"}),
        ("def f(x): return call(x=x, key=value)", {"call", "value"}),
        (
            """
            def f(x):
                match x:
                    case Point(x=px, y=0) if px > limit: return px
                    case [first, *rest]: return first, rest
                    case {"k": v, **others}: return v, others
                    case str() as s: return s
                    case M.CONST | None: pass
            """,
            {"Point", "limit", "str", "M"},
        ),
        ("def g[T: Bound, *Ts, **P](x: T, *a: *Ts) -> Ret:\n    y: T = x", {"Bound", "Ret"}),
        ("class C[T](Base[T]):\n    def m(self, x: T) -> U: pass", {"Base", "U"}),
        ("class C:\n    a = 1\n    def m[T](self): return a", {"a"}),
        ("def f():\n    type L[T] = list[T | Other]\n    return L", {"list", "Other"}),
    ],
)
def test_uses(source: str, names: set[str]) -> None:
    assert used(source) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(x=a, *, y=b) -> c: return d", {"a", "b", "c"}),
        ("@a\ndef f(): return b", {"a"}),
        ("class C(a):\n    b\n    def m(self, x=c): return d", {"a", "b", "c"}),
        ("x = [a for _ in b]", {"a", "b"}),
        ("x = lambda y=a: b", {"a"}),
        ("x = sum(a for _ in b)", {"sum", "a", "b"}),
        ("def f(x: 'a'): pass", set()),
        ("def f():\n    def g(x=a): return b", set()),
        ("x: a = b", {"a", "b"}),
        ("def f[T: a](x: T) -> b: pass", {"b"}),
        ("type X = a", set()),
    ],
)
def test_eager_uses(source: str, names: set[str]) -> None:
    assert eager(source) == names


def test_annotations_wait_when_the_future_says_so() -> None:
    module = cst.parse_module("def f(x: a = b) -> c: pass")
    analysis = analyze(*module.body, lazy_annotations=True)
    assert {use.name for use in analysis.uses if use.eager} == {"b"}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b = 1", ["a", "b"]),
        ("a, (b, *c) = 1, (2, 3)", ["a", "b", "c"]),
        ("x = (y := 3)", ["y", "x"]),
        ("x = [(y := i) for i in z]", ["y", "x"]),
        ("import a.b, c.d as e", ["a", "e"]),
        ("from a import b, c as d", ["b", "d"]),
        ("for i, j in z:\n    k = 1", ["i", "j", "k"]),
        ("with a as b:\n    pass", ["b"]),
        ("x.y = 1", []),
        ("x: int", []),
        ("def f():\n    x = 1", ["f"]),
    ],
)
def test_bindings(source: str, names: list[str]) -> None:
    assert list(read(source).bound) == names


def test_chains_and_flags() -> None:
    uses = {use.chain: use for use in read("d2l.a.b(d2l . c)\nd2l.d = f'{d2l.e=}'\n").uses}
    assert set(uses) == {"d2l.a.b", "d2l.c", "d2l.d", "d2l.e"}
    assert [chain for chain, use in uses.items() if use.stores] == ["d2l.d"]
    assert [chain for chain, use in uses.items() if use.echoed] == ["d2l.e"]
    attribute = uses["d2l.a.b"].attribute
    assert attribute is not None and attribute.attr.value == "a"


def test_the_standard_modules_are_real() -> None:
    """The comparison above would be empty if the modules were not there."""
    present = [name for name in STANDARD if importlib.util.find_spec(name)]
    assert len(present) >= 19, sys.version
    assert all(Path(importlib.util.find_spec(name).origin or "").exists() for name in present)  # type: ignore[union-attr]
