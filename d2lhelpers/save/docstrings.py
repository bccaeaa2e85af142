"""The docstrings of saved functions and classes, and the line they end with."""

import libcst as cst

from .notebooks import Notebook

Definition = cst.FunctionDef | cst.ClassDef
_String = cst.SimpleString | cst.ConcatenatedString


def docstring_of(definition: Definition) -> _String | None:
    """The string that CPython takes as the docstring, None if there is none."""
    body = definition.body.body
    first: cst.CSTNode | None = body[0] if body else None
    if isinstance(first, cst.SimpleStatementLine):
        first = first.body[0]
    if not isinstance(first, cst.Expr):
        return None
    value = first.value
    if isinstance(value, (cst.SimpleString, cst.ConcatenatedString)):
        return value if isinstance(_evaluated(value), str) else None
    return None


def _evaluated(node: _String) -> str | bytes | None:
    if isinstance(node, cst.ConcatenatedString) and "f" in _prefixes(node):
        return None
    return node.evaluated_value


def _prefixes(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.ConcatenatedString):
        return _prefixes(node.left) + _prefixes(node.right)
    return node.prefix.lower() if isinstance(node, cst.SimpleString) else "f"


def has_docstring(definition: Definition) -> bool:
    node = docstring_of(definition)
    text = _evaluated(node) if node is not None else None
    return isinstance(text, str) and bool(text.strip())


def ending(notebook: Notebook) -> str:
    """`Explained in chapter 08, Linear regression from scratch.`"""
    stop = "" if notebook.title.endswith((".", "?", "!")) else "."
    return f"Explained in {notebook.name}{stop}"


def with_ending(definition: Definition, line: str, default_indent: str) -> Definition:
    """The definition with `line` as the last paragraph of its docstring."""
    node = docstring_of(definition)
    assert node is not None
    indent = default_indent
    if isinstance(definition.body, cst.IndentedBlock) and definition.body.indent is not None:
        indent = definition.body.indent
    new = cst.SimpleString(_extended(node, line, indent), lpar=node.lpar, rpar=node.rpar)
    changed = definition.deep_replace(node, new)
    assert isinstance(changed, (cst.FunctionDef, cst.ClassDef))
    return changed


def _extended(node: _String, line: str, indent: str) -> str:
    prefix, quote, content = "", "", ""
    if isinstance(node, cst.SimpleString):
        prefix, content = node.prefix, node.raw_value
        triples = [node.quote] if len(node.quote) == 3 else ['"""', "'''"]
        quote = next((triple for triple in triples if triple not in content), "")
    if not quote:
        value = _evaluated(node)
        assert isinstance(value, str)
        prefix, quote = "", '"""'
        content = value.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if "r" not in prefix.lower():
        line = line.replace("\\", "\\\\")
    line = line.replace(quote, quote[0])
    stripped = content.rstrip()
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    # A backslash before the white space escapes it: then the white space must stay.
    content = content if backslashes % 2 and stripped != content else stripped
    return f"{prefix}{quote}{content}\n\n{indent}{line}\n{indent}{quote}"
