"""What the exporter refuses, with notebook, cell and line; nothing is written then."""

import json
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.saving import Book

DOC = '"""Say so."""'


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def function(body: str, signature: str = "def f(x):") -> str:
    return f"{signature}  #@save\n    {DOC}\n    {body}\n"


# Marks


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("if True:  #@save\n    x = 1", 1, "an if statement cannot be saved"),
        ("#@save\nif True:\n    x = 1", 1, "an if statement cannot be saved"),
        ("try:  #@save\n    x = 1\nfinally:\n    pass", 1, "a try statement cannot be saved"),
        ("with open(p):  #@save\n    pass", 1, "a with statement cannot be saved"),
        ("for i in y:  #@save\n    pass", 1, "a for statement cannot be saved"),
        ("while True:  #@save\n    pass", 1, "a while statement cannot be saved"),
        ("match x:  #@save\n    case 1: pass", 1, "a match statement cannot be saved"),
        ("pass\nprint(1)  #@save", 2, "an expression cannot be saved"),
        ("x = 1; print(x)  #@save", 1, "an expression cannot be saved"),
        ("x += 1  #@save", 1, "in place"),
        ("del x  #@save", 1, "a del statement cannot be saved"),
        ("assert x  #@save", 1, "a assert statement cannot be saved"),
        ("x.y = 1  #@save", 1, "only assignments to names"),
        ("x[0], y = 1, 2  #@save", 1, "only assignments to names"),
        ("x: int  #@save", 1, "an annotation without a value"),
        ("from os import *  #@save", 1, "a star import cannot be saved"),
        ("from __future__ import annotations  #@save", 1, "by itself"),
        ("import d2lhelpers as d2l  #@save", 1, "is this package"),
        ("def f():\n    x = 1  #@save", 2, "a mark inside the function f"),
        ("class C:\n    def m(self):  #@save\n        pass", 2, "a mark inside the class C"),
        ("class C:\n    #@save\n    x = 1", 2, "a mark inside the class C"),
        ("def f():\n    x = 1\n#@save\n    return x", 3, "a mark inside the function f"),
        ("if True:\n    def f():  #@save\n        pass", 2, "a mark inside an if statement"),
        ("if True:\n    pass\nelse:  #@save\n    pass", 3, "a mark inside an if statement"),
        ("#@save\n\nx = 1", 1, "belongs to no statement"),
        ("#@save\n# prose\nx = 1", 1, "belongs to no statement"),
        ("x = 1\n#@save", 2, "belongs to no statement"),
        ("#@save", 1, "belongs to no statement"),
        ("def f():\n    pass\n    #@save\nx = 1", 3, "belongs to no statement"),
        ("x = 1  #@save two words", 1, "'two words' is not a module name"),
        ("x = 1  #@save 2d", 1, "'2d' is not a module name"),
        ("x = 1  #@save class", 1, "'class' is not a module name"),
        ("x = 1  #@save a.b", 1, "'a.b' is not a module name"),
        ("x = 1  #@save ../evil", 1, "is not a module name"),
        ("x = 1  #@save __init__", 1, "is not a module name"),
        ("x = 1  #@save: devices", 1, "is not a module name"),
        ("#@save one\nx = 1  #@save two", 1, "different modules: one and two"),
        ("x = %timeit -o pass  #@save", 1, "magic"),
        ("def f():  #@save\n    'Doc.'\n    !ls", 3, "magic"),
        ("x = (  #@save\n", None, "syntax error"),
        ("ok = 1\ndef f(:  #@save\n    pass", 2, "syntax error"),
        ("def f(): #@save\n    'Doc.'\n    break", 3, "not valid in a module"),
        ("x = await 3  #@save", 1, "not valid in a module"),
        ("def f(a, a): #@save\n    'Doc.'", 1, "not valid in a module"),
        ("%%timeit\nx = 1  #@save", 2, "%%timeit"),
        ("%%unknown\nx = 1  #@save", 2, "%%unknown"),
        ("__all__ = []  #@save", 1, "special to Python"),
    ],
)
def test_marks_that_are_refused(book: Book, source: str, line: int | None, reason: str) -> None:
    markdown = {"source": "text", "cell_type": "markdown"}
    book.chapter("part1/01_topic.ipynb", markdown, "x = y = p = 0", source)
    message = book.problem()
    assert message.startswith("notebooks/part1/01_topic.ipynb, cell 3 (id id-3), line ")
    if line is not None:
        assert f", line {line}: " in message
    assert reason in message


@pytest.mark.parametrize("tag", ["attempt", "solution", "raises-exception"])
def test_marks_in_cells_that_save_nothing(book: Book, tag: str) -> None:
    book.chapter("01_topic.ipynb", {"source": "pass\nx = 1  #@save", "tags": [tag]})
    assert "cell 1 (id id-1), line 2: a mark in a" in book.problem()


def test_all_problems_in_one_run(book: Book) -> None:
    book.chapter("01_one.ipynb", "print(1)  #@save", "def f():  #@save\n    return missing")
    book.chapter("02_two.ipynb", "x = (\n#@save", "x = 1  #@save\nx = 2  #@save")
    (book.notebooks / "03_three.ipynb").write_text("{")
    messages = book.problems()
    assert len(messages) == 6
    for part in ("expression", "docstring", "`missing`", "syntax error", "twice", "not a readable"):
        assert any(part in message for message in messages)
    assert messages == sorted(messages)


# Docstrings


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("pass", "without a docstring"),
        ("f'Not a {1}'", "without a docstring"),
        ("b'bytes'", "without a docstring"),
        ("'a' f'b'", "without a docstring"),
        ("# only a comment\n    pass", "without a docstring"),
        ("x = 'Doc.'", "without a docstring"),
        ("'''  \n   '''", "with an empty docstring"),
    ],
)
@pytest.mark.parametrize("opening", ["def f():", "async def f():", "class f:"])
def test_missing_docstrings(book: Book, opening: str, body: str, reason: str) -> None:
    book.chapter("01_topic.ipynb", f"\n#@save\n{opening}\n    {body}")
    message = book.problem()
    assert reason in message and "`f`" in message
    assert ("class" if "class" in opening else "function") in message
    assert ", line 3:" in message or ", line 2:" in message


# Names


@pytest.mark.parametrize(
    "definition",
    [
        "n = 3",
        "n: int = 3",
        "def n(): pass",
        "class n: pass",
        "for n in range(3): pass",
        "with open(p) as n: pass",
        "if True:\n    import n",
        "try:\n    import n\nexcept ImportError:\n    n = None",
        "print(n := 3)",
        "n = %timeit -o pass",
        "n = !ls",
        "(a, (n, b)) = 1, (2, 3)",
        "import n\nn = 3",
    ],
)
def test_a_saved_name_uses_an_unsaved_global(book: Book, definition: str) -> None:
    book.chapter("01_topic.ipynb", "p = 0", definition, function("return n"))
    message = book.problem()
    assert "`f` uses `n`, which cell 2 defines but does not save" in message
    assert "cell 3 (id id-3), line 1" in message


@pytest.mark.parametrize(
    "use",
    [
        "def f(x=n):  #@save\n    'Doc.'",
        "def f(x: n):  #@save\n    'Doc.'",
        "def f(x: 'list[n]'):  #@save\n    'Doc.'",
        "def f() -> n:  #@save\n    'Doc.'",
        "@n  #@save\ndef f():\n    'Doc.'",
        "class f(n):  #@save\n    'Doc.'",
        "class f:  #@save\n    'Doc.'\n    n = n",
        "class f:  #@save\n    'Doc.'\n    def m(self): return n",
        "def f():  #@save\n    'Doc.'\n    return [n for _ in ()]",
        "def f():  #@save\n    'Doc.'\n    return [x for x in n]",
        "def f():  #@save\n    'Doc.'\n    return lambda: f'{n}'",
        "f = n  #@save",
        "f: n = 1  #@save",
        "def f():  #@save\n    'Doc.'\n    global n\n    n = 1",
        "def f():  #@save\n    'Doc.'\n    global n\n    n += 1",
    ],
)
def test_uses_are_found_in_every_place(book: Book, use: str) -> None:
    book.chapter("01_topic.ipynb", "n = 3", use)
    message = book.problem()
    assert "`f`" in message and "`n`" in message


def test_a_global_of_a_later_or_exercise_cell(book: Book) -> None:
    solution = {"source": "import helper", "tags": ["solution"]}
    book.chapter("01_topic.ipynb", function("return n, helper"), "n = 1", solution)
    messages = " ".join(book.problems())
    assert "`n`, which cell 2 defines but does not save" in messages
    assert "`helper`, which cell 3 defines but does not save" in messages


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["%matplotlib inline"], "which nothing in this notebook defines"),
        (["from os import *"], "`from os import *` in cell 1: import it by name"),
        (["from . import n"], "from a relative import"),
    ],
)
def test_names_from_nowhere(book: Book, cells: list[str], reason: str) -> None:
    book.chapter("01_topic.ipynb", *cells, function("return n"))
    message = book.problem()
    assert "`f` uses `n`" in message and reason in message


def test_an_import_that_comes_too_late(book: Book) -> None:
    book.chapter("01_topic.ipynb", function("return math.pi"), "import math")
    assert "imported only in cell 2" in book.problem()


def test_a_star_import_that_nothing_needs(book: Book) -> None:
    book.chapter("01_topic.ipynb", "from os import *", function("return x"))
    assert "return x" in book.text("topic")


def test_a_name_of_another_chapter_without_the_package(book: Book) -> None:
    book.chapter("01_one.ipynb", "base = 1  #@save", title="One")
    book.chapter("02_two.ipynb", function("return base"))
    assert "which chapter 01, One saves: write `d2l.base`" in book.problem()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = 1  #@save", "x = 2  #@save"),
        ("x = 1  #@save one", "x = 2  #@save two"),
        ("a, x = 1, 2  #@save", "import x  #@save"),
        ("_x = 1  #@save", "_x = 1  #@save"),
    ],
)
def test_a_name_saved_twice_in_a_chapter(book: Book, first: str, second: str) -> None:
    book.chapter("01_topic.ipynb", first, f"pass\n{second}")
    message = book.problem()
    assert message.startswith("notebooks/01_topic.ipynb, cell 2 (id id-2), line 2:")
    assert "saved twice" in message
    assert "notebooks/01_topic.ipynb, cell 1 (id id-1), line 1" in message


def test_a_private_name_saved_twice_in_a_named_module(book: Book) -> None:
    for number, name in enumerate("ab", start=1):
        source = f"_x = 1  #@save devices\n{name} = _x  #@save devices"
        book.chapter(f"0{number}_topic{number}.ipynb", source)
    assert "`_x` is saved twice" in book.problem()


def test_a_name_saved_twice_in_two_chapters(book: Book) -> None:
    book.chapter("01_one.ipynb", "x = 1  #@save")
    book.chapter("02_two.ipynb", "x = 1  #@save")
    message = book.problem()
    assert "notebooks/01_one.ipynb, cell 1" in message
    assert message.startswith("notebooks/02_two.ipynb, cell 1")


# The order of the book


@pytest.mark.parametrize(
    "use",
    [
        "def f(x=n):  #@save\n    'Doc.'",
        "class f(n):  #@save\n    'Doc.'",
        "@n  #@save\ndef f():\n    'Doc.'",
        "f = [n]  #@save",
        "f = [n for _ in range(3)]  #@save",
    ],
)
def test_use_at_import_time_before_the_definition(book: Book, use: str) -> None:
    book.chapter("01_topic.ipynb", use, "n = 3  #@save")
    message = book.problem()
    assert "while its module is imported" in message
    assert "notebooks/01_topic.ipynb, cell 2 (id id-2), line 1" in message


@pytest.mark.parametrize("source", ["x = x  #@save", "class x(x):  #@save\n    'Doc.'"])
def test_use_of_itself_at_import_time(book: Book, source: str) -> None:
    book.chapter("01_topic.ipynb", "x = object", source)
    assert "`x` uses itself while it is being defined" in book.problem()


@pytest.mark.parametrize("imports", ["import d2lhelpers as d2l", "from d2lhelpers import late"])
def test_a_later_chapter_cannot_be_used(book: Book, imports: str) -> None:
    reference = "d2l.late" if "as d2l" in imports else "late"
    book.chapter("01_one.ipynb", imports, function(f"return {reference}"))
    book.chapter("02_two.ipynb", "late = 1  #@save", title="Two")
    message = book.problem()
    assert "`f` uses `late`, which only the later chapter 02, Two saves" in message
    assert "notebooks/02_two.ipynb, cell 1" in message


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("d2l.unknown", "neither a chapter nor the package has `unknown`"),
        ("d2l._private", "neither a chapter nor the package has `_private`"),
        ("d2l", "uses `d2l` as a whole"),
        ("getattr(d2l, 'plot')", "uses `d2l` as a whole"),
        ("d2l.one.base", "uses the module `one`"),
        ("f'{d2l.base=}'", "f-string"),
    ],
)
def test_references_to_the_package_that_cannot_be_written(
    book: Book, use: str, reason: str
) -> None:
    book.chapter("01_one.ipynb", "base = 1  #@save\n_private = 1  #@save")
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function(f"return {use}"))
    assert reason in book.problem()


@pytest.mark.parametrize(
    "body", ["d2l.base = 2", "d2l.base += 2", "del d2l.base", "for d2l.base in x: pass"]
)
def test_assignment_to_a_name_of_the_package(book: Book, body: str) -> None:
    book.chapter("01_one.ipynb", "base = 1  #@save")
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function(body))
    assert "assigns to `d2l.base`" in " ".join(book.problems())


def test_a_local_that_hides_a_name_of_its_own_module(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "import d2lhelpers as d2l\nbase = 1  #@save",
        function("return base + d2l.base", "def f(base):"),
    )
    assert "beside a local `base`: rename the local" in book.problem()


# Modules


def test_modules_that_import_each_other(book: Book) -> None:
    book.chapter("01_one.ipynb", "a = 1  #@save devices")
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", "b = d2l.a  #@save")
    book.chapter("03_three.ipynb", "import d2lhelpers as d2l", "c = d2l.b  #@save devices")
    message = book.problem()
    assert "in a circle" in message and "devices" in message and "two" in message


@pytest.mark.parametrize("existing", ["plotting.py", "plotting/__init__.py", "Plotting.py"])
@pytest.mark.parametrize("named", [True, False])
def test_handwritten_modules_are_never_overwritten(book: Book, existing: str, named: bool) -> None:
    book.handwritten({existing: "x = 1\n"})
    if named:
        book.chapter("01_topic.ipynb", "y = 1  #@save plotting")
    else:
        book.chapter("01_plotting.ipynb", "y = 1  #@save")
    assert "written by hand and is never overwritten" in book.problem()


def test_names_that_the_package_has_already(book: Book) -> None:
    stub = "from . import labs as labs\nfrom .plotting import plot as plot\n"
    book.handwritten({"plotting.py": "", "labs/__init__.py": "", "train.py": ""}, stub=stub)
    book.chapter("01_one.ipynb", "plot, labs, train, fine = range(4)  #@save")
    book.chapter("02_two.ipynb", "one = 1  #@save")
    messages = book.problems()
    for name in ("plot", "labs", "train", "one"):
        assert any(f"`{name}` is already a" in message for message in messages)
    assert len(messages) == 4


def test_a_file_name_that_is_no_module_name(book: Book) -> None:
    book.chapter("01_linear-regression.ipynb", "x = 1  #@save\ny = 1  #@save devices")
    message = book.problem()
    assert "'linear-regression'" in message and "line 1" in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("from os import sep", "sep"), ("from posixpath import sep", "sep")),
        (("import math as m", "m"), ("import cmath as m", "m")),
        (("", "max"), ("from torch import max", "max")),
    ],
)
def test_chapters_that_disagree_in_a_named_module(
    book: Book, first: tuple[str, str], second: tuple[str, str]
) -> None:
    for number, (imports, name) in enumerate((first, second), start=1):
        body = f"def f{number}(x):  #@save devices\n    {DOC}\n    return {name}"
        book.chapter(f"0{number}_topic{number}.ipynb", imports, body)
    message = book.problem()
    assert f"`{second[1]}` means `{second[0]}` here" in message
    assert "notebooks/01_topic1.ipynb, cell 2" in message


def test_a_builtin_that_another_chapter_redefines_in_the_module(book: Book) -> None:
    use = f"def f(x):  #@save devices\n    {DOC}\n    return sum(x)"
    book.chapter("01_one.ipynb", use)
    book.chapter("02_two.ipynb", f"def sum(x):  #@save devices\n    {DOC}")
    assert "`sum` means Python's builtin here" in book.problem()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has type parameters")
def test_syntax_that_is_too_new(book: Book) -> None:
    book.chapter("01_topic.ipynb", function("return x", "def f[T](x: T):"))
    assert "not valid in a module of Python 3.11" in book.problem()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python has no type parameters")
def test_type_parameters(book: Book) -> None:
    book.chapter("01_topic.ipynb", "T = 3", function("return x", "def f[T](x: T) -> T:"))
    assert "def f[T](x: T) -> T:" in book.text("topic")


# Files


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"[]",
        b"{}",
        b'{"cells": 3}',
        b'{"cells": [3]}',
        b"\xff\xfe\x00",
        b'{"worksheets": []}',
    ],
)
def test_unreadable_notebooks(book: Book, content: bytes) -> None:
    (book.notebooks / "01_topic.ipynb").write_bytes(content)
    message = book.problem()
    assert message.startswith("notebooks/01_topic.ipynb: not a readable notebook")


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"d2l": []}},
        {"metadata": None},
        {"cells": [{"cell_type": "code", "source": [1]}]},
        {"cells": [{"cell_type": "code", "source": None}]},
        {"cells": [{"cell_type": "code", "source": "x = '\ud800'  #@save"}]},
        {"cells": [{"cell_type": "code", "source": "x", "metadata": []}]},
        {"metadata": {"language_info": {"name": 3}}},
    ],
)
def test_notebooks_of_a_strange_form(book: Book, change: dict[str, object]) -> None:
    content = {"cells": [], "metadata": {}, "nbformat": 4, **change}
    (book.notebooks / "01_topic.ipynb").write_text(json.dumps(content))
    done = book.command()
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)


@pytest.mark.parametrize(
    ("stub", "reason"),
    [
        ("from .plotting import (", "not readable"),
        ("__all__ = ['x']\n", "the hand-written part may hold only"),
        ("import os\n", "the hand-written part may hold only"),
        ("from os import path\n", "the hand-written part may hold only"),
    ],
)
def test_a_stub_that_cannot_be_extended(book: Book, stub: str, reason: str) -> None:
    book.handwritten({}, stub=dedent(stub))
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    message = book.problem()
    assert message.startswith("book_package/__init__.pyi") and reason in message


def test_a_package_that_cannot_be_written(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    book.package.write_text("a file, not a folder")
    done = book.command()
    assert done.returncode == 2 and "is not a folder" in done.stderr
    book.package.unlink()
    (book.package / "topic.py").mkdir(parents=True)
    done = book.command()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert [path.name for path in book.package.iterdir()] == ["topic.py"]


def test_nothing_is_written_when_the_last_chapter_is_wrong(book: Book) -> None:
    book.chapter("01_one.ipynb", "x = 1  #@save")
    book.export()
    book.chapter("01_one.ipynb", "x = 2  #@save")
    book.chapter("02_two.ipynb", "print(1)  #@save")
    book.problem()  # compares the package before and after
    assert "x = 1" in (book.package / "one.py").read_text()
