"""What the exporter writes: marks, docstrings, imports, references, files."""

import ast
import os
from pathlib import Path
from textwrap import dedent, indent

import pytest

from tests.saving import ROOT, Book, run, snapshot

DOC = '"""Say so."""'


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def definitions(text: str) -> list[str]:
    """Names that a module defines or assigns, in order, without `__all__`."""
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                names += [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
    return [name for name in names if name != "__all__"]


# Marks


@pytest.mark.parametrize(
    "source",
    [
        f"def f(x):  #@save\n    {DOC}",
        f"#@save\ndef f(x):\n    {DOC}",
        f"# prose above\n#@save\ndef f(x):\n    {DOC}",
        f"def f(  #@save\n    x,\n    y,\n):\n    {DOC}",
        f"def f(\n    x,  #@save\n    y,\n):\n    {DOC}",
        f"def f(\n    x,\n    #@save\n    y,\n):\n    {DOC}",
        f"def f(\n    x,\n    y,\n):  #@save\n    {DOC}",
        f"def f(x\n):    #@save\n    {DOC}",
        f"@staticmethod  #@save\ndef f(x):\n    {DOC}",
        f"#@save\n@staticmethod\ndef f(x):\n    {DOC}",
        f"@staticmethod\n#@save\ndef f(x):\n    {DOC}",
        f"@(  #@save\n  staticmethod\n)\ndef f(x):\n    {DOC}",
        f"async def f(x):  #@save\n    {DOC}",
        f"def f(x): {DOC}; return x  #@save",
        f"class f:  #@save\n    {DOC}",
        f"class f(\n    object,\n):  #@save\n    {DOC}",
        "f = 3  #@save",
        "#@save\nf = 3",
        "f = [\n    1,  #@save\n    2,\n]",
        "f = [\n    1,\n    2,\n]  #@save",
        'f = """text\nmore"""  #@save',
        "f: int = 3  #@save",
        "f = g = 3  #@save",
        f"\tx = 1\n\tdef f(x):  #@save\n\t\t{DOC}",  # IPython takes the indentation of a cell off
    ],
)
def test_marks_that_count(book: Book, source: str) -> None:
    """The mark saves the statement and is not part of what is saved."""
    source = source if source[0] != "\t" else "\n" + source
    book.chapter("01_topic.ipynb", {"source": [source]} and source)
    text = book.text("topic")
    assert "f" in definitions(text)
    assert "#@save" not in text


@pytest.mark.parametrize(
    "source",
    [
        "def f():  #@saved\n    pass",
        "def f():  # @save\n    pass",
        "def f():  # the #@save mark\n    pass",
        "def f():  ##@save\n    pass",
        "def f():  #@Save\n    pass",
        'text = "#@save"',
        'text = """\n#@save\n"""',
        'def f():\n    """\n    #@save\n    """',
        'f"{1}#@save"',
        "%%bash\nls  #@save",
        "%%writefile example.py\n#@save\nx = 1",
    ],
)
def test_what_only_looks_like_a_mark(book: Book, source: str) -> None:
    book.chapter("01_topic.ipynb", source, "kept = 1  #@save")
    assert definitions(book.text("topic")) == ["kept"]


def test_unmarked_statements_stay_out(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        f"""
        import os
        if os.sep == "/":
            separator = 1
        else:
            separator = 2
        try:
            pass
        except ValueError:
            pass
        for i in range(3):
            print(i)
        def not_me(): pass
        def me():  #@save
            {DOC}
        #@save
        me_too = 1
        not_me_either = 2
        """,
    )
    text = book.text("topic")
    assert definitions(text) == ["me", "me_too"]
    assert "import os" not in text


def test_a_comment_beside_the_mark_stays(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = [1,2]  #@save  # noqa: E231\ny = 1  #@save other # why")
    assert "x = [1, 2]  # noqa: E231" in book.text("topic")
    assert "y = 1  # why" in book.text("other")


def test_comments_directly_above_come_along(book: Book) -> None:
    book.chapter("01_topic.ipynb", "# far away\n\n# close\n# closer\n#@save\nx = 1\n# after\n")
    text = book.text("topic")
    assert "# close\n# closer\nx = 1\n" in text
    assert "far" not in text and "after" not in text


def test_two_marks_on_one_statement_agree(book: Book) -> None:
    book.chapter("01_topic.ipynb", "#@save devices\nx = 1  #@save\n")
    assert definitions(book.text("devices")) == ["x"]


def test_several_targets_and_statements_on_a_line(book: Book) -> None:
    book.chapter("01_topic.ipynb", "a, (b, *c) = 1, (2, 3)  #@save\nd = 1; e = d  #@save\n")
    assert '__all__ = ["a", "b", "c", "d", "e"]' in book.text("topic")


# Round trips

SNIPPETS = {
    "comments": '''
        # above
        def f(x,  # (n,)
              # own line
              y):  # after
            """Doc."""
            # inside
            z = x  # trailing

        # column 0

            return z + y
            # footer
        ''',
    "decorators": '''
        @staticmethod  # why
        # between
        @functools.lru_cache(maxsize=None)
        def f(x):
            """Doc."""
            return x
        ''',
    "raw docstring": '''
        def f(x):
            r"""The gradient $\\nabla f \\times \\theta$, \\n stays."""
            return r"\\d+", b"\\x00", rb"\\n"
        ''',
    "docstring of many lines": '''
        def f(x):
            """Doc.

                indented
            back

            >>> f(1)
            1
            """
            return x
        ''',
    "docstring in single quotes": """
        def f(x):
            'It\\'s "quoted"'
            return x
        """,
    "docstring with triple quotes inside": """
        def f(x):
            '''Use \"\"\"this\"\"\" or that'''
            return x
        """,
    "docstring with both triple quotes": r"""
        def f(x):
            "both \"\"\" and \'\'\' inside"
            return x
        """,
    "docstring that ends in a quote": """
        def f(x):
            \'Say "yes"\'
            return x
        """,
    "docstring that ends in a backslash": '''
        def f(x):
            """Ends in \\\\"""
            return x
        ''',
    "docstring continued by a backslash": '''
        def f(x):
            """\\
            Doc.\\
            """
            return x
        ''',
    "docstring of several strings": '''
        def f(x):
            "One. " r"Two \\d. " """Three.

            Four."""
            return x
        ''',
    "unicode docstring": '''
        def f(x):
            u"""η is the learning rate → small."""
            return "η"
        ''',
    "f-strings": '''
        def f(x):
            """Doc."""
            return f"{x!r:>{x}} {x=} {{}} {'nested'}" f\'\'\'
        {x
        + 1}\'\'\'
        ''',
    "strings over lines": '''
        def f(x):
            """Doc."""
            text = """
        column 0 # no comment
            """
            return text + "a\\
        b"
        ''',
    "closing bracket in column 0": '''
        def f(
            x=(
        1,
        2,
        )
        ):
            """Doc."""
            return [
        x
        ]
        ''',
    "tabs": '''
        def f(x):
        \t"""Doc.

        \tMore.
        \t"""
        \tif x:
        \t\treturn x
        \treturn None
        ''',
    "one line": """
        def f(x): "Doc."; y = x; return y
        """,
    "class": '''
        class C(dict, metaclass=type):
            """Doc."""

            x: int = 1

            def m(self):
                """Not the one that is extended."""
                return super().copy()

            @property
            def p(self): return self.x
        ''',
    "one-line class": """
        class C: "Doc."
        """,
    "nested": '''
        def f(x):
            """Doc."""
            def g():
                nonlocal x
                x += 1
                return lambda y, *z, k=x, **w: (y, z, k, w)
            return [g() for _ in range(x) if (last := x)], last
        ''',
    "match": '''
        def f(x):
            """Doc."""
            match x:
                case [1, *rest] | {"k": rest} if rest:
                    return rest
                case str(): return x
                case _: pass
        ''',
    "asynchronous": '''
        async def f(x):
            """Doc."""
            async with x as y, x:
                async for z in y:
                    yield await z
        ''',
    "signature": '''
        def f(a, /, b: int = 1, *args: "int", c=2, **kw: float) -> dict[str, "int | None"]:
            """Doc."""
            return dict(a=a, b=b, c=c, args=args, **kw)
        ''',
    "try and with": '''
        def f(x):
            """Doc."""
            try:
                with open(x) as a, open(x) as b: return a, b
            except (OSError, ValueError) as error: raise RuntimeError from error
            else: pass
            finally: x = 0
        ''',
    "assignment": """
        TABLE = {  # comment
            "a": [1, 2,
                  3],  # more
            **{}, "#@save": "text"
        }
        """,
    "annotated": """
        x: "dict[str, int]" = {}
        """,
    "starred": """
        first, *others = (1, 2, 3)
        """,
}


@pytest.mark.parametrize("name", SNIPPETS)
@pytest.mark.parametrize("place", ["above", "line"])
def test_code_survives(book: Book, name: str, place: str) -> None:
    """The exported statement has the syntax tree of the original one, apart from its docstring."""
    source = dedent(SNIPPETS[name]).strip("\n")
    lines = source.split("\n")
    if place == "above":
        at = next(i for i, line in enumerate(lines) if not line.startswith("#"))
        lines.insert(at, "#@save")
    elif "#" in lines[0] or lines[0].endswith("\\") or name.startswith("one"):
        lines[-1] += "  #@save" if name.startswith("one") else ""
        if not name.startswith("one"):
            pytest.skip("its first line has a comment already")
    else:
        lines[0] += "  #@save"
    book.chapter("01_topic.ipynb", "import functools", "\n".join(lines))
    text = book.text("topic")
    (expected,) = ast.parse(source).body
    node = [n for n in ast.parse(text).body if type(n) is type(expected)][-1]
    assert comparable(node, ended=True) == comparable(expected)
    # Every comment but the mark is still there.
    for comment in ("# above", "# (n,)", "# own line", "# after", "# inside", "# column 0"):
        assert text.count(comment) == source.count(comment)
    compile(text, "topic.py", "exec")


def comparable(node: ast.stmt, ended: bool = False) -> tuple[str, list[str]]:
    """The tree without docstrings, and the docstrings without indentation."""
    docs = []
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            doc = ast.get_docstring(part)
            if doc is not None:
                docs.append("\n".join(line.rstrip() for line in doc.strip().split("\n")))
                part.body.pop(0)
    if ended and docs:
        first, found, end = docs[0].partition("\n\nExplained in chapter 01, Some title.")
        assert found and not end
        docs[0] = first.strip()
    return ast.dump(node), docs


# Docstrings


def test_docstring_names_the_chapter(book: Book) -> None:
    book.chapter("08_topic.ipynb", f"def f():  #@save\n    {DOC}", title="Linear regression")
    book.export()
    shown = book.python("import inspect, book_package as d2l; print(inspect.getdoc(d2l.f))")
    assert shown == "Say so.\n\nExplained in chapter 08, Linear regression."


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("# 08 Linear regression", "Explained in chapter 08, Linear regression."),
        ("text\n\n# What is a loss?\n\n## no", "Explained in chapter 08, What is a loss?"),
        ("no heading", "Explained in chapter 08, A topic."),
        (r"# The rate $\eta$", r"Explained in chapter 08, The rate $\eta$."),
        ('# Say """so"""', 'Explained in chapter 08, Say "so".'),
    ],
)
@pytest.mark.parametrize("prefix", ["", "r"])
def test_title_from_the_heading(book: Book, heading: str, line: str, prefix: str) -> None:
    book.chapter(
        "08_a_topic.ipynb",
        {"source": heading, "cell_type": "markdown"},
        f"def f():  #@save\n    {prefix}{DOC}",
        title=None,
    )
    book.export()
    shown = book.python("import book_package as d2l; print(d2l.f.__doc__.strip())")
    assert shown.splitlines()[-1].strip() == line


def test_chapter_number_from_the_metadata(book: Book) -> None:
    book.chapter("08_topic.ipynb", f"def f():  #@save\n    {DOC}", chapter="8b")
    assert "Explained in chapter 8b, Some title." in book.text("topic")


def test_overloads_need_no_docstring(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        f"""
        from typing import overload
        @overload  #@save
        def f(x: int) -> int: ...
        @overload  #@save
        def f(x: str) -> str: ...
        def f(x):  #@save
            {DOC}
            return x
        """,
    )
    text = book.text("topic")
    assert definitions(text) == ["f", "f", "f"]
    assert text.count("Explained in") == 1


# Modules


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("08_linear_regression.ipynb", "linear_regression"),
        ("part2/08_linear_regression.ipynb", "linear_regression"),
        ("a1_common_mistakes.ipynb", "common_mistakes"),
        ("plain_name.ipynb", "plain_name"),
        ("12b_more.ipynb", "more"),
    ],
)
def test_module_is_the_file_name_without_its_number(book: Book, file: str, module: str) -> None:
    book.chapter(file, "x = 1  #@save")
    assert book.text(module).startswith("# Generated by")


def test_several_chapters_save_to_a_named_module(book: Book) -> None:
    book.chapter("01_one.ipynb", "b = 1  #@save devices", title="First")
    book.chapter("02_two.ipynb", "a = 2  #@save devices\nc = 1  #@save", title="Second")
    text = book.text("devices")
    assert definitions(text) == ["b", "a"]  # in the order of the book
    assert '__all__ = ["a", "b"]' in text
    head = text.split('"""')[0]
    assert "notebooks/01_one.ipynb" in head and "notebooks/02_two.ipynb" in head
    assert "python -m d2lhelpers.save" in head
    assert "First" in text and "Second" in text
    assert not (book.package / "one.py").exists()


def test_a_function_may_have_the_name_of_its_own_chapter(book: Book) -> None:
    book.chapter("01_descent.ipynb", f"def descent():  #@save\n    {DOC}\n    return 5")
    book.chapter("02_more.ipynb", "import d2lhelpers as d2l\nx = d2l.descent()  #@save")
    book.export()
    code = "import book_package as d2l, book_package.descent; print(d2l.x, d2l.descent())"
    assert book.python(code) == "5 5"


def test_private_names_stay_in_their_module(book: Book) -> None:
    source = f"_half = 2  #@save\ndef f():  #@save\n    {DOC}\n    return _half\n"
    book.chapter("01_one.ipynb", source)
    book.chapter("02_two.ipynb", source.replace("def f", "def g"))
    assert '__all__ = ["f"]' in book.text("one")
    assert "_half" not in (book.package / "__init__.pyi").read_text()


# Imports


def function(body: str, signature: str = "def f(x):") -> str:
    return f"{signature}  #@save\n    {DOC}\n{indent(dedent(body).strip(), '    ')}\n"


@pytest.mark.parametrize(
    ("imports", "body", "expected"),
    [
        ("import math\nimport os", "return math.pi", ["import math"]),
        ("import numpy as np", "return np.pi", ["import numpy as np"]),
        ("from os import path, sep", "return sep", ["from os import sep"]),
        ("from os import path as p, sep as s", "return p", ["from os import path as p"]),
        ("from os import (\n    path,  # c\n    sep,\n)", "return path", ["from os import path"]),
        ("import math, os as system", "return system.sep", ["import os as system"]),
        ("import os.path", "return os.path.sep", ["import os.path"]),
        ("import xml\nimport xml.dom.minidom", "return xml.dom.minidom", None),
        ("import math", "math = 3\nreturn math", []),
        ("import math", "return [math for math in x]", []),
        ("import math", "return x.math, dict(math=1)", []),
        ("import math", "import math\nreturn math.pi", []),
        ("import math", "return 'math', f'{math.pi}'", ["import math"]),
        ("import math", "def g(y=math.pi): return y\nreturn g", ["import math"]),
        ("from os import path; import math", "return math.pi", ["import math"]),
    ],
)
def test_only_needed_imports_are_copied(
    book: Book, imports: str, body: str, expected: list[str] | None
) -> None:
    book.chapter("01_topic.ipynb", imports, function(body))
    text = book.text("topic")
    found = [
        ast.unparse(n) for n in ast.parse(text).body if isinstance(n, (ast.Import, ast.ImportFrom))
    ]
    assert found == (imports.split("\n") if expected is None else expected)


def test_imports_for_annotations_decorators_defaults_bases(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "import abc, dataclasses, enum, fractions, decimal, functools, typing, collections",
        f"""
        @functools.lru_cache
        def f(x: fractions.Fraction = decimal.Decimal(1)) -> "typing.Any":  #@save
            {DOC}
        class C(enum.Enum, metaclass=collections.X):  #@save
            {DOC}
            a = abc.b
        """,
    )
    imported = {
        alias.name
        for node in ast.parse(book.text("topic")).body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {
        "abc",
        "collections",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "typing",
    }


def test_the_import_in_force_is_the_last_one_above(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb", "from os import sep", "from posixpath import sep", function("return sep")
    )
    assert "from posixpath import sep" in book.text("topic")


def test_future_imports_come_first(book: Book) -> None:
    source = function("return x", "def f(x: Undefined_later | None = None):")
    book.chapter(
        "01_topic.ipynb",
        "from __future__ import annotations",
        "import math",
        source.replace("Undefined_later", "C"),
        f"class C:  #@save\n    {DOC}\n    pi = math.pi",
    )
    text = book.text("topic")
    assert text.index("from __future__ import annotations") < text.index("import math")
    assert book.python("import book_package as d2l; print(d2l.f(2))") == "2"


def test_marked_imports_are_names_of_the_package(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "import math  #@save\nfrom os import sep, path as p  #@save\n",
        function("return math.pi, sep"),
    )
    text = book.text("topic")
    assert text.count("import math") == 1
    assert '__all__ = ["f", "math", "p", "sep"]' in text
    assert book.python("import book_package as d2l; print(d2l.math.pi > 3)") == "True"


def test_display_comes_from_ipython(book: Book) -> None:
    book.chapter("01_topic.ipynb", function("display(x)"))
    assert "from IPython.display import display" in book.text("topic")


def test_imports_are_grouped_as_ruff_wants(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "import torch, numpy as np, os\nfrom torch import nn\nimport math",
        "y = 1  #@save other\n",
        function("return torch, np, os, nn, math, y"),
    )
    text = book.text("topic")
    block = text[text.index("import math") : text.index("__all__")]
    assert block == dedent(
        """\
        import math
        import os

        import numpy as np
        import torch
        from torch import nn

        from .other import y

        """
    )


# References between chapters


def test_names_of_the_same_chapter(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "n = 2  #@save",
        function("return g(x) * n"),
        function("return x + 1", "def g(x):"),
    )
    book.export()
    assert book.python("import book_package as d2l; print(d2l.f(3))") == "8"


@pytest.mark.parametrize(
    ("imports", "reference"),
    [
        ("import d2lhelpers as d2l", "d2l.base"),
        ("import d2lhelpers as book", "book.base"),
        ("import d2lhelpers", "d2lhelpers.base"),
        ("import book_package as d2l", "d2l.base"),
        ("from d2lhelpers import base", "base"),
        ("from d2lhelpers import base as b", "b"),
        ("from d2lhelpers.one import base as b", "b"),
        ("import d2lhelpers as d2l", "(d2l\n        .base)"),
    ],
)
def test_names_of_an_earlier_chapter(book: Book, imports: str, reference: str) -> None:
    book.chapter("01_one.ipynb", "other, base = 40, 41  #@save")
    book.chapter("02_two.ipynb", imports, function(f"return {reference} + x"))
    text = book.text("two")
    assert "from .one import base" in text
    assert "d2lhelpers" not in text.split("__all__")[1]
    assert book.python("import book_package as d2l; print(d2l.f(1))") == "42"


def test_references_in_every_kind_of_place(book: Book) -> None:
    book.chapter(
        "01_one.ipynb",
        f"class T(int):  #@save\n    {DOC}\ndef deco(x):  #@save\n    {DOC}\n    return x",
    )
    book.chapter(
        "02_two.ipynb",
        "import d2lhelpers as d2l",
        f"""
        @d2l.deco
        def f(x: d2l.T = d2l.T(3), y: "d2l.T | None" = None) -> list["d2l.T"]:  #@save
            {DOC}
            return [f"{{d2l.T(x) + 1}}" for _ in range(d2l.T(1))]
        class D(d2l.T):  #@save
            {DOC}
            value = d2l.T(7)
            T = d2l.T
        """,
    )
    text = book.text("two")
    assert "d2l." not in text
    code = "import book_package as d2l; print(d2l.f(), d2l.D.value, d2l.D.__mro__[1], d2l.D.T)"
    shown = book.python(code)
    assert shown == "['4'] 7 <class 'book_package.one.T'> <class 'book_package.one.T'>"


def test_references_inside_string_annotations(book: Book) -> None:
    book.chapter("01_one.ipynb", f"class T:  #@save\n    {DOC}")
    signature = (
        """def f(T: "d2l.T", x: 'dict[str, "d2l.T"]', y: "a d2l.T per second") -> 'd2l.T':"""
    )
    body = "return d2l.T, 'd2l.T', \"d2l.T\""
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function(body, signature))
    text = book.text("two")
    assert "from .one import T as d2l_T" in text
    assert "d2l_T" in text.partition("T: ")[2].partition(",")[0]
    assert "d2l.T" not in text.partition("x: ")[2].partition(", y")[0].partition("y:")[0]
    assert "a d2l.T per second" in text and '"d2l.T", "d2l.T"' in text


def test_a_global_of_the_function_s_own_is_not_mixed_up_with_the_package(book: Book) -> None:
    book.chapter("01_one.ipynb", "base = 1  #@save")
    body = "global base\nbase = d2l.base + x\nreturn d2l.base"
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function(body))
    book.export()
    assert book.python("import book_package as d2l; print(d2l.f(1), d2l.f(1))") == "1 1"


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        ("def f(base):", "return d2l.base + base"),
        ("def f(x):", "base = x\n    return d2l.base + base"),
        ("def f(x):", "return [d2l.base + base for base in [x]][0]"),
        ("def f(base=d2l.base - 40):", "return d2l.base + base"),
        ("def f(x, base=d2l.base):", "d2l_base = 1\n    return base + d2l_base"),
    ],
)
def test_a_local_of_the_same_name_keeps_its_meaning(book: Book, signature: str, body: str) -> None:
    book.chapter("01_one.ipynb", "base = 41  #@save")
    body = dedent(body.replace("\n    ", "\n"))
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function(body, signature))
    book.export()
    assert book.python("import book_package as d2l; print(d2l.f(1))") == "42"


def test_a_builtin_of_the_same_name_keeps_its_meaning(book: Book) -> None:
    book.chapter("01_one.ipynb", f"def sum(x):  #@save\n    {DOC}\n    return -1")
    book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function("return sum(x), d2l.sum(x)"))
    book.export()
    assert book.python("import book_package as d2l; print(d2l.f([1, 2]))") == "(3, -1)"


def test_an_import_of_the_same_name_keeps_its_meaning(book: Book) -> None:
    book.chapter("01_one.ipynb", "sep = 1  #@save")
    book.chapter(
        "02_two.ipynb",
        "import d2lhelpers as d2l\nfrom os import sep",
        function("return sep, d2l.sep"),
    )
    book.export()
    assert book.python("import book_package as d2l; print(d2l.f(0))") == f"({os.sep!r}, 1)"


def test_a_parameter_named_like_the_package_is_left_alone(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb", "import d2lhelpers as d2l", function("return d2l.base", "def f(d2l):")
    )
    assert "return d2l.base" in book.text("topic")


def test_handwritten_names_come_from_their_modules(book: Book) -> None:
    book.handwritten(
        {"plotting.py": "def plot(): return 'plot'", "labs/__init__.py": "def lab(): return 'lab'"},
        stub="from . import labs as labs\nfrom .plotting import plot as plot\n",
    )
    book.chapter(
        "01_topic.ipynb", "import d2lhelpers as d2l", function("return d2l.plot(), d2l.labs.lab()")
    )
    text = book.text("topic")
    assert "from . import labs\nfrom .plotting import plot\n" in text
    assert "return plot(), labs.lab()" in text
    assert book.python("import book_package as d2l; print(d2l.f(0))") == "('plot', 'lab')"


def test_appendix_comes_last(book: Book) -> None:
    book.chapter("appendix/a1_more.ipynb", "import d2lhelpers as d2l", function("return d2l.y"))
    book.chapter("part1/01_one.ipynb", "y = 1  #@save")
    assert "from .one import y" in book.text("more")


def test_numbers_sort_by_value(book: Book) -> None:
    book.chapter("part10/20_late.ipynb", "import d2lhelpers as d2l", function("return d2l.y"))
    book.chapter("part9/19_early.ipynb", "y = 1  #@save")
    assert "from .early import y" in book.text("late")


def test_globals_that_a_saved_function_counts_with(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "calls = 0  #@save",
        function("global calls, created\ncalls += 1\ncreated = 1\nreturn calls + created"),
    )
    book.export()
    assert book.python("import book_package as d2l; print(d2l.f(0), d2l.f(0))") == "2 3"


# Cells


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\n{}",
        "!ls -l | wc\n{}",
        "{}\nfiles = !ls\ntimes = %timeit -o pass",
        "%%time\n{}",
        "%%capture out\n{}",
        "math?\n{}\nmath.pi??\n?math",
        "!echo one \\\n  two\n{}",
        "for i in range(2):\n    %time i\n    !ls\n{}",
        "{}\n%time x = [\n",
        "await something()\n{}",
        "text = '''\n%matplotlib\n!ls\n'''\n{}",
    ],
)
def test_magics_do_not_matter(book: Book, cell: str) -> None:
    book.chapter("01_topic.ipynb", "import math", cell.format(function("return math.pi")))
    text = book.text("topic")
    assert definitions(text) == ["f"]
    assert "import math" in text


def test_lines_are_counted_past_magics(book: Book) -> None:
    book.chapter("01_topic.ipynb", "!echo \\\n  two\n%time 1\nprint(1)  #@save")
    assert "cell 1 (id id-1), line 4:" in book.problem()


@pytest.mark.parametrize(
    "cell",
    [
        {"source": "undefined_name(", "tags": ["raises-exception"]},
        {"source": "def broken(:\n    pass"},
        {"source": "%%html\n<b>bold</b>"},
        {"source": "x = 1  #@save", "cell_type": "markdown"},
        {"source": "x = 1  #@save", "cell_type": "raw"},
        {"source": ""},
    ],
)
def test_cells_that_are_skipped(book: Book, cell: dict[str, object]) -> None:
    book.chapter("01_topic.ipynb", cell, "y = 1  #@save")
    assert definitions(book.text("topic")) == ["y"]


def test_exercise_cells_do_not_change_what_a_name_means(book: Book) -> None:
    book.chapter(
        "01_topic.ipynb",
        "from os import sep",
        {"source": "sep = ...", "tags": ["attempt"]},
        {"source": "from posixpath import sep", "tags": ["solution"]},
        function("return sep"),
    )
    assert "from os import sep" in book.text("topic")


def test_notebooks_of_another_language_or_in_hidden_folders(book: Book) -> None:
    r_kernel = {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}}
    book.chapter("01_r.ipynb", "x <- 1  #@save", metadata=r_kernel)
    book.chapter(".ipynb_checkpoints/02_two-checkpoint.ipynb", "x = 1  #@save")
    book.chapter("02_two.ipynb", "x = 1  #@save")
    book.export()
    assert {path.name for path in book.package.iterdir()} == {
        "__init__.py",
        "__init__.pyi",
        "two.py",
    }


def test_windows_line_ends_and_byte_order_mark(book: Book) -> None:
    path = book.chapter("01_topic.ipynb", "x = 1  #@save\r\ny = 2  #@save\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert b"\r" not in book.text("topic").encode()


def test_source_as_one_string(book: Book) -> None:
    book.chapter("01_topic.ipynb", {"source": "", "id": "a"}, {"source": "x = 1  #@save"})
    path = book.notebooks / "01_topic.ipynb"
    path.write_text(path.read_text().replace('["x = 1  #@save"]', '"x = 1  #@save"'))
    assert definitions(book.text("topic")) == ["x"]


# Files


def test_init_files_of_a_new_package(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = 5  #@save")
    book.export()
    stub = (book.package / "__init__.pyi").read_text()
    assert "from .topic import x as x" in stub
    assert ast.literal_eval(stub.partition("__all__ = ")[2]) == ["x"]
    assert book.python("import book_package as d2l; print(d2l.x, d2l.__all__)") == "5 ['x']"


def test_the_handwritten_part_of_the_stub_is_kept(book: Book) -> None:
    above = "# A comment\nfrom .plotting import   plot as plot\n"
    book.handwritten({"plotting.py": "def plot(): ..."}, stub=above)
    book.chapter("01_topic.ipynb", "x = 5  #@save")
    book.export()
    stub = (book.package / "__init__.pyi").read_text()
    assert stub.startswith(above)
    assert ast.literal_eval(stub.partition("__all__ = ")[2]) == ["plot", "x"]
    book.chapter("01_topic.ipynb", "y = 5  #@save")
    book.export()
    again = (book.package / "__init__.pyi").read_text()
    assert again == stub.replace("x as x", "y as y").replace('"x"', '"y"')
    line = "# Saved in the notebooks: generated by python -m d2lhelpers.save, do not edit below."
    assert line in again.splitlines()


def test_an_own_init_is_not_touched(book: Book) -> None:
    book.handwritten({"__init__.py": "import os\n"})
    book.chapter("01_topic.ipynb", "x = 5  #@save")
    book.export()
    assert (book.package / "__init__.py").read_text() == "import os\n"


def test_second_run_changes_nothing(book: Book) -> None:
    book.chapter("01_topic.ipynb", "import math, os", function("return math, os"))
    book.chapter("02_more.ipynb", "import d2lhelpers as d2l", function("return d2l.f", "def g(x):"))
    first = book.export()
    before = snapshot(book.package)
    second = book.export()
    assert snapshot(book.package) == before
    assert not second.written and not second.removed
    assert set(second.unchanged) == {path for path in first.written if path.name != "__init__.py"}


def test_only_changed_files_are_written(book: Book) -> None:
    book.chapter("01_one.ipynb", "x = 1  #@save")
    book.chapter("02_two.ipynb", "y = 1  #@save")
    book.export()
    before = snapshot(book.package)
    book.chapter("02_two.ipynb", "y = 2  #@save")
    changes = book.export()
    assert [path.name for path in changes.written] == ["two.py"]
    assert snapshot(book.package)["one.py"] == before["one.py"]


def test_the_same_text_from_another_place_and_hash_seed(tmp_path: Path) -> None:
    texts = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        book = Book(folder)
        names = ", ".join(f"n{i}" for i in range(20))
        book.chapter("01_one.ipynb", f"{names} = range(20)  #@save")
        uses = ", ".join(f"d2l.n{i}" for i in range(20))
        book.chapter("02_two.ipynb", "import d2lhelpers as d2l", function(f"return {uses}"))
        os.environ["PYTHONHASHSEED"] = seed
        try:
            assert book.command().returncode == 0
        finally:
            del os.environ["PYTHONHASHSEED"]
        texts.append({name: content for name, (content, _) in snapshot(book.package).items()})
    assert texts[0] == texts[1]


def test_modules_that_nothing_saves_any_more_go(book: Book) -> None:
    book.handwritten({"mine.py": "x = 1\n"})
    book.chapter("01_one.ipynb", "x = 1  #@save")
    book.chapter("02_two.ipynb", "y = 1  #@save")
    book.export()
    book.chapter("02_two.ipynb", "y = 1")
    changes = book.export()
    assert [path.name for path in changes.removed] == ["two.py"]
    assert {path.name for path in book.package.iterdir()} == {
        "__init__.py",
        "__init__.pyi",
        "mine.py",
        "one.py",
    }
    assert "two" not in (book.package / "__init__.pyi").read_text()


def test_an_empty_book(book: Book) -> None:
    book.export()
    assert book.python("import book_package as d2l; print(d2l.__all__)") == "[]"


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_written_files_are_readable_by_others_and_no_temporary_is_left(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    mask = os.umask(0o022)
    try:
        book.export()
    finally:
        os.umask(mask)
    assert (book.package / "topic.py").stat().st_mode & 0o777 == 0o644
    assert not [path for path in book.package.iterdir() if path.name.startswith(".")]


def test_generated_modules_please_ruff_and_mypy(book: Book) -> None:
    book.handwritten(
        {"plotting.py": "def plot(x: object) -> None: ...\n"},
        "from .plotting import plot as plot\n",
    )
    book.chapter(
        "01_one.ipynb",
        "import math, os\nfrom collections.abc import Sequence, Mapping",
        function(
            "return [math.sqrt(value) for value in x]", "def f(x: Sequence[float]) -> list[float]:"
        ),
        f"class Net:  #@save\n    {DOC}\n    def m(self) -> int: return 1",
        "lr: float = 0.1  #@save",
        "_secret = 3  #@save devices",
    )
    book.chapter(
        "02_two.ipynb",
        "import d2lhelpers as d2l",
        function("d2l.plot(d2l.Net().m())\nreturn plot + d2l.lr", "def g(plot: float) -> float:"),
    )
    book.export()
    code = "import book_package as d2l\nreveal_type(d2l.g)\nreveal_type(d2l.lr)\n"
    (book.package.parent / "use.py").write_text(code)
    options = ["--select", "E,F,W,I,B,UP,RUF022", "--isolated", "--line-length", "100"]
    linted = run("-m", "ruff", "check", *options, "book_package", folder=book.package.parent)
    assert linted.returncode == 0, linted.stdout
    form = run(
        "-m",
        "ruff",
        "format",
        "--isolated",
        "--line-length",
        "100",
        "--check",
        "book_package/one.py",
        "book_package/two.py",
        "book_package/__init__.pyi",
        folder=book.package.parent,
    )
    assert form.returncode == 0, form.stdout
    typed = run(
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        os.devnull,
        "use.py",
        "book_package",
        folder=book.package.parent,
    )
    assert 'Revealed type is "def (plot: float) -> float"' in typed.stdout.replace("builtins.", "")
    assert "error" not in typed.stdout, typed.stdout


# The command


def test_command_writes_and_says_so(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    done = book.command()
    assert done.returncode == 0 and done.stderr == ""
    assert f"wrote {book.package / 'topic.py'}" in done.stdout
    assert "up to date" in book.command().stdout


def test_check_is_content_with_an_export(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    book.export()
    before = snapshot(book.package)
    done = book.command("--check")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert snapshot(book.package) == before


@pytest.mark.parametrize("damage", ["edited", "missing", "stale", "stub", "init", "new notebook"])
def test_check_shows_what_has_drifted(book: Book, damage: str) -> None:
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    book.export()
    file = book.package / "topic.py"
    if damage == "edited":
        file.write_text(file.read_text().replace("x = 1", "x = 2"))
        expected = ["-x = 2", "+x = 1"]
    elif damage == "missing":
        file.unlink()
        expected = ["--- /dev/null", "+x = 1"]
    elif damage == "stale":
        (book.package / "gone.py").write_text(file.read_text())
        expected = ["+++ /dev/null", "-x = 1"]
    elif damage == "stub":
        stub = book.package / "__init__.pyi"
        stub.write_text(stub.read_text().replace("as x", "as z"))
        expected = ["-from .topic import x as z", "+from .topic import x as x"]
    elif damage == "init":
        (book.package / "__init__.py").unlink()
        expected = ["+import lazy_loader"]
    else:
        book.chapter("02_more.ipynb", "y = 1  #@save")
        expected = ["+y = 1", '+__all__ = ["x", "y"]']
    before = snapshot(book.package)
    done = book.command("--check")
    assert done.returncode == 1
    for line in expected:
        assert line in done.stdout.splitlines() or any(
            s.startswith(line) for s in done.stdout.splitlines()
        )
    assert snapshot(book.package) == before
    assert book.command().returncode == 0
    assert book.command("--check").returncode == 0


def test_check_of_a_missing_package_creates_nothing(book: Book) -> None:
    book.chapter("01_topic.ipynb", "x = 1  #@save")
    assert book.command("--check").returncode == 1
    assert not book.package.exists()


def test_problems_exit_with_1(book: Book) -> None:
    book.chapter("01_topic.ipynb", "print(1)  #@save\nx = 1  #@save", "y += 1  #@save")
    done = book.command()
    assert done.returncode == 1 and done.stdout == ""
    assert "2 problems; nothing was written" in done.stderr
    assert not book.package.exists()
    assert book.command("--check").returncode == 1


@pytest.mark.parametrize(
    "options", [["--nonsense"], ["--notebooks", "/no/such/folder"], ["--notebooks"]]
)
def test_wrong_usage_exits_with_2(book: Book, options: list[str]) -> None:
    done = book.command(*options)
    assert done.returncode == 2
    assert "error:" in done.stderr and "Traceback" not in done.stderr


def test_thirty_chapters_are_checked_without_torch(book: Book) -> None:
    """Neither torch nor matplotlib is imported, which alone would take seconds."""
    for number in range(30):
        cells = [
            "%matplotlib inline\nimport torch\nfrom torch import nn",
            *[function(f"return torch.zeros(x), {i}", f"def f{number}_{i}(x):") for i in range(3)],
            *["total = sum(i * i for i in range(10))\nprint(total)"] * 20,
        ]
        book.chapter(f"{number:02d}_topic{number}.ipynb", *cells)
    book.export()
    done = run(
        "-X", "importtime", "-m", "d2lhelpers.save", "--check",
        "--notebooks", str(book.notebooks), "--package", str(book.package), folder=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "libcst" in imported
    assert not imported & {"torch", "matplotlib", "numpy", "d2lhelpers.plotting"}


def test_the_book_itself_is_up_to_date() -> None:
    if not (ROOT / "notebooks").is_dir():
        pytest.skip("this copy of the repository has no notebooks")
    done = run("-m", "d2lhelpers.save", "--check", folder=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_names_the_options() -> None:
    done = run("-m", "d2lhelpers.save", "--help", folder=ROOT)
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--notebooks", "--package", "--check"))
