"""Checks of chapter 07, Gradient descent."""

import math

import torch

from .registry import exercise, require


def _number(value: object, name: str = "your answer") -> float:
    """The answer, or a part of it, as a float; a missing or undefined one is wrong."""
    require(value is not None, f"{name} is None: is a return missing?")
    found = float(value)  # type: ignore[arg-type]
    require(
        not math.isnan(found),
        f"{name} is NaN, which is not a number: it comes from 0/0 or infinity minus infinity",
    )
    return found


@exercise("07.1")
def one_step(answer) -> None:
    found = _number(answer)
    require(abs(found + 0.6) > 1e-6, "that is uphill: a step goes against the derivative")
    require(
        abs(found - 17) > 1e-6, "the derivative is right, but what became of the learning rate?"
    )
    require(abs(found - 1.6) > 1e-6, "that is how far the step goes; where does it end?")
    require(
        abs(found - 1.8) > 1e-6,
        "is the derivative of 2(w − 5)² really 2(w − 5)? What of the 2 in front?",
    )
    require(
        abs(found - (1 + 0.1 / 16)) > 1e-6,
        "the learning rate is *multiplied* by the derivative, not divided",
    )
    require(
        abs(found - 2.6) < 1e-6,
        "what is the derivative at w = 1? A tenth of it is subtracted from w",
    )


@exercise("07.2")
def closed_form(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for n, shift in ((50, 2.0), (7, -1.0), (200, 0.3)):
        x = shift + torch.randn(n, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        y = 2.5 * x - 4.0 + 0.5 * noise
        X = torch.stack([x, torch.ones_like(x)], dim=1)  # (n, 2)
        w, b = torch.linalg.lstsq(X, y[:, None]).solution[:, 0].tolist()
        found = answer(x, y)
        require(found is not None, "nothing was returned")
        pair = (isinstance(found, tuple | list) and len(found) == 2) or (
            isinstance(found, torch.Tensor) and found.numel() == 2
        )
        require(pair, "two numbers are wanted: w and b")
        first, second = found.flatten() if isinstance(found, torch.Tensor) else found
        found_w, found_b = _number(first, "w"), _number(second, "b")
        require(
            not (_close(found_w, b) and _close(found_b, w)),
            "these are the right numbers in the wrong order: w comes first, then b",
        )
        typical = (
            (
                (x * y).mean() / (x * x).mean(),
                "that is the weight of a line through the origin: b also stands in the first "
                "equation",
            ),
            (
                ((x * y).sum() - x.sum() * y.sum()) / ((x * x).sum() - x.sum() ** 2),
                "the equations hold for means, and these are sums: the second one would need n b",
            ),
            ((y / x).mean(), "the mean of y/x is no slope when there is a bias"),
            (
                ((x - x.mean()) * (y - y.mean())).mean() / x.std(),
                "divide by the *square* of the standard deviation of x",
            ),
        )
        for value, hint in typical:
            require(_close(found_w, w) or not _close(found_w, value.item()), hint)
        require(
            _close(found_w, w),
            "the weight is wrong: take b from the second equation and put it into the first",
        )
        require(
            _close(found_b, b),
            "the weight is right, the bias is not: the second equation gives it",
        )


def _close(found: float, wanted: float) -> bool:
    return abs(found - wanted) < 1e-6 * max(1.0, abs(wanted))


@exercise("07.3")
def lr_limit(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for scale, shift in ((1.0, 0.0), (3.0, 2.0), (0.3, -0.5)):
        x = shift + scale * torch.randn(200, generator=generator, dtype=torch.float64)
        mean, square = x.mean().item(), (x * x).mean().item()
        low, high = _eigenvalues(square, mean, 1.0)
        found = _number(answer(x), "the limit")
        typical = (
            (2 / low, "that is the limit of the *flattest* direction; which one fails first?"),
            (1 / high, "with that one the steepest error vanishes in one step; it may be longer"),
            (high / 2, "turned around: a *steep* bowl wants a *small* learning rate"),
            (2 / (low + high), "that is the fastest learning rate; the limit is larger"),
            (2 / square, "that leaves out the bias: the loss has two parameters and a 2×2 Hessian"),
            (2 / (high * len(x)), "that is the Hessian of the summed loss; the loss is a mean"),
        )
        if abs(2 / high - 2 / low) > 1e-3:
            for value, hint in typical:
                require(abs(found - value) > 1e-6 * value or abs(value - 2 / high) < 1e-6, hint)
        require(
            abs(found - 2 / high) < 1e-6 * (2 / high),
            "use the largest eigenvalue of the Hessian of w and b, whose entries are means of x², "
            "x and 1",
        )


def _eigenvalues(a: float, b: float, d: float) -> tuple[float, float]:
    """Eigenvalues of the symmetric matrix [[a, b], [b, d]], rising."""
    middle, spread = (a + d) / 2, math.hypot((a - d) / 2, b)
    return middle - spread, middle + spread


@exercise("07.4")
def steps_needed(answer) -> None:
    turned = _bowl(1.0, 4.0)
    three = torch.diag(torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64))
    cases = (
        (_bowl(1.0, 4.0, turn=False), 0.1, 1e-3, "the flattest direction is last here"),
        (turned, 0.1, 1e-3, "the entries on the diagonal of H are not its eigenvalues"),
        (
            turned,
            0.49,
            1e-3,
            "a factor may be negative: what counts is its size, and with a long step the "
            "*steepest* direction may be the last",
        ),
        (three, 0.3, 0.01, "three parameters work like two: look at all the eigenvalues"),
    )
    for H, lr, shrink, hint in cases:
        found = answer(H, lr, shrink)
        wanted = _count(H, lr, shrink)
        found = _number(found, "the number of steps")
        require(
            found != wanted - 1,
            "one step too few: after the number you return, the error must be small enough",
        )
        require(found != wanted + 1, "one step too many: the smallest number is wanted")
        require(
            found == round(found) or math.isinf(found),
            "a number of steps is whole; in which direction must it be rounded?",
        )
        require(found == wanted, f"{hint}; counting gives {wanted} steps, your function {found:g}")
    try:
        found = _number(answer(turned, 0.51, 1e-3), "with a learning rate of 0.51 the number")
    except (ValueError, ZeroDivisionError, OverflowError):
        found = 0.0
    require(
        found == math.inf,
        "with a learning rate above the limit the error never gets there: return math.inf then",
    )


def _bowl(low: float, high: float, turn: bool = True) -> torch.Tensor:
    """A 2×2 Hessian with these eigenvalues, its axes turned by 0.5 radians."""
    angle = 0.5 if turn else 0.0
    c, s = math.cos(angle), math.sin(angle)
    V = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return V @ torch.diag(torch.tensor([low, high], dtype=torch.float64)) @ V.T


def _count(H: torch.Tensor, lr: float, shrink: float) -> int:
    """The number of steps, by taking them."""
    eigenvalues, V = torch.linalg.eigh(H)
    error, steps = V.sum(1), 0  # one along each eigenvector
    while ((V.T @ error).abs() > shrink).any():
        error, steps = error - lr * H @ error, steps + 1
    return steps


@exercise("07.5")
def prepare_and_restore(answer) -> None:
    require(
        isinstance(answer, tuple) and len(answer) == 2,
        "two functions are wanted: (prepare, restore)",
    )
    prepare, restore = answer
    generator = torch.Generator().manual_seed(0)
    x = 280 + 20 * torch.rand(500, generator=generator, dtype=torch.float64)
    z = prepare(x)
    require(z is not None, "prepare returned nothing")
    require(z.shape == x.shape, f"z has shape {tuple(z.shape)}, x has {tuple(x.shape)}")
    require(
        bool(z.isfinite().all()),
        "z holds NaN or infinity: by what do you divide, and is it 0?",
    )
    require(z.std() > 1e-9, "all the inputs became the same: the line can no longer be found")
    mean, square = z.mean().item(), (z * z).mean().item()
    require(
        abs(mean) < 1e-6 * max(1.0, square**0.5),
        f"the mean of z is {mean:.3g}, so the Hessian has an entry off its diagonal",
    )
    low, high = _eigenvalues(square, mean, 1.0)
    require(
        high / low < 1.1,
        f"the mean is 0, but the bowl is still {high / low:.3g} times as steep one way as the "
        "other: what should the mean of z² be?",
    )
    slope = (z[1] - z[0]) / (x[1] - x[0])
    require(
        torch.allclose(z - z[0], slope * (x - x[0]), rtol=1e-6, atol=1e-6),
        "a line in z must be a line in x: only shift and scale x",
    )
    restored = restore(2.0, -3.0, x)
    require(isinstance(restored, tuple) and len(restored) == 2, "restore should return w and b")
    w, b = _number(restored[0], "the restored weight"), _number(restored[1], "the restored bias")
    want_w, want_b = 2.0 * slope.item(), (-3.0 + 2.0 * z[0] - 2.0 * slope * x[0]).item()
    require(
        abs(w - want_w) < 1e-6 * abs(want_w),
        "the weight is wrong: if z grows by 1, by how much does x grow?",
    )
    require(
        abs(b - want_b) < 1e-6 * abs(want_b),
        "the weight is right, the bias is not: what does the line in z say at x = 0?",
    )


class _Meter:
    """Gradients of a noisy linear regression that counts the examples it is asked for."""

    budget = 20_000

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        n = 100_000
        normal = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        features = normal * torch.tensor([1.0, 0.5]) + torch.tensor([0.0, 1.0])
        self.X = torch.cat([features, torch.ones(n, 1)], dim=1).double()
        true_theta = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
        noise = 0.3 * torch.randn(n, generator=generator, dtype=torch.float64)
        self.y = self.X @ true_theta + noise
        self.closed_form = torch.linalg.lstsq(self.X, self.y[:, None]).solution[:, 0]
        self.used = 0

    def __call__(self, theta: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        positions = torch.as_tensor(positions)
        self.used += positions.numel()
        require(
            self.used < len(self.y),
            "the budget is used up before the first full gradient: take mini-batches",
        )
        require(
            self.used <= self.budget,
            f"that is the {self.used:,}th example gradient, and {self.budget:,} are allowed",
        )
        X, y = self.X[positions], self.y[positions]
        gradient = X.T @ (X @ theta.detach().double() - y) / len(y)
        return gradient.to(theta.dtype)


@exercise("07.6")
def frugal_fit(answer) -> None:
    errors = []
    for seed in range(5):
        meter = _Meter(seed)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            found = answer(meter, len(meter.y))
        require(
            isinstance(found, torch.Tensor) and found.numel() == 3,
            "a tensor of 3 numbers is wanted",
        )
        errors.append(found.detach().double().reshape(3) - meter.closed_form)
    table = torch.stack(errors)  # (5, 3)
    require(
        not bool(table.isnan().any()),
        "theta is NaN: it diverged to infinity, or a mean was taken of an empty batch",
    )
    require(
        bool(table.isfinite().all() and table.abs().max() < 10),
        "it diverges: single examples have larger curvatures than their mean",
    )
    typical = (table**2).sum(1).mean().sqrt().item()
    common = table.mean(0).norm().item()
    require(
        common < 0.6 * typical or typical < 0.018,
        f"off by {typical:.3f}, and in the same direction on all data sets: it has not arrived. "
        "Take more steps from the same budget, or longer ones",
    )
    require(
        typical < 0.018,
        f"off by {typical:.3f}, each time in another direction: it arrived, and the noise of the "
        "last steps keeps it jittering. What calms noise, once the long way is behind you?",
    )
