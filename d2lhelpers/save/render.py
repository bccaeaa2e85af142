"""From resolved modules to text: without marks, with bare names, complete docstrings, formatted."""

import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import libcst as cst
from ruff import find_ruff_bin

from .docstrings import ending, has_docstring, with_ending
from .marks import split_mark
from .names import dotted
from .package import HEADER, STUB_LINE, Package
from .resolve import Module, Saved

INIT = '''"""Public names of the package, imported when they are first used.

`__init__.pyi` lists them and where they come from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
'''

_STYLE = [
    "--isolated",
    "--no-cache",
    "--target-version",
    "py311",
    "--line-length",
    "100",
    "--quiet",
]


def render(modules: Mapping[str, Module], package: Package) -> dict[str, str]:
    """File name -> text of everything that the exporter owns in the package."""
    headers = {f"{name}.py": _imports(module) for name, module in modules.items()}
    headers["__init__.pyi"] = _stub_imports(modules)
    headers = _ruff(headers, "check", "--select", "I", "--fix", "--exit-zero")
    texts = {
        f"{name}.py": _module(module, headers[f"{name}.py"]) for name, module in modules.items()
    }
    texts["__init__.pyi"] = _stub_part(modules, package, headers["__init__.pyi"])
    texts = _ruff(texts, "format")
    # The hand-written part stays as it is.
    above = f"{package.stub}\n\n" if package.stub else ""
    texts["__init__.pyi"] = above + texts["__init__.pyi"]
    if not (package.folder / "__init__.py").exists():
        texts["__init__.py"] = INIT
    return texts


def _ruff(texts: Mapping[str, str], command: str, *options: str) -> dict[str, str]:
    """The texts after ruff, which works on files of the same names in a temporary package."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "package"
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        call = [find_ruff_bin(), command, *_STYLE, *options, str(folder)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"ruff {command} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return {name: (folder / name).read_text(encoding="utf-8") for name in texts}


def _imports(module: Module) -> str:
    marked = [_code(saved).rstrip() for saved in module.saved if saved.is_import]
    texts = {text for saved in module.saved if saved.is_import for text in saved.import_texts()}
    futures = [f"from __future__ import {name}" for name in sorted(module.futures)]
    return "\n".join([*futures, *sorted(module.imports - texts), *marked]) + "\n"


def _module(module: Module, imports: str) -> str:
    origins = "".join(f"#   {notebook.label}\n" for notebook in module.notebooks)
    header = f"{HEADER} from the notebooks below: edit these, not this file.\n{origins}"
    parts = [header + _module_docstring(module), imports.strip(), _all(module.public)]
    parts += [_code(saved).rstrip() for saved in module.saved if not saved.is_import]
    return "\n\n".join(part for part in parts if part) + "\n"


def _module_docstring(module: Module) -> str:
    chapters = [_escape(notebook.name) for notebook in module.notebooks]
    if len(chapters) == 1:
        return f'"""Saved in {chapters[0]}."""'
    lines = "".join(f"- {chapter}\n" for chapter in chapters)
    return f'"""Saved in several chapters.\n\n{lines}"""'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _all(names: Iterable[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in sorted(names))
    return f"__all__ = [{listed}]" if listed else "__all__: list[str] = []"


def _stub_imports(modules: Mapping[str, Module]) -> str:
    lines = []
    for module in modules.values():
        if module.public:
            names = ", ".join(f"{name} as {name}" for name in module.public)
            lines.append(f"from .{module.name} import {names}\n")
    return "".join(lines)


def _stub_part(modules: Mapping[str, Module], package: Package, imports: str) -> str:
    names = {*package.names, *package.submodules}
    names.update(name for module in modules.values() for name in module.public)
    # Import sorters must not carry the line below, or imports across it.
    split = "# isort: split\n\n" if imports.strip() else ""
    parts = [STUB_LINE + "\n" + split.rstrip("\n"), imports.strip(), _all(names)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


# One statement


def _code(saved: Saved) -> str:
    """The source of a saved statement as the module has it, with the comment lines above it."""
    cell_module = saved.marked.cell.module
    assert cell_module is not None
    statement = saved.marked.statement.visit(_Edit(saved))
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)) and has_docstring(statement):
        statement = with_ending(statement, ending(saved.notebook), cell_module.default_indent)
    assert isinstance(statement, (cst.FunctionDef, cst.ClassDef, cst.SimpleStatementLine))
    if not isinstance(statement, cst.SimpleStatementLine) and statement.decorators:
        first = statement.decorators[0].with_changes(leading_lines=())
        statement = statement.with_changes(decorators=[first, *statement.decorators[1:]])
    code = cell_module.code_for_node(statement.with_changes(leading_lines=()))
    return "\n".join([*saved.marked.comments, code])


class _Edit(cst.CSTTransformer):
    """Takes the marks out and writes the bare names of references to the package."""

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self.saved = saved

    def leave_TrailingWhitespace(
        self, original_node: cst.TrailingWhitespace, updated_node: cst.TrailingWhitespace
    ) -> cst.TrailingWhitespace:
        comment = updated_node.comment
        if comment is None or not split_mark(comment.value)[0]:
            return updated_node
        kept = split_mark(comment.value)[2]
        if kept:
            return updated_node.with_changes(comment=cst.Comment(kept))
        return updated_node.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))

    def leave_EmptyLine(
        self, original_node: cst.EmptyLine, updated_node: cst.EmptyLine
    ) -> cst.EmptyLine | cst.RemovalSentinel:
        comment = updated_node.comment
        if comment is None or not split_mark(comment.value)[0]:
            return updated_node
        kept = split_mark(comment.value)[2]
        if kept:
            return updated_node.with_changes(comment=cst.Comment(kept))
        return cst.RemoveFromParent()

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        local = self.saved.renames.get(original_node)
        if local is None:
            return updated_node
        return cst.Name(local, lpar=updated_node.lpar, rpar=updated_node.rpar)

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        names = self.saved.string_renames.get(original_node)
        return updated_node if names is None else _renamed(updated_node, names)


def _renamed(string: cst.SimpleString, names: Mapping[str, str]) -> cst.SimpleString:
    value = string.evaluated_value
    assert isinstance(value, str)
    try:
        annotation = cst.parse_expression(value.strip()).visit(_Rename(names))
    except cst.ParserSyntaxError:
        return string  # a text inside the annotation, not a type
    assert isinstance(annotation, cst.BaseExpression)
    return string.with_changes(value=repr(cst.Module([]).code_for_node(annotation)))


class _Rename(cst.CSTTransformer):
    """Writes bare names for dotted ones in a string annotation."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self.names = names

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        if isinstance(original_node.value, cst.Name) and dotted(original_node) in self.names:
            return cst.Name(self.names[dotted(original_node)])
        return updated_node

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        if not isinstance(updated_node.evaluated_value, str):
            return updated_node
        return _renamed(updated_node, self.names)
