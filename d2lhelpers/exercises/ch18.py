"""Checks of chapter 18, Why deep networks are hard to train."""

import math
import statistics
from typing import Any

import torch

from .compare import agree, values, without_autograd
from .registry import Wrong, exercise, require


def _number(found: Any) -> float:
    try:
        return float(found)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"numbers are wanted, not {type(found).__name__}") from None


@exercise("18.1")
def chains_and_pieces(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 5, "five answers are wanted")
    ratio, neutral, ratio_8, deep, flat = map(_number, answer)
    require(
        not math.isclose(abs(ratio), 0.5**11),
        "between the first and the last of 11 neurons there are fewer than 11 steps back",
    )
    require(
        not math.isclose(ratio, -(0.5**10)), "a negative factor, ten times: which sign has that?"
    )
    require(
        not math.isclose(abs(ratio), 2.0**10),
        "each step back multiplies by the weight and by the slope; the slope at z = 0 is not 1",
    )
    require(math.isclose(ratio, 0.5**10, rel_tol=1e-3), "which factor has one step of BP2 here?")
    require(math.isclose(neutral, 4), "the factor is a weight times the slope at 0; when is it 1?")
    require(math.isclose(ratio_8, 2.0**10, rel_tol=1e-3), "now each factor is 8 times the slope")
    require(deep != 10, "ten tents are right; how many neurons has a tent?")
    require(deep == 20, "every tent doubles the pieces: how many tents are enough for 1,000?")
    require(
        flat not in (1000, 1001),
        "without any neuron there is one piece already; each neuron adds at most one",
    )
    require(flat not in (1023, 1024), "1,000 pieces are asked for, not a power of 2")
    require(flat == 999, "how many pieces can m neurons of one hidden layer make at most?")


def _chain(weights: list[float], biases: list[float], x: float, residual: bool) -> torch.Tensor:
    """The factors by autograd, one layer at a time."""
    a, factors = torch.tensor(x, dtype=torch.float64), []
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        a = a.detach().requires_grad_()
        out = torch.sigmoid(w * a + b) + (a if residual and i > 0 else 0)
        factors.append(torch.autograd.grad(out, a)[0])
        a = out
    return torch.stack(factors)


@exercise("18.2")
def chain_factors(answer) -> None:
    generator = torch.Generator().manual_seed(2)
    for num_layers in (1, 2, 5):
        weights = (3 * torch.randn(num_layers, generator=generator)).tolist()
        biases = torch.randn(num_layers, generator=generator).tolist()
        for residual in (False, True):
            plain, wanted = (_chain(weights, biases, 0.5, way) for way in (False, residual))
            found = values(without_autograd(answer, list(weights), list(biases), 0.5, residual))
            require(
                found.shape == (num_layers,),
                f"each layer has one factor, the first as well, so {num_layers} here; "
                f"your shape is {tuple(found.shape)}",
            )
            require(
                not (num_layers > 1 and agree(found, wanted.flip(0))),
                "the first layer's factor stands first",
            )
            if not residual:
                require(
                    not agree(found * torch.tensor(weights, dtype=torch.float64), plain),
                    "those are the slopes; a factor is a weight times a slope",
                )
                require(
                    agree(found, plain),
                    "without residual connections each factor is w times the slope at its own z",
                )
                continue
            require(
                num_layers == 1 or not agree(found, plain),
                "with residual connections nothing changed: what does ∂/∂a give for the added a?",
            )
            require(
                agree(found[:1], wanted[:1]),
                "the first layer adds nothing: its input may have another size",
            )
            require(
                not agree(found[1:], 1 + plain[1:]) or num_layers == 1 or agree(found, wanted),
                "the factors have their 1, and the activations do not carry what was added",
            )
            require(
                agree(found, wanted),
                "with residual connections: each factor is 1 + w times the slope at z, where z "
                "depends on all that was added before",
            )


@exercise("18.3")
def leaky(answer) -> None:
    require(
        isinstance(answer, tuple | list) and len(answer) == 2, "hand in both functions, as a pair"
    )
    leaky_std, leaky_spreads = answer

    def std(n: int, c: float) -> float:
        found = values(leaky_std(n, c))
        require(found.numel() == 1, "leaky_std returns one number")
        return found.item()

    require(
        not math.isclose(std(50, 0.0), 2 / 50, rel_tol=1e-6),
        "the variance was balanced; the standard deviation is its root",
    )
    require(
        math.isclose(std(50, 0.0), (2 / 50) ** 0.5, rel_tol=1e-6),
        "with c = 0 it is the ReLU, and He's start should come out",
    )
    require(
        math.isclose(std(50, 1.0), 50**-0.5, rel_tol=1e-6),
        "with c = 1 there is no bend at all: a = z. What does the variance of z need then?",
    )
    for n, c in ((64, 0.5), (300, 0.01), (7, 0.2)):
        wanted = (2 / (n * (1 + c * c))) ** 0.5
        require(
            not math.isclose(std(n, c), (2 / (n * (1 + c))) ** 0.5, rel_tol=1e-6),
            "the mean of a² counts: what becomes of the square of a negative z?",
        )
        require(
            math.isclose(std(n, c), wanted, rel_tol=1e-6),
            f"right for c = 0 and 1, and wrong for n = {n}, c = {c}: what is the mean of a²?",
        )

    generator = torch.Generator().manual_seed(3)
    A = torch.randn(40, 20, generator=generator)
    draws = [torch.randn(20, 20, generator=generator) for _ in range(6)]
    for c in (0.3, 0.01):
        kept = [A.clone(), *(draw.clone() for draw in draws)]
        found = values(leaky_spreads(A, draws, c))
        require(all(map(torch.equal, kept, [A, *draws])), "the arguments were changed in place")
        require(found.shape == (6,), "six draws are six layers, and six numbers")
        wanted, activated, no_bend = [], [], []
        out, linear, s = A.double(), A.double(), std(20, c)
        for draw in draws:
            Z, linear = out @ draw.double() * s, linear @ draw.double() * s
            out = torch.where(Z > 0, Z, c * Z)
            wanted.append(Z.std())
            activated.append(out.std())
            no_bend.append(linear.std())
        require(not agree(found, activated, rtol=1e-3), "that is the spread of A; Z is wanted")
        require(not agree(found, no_bend, rtol=1e-3), "between two layers stands the leaky ReLU")
        require(
            agree(found, wanted, rtol=1e-3),  # a variance by n or by n − 1 is all the same
            "the spreads are wrong: in each layer Z = leaky_std · A @ draw, then the leaky ReLU",
        )


def _run(method: str, lr: float, seed: int, validation: float, *sizes: float) -> dict:
    return {
        "method": method,
        "lr": lr,
        "seed": seed,
        "validation": validation,
        "sizes": list(sizes),
    }


_RUNS = [
    # One lucky seed at 0.1, the better median at 1.0; three layers are two steps.
    _run("plain", 0.1, 0, 0.99, 0.01, 0.1, 1.0),
    _run("plain", 1.0, 1, 0.80, 0.04, 0.2, 1.0),
    _run("plain", 0.1, 2, 0.30, 0.01, 0.1, 1.0),
    _run("plain", 1.0, 0, 0.70, 0.09, 0.3, 1.0),
    _run("plain", 0.1, 1, 0.20, 0.01, 0.1, 1.0),
    _run("plain", 1.0, 2, 0.75, 0.16, 0.4, 1.0),
    # A rate that diverges twice, in the order that a careless median gets wrong.
    _run("norm", 3.0, 0, 0.98, 1.0, 1.0, 1.0, 8.0),
    _run("norm", 3.0, 1, math.nan, 1.0, 1.0, 1.0, 8.0),
    _run("norm", 3.0, 2, math.nan, 1.0, 1.0, 1.0, 8.0),
    _run("norm", 0.3, 0, 0.95, 27.0, 3.0, 2.0, 1.0),
    _run("norm", 0.3, 1, 0.96, 27.0, 3.0, 2.0, 1.0),
    _run("norm", 0.3, 2, 0.90, 27.0, 3.0, 2.0, 1.0),
    # Diverges always.
    _run("lost", 0.1, 0, math.nan, 1.0, 4.0),
    _run("lost", 0.1, 1, math.nan, 1.0, 4.0),
]


@exercise("18.4")
def compare(answer) -> None:
    given = [{**run, "sizes": list(run["sizes"])} for run in _RUNS]
    found = answer(given)
    require(isinstance(found, dict), f"return a dictionary, not {type(found).__name__}")
    require(
        set(found) == {"plain", "norm", "lost"},
        "each method once, and nothing else, as the keys; also one whose runs all diverged",
    )
    for pair in found.values():
        require(isinstance(pair, tuple | list) and len(pair) == 3, "three values for each method")
    lr, median, factor = (values(part).item() for part in found["plain"])
    require(
        lr != 0.1,
        "0.1 has one lucky seed; its median is far below that of 1.0",
    )
    require(
        agree(lr, 1.0) and agree(median, 0.75),
        "the median of 0.80, 0.70, 0.75 is wanted with the rate that it belongs to",
    )
    require(
        not agree(factor, 0.09),
        "the first gradient over the last is the product of all factors; one factor is wanted",
    )
    require(
        not agree(factor, 1 / 0.3), "on the way back: from the last layer to the first, not forward"
    )
    require(
        not agree(factor, 0.09 ** (1 / 3)),
        "three layers lie two steps apart",
    )
    require(
        not agree(factor, 0.15),
        "the factor belongs to the runs of the chosen rate, not to all runs of the method",
    )
    require(agree(factor, 0.3), "the median of the factors 0.2, 0.3, 0.4 is wanted")
    lr, median, factor = (values(part).item() for part in found["norm"])
    require(
        not math.isclose(lr, 3.0) and not math.isnan(median),
        "at the rate 3 two of three runs diverged, and count as 0; NaN confuses medians and max",
    )
    require(agree(lr, 0.3), "for the method norm another rate is best")
    require(agree(median, 0.95), "the median of 0.95, 0.96, 0.90 is the one in the middle")
    require(agree(factor, 3.0), "from 1 back to 27 in four layers: three equal steps")

    require(
        agree(list(found["lost"]), [0.1, 0.0, 0.25]),
        "where all runs diverged the median is 0, at the rate 0.1; its factor is still 1/4",
    )

    # Seeds differ in number, and the order of the runs means nothing.
    generator = torch.Generator().manual_seed(18)
    runs = [
        _run(m, lr, seed, *(0.1 + torch.rand(5, generator=generator, dtype=torch.float64)).tolist())
        for m in ("a", "b", "c")
        for lr in (0.1, 0.5)
        for seed in range(4 + (m == "b"))
    ]
    shuffled = [runs[i] for i in torch.randperm(len(runs), generator=generator).tolist()]
    found = answer(shuffled)
    for m in ("a", "b", "c"):
        groups = {lr: [r for r in runs if r["method"] == m and r["lr"] == lr] for lr in (0.1, 0.5)}
        medians = {lr: statistics.median(r["validation"] for r in g) for lr, g in groups.items()}
        lr = max(medians, key=lambda lr: medians[lr])
        factor = statistics.median((r["sizes"][0] / r["sizes"][-1]) ** (1 / 3) for r in groups[lr])
        require(
            agree(list(found[m]), [lr, medians[lr], factor]),
            "with four or five seeds in another order something changes; a median of four is the "
            "mean of the two in the middle",
        )


@exercise("18.5")
def norm_backward(answer) -> None:
    generator = torch.Generator().manual_seed(5)
    for n, width in ((4, 1), (6, 3), (50, 8)):
        G, Z, gamma = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in ((n, width), (n, width), (width,))
        )
        Z = 2 * Z + 1
        leaf, scale = Z.clone().requires_grad_(), gamma.clone().requires_grad_()
        shift = torch.zeros(width, dtype=torch.float64, requires_grad=True)
        centered = leaf - leaf.mean(0)
        spread = (leaf.var(0, correction=0) + 1e-5).sqrt()
        out = scale * centered / spread + shift
        wanted = torch.autograd.grad((out * G).sum(), (leaf, scale, shift))
        kept = G.clone(), Z.clone(), gamma.clone()
        found = without_autograd(answer, G, Z, gamma)
        require(isinstance(found, tuple | list) and len(found) == 3, "return three gradients")
        require(all(map(torch.equal, kept, (G, Z, gamma))), "the arguments were changed in place")
        for name, have, want in zip(("Z", "gamma", "beta"), found, wanted, strict=True):
            shape = tuple(values(have).shape)
            require(
                shape == tuple(want.shape),
                f"the gradient for {name} has shape {shape}, wanted {tuple(want.shape)}",
            )
        require(
            not agree(values(found[2]), wanted[2] / n)
            and not agree(values(found[1]), wanted[1] / n),
            "G is the gradient of the cost already; whatever mean it contains is inside. Sum",
        )
        require(agree(found[2], wanted[2]), "beta is added to every row: where does G lead?")
        require(
            agree(found[1], wanted[1]),
            "gamma multiplies the normalized Z, before the shift: BP4 for one number a column",
        )
        s, N, H = spread.detach(), (centered / spread).detach(), gamma * G
        require(
            not agree(found[0], H / s),
            "the direct way alone: the mean and the variance contain each z as well",
        )
        require(
            not agree(found[0], (H - H.mean(0)) / s),
            "the way through the variance is missing",
        )
        require(
            not agree(found[0], (H - N * (H * N).mean(0)) / s),
            "the way through the mean is missing",
        )
        G_only = (G - G.mean(0) - N * (G * N).mean(0)) / s
        require(not agree(found[0], G_only), "before it reaches Z, the gradient passes gamma")
        require(
            agree(found[0], wanted[0], rtol=1e-6, atol=1e-9),
            "the gradient for Z differs from autograd's; compare the three ways one by one",
        )
