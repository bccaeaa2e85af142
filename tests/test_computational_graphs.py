"""The engine and the drawing that chapter 12 saves: `Value`, `draw_graph`."""

import ast
import copy
import gc
import inspect
import math
import pickle
import random
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import d2lhelpers as d2l
from d2lhelpers import computational_graphs
from d2lhelpers.computational_graphs import GraphNode, Value, layered_places, topological_order

BINARY = ["+", "-", "*", "/"]
UNARY = [
    "neg",
    "relu",
    "tanh",
    "exp",
    "**2",
    "**3",
    "**-1",
    "**0",
    "**0.5",
    "2+",
    "3-",
    "-2*",
    "1/",
]


def apply(name, x, y=None):
    """One operation, on values, tensors or floats."""
    functions = {
        "+": lambda: x + y,
        "-": lambda: x - y,
        "*": lambda: x * y,
        "/": lambda: x / y,
        "neg": lambda: -x,
        "relu": lambda: x.relu(),
        "tanh": lambda: x.tanh(),
        "exp": lambda: x.exp(),
        "2+": lambda: 2 + x,
        "3-": lambda: 3 - x,
        "-2*": lambda: -2 * x,
        "1/": lambda: 1 / x,
    }
    if name.startswith("**"):
        return x ** float(name[2:])
    return functions[name]()


# A program: each line is an operation on earlier results, chosen by position from the end.
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(BINARY + UNARY), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=25,
)
INPUTS = st.lists(st.floats(-3, 3), min_size=1, max_size=4)


def run(program, numbers):
    """All values of the program; a line whose numbers would be too large or undefined is left out.

    `numbers` are tensors: they decide which lines are left out.
    """
    kept, known = [], list(numbers)
    for name, i, j in program:
        x, y = known[-1 - i % len(known)], known[-1 - j % len(known)]
        if name in ("/",) and abs(y.item()) < 0.05:
            continue
        if name in ("1/", "**-1") and abs(x.item()) < 0.05:
            continue
        if name == "**0.5" and x.item() < 0.05:
            continue
        result = apply(name, x, y)
        if abs(result.item()) > 1e4:
            continue
        kept.append((name, i, j))
        known.append(result)
    return kept, known


@given(program=PROGRAMS, inputs=INPUTS)
@settings(max_examples=300, deadline=None)
def test_random_graphs_agree_with_pytorch(program, inputs):
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    kept, theirs = run(program, tensors)
    ours = [Value(x) for x in inputs]
    for name, i, j in kept:
        ours.append(apply(name, ours[-1 - i % len(ours)], ours[-1 - j % len(ours)]))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.data == pytest.approx(other.item(), rel=1e-9, abs=1e-12)
    for other in theirs[len(inputs) :]:
        other.retain_grad()
    if not theirs[-1].requires_grad:
        return
    theirs[-1].backward()
    ours[-1].backward()
    scale = max(abs(t.grad.item()) for t in theirs if t.grad is not None)
    for mine, other in zip(ours, theirs, strict=True):
        wanted = 0.0 if other.grad is None else other.grad.item()
        assert mine.grad == pytest.approx(wanted, rel=1e-8, abs=1e-11 * scale)


@given(program=PROGRAMS, inputs=INPUTS)
@settings(max_examples=60, deadline=None)
def test_random_smooth_graphs_agree_with_differences(program, inputs):
    program = [line for line in program if line[0] not in ("relu", "**0.5")]
    kept, _ = run(program, [torch.tensor(x, dtype=torch.float64) for x in inputs])

    def result(numbers):
        known = list(numbers)
        for name, i, j in kept:
            known.append(apply(name, known[-1 - i % len(known)], known[-1 - j % len(known)]))
        return known[-1]

    at = torch.tensor(inputs, dtype=torch.float64)
    # A tensor of shape () for each input: plain numbers have no `tanh`.
    numerical = d2l.numerical_gradient(lambda x: result(list(x.unbind())), at, h=1e-6)
    values = [Value(x) for x in inputs]
    result(values).backward()
    found = torch.tensor([v.grad for v in values], dtype=torch.float64)
    if found.abs().max() < 1e5:  # steeper ones are beyond what differences can measure
        torch.testing.assert_close(numerical, found, rtol=1e-3, atol=1e-3)


# ---- The interface -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compute", "value", "gradient"),
    [
        (lambda a: a + 2, 5, 1),
        (lambda a: 2 + a, 5, 1),
        (lambda a: a - 2, 1, 1),
        (lambda a: 2 - a, -1, -1),
        (lambda a: a * 2, 6, 2),
        (lambda a: 2 * a, 6, 2),
        (lambda a: a / 2, 1.5, 0.5),
        (lambda a: 2 / a, 2 / 3, -2 / 9),
        (lambda a: a**2, 9, 6),
        (lambda a: a**-1, 1 / 3, -1 / 9),
        (lambda a: a**0, 1, 0),
        (lambda a: -a, -3, -1),
        (lambda a: a.relu(), 3, 1),
        (lambda a: (-a).relu(), 0, 0),
        (lambda a: a.exp(), math.exp(3), math.exp(3)),
        (lambda a: a.tanh(), math.tanh(3), 1 - math.tanh(3) ** 2),
        (lambda a: sum([a, a, a]), 9, 3),
        (lambda a: a - a, 0, 0),
        (lambda a: a / a, 1, 0),
        (lambda a: a * a * a, 27, 27),
    ],
)
def test_each_operation_by_hand(compute, value, gradient):
    a = Value(3)
    result = compute(a)
    assert type(result) is Value
    result.backward()
    assert result.data == pytest.approx(value)
    assert a.grad == pytest.approx(gradient)


def test_plain_numbers_are_computed_with_in_full_precision():
    a = Value(0.1)
    product = a * np.float32(0.3)
    product.backward()
    assert type(product.data) is type(a.grad) is float
    assert product.data == 0.1 * float(np.float32(0.3)) and a.grad == float(np.float32(0.3))
    assert (Value(300) * np.float16(1000) * np.float16(2)).data == 600_000
    with pytest.raises(ZeroDivisionError):
        Value(1) / np.float64(0)


@pytest.mark.parametrize(
    "number",
    [2, 2.0, np.float64(2), np.float32(2), np.int64(2), Fraction(2)],
    ids=lambda x: type(x).__name__,
)
def test_numbers_of_every_kind_on_either_side(number):
    a = Value(number)
    assert type(a.data) is float
    for result, value, gradient in (
        (number + a, 4, 1),
        (a + number, 4, 1),
        (number - a, 0, -1),
        (a - number, 0, 1),
        (number * a, 4, 2),
        (a * number, 4, 2),
        (number / a, 1, -0.5),
        (a / number, 1, 0.5),
        (a**number, 4, 4),
    ):
        assert type(result) is Value and result.data == value
        a.grad = 0.0
        result.backward()
        assert a.grad == gradient
        assert [source for source, _ in result.edges] == [a]  # the number is no node


def test_the_graph_of_the_chapter():
    a, b, c = Value(5), Value(3), Value(2)
    v = b * c
    u = a + v
    J = 3 * u
    assert topological_order(J) == [a, b, c, v, u, J]
    assert [node.operation for node in (a, v, u, J)] == ["", "×", "+", "× 3"]
    J.backward()
    assert [node.grad for node in (J, u, v, a, b, c)] == [1, 3, 3, 3, 6, 9]
    assert repr(b) == "Value(data=3, grad=6)"


def test_operations_are_named_with_their_numbers():
    a = Value(2)
    results = [1 + a, a - 1, 1 / a, a**2, -a, a.relu(), a * a, a / 0.5]
    assert [r.operation for r in results] == [
        *("+ 1", "− 1", "1 /", "** 2", "neg", "relu", "×", "/ 0.5"),
    ]


def test_gradients_of_inputs_add_up_and_those_in_between_do_not():
    x = Value(3)
    u = x * x
    first, second = 2 * u, u + x
    first.backward()
    assert (x.grad, u.grad) == (12, 2)
    first.backward()
    assert (x.grad, u.grad, first.grad) == (24, 2, 1)
    second.backward()
    assert (x.grad, u.grad) == (31, 1)
    x.grad = 0.0
    x.backward()  # an input is its own derivative
    x.backward()
    assert x.grad == 2


def test_relu_at_the_kink_and_beyond():
    for number in (0.0, -0.0, -1.0, 2.0):
        ours, theirs = Value(number), torch.tensor(number, requires_grad=True)
        ours.relu().backward()
        theirs.relu().backward()
        assert ours.grad == theirs.grad.item()
    assert math.isnan(Value(math.nan).relu().data)  # not hidden


def test_extreme_numbers_as_in_pytorch():
    for number in (1e-200, 1e200, -1e200, math.inf):
        ours, theirs = Value(2.0), torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        (ours / number).backward()
        (theirs / number).backward()
        assert ours.grad == theirs.grad.item()
        ours, theirs = Value(number), torch.tensor(number, dtype=torch.float64, requires_grad=True)
        (1 / ours).backward()
        (1 / theirs).backward()
        assert ours.grad == pytest.approx(theirs.grad.item())
        assert ours.tanh().data == torch.tanh(theirs).item()


def test_slopes_are_those_of_the_time_of_the_computation():
    a, b = Value(2), Value(5)
    y = a * b
    b.data = 100.0
    y.backward()
    assert (y.data, a.grad) == (10, 5)


def test_values_are_compared_and_hashed_by_identity():
    a, b = Value(1), Value(1)
    assert a != b and len({a, b}) == 2


def test_copies_are_graphs_of_their_own():
    a = Value(2)
    y = a * a + 1
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        twin.backward()
        assert topological_order(twin)[0].grad == 4
    assert a.grad == 0


# ---- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["2", None, [2.0], True, 2j, {}, np.ones(2), torch.ones(2)])
def test_values_hold_real_numbers(bad):
    with pytest.raises(TypeError, match="Value: data must be a number, got"):
        Value(bad)


@pytest.mark.parametrize("bad", ["2", None, [2.0], True, 2j, torch.ones(2)])
@pytest.mark.parametrize("sign", ["+", "-", "*", "/"])
def test_other_operands_are_refused_by_python(bad, sign):
    a = Value(2)
    with pytest.raises(TypeError, match="Value"):
        apply(sign, a, bad)
    with pytest.raises(TypeError, match="Value"):
        apply(sign, bad, a)


def test_another_class_may_answer():
    class Friend:
        def __radd__(self, other):
            return ("added", other.data)

    assert Value(2) + Friend() == ("added", 2.0)


def test_exponents_are_numbers():
    a = Value(2)
    with pytest.raises(TypeError, match=r"Value \*\* Value: the exponent must be a plain number"):
        a**a
    for wrong in ("2", None, [2]):
        with pytest.raises(TypeError, match="unsupported operand"):
            a**wrong
    with pytest.raises(TypeError, match="unsupported operand"):
        2**a


@pytest.mark.parametrize(
    ("compute", "error"),
    [
        (lambda: Value(0) ** -1, ZeroDivisionError),
        (lambda: Value(1) / 0, ZeroDivisionError),
        (lambda: 1 / Value(0), ZeroDivisionError),
        (lambda: Value(0) ** 0.5, ZeroDivisionError),  # 0, but with an infinite slope
        (lambda: Value(-8) ** 0.5, TypeError),  # a complex number in Python
        (lambda: Value(1000).exp(), OverflowError),
        (lambda: Value(1e200) ** 2, OverflowError),
    ],
)
def test_arithmetic_errors_are_pythons(compute, error):
    with pytest.raises(error):
        compute()


@pytest.mark.parametrize("exponent", [0, 1, 2, 2.5])
def test_powers_of_zero_have_a_slope(exponent):
    ours, theirs = Value(0), torch.tensor(0.0, requires_grad=True)
    (ours**exponent).backward()
    (theirs**exponent).backward()
    assert ours.grad == theirs.grad.item()


# ---- Order, length and cost ----------------------------------------------------------------------


@given(program=PROGRAMS, inputs=INPUTS)
@settings(max_examples=60, deadline=None)
def test_order_holds_each_node_once_and_after_its_sources(program, inputs):
    kept, _ = run(program, [torch.tensor(x, dtype=torch.float64) for x in inputs])
    known = [Value(x) for x in inputs]
    for name, i, j in kept:
        known.append(apply(name, known[-1 - i % len(known)], known[-1 - j % len(known)]))
    order = topological_order(known[-1])
    place = {node: k for k, node in enumerate(order)}
    assert len(place) == len(order) and order[-1] is known[-1]
    for node in order:
        assert all(place[source] < place[node] for source, _ in node.edges)


def test_a_hundred_thousand_steps_and_their_end():
    for close_the_ring in (False, True):
        x = Value(1)
        y = x
        for _ in range(100_000):
            y = y + x
        y.backward()
        assert x.grad == 100_001
        if close_the_ring:  # then only the garbage collector can free it
            x.owner = y
        del x, y
        gc.collect()


def test_a_graph_without_cycles_needs_no_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        before = sum(type(thing) is Value for thing in gc.get_objects())
        y = Value(2)
        for _ in range(100):
            y = (y * 1.1).tanh() + y
        y.backward()
        del y
        assert sum(type(thing) is Value for thing in gc.get_objects()) == before
    finally:
        gc.enable()


def test_sixty_doublings_take_sixty_steps():
    x = Value(1)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60 and len(topological_order(y)) == 61


def test_order_takes_nodes_of_another_class():
    class Node:  # as a reader's own engine has it
        def __init__(self, *sources):
            self.edges = [(source, 1.0) for source in sources]

    a, b = Node(), Node()
    c = Node(a, b, a)
    d = Node(c, a)
    assert topological_order(d) == [a, b, c, d]


@pytest.mark.parametrize("bad", ["y", 3.0, None, torch.ones(1)])
def test_order_wants_a_value(bad):
    with pytest.raises(TypeError, match="topological_order: a Value was wanted, got"):
        topological_order(bad)


def test_the_engine_is_under_a_hundred_lines():
    tree = ast.parse(inspect.getsource(computational_graphs))
    pieces = {"topological_order", "GraphNode", "VALUE_RULES", "Value", "apply_rule"}
    lines = 0
    for statement in tree.body:
        target = getattr(statement, "target", None)
        if getattr(statement, "name", getattr(target, "id", "")) not in pieces:
            continue
        pieces.discard(getattr(statement, "name", getattr(target, "id", "")))
        for part in ast.walk(statement):
            if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part):
                part.body = part.body[1:] or [ast.Pass()]
        lines += len(ast.unparse(statement).splitlines())
    assert not pieces
    assert lines < 100


# ---- Drawing -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def example():
    a, b, c = Value(5), Value(3), Value(2)
    J = 3 * (a + b * c)
    J.backward()
    return J, {"a": a, "b": b, "c": c, "J": J}


def test_drawing_shows_names_values_gradients_and_slopes():
    J, names = example()
    d2l.draw_graph(J, names)
    axes = plt.gca()
    assert sum(isinstance(p, FancyBboxPatch) for p in axes.patches) == 6
    assert sum(isinstance(p, FancyArrowPatch) for p in axes.patches) == 5
    found = texts(axes)
    for wanted in ("a", "b", "c", "×", "+", "J  × 3", "value 33", "grad 6", "grad 9"):
        assert wanted in found
    assert sorted(found[:5]) == ["1", "1", "2", "3", "3"]


def test_drawing_in_given_axes_changes_nothing_else():
    figure, (left, right) = plt.subplots(1, 2)
    J, names = example()
    before = [(node.data, node.grad) for node in topological_order(J)]
    d2l.draw_graph(J, axes=right)
    assert plt.get_fignums() == [figure.number]
    assert texts(right) and not texts(left)
    assert [(node.data, node.grad) for node in topological_order(J)] == before


def test_an_operand_used_twice_has_one_arrow_with_both_slopes():
    x = Value(-4)
    d2l.draw_graph(x * x)
    assert "−4 + −4" in texts(plt.gca())
    assert sum(isinstance(p, FancyArrowPatch) for p in plt.gca().patches) == 1


def test_a_lone_input_can_be_drawn():
    d2l.draw_graph(Value(1.5))
    assert texts(plt.gca()) == ["input", "value 1.5", "grad 0"]


def test_the_same_graph_is_drawn_the_same_every_time():
    pictures = []
    for _ in range(2):
        J, names = example()
        d2l.draw_graph(J, names)
        pictures.append([(t.get_text(), *t.get_position()) for t in plt.gca().texts])
    assert pictures[0] == pictures[1]


def random_graph(seed):
    """A graph of at most 30 nodes in which many arrows skip columns."""
    rng = random.Random(seed)
    known = [Value(k) for k in range(rng.randint(1, 5))]
    for _ in range(rng.randint(1, 25)):
        known.append(rng.choice(known[-4:]) + rng.choice(known))
    return topological_order(known[-1])


@pytest.mark.parametrize("seed", range(40))
def test_places_run_to_the_right_and_never_coincide(seed):
    order = random_graph(seed)
    places, routes = layered_places(order)
    assert set(places) == {id(node) for node in order}
    assert min(column for column, _ in places.values()) == 0
    points = [*places.values(), *(p for route in routes.values() for p in route[1:-1])]
    assert min(row for _, row in points) == 0
    for k, (column, row) in enumerate(points):  # boxes and passing arrows keep a row apart
        assert all(c != column or abs(r - row) > 1 - 1e-9 for c, r in points[:k])
    for node in order:
        for source, _ in node.edges:
            route = routes[id(source), id(node)]
            assert (route[0], route[-1]) == (places[id(source)], places[id(node)])
            assert [column for column, _ in route] == [
                route[0][0] + k for k in range(int(route[-1][0] - route[0][0]) + 1)
            ]


def test_graphs_too_large_to_read_are_refused():
    wide = Value(1)
    for _ in range(7):
        wide = wide + 1
    with pytest.raises(ValueError, match="the graph has 8 columns and 1 rows"):
        d2l.draw_graph(wide)
    high = sum(Value(k) * 1 for k in range(9))
    with pytest.raises(ValueError, match="columns and"):
        d2l.draw_graph(high)
    huge = Value(1)
    for _ in range(10_000):
        huge = huge + 1
    with pytest.raises(ValueError, match="10001 values are too many to be read"):
        d2l.draw_graph(huge)
    assert plt.get_fignums() == []


def test_bad_arguments_of_draw_graph_are_named():
    J, names = example()
    with pytest.raises(TypeError, match="a Value was wanted, got float"):
        d2l.draw_graph(3.0)
    with pytest.raises(TypeError, match="names must be a dict, got list"):
        d2l.draw_graph(J, ["a"])
    for stranger in (Value(5), 5.0):
        with pytest.raises(ValueError, match="'x' is not a value that the result was computed"):
            d2l.draw_graph(J, {"x": stranger})
    assert plt.get_fignums() == []


def test_a_graph_node_alone_does_not_calculate():
    with pytest.raises(TypeError, match="unsupported operand"):
        GraphNode(1.0) + 1
