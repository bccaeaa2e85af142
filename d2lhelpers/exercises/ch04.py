"""Checks of chapter 04, Linear algebra."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from .compare import agree, values
from .registry import exercise, require


@exercise("04.1")
def shapes_of_products(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 4, "four answers are wanted")
    *shapes, multiplications = answer
    expected = (("X @ W.T", (32, 10)), ("W @ X[0]", (10,)), ("X.T @ X", (784, 784)))
    for (name, wanted), found in zip(expected, shapes, strict=True):
        require(
            isinstance(found, tuple | list | torch.Size),
            f"the shape of {name} should be a tuple, such as (2, 3) or (2,)",
        )
        require(
            tuple(found) != (10, 1),
            "X[0] has one axis, not two: what is left of (10, 784) times (784,)?",
        )
        require(
            tuple(found) != wanted[::-1] or wanted == wanted[::-1],
            f"{name} has these sizes in the other order: the rows come from the first factor",
        )
        require(
            784 not in tuple(found) or 784 in wanted,
            f"{name}: the 784 in the middle meet, are summed over, and vanish",
        )
        require(
            tuple(found) == wanted,
            f"{name} is not {tuple(found)}: write both shapes side by side, strike out the inner "
            "sizes, and keep what is left",
        )
    require(
        multiplications != 32 * 10, "that is the number of entries; each is a sum of many products"
    )
    require(
        multiplications == 32 * 10 * 784,
        "each entry of the result is a dot product: how many entries, and how long is each sum?",
    )


@exercise("04.2")
def einsum_formulas(answer) -> None:
    require(
        isinstance(answer, tuple | list) and len(answer) == 4,
        "three formulas and a function are wanted",
    )
    *formulas, trace_by_loops = answer
    for formula in formulas:
        require(isinstance(formula, str), "a formula is a text, in quotes")
    row_dots, height, trace = formulas
    require(callable(trace_by_loops), "trace_by_loops should be a function of two lists of rows")
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def run(name, formula, *factors):
        letters = formula.split("->")[0].replace(" ", "").split(",")
        require(
            len(letters) == len(factors),
            f"{name}: {len(factors)} tensors come in, so {len(factors)} groups of letters are "
            "wanted, with commas between them",
        )
        for group, factor in zip(letters, factors, strict=True):
            require(
                "..." in group or len(group) == factor.dim(),
                f"{name}: {group!r} has {len(group)} letters for a tensor with {factor.dim()} "
                "axes; one letter for each axis",
            )
        result: Any = None
        refusal = ""
        try:
            result = torch.einsum(formula, *factors)
        except RuntimeError as error:
            refusal = str(error).splitlines()[0]
        require(
            not refusal,
            f"{name}: torch refuses {formula!r}. A letter must mean the same size wherever it "
            f"stands: {refusal}",
        )
        return result

    A, B = draw(4, 3), draw(4, 3)
    found = run("row_dots", row_dots, A, B)
    require(
        found.shape != (4, 4),
        "row_dots: that is every row with every row; the same row of both needs the same letter",
    )
    require(found.shape != (4, 3), "row_dots: nothing was summed; which letter must vanish?")
    require(found.dim() != 0, "row_dots: everything was summed; one number for each row is wanted")
    require(
        agree(found, (A * B).sum(1)),
        "row_dots: which letter counts the rows? Only that one stays on the right",
    )

    x, A, y = draw(4), draw(4, 3), draw(3)
    found = run("height", height, x, A, y)
    require(
        found.dim() == 0,
        f"height: the result is one number, yours has the shape {tuple(found.shape)}: "
        "which letters are left on the right?",
    )
    require(
        torch.allclose(found, x @ A @ y),
        "height: x goes with the rows of A and y with its columns, each pair with one letter",
    )

    A, B = draw(4, 3), draw(3, 4)
    if trace.replace(" ", "").startswith(("ij,ij->", "ab,ab->")):
        require(False, "trace: that would be the trace of A Bᵀ; write tr(AB) with its indices")
    found = run("trace", trace, A, B)
    require(
        found.shape != (4, 4), "trace: that is the whole product AB; only its diagonal is needed"
    )
    require(found.dim() == 0, "trace: the diagonal is to be summed as well")
    require(
        torch.allclose(found, (A @ B).trace()),
        "trace: (AB) in row i, column i is the sum over j of A_ij B_ji",
    )
    check_loops(trace_by_loops, draw)


def check_loops(trace_by_loops, draw) -> None:
    """Judge the last part of 04.2; `draw` makes a random tensor of a given shape."""
    for n, m in ((3, 3), (4, 3), (2, 5)):
        A, B = draw(n, m), draw(m, n)
        a, b = A.tolist(), B.tolist()
        found: Any = None
        refusal = ""
        try:
            found = trace_by_loops(a, b)
        except (IndexError, TypeError) as error:
            refusal = str(error)
        require(
            "list index" not in refusal,
            f"trace_by_loops, for {n} rows of {m} and {m} rows of {n}: {refusal}. Which index "
            "counts the rows of a, and which the rows of b?",
        )
        require(
            not refusal,
            f"trace_by_loops: {refusal}. a and b are lists of rows, and a[i][j] is a number",
        )
        require(found is not None, "trace_by_loops returns nothing")
        require(
            not isinstance(found, list | tuple), "trace_by_loops: one number is wanted, not a list"
        )
        found = float(found)
        diagonals = sum(a[i][i] * b[i][i] for i in range(min(n, m)))
        require(
            abs(found - diagonals) > 1e-9,
            "trace_by_loops: you multiply the diagonals of both; an entry of AB is a sum",
        )
        require(
            n != m or abs(found - (A * B).sum().item()) > 1e-9,
            "trace_by_loops: that is the trace of A Bᵀ; write tr(AB) with its indices",
        )
        require(
            abs(found - (A @ B).sum().item()) > 1e-9,
            "trace_by_loops: that is the sum of all entries of AB; only its diagonal is needed",
        )
        require(
            abs(found - (A @ B).trace().item()) < 1e-6,
            "trace_by_loops: add a_ij b_ji for each pair of i and j, beginning with 0",
        )


@exercise("04.3")
def norms_and_eigenvalues(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 6, "six numbers are wanted")
    for value in answer:
        require(
            isinstance(value, int | float | torch.Tensor) and torch.as_tensor(value).numel() == 1,
            "each answer should be one number",
        )
    l1, frobenius, lambda_1, lambda_2, spectral_norm, limit = (float(value) for value in answer)
    require(
        not near(l1, 1), "L1 norm: absolute values are added, so the −2 counts as 2 and not as −2"
    )
    require(not near(l1, 13**0.5), "L1 norm: that is the L2 norm of the row")
    require(not near(l1, 13), "L1 norm: the first row only; and nothing is squared")
    require(near(l1, 5), "L1 norm: the sum of the absolute values of the two numbers in the row")
    require(
        not near(frobenius, 53), "Frobenius norm: the sum of squares is right; its root is meant"
    )
    require(not near(frobenius, 13), "Frobenius norm: that is the sum of the absolute values")
    require(
        near(frobenius, 53**0.5),
        "Frobenius norm: the root of the sum of the squares of all four entries",
    )
    require(
        near(lambda_1 + lambda_2, 9), "the sum of the eigenvalues should be the trace of A. Is it?"
    )
    require(
        not near(lambda_1, 3) or not near(lambda_2, 6),
        "3 and 6 are the diagonal; A times (1, 0) is (3, −2), which is no multiple of (1, 0)",
    )
    require(
        near(lambda_1 * lambda_2, 14),
        "the product of the eigenvalues should be the determinant, ad − bc. What is −2 times −2?",
    )
    require(lambda_1 < lambda_2, "the eigenvalues are right; write the smaller one first")
    require(not near(spectral_norm, 53**0.5), "spectral norm: that is the Frobenius norm once more")
    require(
        near(spectral_norm, 7),
        "spectral norm: the greatest stretch of any direction; which is it if A stretches its "
        "eigenvectors most and least?",
    )
    require(not near(limit, 2 / 2), "limit: that is the one of the flat direction; the other fails")
    require(not near(limit, 1 / 7), "limit: with 1/λ the factor 1 − lr·λ is 0; the limit is at −1")
    require(near(limit, 2 / 7), "limit: for which lr is 1 − lr·λ equal to −1, for the greatest λ?")


class CountCalls(TorchFunctionMode):
    """Counts, while it is entered, the calls of PyTorch's functions and methods."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


@exercise("04.4")
def cosines(answer) -> None:
    generator = torch.Generator().manual_seed(1)
    for n, d in ((5, 2), (4, 4), (3, 7)):
        X = torch.randn(n, d, generator=generator, dtype=torch.float64) * 3
        before = X.clone()
        found: Any = None
        refusal = ""
        try:
            found = answer(X)
        except RuntimeError as error:
            refusal = str(error).splitlines()[0]
        require(
            not refusal,
            f"for X of shape {(n, d)} shapes do not fit: {refusal}. A norm for each row has the "
            "shape (n,); how does each row meet its own?",
        )
        require(torch.equal(X, before), "your function changes X itself; compute something new")
        require(found is not None, "return the matrix: is there a `return`?")
        found = values(found)
        require(
            found.shape != (d, d) or n == d,
            "that compares the columns; which side does the transpose belong to?",
        )
        require(
            found.shape == (n, n),
            f"for {n} rows a shape of {(n, n)} is wanted, yours is {tuple(found.shape)}",
        )
        products = X @ X.T
        lengths = products.diagonal().sqrt()
        wanted = products / lengths[:, None] / lengths
        require(
            not torch.allclose(found, products),
            "those are the dot products; they grow with the lengths of the rows",
        )
        require(
            not torch.allclose(found, products / torch.linalg.matrix_norm(X) ** 2),
            "all entries are divided by one number; each row has a length of its own",
        )
        require(
            not torch.allclose(found, products / lengths)
            and not torch.allclose(found, products / lengths[:, None]),
            "each entry belongs to two rows, and only one of their lengths is divided by",
        )
        require(
            agree(found.diagonal(), torch.ones(n)),
            "the cosine of a row with itself should be 1. Is each row divided by its own length, "
            "and is it the L2 norm?",
        )
        require(
            agree(found, wanted, atol=1e-6),  # float32 is enough
            "the diagonal is right, the rest is not: compare one entry with the formula by hand",
        )
    X = torch.randn(100, 3, generator=generator)
    with CountCalls() as count:
        answer(X)
    require(
        count.calls < 100,
        f"for 100 rows you call {count.calls} functions of PyTorch: is there a loop? "
        "All rows can be divided at once, and all dot products are one matrix product",
    )


@exercise("04.5")
def fit_line(answer) -> None:
    generator = torch.Generator().manual_seed(2)
    cases = (
        ("x from -1 to 1", 0.0, 2.0, 3.0, 0.8),
        ("x from 308 to 314", 311.0, 6.0, 0.4, -100.0),
        ("x from 310.5 to 311.5", 311.0, 1.0, 0.4, -100.0),
    )
    for name, middle, width, slope, intercept in cases:
        x = middle + width * (torch.rand(50, generator=generator) - 0.5)
        noise = 0.01 * width * torch.randn(50, generator=generator)
        y = (slope * x.double() + intercept + noise).float()
        design = torch.stack([x.double(), torch.ones(50, dtype=torch.float64)], dim=1)
        want_slope, want_intercept = torch.linalg.lstsq(design, y.double()).solution
        found = answer(x, y)
        require(found is not None, "return slope and intercept: is there a `return`?")
        if not isinstance(found, tuple | list):
            found = values(found).flatten().unbind()
        require(
            len(found) == 2,
            "return two numbers, the slope and the intercept",
        )
        parts = [values(part) for part in found]
        require(
            all(part.numel() == 1 for part in parts),
            "slope and intercept should be one number each",
        )
        found_slope, found_intercept = (part.reshape(()) for part in parts)
        error = ((found_slope - want_slope) / want_slope).abs().item()
        if middle == 0:
            require(
                not (
                    torch.isclose(found_slope, want_intercept, rtol=1e-3)
                    and torch.isclose(found_intercept, want_slope, rtol=1e-3)
                ),
                "slope and intercept are in the wrong order",
            )
            require(
                error < 1e-4,
                f"for {name} the slope is {found_slope:.4f} and should be {want_slope:.4f}: no "
                "rounding error, a wrong formula",
            )
        require(
            error < 1e-4,
            f"for {name} the slope is {found_slope:.6f} and should be {want_slope:.6f}. Digits "
            "were lost: what is the condition number of your columns, and what lowers it?",
        )
        require(
            not torch.isclose(found_intercept, y.double().mean(), rtol=1e-3),
            "your intercept is the height at the mean of x; it is wanted at x = 0",
        )
        require(
            ((found_intercept - want_intercept) / want_intercept).abs() < 1e-4,
            f"for {name} the slope is right, but the intercept is {found_intercept:.4f} and should "
            f"be {want_intercept:.4f}",
        )


@exercise("04.6")
def lr_limit(answer) -> None:
    generator = torch.Generator().manual_seed(3)
    many = torch.linspace(0.01, 1.0, 1000)
    many[-1] = 1.2
    cases = (
        ("the bowl of the chapter", torch.tensor([[5.0, 2.0], [2.0, 2.0]])),
        # Here (1, 1) is an eigenvector too, and products with it show nothing of the steep one.
        ("a bowl that is steepest along (1, −1)", torch.tensor([[3.0, -2.0], [-2.0, 3.0]])),
        ("1,000 parameters", mirrored(many, generator)),
        ("a very steep bowl", mirrored(torch.linspace(1e4, 1e6, 20), generator)),
        ("a very flat bowl", mirrored(torch.linspace(1e-5, 1e-3, 20), generator)),
    )
    before = None
    for name, A in cases:
        eigenvalues = torch.linalg.eigvalsh(A.double())
        lowest, top = eigenvalues[0].item(), eigenvalues[-1].item()
        # With this seed no usual random start is nearly perpendicular to a steepest eigenvector. It
        # is for the CPU's generator alone: torch.manual_seed would reach every GPU as well.
        torch.default_generator.manual_seed(11)
        found = values(answer(Multiply(A), len(A)))
        require(found.numel() == 1, "one number is wanted")
        limit = found.item()
        require(limit != before, "two different matrices, one limit: what does multiply tell you?")
        before = limit
        require(
            bool(torch.isfinite(found)) and limit > 0,
            f"{name}: the result is {limit:g}. Did the vector grow, or shrink, beyond what float32 "
            "can hold?",
        )
        require(
            close(limit, 2 / top) or not close(limit, top),
            f"{name}: that is λ_max itself; which learning rate is the limit?",
        )
        require(
            not close(limit, 1 / top), f"{name}: that is 1/λ_max, which gives the factor 0, not −1"
        )
        require(
            not close(limit, 2 / lowest) or "(1, −1)" in name,
            f"{name}: that is the limit of the flattest direction; which one fails first?",
        )
        require(
            close(limit, 2 / top),
            f"{name}: your limit is {limit * top / 2:.4f} times the right one. "
            + (
                "Does your first vector have a part along the steepest eigenvector?"
                if "(1, −1)" in name
                else "Is it a vector of length 1, and is only its steepest part left?"
            ),
        )


def near(found: float, wanted: float) -> bool:
    """Equal but for the rounding of an answer to two decimals."""
    return abs(found - wanted) < 6e-3


def close(found: float, wanted: float) -> bool:
    return abs(found / wanted - 1) < 1e-3


def mirrored(eigenvalues: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A symmetric matrix with these eigenvalues and other eigenvectors than the axes."""
    normal = torch.randn(len(eigenvalues), generator=generator, dtype=torch.float64)
    mirror = torch.eye(len(eigenvalues)) - 2 * torch.outer(normal, normal) / (normal @ normal)
    return ((mirror * eigenvalues) @ mirror).float()


class Multiply:
    """Products of a matrix with vectors, at most 300 of them.

    A vector of float64 gives one of float64, so that it meets its product in one dtype.
    """

    def __init__(self, A: torch.Tensor) -> None:
        self._A = A
        self._calls = 0

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        self._calls += 1
        require(
            self._calls <= 300,
            "multiply was called more than 300 times; to build the matrix is too expensive, too",
        )
        require(
            isinstance(v, torch.Tensor) and v.shape == (len(self._A),),
            f"multiply takes a vector of shape ({len(self._A)},)",
        )
        product = self._A @ v.to(self._A.dtype)
        return product.to(v.dtype) if v.is_floating_point() else product
