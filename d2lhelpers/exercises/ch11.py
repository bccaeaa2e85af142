"""Checks of chapter 11, Perceptrons and sigmoid neurons."""

import math
from itertools import product
from typing import Any

import torch

from .compare import without_autograd
from .registry import exercise, require


def step(z: torch.Tensor) -> torch.Tensor:
    return (z > 0).to(z.dtype)


def network(X, layers, activation) -> torch.Tensor:
    for W, b in layers:
        X = activation(X @ W + b)
    return X


def all_inputs(n: int) -> torch.Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=n)))


def _number(value: Any) -> float:
    """`value` as a number, of Python, NumPy or a tensor with one entry; NaN if it is none."""
    try:
        return float("nan" if isinstance(value, str) else value)
    except (TypeError, ValueError, RuntimeError):
        return float("nan")


@exercise("11.1")
def majority(answer) -> None:
    require(isinstance(answer, list | tuple) and len(answer) == 2, "weights and a bias are wanted")
    w = torch.as_tensor(answer[0], dtype=torch.float64).flatten()
    b = torch.as_tensor(answer[1], dtype=torch.float64)
    require(w.shape == (3,), f"{len(w)} weights came; three are wanted, one for each member")
    require(b.numel() == 1, "the bias is one number")
    for x in all_inputs(3).double():
        z, votes = float(x @ w + b), int(x.sum())
        who = ", ".join(str(int(value)) for value in x)
        if votes >= 2:
            require(z != 0, f"for the votes {who} z is exactly 0, and a perceptron needs more")
            require(z > 0, f"for the votes {who} z = {z:g}: a majority that does not fire")
        else:
            require(z <= 0, f"for the votes {who} z = {z:g}: it fires without a majority")


class Wire:
    """Values of a wire in all cases; only `nand` of the check knows how to work with it."""

    def __init__(self, values: tuple[bool, ...]) -> None:
        self.values = values

    def _refuse(self, *others: object) -> "Wire":
        require(
            False, "only nand can work with these wires: no if, and, &, +, * or ==, and no tensors"
        )
        return self

    __bool__ = __and__ = __or__ = __xor__ = __invert__ = _refuse
    __rand__ = __ror__ = __rxor__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __getitem__ = __len__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


@exercise("11.2")
def selector(answer) -> None:
    def nand(p, q):
        require(
            isinstance(p, Wire) and isinstance(q, Wire),
            "nand takes two wires: s, a, b, or what another nand has returned",
        )
        return Wire(tuple(not (x and y) for x, y in zip(p.values, q.values, strict=True)))

    cases = list(product([False, True], repeat=3))
    s, a, b = (Wire(column) for column in zip(*cases, strict=True))
    try:
        found = answer(nand, s, a, b)
    except TypeError as error:
        require("Wire" not in str(error), "build it from the `nand` that your function is handed")
        raise
    require(isinstance(found, Wire), "return one wire")
    right = tuple(x if choose else y for choose, x, y in cases)
    swapped = tuple(y if choose else x for choose, x, y in cases)
    require(found.values != swapped, "it passes b when s is 1; the other way round was asked")
    require(
        found.values != tuple(not value for value in right),
        "it always says the opposite of what was asked: one NOT too many, or too few",
    )
    for (choose, x, y), have, want in zip(cases, found.values, right, strict=True):
        require(
            have == want,
            f"for s = {choose:d}, a = {x:d}, b = {y:d} the output is {have:d}. Write it with AND, "
            "OR and NOT first: which wire must count when s is 1, and which when it is 0?",
        )


def _rows(value: Any, n: int, name: str) -> list[tuple[int, ...]]:
    """`value` as a list of rows of `n` zeros and ones."""
    try:
        rows = [tuple(float(entry) for entry in row) for row in value]
    except (TypeError, ValueError, RuntimeError):
        rows = []
    require(bool(rows), f"{name}: a list with one row or more was wanted, each row like {(0,) * n}")
    for row in rows:
        require(
            len(row) == n and set(row) <= {0.0, 1.0},
            f"{name}: a row is made of {n} zeros and ones",
        )
    return [tuple(int(entry) for entry in row) for row in rows]


@exercise("11.3")
def impossible_tables(answer) -> None:
    require(isinstance(answer, list | tuple) and len(answer) == 4, "four lists of rows are wanted")
    for name, n, counts, (fire, silent) in (
        ("XNOR", 2, (0, 2), answer[:2]),  # counts: how many inputs are 1 where the table is 1
        ("exactly one of three", 3, (1,), answer[2:]),
    ):
        fire, silent = _rows(fire, n, name), _rows(silent, n, name)
        for row in fire:
            require(sum(row) in counts, f"{name}: the table is 0 for {row}, in the list that fires")
        for row in silent:
            require(sum(row) not in counts, f"{name}: the table is 1 for {row}, in the silent list")
        require(
            len(fire) == len(silent),
            f"{name}: {len(fire)} and {len(silent)} rows. The bias counts once for each row, and "
            "drops out of the comparison only if there are equally many",
        )
        sums = [tuple(map(sum, zip(*rows, strict=True))) for rows in (fire, silent)]
        require(
            sums[0] == sums[1],
            f"{name}: the rows add up to {sums[0]} and {sums[1]}. With different sums there are "
            "weights that make the first total of z larger than the second",
        )


@exercise("11.4")
def slopes_of_step_and_sigmoid(answer) -> None:
    require(isinstance(answer, list | tuple) and len(answer) == 3, "three numbers are wanted")
    numbers = [_number(value) for value in answer]
    require(all(map(math.isfinite, numbers)), "three numbers are wanted")
    step_slope, largest_rise, sigmoid_slope = numbers
    require(
        step_slope == 0,
        "the perceptron: what does its output do when the third weight rises by 0.001?",
    )
    require(largest_rise != 0.5, "z rises by twice as much as the weight, since the input is 2")
    require(
        abs(largest_rise - 0.25) < 1e-6,
        "the rise: with it z comes from −0.5 to 0, the last value at which a perceptron is silent",
    )
    a = 1 / (1 + math.exp(0.5))
    for wrong, hint in (
        (a * (1 - a), "the slope of the sigmoid alone; the weight acts on z through its input"),
        (a, "that is the output of the sigmoid neuron, not its slope"),
        (2 * a, "a is the output itself; its slope is not a"),
        (2.0, "that is the slope of z; how steep is the sigmoid there?"),
    ):
        require(abs(sigmoid_slope - wrong) > 0.006, hint)
    require(
        abs(sigmoid_slope - 2 * a * (1 - a)) < 0.006,
        "the sigmoid neuron: its slope is a(1 − a) times the input, with the output a = σ(−0.5)",
    )


@exercise("11.5")
def predicted_change(answer) -> None:
    generator = torch.Generator().manual_seed(11)
    for n, d in ((1, 1), (6, 3)):
        draw: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
        X, w, dw = torch.randn(n, d, **draw), torch.randn(d, **draw), torch.randn(d, **draw)
        b, db = 0.3, -0.6
        z, dz = X @ w + b, X @ dw + db
        a = torch.sigmoid(z)
        want = torch.func.jvp(torch.sigmoid, (z,), (dz,))[1]
        found = torch.as_tensor(without_autograd(answer, X, w, b, dw, db))
        require(
            found.shape == (n,),
            f"the result has shape {tuple(found.shape)}; one change for each example was wanted",
        )
        found = found.detach().double()
        slope = want / dz
        for wrong, hint in (
            (dz, "that is the change of z; how steep is the sigmoid there?"),
            (
                torch.sigmoid(z + dz) - a,
                "that is the true change, not the one predicted from the slopes",
            ),
            (slope * (X @ dw), "the change of the bias is missing"),
            (slope * (X @ dw) + db, "the change of the bias counts with a slope, too"),
            (z * (1 - z) * dz, "the slope is a(1 − a) with the output a, not with z"),
            (a * dz, "a is the output itself; its slope is not a"),
        ):
            require(not torch.allclose(found, wrong), hint)
        after = torch.sigmoid(z + dz)
        require(
            not torch.allclose(found, after * (1 - after) * dz),
            "the slopes are to be taken at the old w and b, before the change",
        )
        require(
            torch.allclose(found, want, rtol=1e-5),
            "it differs from the sum of slopes times changes; try one example with one weight",
        )


def _smallest(layers, X, tolerance, measure=torch.amax, scale_bias=True) -> int:
    wanted = network(X, layers, step)
    for c in range(1, 2000):
        scaled = [(c * W, c * b if scale_bias else b) for W, b in layers]
        gap = (network(X, scaled, torch.sigmoid) - wanted).abs()
        if measure(gap) < tolerance:
            return c
    return 0


@exercise("11.6")
def needed_scale(answer) -> None:
    xor = [
        (torch.tensor([[1.0, -1.0], [1.0, -1.0]]), torch.tensor([-0.5, 1.5])),
        (torch.tensor([[1.0], [1.0]]), torch.tensor([-1.5])),
    ]
    # Wrong loops must come to an end, or the kernel hangs. The first case ends also for one that
    # forgets to scale the bias, the second for one that uses the sigmoid in the last layer only;
    # XOR would not.
    single = [(torch.tensor([[-0.52]]), torch.tensor([0.5]))]
    in_a_row = [(torch.tensor([[1.0]]), torch.tensor([-0.5])) for _ in range(2)]
    cases = [(single, all_inputs(1), 0.44), (in_a_row, all_inputs(1), 0.05)]
    cases += [(xor, all_inputs(2), 0.01), (xor, all_inputs(2), 0.2)]
    generator = torch.Generator().manual_seed(4)
    for sizes in ((3, 1), (3, 4, 2), (2, 3, 3, 1)):
        layers = [
            (
                torch.randn(n_in, n_out, generator=generator),
                torch.randn(n_out, generator=generator),
            )
            for n_in, n_out in zip(sizes, sizes[1:], strict=False)
        ]
        cases.append((layers, all_inputs(sizes[0]), 0.05))
    for layers, X, tolerance in cases:
        want = _smallest(layers, X, tolerance)
        kept = [(W.clone(), b.clone()) for W, b in layers]
        found = answer(layers, X, tolerance)
        require(
            all(
                torch.equal(now, before)
                for layer, old in zip(layers, kept, strict=True)
                for now, before in zip(layer, old, strict=True)
            ),
            "your function changes the layers that it was given; make scaled copies",
        )
        number = _number(found)
        require(number.is_integer(), "a whole number was wanted")
        found = int(number)
        if found == want:
            continue
        for wrong, hint in (
            (
                _smallest(layers, X, tolerance, scale_bias=False),
                "the biases must be scaled with the weights, else the borders move",
            ),
            (
                _smallest(layers, X, tolerance, measure=torch.mean),
                "every output must be close, not the average one",
            ),
        ):
            require(found != wrong, hint)
        name = f"layers {len(layers)}, tolerance {tolerance}"
        require(found > want, f"{name}: at c = {found} the outputs are not close enough yet")
        require(False, f"{name}: a smaller c than {found} does it, too")


@exercise("11.7")
def two_layers(answer) -> None:
    generator = torch.Generator().manual_seed(5)
    tables = [
        list(table)
        for n in (1, 2, 3)
        for table in sorted(product([0, 1], repeat=2**n), key=lambda table: (sum(table), table))
    ]
    tables += [torch.randint(2, (64,), generator=generator).tolist() for _ in range(5)]
    for table in tables:
        n = (len(table) - 1).bit_length()
        shown = table if len(table) <= 8 else f"with {len(table)} entries"
        layers = answer(list(table))
        require(
            isinstance(layers, list | tuple) and len(layers) == 2,
            "return two layers, [(W1, b1), (W2, b2)]",
        )
        (W1, b1), (W2, b2) = (
            (torch.as_tensor(W).float(), torch.as_tensor(b).float()) for W, b in layers
        )
        h = W1.shape[-1] if W1.dim() else 0
        for name, have, want in (
            ("W1", W1, (n, h)),
            ("b1", b1, (h,)),
            ("W2", W2, (h, 1)),
            ("b2", b2, (1,)),
        ):
            require(
                tuple(have.shape) == want,
                f"for the table {shown} {name} has shape {tuple(have.shape)}, wanted {want}",
            )
        most = max(1, sum(table))
        require(
            1 <= h <= most,
            f"for the table {shown} there are {h} hidden neurons; at least 1 and at most {most} "
            "were asked for",
        )
        rows = all_inputs(n)
        hidden = step(rows @ W1 + b1)
        found = step(hidden @ W2 + b2).flatten().int().tolist()
        if found == table:
            continue
        at = next(i for i, have in enumerate(found) if have != table[i])
        row = rows[at].int().tolist()
        say = f"for the table {shown} and the input {row} the output is {found[at]}"
        if not sum(table):
            require(False, f"{say}: a table of zeros needs neurons that never fire")
        require(
            table[at] == 0 or hidden[at].any(),
            f"{say}: no hidden neuron fires there. Remember that z = 0 does not fire",
        )
        require(
            table[at] == 1 or not hidden[at].any(),
            f"{say}: a hidden neuron fires there. What in its weights speaks against a wrong 1?",
        )
        require(False, f"{say}, though the hidden neurons are right: look at the second layer")
