"""Checks of chapter 09, Linear regression with torch.nn."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import nn

from .registry import exercise, require

Batch = tuple[torch.Tensor, torch.Tensor]
LR = 0.1  # of the steps that the checks compare


class Watched(nn.Module):
    """A linear model that notes how it is called: rows, evaluation mode, recording for autograd."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.linear = nn.Linear(2, 1)
        with torch.no_grad():
            self.linear.weight.copy_(torch.randn(1, 2, generator=generator))
            self.linear.bias.fill_(0.5)
        self.rows: list[int] = []
        self.evaluating: list[bool] = []
        self.recording: list[bool] = []

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Predictions of shape (n, 1) for X of shape (n, 2)."""
        self.rows.append(len(X))
        self.evaluating.append(not self.training)
        self.recording.append(torch.is_grad_enabled())
        return self.linear(X)


def examples(n: int, seed: int) -> Batch:
    """Random features of shape (n, 2) and labels of shape (n, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 2, generator=generator), 3 * torch.randn(n, 1, generator=generator)


def values(net: nn.Module) -> torch.Tensor:
    """All parameters of a model in one vector."""
    return torch.cat([param.detach().flatten() for param in net.parameters()])


def same(x: torch.Tensor, y: torch.Tensor) -> bool:
    """Whether two vectors agree up to rounding."""
    return torch.allclose(x, y, rtol=1e-4, atol=1e-5)


def leave_gradients(net: nn.Module) -> None:
    """Fill the gradients of a model, as an earlier batch would have."""
    for param in net.parameters():
        param.grad = torch.ones_like(param)


def after_step(
    net: nn.Module, loss: Callable[[nn.Module], torch.Tensor], zero: bool = True
) -> torch.Tensor:
    """The parameters of a copy of the model after one step down `loss`, of rate LR.

    With `zero` false the step contains what `leave_gradients` leaves.
    """
    net = deepcopy(net)  # without gradients
    if not zero:
        leave_gradients(net)
    loss(net).backward()
    torch.optim.SGD(net.parameters(), lr=LR).step()
    return values(net)


@exercise("09.1")
def counts_of_a_loader(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 3, "three numbers are wanted, as a tuple")
    questions, batches, last = answer
    require(
        questions not in (15, 16),
        "does the loader ask for a whole batch? What did CountingDataset count?",
    )
    require(questions != 1024, "the last batch is not full, and nobody fills it up")
    require(questions != 960, "the examples of the last batch are asked for, too")
    require(questions == 1000, "how often is each example asked for in one epoch?")
    require(batches != 15, "those are the full batches; some examples are left")
    require(batches == 16, "how many batches does it take until every example was in one?")
    require(last not in (64, 62.5), "64 examples in each batch would not give 1,000 in all")
    require(last == 40, "how many examples are left after all the full batches?")


@exercise("09.2")
def copy_model(answer) -> None:
    for d, trained in ((1, True), (2, True), (5, False)):
        generator = torch.Generator().manual_seed(d)
        w = torch.randn(d, 1, generator=generator).requires_grad_(trained)
        b = torch.randn(1, generator=generator).requires_grad_(trained)
        X = torch.randn(20, d, generator=generator)
        with torch.no_grad():
            wanted = X @ w + b  # (20, 1)
        kept = torch.cat([w.detach().flatten(), b.detach()])

        try:
            model = answer(w, b)
        except RuntimeError as error:
            require(
                "leaf Variable" not in str(error),
                "a parameter may not become part of its own history: write into it under no_grad",
            )
            raise

        require(isinstance(model, nn.Linear), f"return an nn.Linear; got {type(model).__name__}")
        require(
            (model.in_features, model.out_features) == (d, 1),
            f"for w of shape ({d}, 1) the layer should turn {d} features into 1 prediction, not "
            f"{model.in_features} into {model.out_features}",
        )
        require(
            tuple(model.weight.shape) == (1, d),
            f"the weight has shape {tuple(model.weight.shape)}; nn.Linear stores it transposed",
        )
        require(
            model.bias is not None and tuple(model.bias.shape) == (1,),
            "the layer should have a bias of shape (1,)",
        )
        with torch.no_grad():
            found = model(X)
        require(
            not same(found, wanted - kept[-1]), "the bias is zero; it should have the value of b"
        )
        require(
            not same(found - model.bias.detach(), wanted - kept[-1]) or same(found, wanted),
            "the weights are right, the bias is not: a new layer has a random one",
        )
        require(same(found, wanted), f"for d = {d} the layer predicts something else than X w + b")
        require(
            all(param.requires_grad for param in model.parameters()),
            "the layer cannot be trained: its parameters should have requires_grad=True",
        )
        with torch.no_grad():
            w += 1
            b += 1
            changed = not same(model(X), wanted)
        require(not changed, "the layer changes when w or b do: it uses their memory; copy it")
        before = torch.cat([w.detach().flatten(), b.detach()])
        model(X).square().sum().backward()
        torch.optim.SGD(model.parameters(), lr=LR).step()
        require(
            same(torch.cat([w.detach().flatten(), b.detach()]), before)
            and w.grad is None
            and b.grad is None,
            "training the layer reaches w or b",
        )
        require(same(before, kept + 1), "w and b must not be changed")


@exercise("09.3")
def matching_learning_rates(answer) -> None:
    require(isinstance(answer, tuple) and len(answer) == 2, "two numbers are wanted, as a tuple")
    lr_mean, lr_sum = (float(value) for value in answer)

    def near(x: float, y: float) -> bool:
        return abs(x - y) < 1e-9

    require(not near(lr_mean, 0.03), "mean: nn.MSELoss has no half; what does that do to the step?")
    require(
        not near(lr_mean, 0.06),
        "mean: the factor is right, the direction is not; which of the gradients is longer?",
    )
    require(
        near(lr_mean, 0.015),
        "mean: write down both steps for a single example with error e, and compare",
    )
    require(
        not near(lr_sum, 0.015),
        "sum: does the optimizer divide by the batch size, as d2l.sgd does?",
    )
    require(not near(lr_sum, 0.003), "sum: the batch size is in it; the missing half is not")
    require(
        not near(lr_sum, 0.15),
        "sum: the gradient of the sum is the longer one; which way does the learning rate go?",
    )
    require(
        near(lr_sum, 0.0015), "sum: compare the gradient of the sum with the gradient of the mean"
    )


@exercise("09.4")
def train_step(answer) -> None:
    X, y = examples(8, seed=0)

    def mse(net: nn.Module) -> torch.Tensor:
        return nn.functional.mse_loss(net(X), y)

    for labels in (y, y.flatten()):
        net = Watched(seed=1)
        leave_gradients(net)
        start, loss_before = values(net), mse(net).item()
        wanted = after_step(net, mse)
        with_old_gradients = after_step(net, mse, zero=False)
        only_old_gradients = start - LR
        broadcast = after_step(net, lambda net: ((net(X) - y.flatten()) ** 2).mean())
        half = after_step(net, lambda net: mse(net) / 2)
        total = after_step(net, lambda net: mse(net) * len(y))

        loss = answer(net, torch.optim.SGD(net.parameters(), lr=LR), X, labels)
        found, loss_after = values(net), mse(net).item()

        require(
            not same(found, start),
            "no parameter has moved; what must stand between backward and step?",
        )
        require(
            not same(found, only_old_gradients),
            "that was a step against gradients of an earlier batch; in what order are the calls?",
        )
        require(
            not same(found, with_old_gradients),
            "the step contains gradients that an earlier batch had left",
        )
        require(
            labels is y or not same(found, broadcast),
            "with labels of shape (n,) every prediction was compared with every label",
        )
        require(not same(found, half), "the step is half as long as that of the mean squared error")
        require(
            not same(found, total),
            "the step is that of the sum of the squared errors, not the mean",
        )
        require(
            same(found, wanted),
            "the parameters differ from those after one step against the gradient of the MSE",
        )
        require(
            not isinstance(loss, torch.Tensor),
            "return a Python number: a tensor would keep the whole computation in memory",
        )
        require(isinstance(loss, float), f"return the loss, a float; got {type(loss).__name__}")
        require(
            abs(loss - loss_after) > 1e-4 * loss_before,
            "that is the loss after the step; the one before it was asked for",
        )
        require(
            abs(loss - loss_before) < 1e-4 * loss_before,
            "the step is right, the returned loss is not",
        )


@exercise("09.5")
def evaluate(answer) -> None:
    X, y = examples(11, seed=2)
    y[8:] += 10  # the short last batch differs from the others, so that weights matter
    for training in (True, False):
        net = Watched(seed=3)
        net.train(training)
        start = values(net)
        losses = [((net(X[i : i + 4]) - y[i : i + 4]) ** 2).mean().item() for i in (0, 4, 8)]
        with torch.no_grad():
            total = nn.functional.mse_loss(net(X), y, reduction="sum").item()
        net.rows, net.evaluating, net.recording = [], [], []

        found = answer(net, iter([(X[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)]))

        require(net.rows, "the model was never called")
        require(
            not isinstance(found, torch.Tensor), "return a Python number, not a tensor: see .item()"
        )
        require(isinstance(found, float), f"return a float; got {type(found).__name__}")
        require(
            abs(found - sum(losses) / 3) > 1e-3,
            "that is the mean of the batches' means: the three examples of the last batch "
            "count as much as four elsewhere",
        )
        require(
            abs(found - total) > 1e-2, "that is the sum over all examples; the mean was asked for"
        )
        require(abs(found - sum(losses)) > 1e-2, "that is the sum of the batches' means")
        require(
            abs(found - total / 22) > 1e-3,
            "half the squared error was measured; here there is no half",
        )
        require(abs(found - total / 12) > 1e-3, "the last batch has three examples, not four")
        require(
            abs(found - total / 11) < 1e-4 * total,
            f"for 11 examples with a squared error of {total:.1f} in all you return {found:.2f}",
        )
        require(all(net.evaluating), "the model was in training mode while you measured it")
        require(
            not any(net.recording),
            "autograd was recording while you measured; eval() does not stop that",
        )
        require(
            net.training is training,
            f"the model came in {'training' if training else 'evaluation'} mode and left in "
            "the other",
        )
        require(same(values(net), start), "measuring must not change the parameters")


@exercise("09.6")
def accumulate_epoch(answer) -> None:
    # Batch sizes, and how many make a group: whole groups, a short last group, a short last batch.
    cases = (([4] * 4, 2), ([4] * 5, 2), ([4, 4, 4, 3], 2), ([4, 4, 4, 4, 1], 3))
    for sizes, every in cases:
        X, y = examples(sum(sizes), seed=4)
        y[-1] += 20  # makes the weight of the last example visible
        batches = list(zip(X.split(sizes), y.split(sizes), strict=True))
        net = Watched(seed=5)
        leave_gradients(net)
        start = values(net)
        wanted = by_group(net, batches, every)

        group = partial(by_group, net, batches, every)
        last = "only the last batch of each group counts; where do you call zero_grad?"
        group_before = "gradients are left from the group before; zero them after each step"
        never = "gradients are left from before the epoch, and from the group before"
        candidates = [
            ("no parameter has moved", start),
            ("a step was taken after each batch", by_group(net, batches, 1)),
            (last, group(weigh="last of means")),
            (last, group(weigh="last of sums")),
            (last, group(weigh="last by example")),
            (last, group(weigh="last by every")),
            (group_before, group(zero="first")),
            (group_before, group(zero="first", divide="gradients")),
            (never, group(zero="never")),
            (never, group(zero="never", divide="gradients")),
            (
                "gradients are left from before the epoch; backward adds to them",
                group(zero="between"),
            ),
            (
                "gradients are left from before the epoch; backward adds to them",
                group(zero="between", divide="gradients"),
            ),
            (
                "the last batches, too few for a whole group, were left out",
                group(leftover=False),
            ),
            (
                "the steps are those of the sum of the squared errors: too long",
                group(weigh="sum"),
            ),
            (
                "the gradients of the batches' means were added up: the steps are too long",
                group(weigh="sum of means"),
            ),
            (
                "each batch of a group has the same weight, but they differ in size",
                group(weigh="mean of means"),
            ),
            (
                "the short last batch is counted as if it were full",
                group(weigh="nominal"),
            ),
            (
                "the last group has fewer batches; by what do you divide there?",
                group(weigh="by every"),
            ),
        ]
        answer(net, torch.optim.SGD(net.parameters(), lr=LR), iter(batches), every)
        found = values(net)
        require(
            max(net.rows, default=0) <= max(sizes),
            f"your model saw {max(net.rows, default=0)} examples at once; one batch at a time "
            "was asked for",
        )
        if not same(found, wanted):
            for hint, candidate in candidates:
                require(same(candidate, wanted) or not same(found, candidate), hint)
        require(
            same(found, wanted),
            f"with batches of {sizes} and every = {every} the parameters differ from those of "
            "joined batches; which examples belong to a step, and by what is their sum divided?",
        )


def by_group(
    net: nn.Module,
    batches: Sequence[Batch],
    every: int,
    weigh: str = "example",
    leftover: bool = True,
    zero: str = "always",
    divide: str = "loss",
) -> torch.Tensor:
    """The parameters of a copy of the model after an epoch in groups; options are mistakes.

    With `divide` "gradients" the gradient of the sum is divided between backward and step, along
    with what `zero` has left there.
    """
    net = deepcopy(net)  # without gradients
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    if zero not in ("always", "first"):
        leave_gradients(net)
    for first in range(0, len(batches), every):
        group = batches[first : first + every]
        if len(group) < every and not leftover:
            break
        sums = [nn.functional.mse_loss(net(X), y, reduction="sum") for X, y in group]
        means = [nn.functional.mse_loss(net(X), y) for X, y in group]
        loss = {
            "example": sum(sums) / sum(len(y) for _, y in group),
            "sum": sum(sums),
            "last of means": means[-1],
            "last of sums": sums[-1],
            "last by example": sums[-1] / sum(len(y) for _, y in group),
            "last by every": means[-1] / every,
            "sum of means": sum(means),
            "mean of means": sum(means) / len(group),
            "by every": sum(means) / every,
            "nominal": sum(sums) / (len(group) * len(batches[0][1])),
        }[weigh]
        if divide == "gradients":
            loss = sum(sums)
        torch.as_tensor(loss).backward()
        if divide == "gradients":
            for param in net.parameters():
                assert param.grad is not None
                param.grad /= sum(len(y) for _, y in group)
        optimizer.step()
        if zero not in ("never", "first"):
            optimizer.zero_grad()
    return values(net)
