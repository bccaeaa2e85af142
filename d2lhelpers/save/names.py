"""Which module-level names a statement uses and binds, worked out on the libcst tree.

libcst's own ScopeProvider misses match captures, walrus targets in comprehensions and `global`, and
does not say when a name is looked up; a saved statement needs all of these. The tests compare the
result with CPython's `symtable` on modules of the standard library.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import libcst as cst


@dataclass(frozen=True, eq=False)
class Use:
    """One look-up of a module-level name.

    `chain` is the dotted name as far as it is plain (`torch.nn.functional`), `attribute` the
    innermost attribute access on the name, `string` the string annotation that holds the look-up.
    `eager` look-ups happen while the module is imported. `stores`: the attribute itself is assigned
    or deleted; `echoed`: the look-up stands in `f"{...=}"`; `bound_before`: the same statement has
    bound the name already.
    """

    name: str
    node: cst.Name
    chain: str
    eager: bool
    attribute: cst.Attribute | None = None
    string: cst.SimpleString | None = None
    stores: bool = False
    echoed: bool = False
    bound_before: bool = False


@dataclass
class Analysis:
    """What one or more statements use and bind at module level.

    `bound` maps each name bound at module level to the node that binds it first; `rebound` are
    names that a function assigns through `global`; `inner` are all names bound in nested scopes.
    """

    uses: list[Use] = field(default_factory=list)
    bound: dict[str, cst.CSTNode] = field(default_factory=dict)
    rebound: dict[str, cst.CSTNode] = field(default_factory=dict)
    inner: set[str] = field(default_factory=set)
    star_imports: list[cst.ImportFrom] = field(default_factory=list)


class _Scope:
    def __init__(self, kind: str, parent: "_Scope | None") -> None:
        self.kind = kind  # module, function, class, comprehension or annotation
        self.parent = parent
        self.bound: dict[str, int] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()

    def reaches_module(self, name: str, moment: int, from_function: bool = False) -> bool:
        """Whether a look-up of `name` made at `moment` in this scope ends at module level."""
        if self.kind == "module" or name in self.globals:
            return True
        assert self.parent is not None
        if name in self.bound and name not in self.nonlocals:
            # A class body looks up its own names first, then the module's, in order of execution.
            return self.kind == "class" and moment < self.bound[name]
        outer = self.parent
        # Functions and comprehensions do not see the names of the class around them.
        from_function = from_function or self.kind in ("function", "comprehension")
        while from_function and outer.kind == "class" and outer.parent is not None:
            outer = outer.parent
        return outer.reaches_module(name, moment, from_function and outer.kind == "annotation")


class _Visitor(cst.CSTVisitor):
    def __init__(self, lazy_annotations: bool) -> None:
        super().__init__()
        self.lazy_annotations = lazy_annotations
        self.module = _Scope("module", None)
        self.scope = self.module
        self.result = Analysis()
        self.moment = 0
        self.deferred = 0
        self.annotation = 0
        self.string: cst.SimpleString | None = None
        self.echoed = False
        self.chains: list[cst.Attribute] = []
        self.loads: list[tuple[_Scope, int, Use]] = []

    # Scopes, moments and bindings

    @contextmanager
    def inside(self, kind: str) -> Iterator[_Scope]:
        outer, self.scope = self.scope, _Scope(kind, self.scope)
        try:
            yield self.scope
        finally:
            self.scope = outer

    @contextmanager
    def postponed(self, postpone: bool = True) -> Iterator[None]:
        self.deferred += postpone
        try:
            yield
        finally:
            self.deferred -= postpone

    def tick(self) -> int:
        self.moment += 1
        return self.moment

    def bind(self, name: str, node: cst.CSTNode, scope: _Scope | None = None) -> None:
        scope = scope or self.scope
        moment = self.tick()
        if scope.kind == "module":
            self.result.bound.setdefault(name, node)
        else:
            scope.bound.setdefault(name, moment)
            if name in scope.globals:
                self.result.rebound.setdefault(name, node)
            else:
                self.result.inner.add(name)

    def bind_target(self, target: cst.BaseExpression) -> None:
        if isinstance(target, cst.Name):
            self.bind(target.value, target)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self.bind_target(element.value)
        elif isinstance(target, cst.StarredElement):
            self.bind_target(target.value)
        elif isinstance(target, cst.Attribute):
            self.load_attribute(target, stores=True)
        else:
            target.visit(self)

    def load(self, node: cst.Name, stores: bool = False) -> None:
        if node.value in ("None", "True", "False"):  # names to libcst, keywords to Python
            return
        attribute = self.chains[-1] if self.chains else None
        parts = [node.value, *(a.attr.value for a in reversed(self.chains))]
        use = Use(
            name=node.value,
            node=node,
            chain=".".join(parts),
            eager=self.deferred == 0,
            attribute=attribute,
            string=self.string,
            stores=stores and len(self.chains) == 1,
            echoed=self.echoed,
            bound_before=node.value in self.result.bound,
        )
        self.loads.append((self.scope, self.tick(), use))

    def load_attribute(self, node: cst.Attribute, stores: bool = False) -> None:
        self.chains.append(node)
        value = node.value
        if isinstance(value, cst.Name):
            self.load(value, stores)
        elif isinstance(value, cst.Attribute):
            self.load_attribute(value, stores)
        else:
            held, self.chains = self.chains, []
            value.visit(self)
            self.chains = held
        self.chains.pop()

    def finish(self) -> Analysis:
        for scope, moment, use in self.loads:
            if scope.reaches_module(use.name, moment):
                self.result.uses.append(use)
        return self.result

    # Expressions

    def visit_Name(self, node: cst.Name) -> bool:
        self.load(node)
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        self.load_attribute(node)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Call(self, node: cst.Call) -> bool:
        node.func.visit(self)
        held, self.annotation = self.annotation, 0  # strings in `Field("a text")` are not types
        for argument in node.args:
            argument.visit(self)
        self.annotation = held
        return False

    def visit_NamedExpr(self, node: cst.NamedExpr) -> bool:
        node.value.visit(self)
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        if isinstance(node.target, cst.Name):
            self.bind(node.target.value, node.target, scope)
        return False

    def visit_FormattedStringExpression(self, node: cst.FormattedStringExpression) -> bool:
        held, self.echoed = self.echoed, self.echoed or node.equal is not None
        node.expression.visit(self)
        self.echoed = held
        for part in node.format_spec or ():
            part.visit(self)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        self.visit_defaults(node.params)
        with self.postponed(), self.inside("function"):
            self.bind_params(node.params)
            node.body.visit(self)
        return False

    def visit_ListComp(self, node: cst.ListComp) -> bool:
        return self.comprehension(node.for_in, [node.elt])

    def visit_SetComp(self, node: cst.SetComp) -> bool:
        return self.comprehension(node.for_in, [node.elt])

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> bool:
        # Almost every generator expression is consumed where it stands (`sum(... for ...)`).
        return self.comprehension(node.for_in, [node.elt])

    def visit_DictComp(self, node: cst.DictComp) -> bool:
        return self.comprehension(node.for_in, [node.key, node.value])

    def comprehension(self, for_in: cst.CompFor, values: Sequence[cst.BaseExpression]) -> bool:
        for_in.iter.visit(self)
        with self.inside("comprehension"):
            part: cst.CompFor | None = for_in
            while part is not None:
                if part is not for_in:
                    part.iter.visit(self)
                self.bind_target(part.target)
                for condition in part.ifs:
                    condition.visit(self)
                part = part.inner_for_in
            for value in values:
                value.visit(self)
        return False

    # Annotations

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        self.visit_annotation(node)
        return False

    def visit_annotation(self, node: cst.Annotation | None, evaluated: bool = True) -> None:
        if node is None:
            return
        self.annotation += 1
        with self.postponed(self.lazy_annotations or not evaluated):
            node.annotation.visit(self)
        self.annotation -= 1

    def visit_Subscript(self, node: cst.Subscript) -> bool:
        node.value.visit(self)
        head = node.value.attr if isinstance(node.value, cst.Attribute) else node.value
        kind = head.value if self.annotation and isinstance(head, cst.Name) else ""
        held = self.annotation
        for number, element in enumerate(node.slice):
            # Strings in `Literal["sum"]` and after the first argument of `Annotated` are not types.
            if kind == "Literal" or (kind == "Annotated" and number > 0):
                self.annotation = 0
            element.visit(self)
        self.annotation = held
        return False

    def visit_SimpleString(self, node: cst.SimpleString) -> bool:
        value = node.evaluated_value if self.annotation else None
        if isinstance(value, str):
            try:
                expression = cst.parse_expression(value.strip())
            except cst.ParserSyntaxError:
                return False
            held, self.string = self.string, self.string or node
            with self.postponed():
                expression.visit(self)
            self.string = held
        return False

    # Definitions

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        for decorator in node.decorators:
            decorator.decorator.visit(self)
        self.visit_defaults(node.params)
        with self.type_parameters(node.type_parameters):
            for param in _params(node.params):
                self.visit_annotation(param.annotation)
            self.visit_annotation(node.returns)
            with self.postponed(), self.inside("function"):
                self.bind_params(node.params)
                self.body(node.body)
        self.bind(node.name.value, node.name)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        for decorator in node.decorators:
            decorator.decorator.visit(self)
        with self.type_parameters(node.type_parameters):
            for argument in (*node.bases, *node.keywords):
                argument.visit(self)
            with self.inside("class"):
                self.body(node.body)
        self.bind(node.name.value, node.name)
        return False

    def visit_TypeAlias(self, node: cst.TypeAlias) -> bool:
        with self.type_parameters(node.type_parameters, always=True), self.postponed():
            node.value.visit(self)
        self.bind(node.name.value, node.name)
        return False

    @contextmanager
    def type_parameters(
        self, node: cst.TypeParameters | None, always: bool = False
    ) -> Iterator[None]:
        if node is None and not always:
            yield
            return
        with self.inside("annotation"):
            for parameter in node.params if node else ():
                self.bind(parameter.param.name.value, parameter.param.name)
            for parameter in node.params if node else ():
                bound = getattr(parameter.param, "bound", None)
                for expression in (bound, parameter.default):
                    if expression is not None:
                        with self.postponed():
                            expression.visit(self)
            yield

    def visit_defaults(self, params: cst.Parameters) -> None:
        for param in _params(params):
            if param.default is not None:
                param.default.visit(self)

    def bind_params(self, params: cst.Parameters) -> None:
        for param in _params(params):
            self.bind(param.name.value, param.name)

    def body(self, body: cst.BaseSuite) -> None:
        if self.scope.kind in ("function", "class"):
            # `global` holds for its whole scope, whatever stands above it is a syntax error.
            finder = _Declarations()
            body.visit(finder)
            self.scope.globals |= finder.globals
            self.scope.nonlocals |= finder.nonlocals
        for statement in body.body:
            statement.visit(self)

    def visit_Global(self, node: cst.Global) -> bool:
        return False

    def visit_Nonlocal(self, node: cst.Nonlocal) -> bool:
        return False

    # Statements that bind names

    def visit_Assign(self, node: cst.Assign) -> bool:
        node.value.visit(self)
        for target in node.targets:
            self.bind_target(target.target)
        return False

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:
        # CPython does not evaluate annotations of local variables.
        self.visit_annotation(node.annotation, evaluated=self.scope.kind in ("module", "class"))
        if node.value is not None:
            node.value.visit(self)
            self.bind_target(node.target)
        elif not isinstance(node.target, cst.Name):
            node.target.visit(self)
        elif self.scope.kind != "module":
            self.bind_target(node.target)  # `x: int` makes x local, without a value
        return False

    def visit_AugAssign(self, node: cst.AugAssign) -> bool:
        if isinstance(node.target, cst.Name):
            self.load(node.target)
        node.value.visit(self)
        self.bind_target(node.target)
        return False

    def visit_Del(self, node: cst.Del) -> bool:
        # `del x` makes x local like an assignment does.
        self.bind_target(node.target)
        return False

    def visit_For(self, node: cst.For) -> bool:
        node.iter.visit(self)
        self.bind_target(node.target)
        node.body.visit(self)
        if node.orelse is not None:
            node.orelse.visit(self)
        return False

    def visit_WithItem(self, node: cst.WithItem) -> bool:
        node.item.visit(self)
        if node.asname is not None:
            self.bind_target(node.asname.name)
        return False

    def visit_ExceptHandler(self, node: cst.ExceptHandler) -> bool:
        return self.handler(node)

    def visit_ExceptStarHandler(self, node: cst.ExceptStarHandler) -> bool:
        return self.handler(node)

    def handler(self, node: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
        if node.type is not None:
            node.type.visit(self)
        if node.name is not None:
            self.bind_target(node.name.name)
        node.body.visit(self)
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            self.bind(bound_name(alias), alias)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        if isinstance(node.names, cst.ImportStar):
            self.result.star_imports.append(node)
        else:
            for alias in node.names:
                self.bind(bound_name(alias), alias)
        return False

    # Patterns

    def visit_MatchAs(self, node: cst.MatchAs) -> bool:
        if node.pattern is not None:
            node.pattern.visit(self)
        if node.name is not None:
            self.bind(node.name.value, node.name)
        return False

    def visit_MatchStar(self, node: cst.MatchStar) -> bool:
        if node.name is not None:
            self.bind(node.name.value, node.name)
        return False

    def visit_MatchMapping(self, node: cst.MatchMapping) -> bool:
        for element in node.elements:
            element.key.visit(self)
            element.pattern.visit(self)
        if node.rest is not None:
            self.bind(node.rest.value, node.rest)
        return False

    def visit_MatchKeywordElement(self, node: cst.MatchKeywordElement) -> bool:
        node.pattern.visit(self)
        return False


class _Declarations(cst.CSTVisitor):
    """Finds the `global` and `nonlocal` names of one scope, not of the scopes inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_Global(self, node: cst.Global) -> bool:
        self.globals.update(item.name.value for item in node.names)
        return False

    def visit_Nonlocal(self, node: cst.Nonlocal) -> bool:
        self.nonlocals.update(item.name.value for item in node.names)
        return False


def _params(params: cst.Parameters) -> list[cst.Param]:
    stars = [p for p in (params.star_arg, params.star_kwarg) if isinstance(p, cst.Param)]
    return [*params.posonly_params, *params.params, *params.kwonly_params, *stars]


def dotted(node: cst.BaseExpression) -> str:
    """`a.b.c` of a Name or of nested Attributes."""
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    assert isinstance(node, cst.Name)
    return node.value


def bound_name(alias: cst.ImportAlias) -> str:
    """The name that an import binds: `np` for `numpy as np`, `os` for `os.path`."""
    if alias.asname is not None:
        return dotted(alias.asname.name)
    return dotted(alias.name).split(".")[0]


def analyze(*statements: cst.CSTNode, lazy_annotations: bool = False) -> Analysis:
    """Module-level uses and bindings of statements, read as the top level of a module.

    `lazy_annotations` says that `from __future__ import annotations` is in force.
    """
    visitor = _Visitor(lazy_annotations)
    for statement in statements:
        statement.visit(visitor)
    return visitor.finish()
