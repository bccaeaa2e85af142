"""From marked statements to modules: who owns which name, and what each module imports."""

import builtins
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import libcst as cst

from .docstrings import docstring_of, has_docstring
from .marks import Marked, find_marked
from .names import Analysis, Use, analyze, bound_name, dotted
from .notebooks import Cell, Notebook
from .package import Package
from .problems import Problem

_BUILTINS = frozenset(dir(builtins)) | {
    "__name__",
    "__doc__",
    "__module__",
    "__qualname__",
    "__class__",
}
# What IPython puts into every notebook's namespace, and where it comes from.
_IPYTHON = {
    "display": "from IPython.display import display",
    "get_ipython": "from IPython import get_ipython",
}


@dataclass(eq=False)
class Saved:
    """A saved statement and the names it binds.

    `renames` gives the bare name for each `d2l.name` in its code, `string_renames` the same inside
    its string annotations.
    """

    marked: Marked
    analysis: Analysis
    names: list[str]
    renames: dict[cst.CSTNode, str] = field(default_factory=dict)
    string_renames: dict[cst.CSTNode, dict[str, str]] = field(default_factory=dict)

    @property
    def notebook(self) -> Notebook:
        return self.marked.cell.notebook

    @property
    def module(self) -> str:
        return self.marked.module

    @property
    def key(self) -> tuple[int, int, int]:
        return self.notebook.order, self.marked.cell.number, self.marked.position

    @property
    def title(self) -> str:
        return f"`{self.names[0]}`" if self.names else "the statement"

    @property
    def is_import(self) -> bool:
        statement = self.marked.statement
        if not isinstance(statement, cst.SimpleStatementLine):
            return False
        return len(self.imports) == len(statement.body)

    @property
    def imports(self) -> list[cst.Import | cst.ImportFrom]:
        """The import statements on a marked line."""
        if not isinstance(self.marked.statement, cst.SimpleStatementLine):
            return []
        body = self.marked.statement.body
        return [small for small in body if isinstance(small, (cst.Import, cst.ImportFrom))]

    def import_texts(self) -> list[str]:
        """Of a marked import: one import statement for each name."""
        texts = []
        for small in self.imports:
            source = f"from {_source(small)} " if isinstance(small, cst.ImportFrom) else ""
            assert not isinstance(small.names, cst.ImportStar)
            for alias in small.names:
                as_name = f" as {bound_name(alias)}" if alias.asname else ""
                texts.append(f"{source}import {dotted(alias.name)}{as_name}")
        return texts

    def problem(self, message: str) -> Problem:
        return self.marked.cell.problem(self.marked.mark_line, message)

    def place(self) -> str:
        return str(self.problem("")).removesuffix(": ")


@dataclass(frozen=True)
class Member:
    """A name of the package: `from .owner import name`; owner is empty for a submodule."""

    owner: str
    name: str

    def as_import(self, local: str) -> str:
        alias = "" if local == self.name else f" as {local}"
        return f"from .{self.owner} import {self.name}{alias}"


@dataclass(frozen=True)
class ImportBinding:
    """A name bound by an import at the top level of a cell.

    `module` and `attribute` say what is imported: `from module import attribute`, or
    `import module` where attribute is None.
    """

    name: str
    cell: Cell
    module: str
    attribute: str | None
    alias: str | None

    @property
    def text(self) -> str:
        alias = f" as {self.alias}" if self.alias else ""
        if self.attribute is None:
            return f"import {self.module}{alias}"
        return f"from {self.module} import {self.attribute}{alias}"


@dataclass(frozen=True)
class OtherBinding:
    """A name bound by anything else, which is not saved."""

    name: str
    cell: Cell


# What a module-level name means in a saved module. A str is the text of an import.
Meaning = Saved | Member | str


@dataclass
class Chapter:
    """A notebook that saves something: its statements, and every top-level binding of its cells."""

    notebook: Notebook
    saved: list[Saved] = field(default_factory=list)
    bindings: dict[str, list[ImportBinding | OtherBinding]] = field(
        default_factory=lambda: defaultdict(list)
    )
    star_imports: list[tuple[Cell, str]] = field(default_factory=list)
    futures: set[str] = field(default_factory=set)


@dataclass
class Module:
    """A module to be written: its statements in the order of the book, and their imports."""

    name: str
    saved: list[Saved]
    imports: set[str] = field(default_factory=set)
    futures: set[str] = field(default_factory=set)

    @property
    def notebooks(self) -> list[Notebook]:
        return list(dict.fromkeys(saved.notebook for saved in self.saved))

    @property
    def public(self) -> list[str]:
        return sorted({name for saved in self.saved for name in saved.names if is_public(name)})


def is_public(name: str) -> bool:
    return not name.startswith("_")


def collect(notebooks: Iterable[Notebook], package: Package) -> tuple[list[Chapter], list[Problem]]:
    """The saved statements and the bindings of each chapter that saves something."""
    chapters: list[Chapter] = []
    problems: list[Problem] = []
    for notebook in notebooks:
        chapter = Chapter(notebook)
        marked: list[Marked] = []
        for cell in notebook.cells:
            if cell.module is not None and "#@save" in cell.source:
                found, wrong = find_marked(cell)
                marked += found
                problems += wrong
        for cell in notebook.cells:
            if cell.module is not None:
                _bindings(chapter, cell)
        for item in marked:
            wrong = _check_statement(item, package)
            lazy = "annotations" in chapter.futures
            analysis = analyze(item.statement, lazy_annotations=lazy)
            saved = Saved(item, analysis, list(analysis.bound))
            problems += wrong
            problems += _check_names(saved, package)
            chapter.saved.append(saved)
        if chapter.saved:
            chapters.append(chapter)
    return chapters, problems


def _bindings(chapter: Chapter, cell: Cell) -> None:
    assert cell.module is not None
    for statement in cell.module.body:
        parts = statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]
        for part in parts:
            if isinstance(part, cst.ImportFrom):
                _import_from(chapter, cell, part)
            elif isinstance(part, cst.Import):
                for alias in part.names:
                    module, name = dotted(alias.name), bound_name(alias)
                    as_name = name if alias.asname else None
                    _add(chapter, ImportBinding(name, cell, module, None, as_name))
            else:
                analysis = analyze(part)
                for name in analysis.bound:
                    _add(chapter, OtherBinding(name, cell))
                for node in analysis.star_imports:
                    chapter.star_imports.append((cell, _source(node)))


def _import_from(chapter: Chapter, cell: Cell, node: cst.ImportFrom) -> None:
    source = _source(node)
    if source == "__future__" and not isinstance(node.names, cst.ImportStar):
        chapter.futures.update(dotted(alias.name) for alias in node.names)
    elif isinstance(node.names, cst.ImportStar):
        chapter.star_imports.append((cell, source))
    else:
        for alias in node.names:
            name = bound_name(alias)
            as_name = name if alias.asname else None
            _add(chapter, ImportBinding(name, cell, source, dotted(alias.name), as_name))


def _source(node: cst.ImportFrom) -> str:
    return "." * len(node.relative) + (dotted(node.module) if node.module else "")


def _add(chapter: Chapter, binding: ImportBinding | OtherBinding) -> None:
    chapter.bindings[binding.name].append(binding)


def _check_statement(item: Marked, package: Package) -> list[Problem]:
    problems: list[Problem] = []
    cell = item.cell
    if not item.module.isidentifier() or item.module in ("__init__", "__main__"):
        message = (
            f"the file name gives no module name ({item.module!r}): rename the notebook, "
            "or name a module, `#@save module_name`"
        )
        problems.append(cell.problem(item.mark_line, message))
    elif reason := package.refuses(item.module):
        problems.append(cell.problem(item.mark_line, reason))
    statement = item.statement
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        kind = "function" if isinstance(statement, cst.FunctionDef) else "class"
        name = statement.name.value
        if not has_docstring(statement) and not _is_overload(statement) and name != "_":
            message = f"the {kind} `{name}` is saved without a docstring"
            if docstring_of(statement) is not None:
                message = f"the {kind} `{name}` is saved with an empty docstring"
            problems.append(cell.problem(item.first_line, message))
    source = "\n".join(cell.lines[item.first_line - 1 : item.last_line])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, cell.notebook.label, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = item.first_line + (getattr(error, "lineno", None) or 1) - 1
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        reason = getattr(error, "msg", None) or str(error)
        problems.append(cell.problem(line, f"not valid in a module of Python {version}: {reason}"))
    return problems


def _is_overload(statement: cst.BaseStatement) -> bool:
    for decorator in getattr(statement, "decorators", ()):
        node = decorator.decorator
        last = node.attr if isinstance(node, cst.Attribute) else node
        if isinstance(last, cst.Name) and last.value == "overload":
            return True
    return False


def _check_names(saved: Saved, package: Package) -> Iterator[Problem]:
    for name in saved.names:
        if name.startswith("__") and name.endswith("__"):
            yield saved.problem(f"`{name}` is special to Python and cannot be saved")
        elif not is_public(name):
            continue
        elif name in package.names or name in package.submodules:
            owner = package.names.get(name, name)
            message = f"`{name}` is already a name of the package, from its module {owner}"
            yield saved.problem(message)
        elif package.is_handwritten(name):
            yield saved.problem(f"`{name}` is already a module of the package")


class _Resolver:
    def __init__(self, chapters: list[Chapter], package: Package) -> None:
        self.chapters = chapters
        self.package = package
        self.problems: list[Problem] = []
        self.owners: dict[str, Saved] = {}
        self.in_chapter: dict[tuple[int, str], Saved] = {}
        self.modules: dict[str, Module] = {}
        # module -> name -> (meaning, the statement that first needs it)
        self.meanings: dict[str, dict[str, tuple[Meaning | None, Saved]]] = defaultdict(dict)
        self.edges: dict[str, dict[str, Saved]] = defaultdict(dict)

    def run(self) -> dict[str, Module]:
        for chapter in self.chapters:
            for saved in chapter.saved:
                self.register(chapter, saved)
        for module in self.modules.values():
            for saved in module.saved:
                for name in saved.names:
                    # Marked imports mean what a copied import of the same text means.
                    self.meanings[module.name][name] = (saved, saved)
        pending: list[tuple[Saved, Use, Saved | Member]] = []
        for chapter in self.chapters:
            for saved in chapter.saved:
                pending += self.resolve(chapter, saved)
        self.write_references(pending)
        self.check_submodule_names()
        self.check_cycles()
        return dict(sorted(self.modules.items()))

    def register(self, chapter: Chapter, saved: Saved) -> None:
        module = self.modules.setdefault(saved.module, Module(saved.module, []))
        module.saved.append(saved)
        module.futures |= chapter.futures
        for name in saved.names:
            if name == "_":
                continue
            first = self.in_chapter.get((saved.notebook.order, name))
            if is_public(name):
                first = first or self.owners.get(name)
            else:
                twins = (s for s in module.saved if s is not saved and name in s.names)
                first = first or next(twins, None)
            if first is None or _is_overload(first.marked.statement):
                self.owners[name] = saved
                self.in_chapter[saved.notebook.order, name] = saved
            else:
                self.in_chapter.setdefault((saved.notebook.order, name), saved)
                message = f"`{name}` is saved twice: here and in {first.place()}"
                self.problems.append(saved.problem(message))

    # One statement

    def resolve(self, chapter: Chapter, saved: Saved) -> list[tuple[Saved, Use, Saved | Member]]:
        pending: list[tuple[Saved, Use, Saved | Member]] = []
        for statement in saved.imports:
            self.check_saved_import(saved, statement)
        analysis = saved.analysis
        for use in analysis.uses:
            if use.name in saved.names:
                if use.eager and not use.bound_before:
                    message = f"{saved.title} uses itself while it is being defined"
                    self.problems.append(saved.problem(message))
                continue
            meaning = self.meaning(chapter, saved, use)
            if meaning is None:
                continue
            if isinstance(meaning, _PackageAlias):
                member = self.package_use(saved, use)
                if member is not None:
                    pending.append((saved, use, member))
            else:
                self.need(saved, use, use.name, meaning.value, meaning.name)
        for name, node in analysis.rebound.items():
            self.rebinding(chapter, saved, name, node)
        if analysis.star_imports:
            self.problems.append(saved.problem("a star import inside saved code: import the names"))
        return pending

    def check_saved_import(self, saved: Saved, node: cst.Import | cst.ImportFrom) -> None:
        modules = [_source(node)] if isinstance(node, cst.ImportFrom) else []
        if isinstance(node, cst.Import):
            modules = [dotted(alias.name) for alias in node.names]
        for module in modules:
            if module.startswith(".") or self.package.is_package(module.split(".")[0]):
                message = f"`{module}` is this package: what comes from it is saved already"
                self.problems.append(saved.problem(message))

    def meaning(self, chapter: Chapter, saved: Saved, use: Use) -> "_Found | _PackageAlias | None":
        """What a bare name in saved code stands for; None after reporting that it is unusable."""
        name = use.name
        owner = self.in_chapter.get((saved.notebook.order, name))
        # A marked import is as good as any other import: the module copies what it needs.
        if owner is not None and not owner.is_import:
            return _Found(owner, name)
        binding = self.binding(chapter, saved, name)
        if isinstance(binding, OtherBinding):
            if name in saved.analysis.rebound:
                return None  # reported once, by `rebinding`
            where = f"cell {binding.cell.number}"
            message = f"{saved.title} uses `{name}`, which {where} defines but does not save"
            self.problems.append(saved.problem(message))
            return None
        if isinstance(binding, ImportBinding):
            return self.imported(chapter, saved, use, binding)
        if name in saved.analysis.rebound:
            return None
        if name in _BUILTINS:
            return _Found("")
        if name in _IPYTHON:
            return _Found(_IPYTHON[name])
        self.problems.append(saved.problem(self.unknown(chapter, saved, name)))
        return None

    def unknown(self, chapter: Chapter, saved: Saved, name: str) -> str:
        text = f"{saved.title} uses `{name}`, "
        if later := chapter.bindings.get(name):
            number = later[0].cell.number
            return (
                text + f"which is imported only in cell {number}: import it in this cell or before"
            )
        if chapter.star_imports:
            cell, source = chapter.star_imports[0]
            return (
                text + f"which may come from `from {source} import *` in cell {cell.number}: "
                "import it by name"
            )
        owner = self.owners.get(name)
        if owner is not None and is_public(name):
            return (
                text + f"which {owner.notebook.name} saves: write `d2l.{name}` "
                "after `import d2lhelpers as d2l`"
            )
        return text + "which nothing in this notebook defines"

    def binding(
        self, chapter: Chapter, saved: Saved, name: str
    ) -> ImportBinding | OtherBinding | None:
        """The binding in force in the statement's cell: the last one there or above."""
        every = chapter.bindings.get(name, [])
        number = saved.marked.cell.number
        usable = [b for b in every if b.cell.number <= number and not b.cell.is_exercise]
        if usable:
            return usable[-1]
        # Bound later or in an exercise: an unsaved value all the same. Imports must come first.
        others = [b for b in every if isinstance(b, OtherBinding) or b.cell.is_exercise]
        return OtherBinding(name, others[0].cell) if others else None

    def imported(
        self, chapter: Chapter, saved: Saved, use: Use, binding: ImportBinding
    ) -> "_Found | _PackageAlias | None":
        root, _, rest = binding.module.partition(".")
        if root == "":
            message = f"{saved.title} uses `{use.name}` from a relative import"
            self.problems.append(saved.problem(message))
            return None
        if not self.package.is_package(root):
            return _Found(self.import_text(chapter, saved, use, binding))
        if binding.attribute is None and (not rest or binding.alias is None):
            return _PackageAlias()
        if binding.attribute is None:
            owner, _, last = rest.rpartition(".")
            return self.found_member(self.in_module(saved, use, owner, last), last)
        if rest:
            member = self.in_module(saved, use, rest, binding.attribute)
            return self.found_member(member, binding.attribute)
        return self.found_member(self.member(saved, use, binding.attribute), binding.attribute)

    @staticmethod
    def found_member(member: Saved | Member | None, name: str) -> "_Found | None":
        return None if member is None else _Found(member, name)

    def import_text(self, chapter: Chapter, saved: Saved, use: Use, binding: ImportBinding) -> str:
        """The import statements that `use` needs: `import a` and `import a.b` both bind `a`."""
        if binding.attribute is not None or binding.alias is not None:
            return binding.text
        number = saved.marked.cell.number
        plain = [
            other
            for other in chapter.bindings[use.name]
            if isinstance(other, ImportBinding)
            and other.attribute is None
            and other.alias is None
            and other.cell.number <= number
        ]
        needed = {other.text for other in plain if f"{use.chain}.".startswith(f"{other.module}.")}
        return "\n".join(sorted(needed or {other.text for other in plain}))

    # The package's own names

    def package_use(self, saved: Saved, use: Use) -> Saved | Member | None:
        if use.attribute is None:
            message = (
                f"{saved.title} uses `{use.name}` as a whole: a saved module can only use "
                f"single names of the package, `{use.name}.name`"
            )
        elif use.stores:
            message = f"{saved.title} assigns to `{use.chain}`, a name of the package"
        elif use.echoed:
            message = (
                f"`{use.chain}` in an f-string with `=` would print another text: write it out"
            )
        else:
            return self.member(saved, use, use.attribute.attr.value)
        self.problems.append(saved.problem(message))
        return None

    def member(self, saved: Saved, use: Use, name: str) -> Saved | Member | None:
        owner = self.owners.get(name)
        if owner is not None and is_public(name):
            return self.in_order(saved, use, owner, name)
        if name in self.package.names:
            return Member(self.package.names[name], name)
        if name in self.package.submodules or self.package.is_handwritten(name):
            return Member("", name)
        message = (
            f"{saved.title} uses `{use.chain}`, but neither a chapter nor the package has `{name}`"
        )
        if name in self.modules:
            message = f"{saved.title} uses the module `{name}`: use the names that it holds"
        self.problems.append(saved.problem(message))
        return None

    def in_module(self, saved: Saved, use: Use, module: str, name: str) -> Saved | Member | None:
        """`name` of a module of the package, `from d2lhelpers.module import name`."""
        if module in self.modules:
            for owner in self.modules[module].saved:
                if name in owner.names:
                    return self.in_order(saved, use, owner, name)
        elif module:
            return Member(module, name)
        return self.member(saved, use, name)

    def in_order(self, saved: Saved, use: Use, owner: Saved, name: str) -> Saved | None:
        if owner.notebook.order > saved.notebook.order:
            message = (
                f"{saved.title} uses `{name}`, which only the later {owner.notebook.name} saves"
            )
            self.problems.append(saved.problem(message + f" ({owner.place()})"))
            return None
        return owner

    # Names in the module

    def need(self, saved: Saved, use: Use, local: str, meaning: Meaning, name: str) -> None:
        """Make `local` mean `meaning` in the module of `saved`, by an import where that is needed.

        `name` is what the owner of the meaning calls it.
        """
        if isinstance(meaning, Saved):
            self.check_defined(saved, meaning, use)
        module = self.modules[saved.module]
        known, first = self.meanings[saved.module].setdefault(local, (meaning, saved))
        if isinstance(known, str) and isinstance(meaning, str) and known and meaning:
            if _only_plain(known) and _only_plain(meaning):
                known = meaning  # `import a` and `import a.b` agree on what `a` is
        elif isinstance(known, Saved) and known.is_import and isinstance(meaning, str):
            copied = [line for line in meaning.split("\n") if line not in known.import_texts()]
            if all(map(_only_plain, [*copied, *known.import_texts()])) or not copied:
                module.imports.update(copied)
                return
        if _twins(known, meaning, local):
            return  # saved twice, which has been reported
        if known != meaning:
            message = (
                f"`{local}` means {_spell(meaning, local)} here, but {_spell(known, local)} "
                f"for {first.title} in the same module {saved.module} ({first.place()})"
            )
            self.problems.append(saved.problem(message))
        elif isinstance(meaning, str):
            module.imports.update(meaning.split("\n") if meaning else ())
        elif isinstance(meaning, Member):
            module.imports.add(meaning.as_import(local))
        elif meaning.module != saved.module:
            module.imports.add(Member(meaning.module, name).as_import(local))
            self.edges[saved.module].setdefault(meaning.module, saved)

    def check_defined(self, saved: Saved, owner: Saved, use: Use | None) -> None:
        if use is not None and use.eager and owner.key > saved.key:
            message = (
                f"{saved.title} uses `{use.chain}` while its module is imported, "
                f"but it is defined only later, in {owner.place()}"
            )
            self.problems.append(saved.problem(message))

    def rebinding(self, chapter: Chapter, saved: Saved, name: str, node: cst.CSTNode) -> None:
        owner = self.in_chapter.get((saved.notebook.order, name))
        if owner is not None and owner.module == saved.module:
            return
        if owner is None and name not in chapter.bindings:
            return  # the function itself creates the global
        why = "another module owns" if owner is not None else "is not saved"
        message = f"{saved.title} rebinds the global `{name}`, which {why}"
        self.problems.append(saved.problem(message))

    def write_references(self, pending: list[tuple[Saved, Use, Saved | Member]]) -> None:
        """Choose a bare name for each `d2l.name`, one that nothing else in the module has."""
        groups: dict[tuple[str, str, Saved | Member], list[tuple[Saved, Use]]] = defaultdict(list)
        for saved, use, target in pending:
            assert use.attribute is not None
            groups[saved.module, use.attribute.attr.value, target].append((saved, use))
        for (module, name, target), uses in groups.items():
            meanings = self.meanings[module]
            inner: set[str] = set()
            for saved in self.modules[module].saved:
                inner |= saved.analysis.inner | saved.analysis.rebound.keys()
            local, wanted = name, target
            here = isinstance(target, Saved) and target.module == module
            while local in inner or (local in meanings and meanings[local][0] != wanted):
                if here:
                    for hidden in (s for s, _ in uses if name in s.analysis.inner):
                        message = f"{hidden.title} uses `d2l.{name}` beside a local `{name}`"
                        self.problems.append(hidden.problem(f"{message}: rename the local"))
                    break
                local = f"d2l_{name}" if local == name else f"{local}_"
            for user, use in uses:
                self.need(user, use, local, target, name)
                if use.string is not None:
                    renames = user.string_renames.setdefault(use.string, {})
                    renames[f"{use.name}.{name}"] = local
                elif use.attribute is not None:
                    user.renames[use.attribute] = local

    # The package as a whole

    def check_submodule_names(self) -> None:
        """Saved names and other generated modules: one would hide the other."""
        for name, saved in self.owners.items():
            if is_public(name) and name in self.modules and saved.module != name:
                message = f"`{name}` is already a module of the package, the one of "
                message += self.modules[name].notebooks[0].name
                self.problems.append(saved.problem(message))
        folded: dict[str, str] = {}
        for name, module in self.modules.items():
            other = folded.setdefault(name.casefold(), name)
            if other != name:
                message = f"the modules {name} and {other} differ only in upper and lower case"
                self.problems.append(module.saved[0].problem(message))

    def check_cycles(self) -> None:
        done: set[str] = set()

        def walk(module: str, path: list[str]) -> None:
            if module in path:
                circle = [*path[path.index(module) :], module]
                saved = self.edges[circle[-2]][module]
                message = f"the modules import each other in a circle: {' -> '.join(circle)}"
                self.problems.append(saved.problem(message))
            elif module not in done:
                for target in sorted(self.edges[module]):
                    walk(target, [*path, module])
                done.add(module)

        for module in sorted(self.modules):
            walk(module, [])


@dataclass(frozen=True)
class _Found:
    """What a name means; `name` is what its owner calls it."""

    value: Meaning
    name: str = ""


class _PackageAlias:
    """The name stands for the package itself, `d2l`."""


def _twins(known: Meaning | None, meaning: Meaning, name: str) -> bool:
    if not isinstance(known, Saved) or not isinstance(meaning, Saved) or known is meaning:
        return False
    return name in known.names and name in meaning.names


def _only_plain(text: str) -> bool:
    return all(line.startswith("import ") and " as " not in line for line in text.split("\n"))


def _spell(meaning: Meaning | None, local: str) -> str:
    if isinstance(meaning, Saved):
        return f"what {meaning.notebook.name} saves"
    if isinstance(meaning, Member):
        return f"`{meaning.as_import(local)}`"
    return f"`{meaning}`" if meaning else "Python's builtin"


def resolve(chapters: list[Chapter], package: Package) -> tuple[dict[str, Module], list[Problem]]:
    """The modules to be written, by name, and everything that is wrong."""
    resolver = _Resolver(chapters, package)
    modules = resolver.run()
    return modules, resolver.problems
