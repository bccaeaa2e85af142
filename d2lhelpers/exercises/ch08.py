"""Checks of chapter 08, Linear regression from scratch."""

import torch
from torch import nn

from .registry import exercise, require


@exercise("08.1")
def batches_of_an_epoch(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 6, "six answers are wanted")
    num_batches, last_batch, X, w, y_hat, factor = answer
    require(num_batches != 15, "15 full batches hold 960 examples; where do the other 40 go?")
    require(num_batches == 16, "how often does 64 fit into 1,000, and is anything left over?")
    require(last_batch == 40, "the last batch holds what the full ones before it have left over")
    for name, found, wanted in (("X", X, (40, 3)), ("w", w, (3, 1)), ("linreg", y_hat, (40, 1))):
        require(
            tuple(found) == wanted,
            f"the shape of {name} is not {tuple(found)}: X has a row for each example, w a row for "
            "each feature, and the product one prediction for each example",
        )
    require(factor != 1, "dividing by 40 would give the mean gradient; sgd divides by 64")
    require(
        abs(factor - 40 / 64) < 1e-3,
        "the sum of 40 gradients is 40 times their mean; what is left after dividing by 64?",
    )


@exercise("08.2")
def noise_deviation(answer) -> None:
    for sigma in (0.01, 0.5, 3.0):
        found = float(answer(sigma**2 / 2))
        require(abs(found - sigma**2) > 1e-9, "that is the variance σ²; its root was asked for")
        require(
            abs(found - sigma**2 / 2) > 1e-9, "that is the loss itself, and its unit is y squared"
        )
        require(
            abs(found - sigma / 2**0.5) > 1e-9,
            "the loss is *half* the squared error: a 2 is missing",
        )
        require(
            abs(found - sigma) < 1e-6 * sigma,
            f"for noise of deviation {sigma} the loss ends at {sigma**2 / 2:g}, "
            f"and your function makes {found:.3g} of it",
        )


@exercise("08.3")
def mean_gradients(answer) -> None:
    generator = torch.Generator().manual_seed(0)
    for n, d in ((4, 1), (50, 3)):
        X, y = (torch.randn(n, k, generator=generator, dtype=torch.float64) for k in (d, 1))
        w = torch.randn(d, 1, generator=generator, dtype=torch.float64, requires_grad=True)
        b = torch.randn(1, generator=generator, dtype=torch.float64, requires_grad=True)
        wanted = torch.autograd.grad(((X @ w + b - y) ** 2 / 2).mean(), (w, b))
        with torch.no_grad():
            found = answer(X, y, w.detach(), b.detach())
        require(
            isinstance(found, tuple | list) and len(found) == 2,
            "return two tensors, for w and for b",
        )
        for name, have, want in zip("wb", found, wanted, strict=True):
            require(
                have.shape == want.shape,
                f"the gradient of {name} has shape {tuple(have.shape)}, {name} {tuple(want.shape)}",
            )
            require(
                not torch.allclose(have, want * n) or n == 1,
                f"that is the gradient of the sum for {name}; of the mean was asked",
            )
            require(
                not torch.allclose(have, want * 2),
                f"the gradient of {name} is twice too large: the loss is half the squared error",
            )
            require(
                not torch.allclose(have, -want),
                f"the gradient of {name} has the wrong sign: what is the derivative of ŷ − y by ŷ?",
            )
            require(
                torch.allclose(have, want),
                f"the gradient of {name} differs from autograd's; compare with one feature",
            )


@exercise("08.4")
def repaired(answer) -> None:
    generator = torch.Generator().manual_seed(1)
    X, y = torch.randn(20, 2, generator=generator), torch.randn(20, 1, generator=generator)
    for num_steps in (1, 2, 5):
        w, b = torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
        twin = nn.Linear(2, 1)
        with torch.no_grad():
            twin.weight.zero_()
            twin.bias.zero_()
        optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
        for _ in range(num_steps):
            optimizer.zero_grad()
            (nn.functional.mse_loss(twin(X), y) / 2).backward()
            optimizer.step()
        found = answer(X, y, w, b, 0.1, num_steps)
        require(isinstance(found, tuple) and len(found) == 2, "return w and b")
        found_w, found_b = (part.detach() for part in found)
        want_w, want_b = twin.weight.detach().T, twin.bias.detach()
        if num_steps == 1:
            require(not torch.allclose(found_w, -want_w, atol=1e-6), "your first step goes uphill")
            require(
                not torch.allclose(found_w, 20 * want_w, atol=1e-5),
                "your first step is 20 times too long, and there are 20 examples",
            )
        require(
            torch.allclose(found_w, want_w, atol=1e-5)
            and torch.allclose(found_b, want_b, atol=1e-5),
            "the first step differs from the one along the mean loss"
            if num_steps == 1
            else "the first step is right, a later one is not: what does backward() add to?",
        )


@exercise("08.5")
def robust_fit(answer) -> None:
    generator = torch.Generator().manual_seed(2)
    n, w = 1000, 3 * torch.randn(2, 1, generator=generator)
    b = 3 * torch.randn(1, generator=generator)
    X = torch.randn(n, 2, generator=generator)
    y = X @ w + b + 0.01 * torch.randn(n, 1, generator=generator)
    wrong = torch.randperm(n, generator=generator)[: n // 10]
    y[wrong] += torch.randn(n // 10, 1, generator=generator) * 50
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = answer(X, y)
    require(isinstance(found, tuple) and len(found) == 2, "return w and b")
    found_w, found_b = (torch.as_tensor(part).detach() for part in found)
    require(found_w.numel() == 2 and found_b.numel() == 1, "w should have 2 values and b one")
    error_w = (found_w.reshape(2, 1) - w).abs().max().item()
    error_b = (found_b.reshape(1) - b).abs().max().item()
    require(
        max(error_w, error_b) < 0.2,
        f"the largest errors are {error_w:.2f} (w) and {error_b:.2f} (b): either the wrong labels "
        "still pull with all their weight, or the steps are too long, or too few",
    )
    require(
        error_w < 0.05 and error_b < 0.05,
        f"nearly: the largest errors are {error_w:.3f} (w) and {error_b:.3f} (b). "
        "Long steps get near the answer, short ones settle there",
    )
