"""Checks of chapter 15, Better costs: cross-entropy and softmax."""

import math

import torch
from torch.nn import functional

from ..data import load_digits
from .compare import agree, values, without_autograd
from .registry import exercise, require


@exercise("15.1")
def two_errors_two_costs(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 4, "four answers are wanted")
    numbers = [values(part) for part in answer]
    require(all(part.numel() == 1 for part in numbers), "each answer is one number")
    a, y = 0.02, 1
    slope = a * (1 - a)
    quadratic, entropy, quadratic_cost, entropy_cost = (float(part) for part in numbers)
    require(
        quadratic < 0 and entropy < 0,
        "a is below its target, and raising z lowers the cost: both errors are negative "
        "(a − y, not y − a)",
    )
    require(
        not math.isclose(quadratic, a - y, rel_tol=1e-3),
        "BP1 of the quadratic cost has two factors; how steep is the sigmoid where a = 0.02?",
    )
    require(round(quadratic, 4) != -0.02, "the first error needs more digits: three that count")
    require(
        math.isclose(quadratic, (a - y) * slope, rel_tol=0.02),
        "the first error: (a − y) times the slope, which can be computed from a alone",
    )
    require(
        not math.isclose(entropy, (a - y) * slope, rel_tol=0.02),
        "the two errors differ; which factor was the cross-entropy made to get rid of?",
    )
    require(math.isclose(entropy, a - y, rel_tol=1e-3), "the second error has no slope in it")
    require(
        not math.isclose(quadratic_cost, (a - y) ** 2, rel_tol=1e-3),
        "the quadratic cost is half of that",
    )
    require(
        math.isclose(quadratic_cost, (a - y) ** 2 / 2, rel_tol=0.01),
        "the quadratic cost: half the squared distance of a and y",
    )
    require(
        not math.isclose(entropy_cost, -math.log(1 - a), rel_tol=0.02),
        "that would be the cross-entropy if the target were 0",
    )
    require(
        not math.isclose(entropy_cost, -math.log10(a), rel_tol=0.01)
        and not math.isclose(entropy_cost, -math.log2(a), rel_tol=0.01),
        "another logarithm: the natural one, to the base e, is wanted",
    )
    require(entropy_cost > 0, "a cross-entropy is not negative, and nobody pays nothing for this")
    require(
        math.isclose(entropy_cost, -math.log(a), rel_tol=0.01),
        "which of the two terms of the cross-entropy is left when y = 1?",
    )


@exercise("15.2")
def log_softmax(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 3), (4, 2), (1, 10), (5, 1)):
        X = torch.randn(shape, generator=generator, dtype=torch.float64)
        kept = X.clone()
        found, wanted = answer(X), functional.log_softmax(kept, 1)
        require(torch.equal(X, kept), "the argument was changed in place; return a new tensor")
        require(
            values(found).shape == shape,
            f"for shape {shape} yours has the shape {tuple(values(found).shape)}",
        )
        require(not agree(found, wanted.exp()), "that is the softmax; its logarithm is wanted")
        require(
            shape[1] == 1 or not agree(found, -wanted),
            "a probability is at most 1: what is its logarithm?",
        )
        require(
            shape[0] == 1 or not agree(found, functional.log_softmax(kept, 0)),
            "the classes are in a row, and so each row has a sum of its own",
        )
        require(
            shape[0] != shape[1] or not agree(found, kept - kept.logsumexp(1)),
            "the sum of row i was taken off column i: which shape has a sum, and which is wanted?",
        )
        require(
            agree(found, wanted),
            "for small logits yours differs from the logarithm of the softmax",
        )
    _survives(answer, [[1000.0, 0.0, 999.0], [1000.0, 1000.0, 1000.0]], "1000")
    mixed = torch.tensor([[1000.0, 999.0], [1.0, 0.0]])
    require(
        agree(answer(mixed), functional.log_softmax(mixed.double(), 1), rtol=1e-4),
        "a row of small logits below a row of large ones comes out wrong: whose maximum was "
        "subtracted from it?",
    )
    _survives(answer, [[-1000.0, 0.0, -999.0], [-1000.0, -1000.0, -1000.0]], "\N{MINUS SIGN}1000")


def _survives(answer, logits, what) -> None:
    """Require a finite, right answer for logits of this size."""
    X = torch.tensor(logits)
    found = values(answer(X))
    require(
        not found.isnan().any(),
        f"a logit of {what} gives NaN: what may be subtracted from a whole row?",
    )
    require(
        not found.gather(1, X.argmax(1, keepdim=True)).isinf().any(),
        f"with a logit of {what} even the largest entry gives infinity: exp overflowed, or all of "
        "a sum fell to 0. How large should the largest exponent be?",
    )
    require(
        not found.isinf().any(),
        f"a logit of {what} gives infinity: the logarithm was taken of a 0. Take it of the sum "
        "instead, before anything is divided",
    )
    require(
        agree(found, functional.log_softmax(X.double(), 1), rtol=1e-4),
        f"with logits of {what} some values are wrong",
    )


@exercise("15.3")
def soft_gradient(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for n, k in ((4, 3), (3, 5), (2, 2)):
        logits = torch.randn(n, k, generator=generator, dtype=torch.float64)
        targets = torch.rand(n, k, generator=generator, dtype=torch.float64)
        if n == 4:
            targets /= targets.sum(1, keepdim=True)
        kept = logits.clone(), targets.clone()
        found = without_autograd(answer, logits, targets)
        require(
            torch.equal(logits, kept[0]) and torch.equal(targets, kept[1]),
            "an argument was changed in place; return a new tensor",
        )
        leaf = kept[0].clone().requires_grad_()
        (wanted,) = torch.autograd.grad(functional.cross_entropy(leaf, targets), leaf)
        require(
            values(found).shape == (n, k),
            f"for shape ({n}, {k}) yours has the shape {tuple(values(found).shape)}",
        )
        require(not agree(found, -wanted), "the sign: in which direction does the cost rise?")
        require(
            not agree(found, n * wanted),
            "that is the gradient of the sum over the rows; the mean is wanted",
        )
        require(
            not agree(found, wanted / k),
            "the mean of the n costs is wanted; each cost is a sum over its classes, not a mean",
        )
        one = (kept[0].softmax(1) - kept[1]) / n
        require(
            agree(one, wanted) or not (agree(found, one) or agree(found, n * one)),
            "right where the targets of a row add up to 1. Otherwise: how often does the "
            "log-sum-exp stand in the sum over j?",
        )
        require(
            agree(found, wanted),
            "autograd finds another gradient. Write each −ln a as log-sum-exp minus logit, then "
            "differentiate the sum",
        )
    logits, targets = torch.tensor([[1000.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    require(
        agree(without_autograd(answer, logits, targets), torch.tensor([[0.5, -0.5]])),
        "a logit of 1000 breaks yours: take the softmax that does not overflow",
    )


@exercise("15.4")
def tanh_cost(answer) -> None:
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    for y in (1.0, -1.0):
        leaf = z.clone().requires_grad_()
        a = torch.tanh(leaf)
        cost = answer(a, torch.full_like(z, y))
        require(isinstance(cost, torch.Tensor), "return a tensor")
        require(
            cost.shape == z.shape,
            f"a cost for each entry is wanted; for {tuple(z.shape)} yours has the shape "
            f"{tuple(cost.shape)}",
        )
        require(
            not cost.isnan().any(),
            "NaN: a may be negative here, and so may 1 + y. Of what is the logarithm taken?",
        )
        require(cost.requires_grad, "autograd finds no way back from your cost to a")
        (slope,) = torch.autograd.grad(cost.sum(), leaf)
        wanted = a.detach() - y
        require(
            not agree(slope, -wanted),
            "the gradient has the opposite sign: going downhill would lead away from y",
        )
        require(
            not agree(slope, wanted * (1 - a.detach() ** 2)),
            "that is the quadratic cost, or another whose gradient still has the slope in it",
        )
        require(
            not agree(slope, 2 * wanted) and not agree(slope, wanted / 2),
            "the gradient is right up to a factor of two: look at the ½ in the two parts of the "
            "fraction",
        )
        require(
            agree(slope, wanted),
            f"for y = {y:+.0f} the derivative by z is not a − y. What must ∂C/∂a be, when the "
            "slope is 1 − a² = (1 − a)(1 + a)?",
        )
        target = torch.tensor([y], dtype=torch.float64)
        require(
            abs(float(values(answer(target * (1 - 1e-9), target)))) < 1e-6,
            "the gradient is right, but a right answer should cost nothing: which constant fits?",
        )
        require(
            abs(float(values(answer(target, target)))) < 1e-6,
            "only a = y itself fails: a computer's 0 · ln 0 is NaN. What does torch.xlogy do?",
        )


def _candidates() -> list[tuple[str, object]]:
    """Losses of logits and labels, each with what it suffers from."""

    def nll(logits, y):
        logits = logits if logits.is_floating_point() else logits.float()
        return -logits.log_softmax(1)[torch.arange(len(y)), y]

    return [
        ("right", lambda logits, y: nll(logits, y).mean()),
        ("twice", lambda logits, y: nll(logits.softmax(1, torch.float), y).mean()),
        ("sign", lambda logits, y: -nll(logits, y).mean()),
        ("sum", lambda logits, y: nll(logits, y).sum()),
        # The logarithm of a softmax put through another one stays what it is.
        ("right", lambda logits, y: nll(logits.log_softmax(1, torch.float), y).mean()),
        ("right", lambda logits, y: functional.cross_entropy(logits + 7.0, y)),
    ]


_SYMPTOMS = {
    "right": "one loss was right, and yours called it {found!r}: what does it return for a batch "
    "in which nothing is known, and for one in which all is right and sure?",
    "twice": "a second softmax was called {found!r}: what does such a loss return when every "
    "logit of a right class is very large?",
    "sign": "a lost minus sign was called {found!r}: which values can a cross-entropy never have?",
    "sum": "a sum was called {found!r}: with how many examples do sum and mean agree?",
}


@exercise("15.5")
def diagnose(answer) -> None:
    require(callable(answer), "write a function that takes a loss")
    for wanted, loss in _candidates():
        found = answer(loss)
        require(
            isinstance(found, str) and found in _SYMPTOMS,
            f"return one of the words {', '.join(_SYMPTOMS)}, not {found!r}",
        )
        require(found == wanted, _SYMPTOMS[wanted].format(found=found))


@exercise("15.6")
def find_both(answer) -> None:
    data = load_digits()
    train, test = (
        (split.images.flatten(1) / 255, split.labels) for split in (data.train, data.test)
    )
    torch.default_generator.manual_seed(0)  # the CPU's alone: see _nothing_leaves
    finder = answer(train)
    require(callable(finder), f"return a function of the pictures, not {type(finder).__name__}")
    X, y = test
    left, right = torch.randint(len(X), (2, 1000), generator=torch.Generator().manual_seed(1))
    different = y[left] != y[right]
    left, right = left[different], right[different]
    images = torch.cat([X[left].reshape(-1, 8, 8), X[right].reshape(-1, 8, 8)], dim=2)
    found = values(finder(images.flatten(1)))
    require(
        found.shape == (len(left), 10),
        f"for {len(left)} pictures the shape should be ({len(left)}, 10), yours is "
        f"{tuple(found.shape)}",
    )
    require(
        bool(((found >= 0) & (found <= 1)).all()),
        "probabilities lie between 0 and 1; are these the logits?",
    )
    require(
        not agree(found.sum(1), torch.ones(len(left)), atol=1e-3),
        "each row adds up to 1, so at most one class can be above ½. Which outputs may say 'both'?",
    )
    there = functional.one_hot(y[left], 10) + functional.one_hot(y[right], 10) == 1
    share = ((found > 0.5) == there).all(1).double().mean().item()
    for side, labels in (("left", y[left]), ("right", y[right])):
        seen = (found > 0.5)[torch.arange(len(left)), labels].double().mean().item()
        require(
            seen > 0.5,
            f"of the digits on the {side} only {seen:.0%} are found. Were there enough steps, "
            "and is a 1 in the target for each of the two?",
        )
    claimed = (found > 0.5).sum(1).double().mean().item()
    require(
        claimed < 3,
        f"{claimed:.1f} digits a picture are above ½, and two are there: what is the target of "
        "the other eight?",
    )
    require(
        share >= 0.65,
        f"both, and nothing else, are found in {share:.0%} of the pictures. Does the training loss "
        "still fall? Then more steps or a larger learning rate. Or does it fall without helping "
        "unseen images? Then train on more different pairs",
    )
