"""Typical wrong answers to the exercises of chapter 09; each must be refused."""

import torch
from torch import nn


def step_with(order, reduction="mean", scale=1.0, reshape=True, result="item"):
    """A training step whose calls come in the given order: z(ero), b(ackward), s(tep)."""

    def train_step(net, optimizer, X, y):
        y_hat = net(X)
        loss = scale * nn.functional.mse_loss(
            y_hat, y.reshape(y_hat.shape) if reshape else y, reduction=reduction
        )
        calls = {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}
        for letter in order:
            calls[letter]()
        if result == "after":
            return nn.functional.mse_loss(net(X), y.reshape(-1, 1)).item()
        return loss.item() if result == "item" else loss if result == "tensor" else None

    return train_step


def measure(weigh="example", no_grad=True, mode="restore", number=True):
    """A measurement with one thing wrong."""

    def evaluate(net, batches):
        was_training = net.training
        if mode != "ignore":
            net.eval()
        sums, means, sizes = [], [], []
        with torch.set_grad_enabled(not no_grad):
            for X, y in batches:
                means.append(nn.functional.mse_loss(net(X), y).detach())
                sums.append(means[-1] * len(y))
                sizes.append(len(y))
        if mode == "train":
            net.train()
        if mode == "restore":
            net.train(was_training)
        result = {
            "example": sum(sums) / sum(sizes),
            "batch": sum(means) / len(means),
            "sum": sum(sums),
            "sum of means": sum(means),
            "half": sum(sums) / sum(sizes) / 2,
            "nominal": sum(sums) / (len(sizes) * sizes[0]),
            "last": means[-1],
        }[weigh]
        return result.item() if number else result

    return evaluate


def copy_parameters(weight="copy", bias="copy", trainable=True, outputs_first=False):
    """A copy of the model of chapter 08 into a layer, with mistakes on request."""

    def copy_model(w, b):
        layer = nn.Linear(*((1, len(w)) if outputs_first else (len(w), 1)), bias=bias != "none")
        with torch.no_grad():
            if weight == "copy":
                layer.weight.copy_(w if outputs_first else w.T)
            if weight == "alias":
                layer.weight.data = w.detach().T
            if weight == "untransposed":
                layer.weight = nn.Parameter(w.detach().clone())
            if bias == "copy":
                layer.bias.copy_(b)
            if bias == "alias":
                layer.bias.data = b.detach()
            if bias == "zero":
                layer.bias.zero_()
        return layer.requires_grad_(trainable)

    return copy_model


def with_history(w, b):
    layer = nn.Linear(len(w), 1)
    layer.weight.copy_(w.T)
    layer.bias.copy_(b)
    return layer


def accumulate(weigh="mean of means", leftover=True, zero_first=True, zero_between=True):
    """An accumulating epoch that weighs whole batches, with further mistakes on request."""

    def accumulate_epoch(net, optimizer, batches, every):
        if zero_first:
            optimizer.zero_grad()
        count = 0
        for X, y in batches:
            reduction = "sum" if weigh == "sum" else "mean"
            loss = nn.functional.mse_loss(net(X), y, reduction=reduction)
            (loss / every if weigh == "mean of means" else loss).backward()
            count += 1
            if count == every:
                optimizer.step()
                if zero_between:
                    optimizer.zero_grad()
                count = 0
        if count and leftover:
            optimizer.step()

    return accumulate_epoch


def join_batches(net, optimizer, batches, every):
    group = []
    for batch in [*batches, None]:
        if batch is not None:
            group.append(batch)
        if group and (batch is None or len(group) == every):
            X, y = (torch.cat(parts) for parts in zip(*group, strict=True))
            optimizer.zero_grad()
            nn.functional.mse_loss(net(X), y).backward()
            optimizer.step()
            group = []


def divide_by_nominal_size(net, optimizer, batches, every):
    batches = list(batches)
    for first in range(0, len(batches), every):
        group = batches[first : first + every]
        optimizer.zero_grad()
        for X, y in group:
            loss = nn.functional.mse_loss(net(X), y, reduction="sum")
            (loss / (len(group) * len(batches[0][1]))).backward()
        optimizer.step()


def divide_by_number_of_batches(net, optimizer, batches, every):
    batches = list(batches)
    for first in range(0, len(batches), every):
        group = batches[first : first + every]
        optimizer.zero_grad()
        for X, y in group:
            (nn.functional.mse_loss(net(X), y) / len(group)).backward()
        optimizer.step()


def last_batch_only(net, optimizer, batches, every):
    count = 0
    for X, y in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(net(X), y).backward()
        count += 1
        if count == every:
            optimizer.step()
            count = 0
    if count:
        optimizer.step()


def without_zeroing_after_dividing(net, optimizer, batches, every):
    optimizer.zero_grad()
    batches = list(batches)
    for first in range(0, len(batches), every):
        group = batches[first : first + every]
        for X, y in group:
            nn.functional.mse_loss(net(X), y, reduction="sum").backward()
        for param in net.parameters():
            param.grad /= sum(len(y) for _, y in group)
        optimizer.step()


def step_each_batch(net, optimizer, batches, every):
    for X, y in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(net(X), y).backward()
        optimizer.step()


WRONG = {
    "09.1": [
        (16, 16, 40),
        (15, 15, 64),
        (1024, 16, 64),
        (960, 15, 64),
        (64, 16, 40),
        (1000, 15, 40),
        (1000, 15.625, 40),
        (1000, 16, 64),
        (1000, 16, 62.5),
        (1000, 16, 24),
        1000,
    ],
    "09.2": [
        copy_parameters(bias="random"),
        copy_parameters(bias="zero"),
        copy_parameters(bias="none"),
        copy_parameters(weight="random"),
        copy_parameters(weight="alias"),
        copy_parameters(weight="untransposed"),
        copy_parameters(bias="alias"),
        copy_parameters(trainable=False),
        copy_parameters(outputs_first=True),
        lambda w, b: nn.Sequential(copy_parameters()(w, b)),
        lambda w, b: lambda X: X @ w + b,
        lambda w, b: copy_parameters()(w.detach().add_(1), b),
        lambda w, b: copy_parameters()(w.flip(0), b),
        with_history,
    ],
    "09.3": [
        (0.03, 0.03),
        (0.06, 0.6),
        (0.03, 0.003),
        (0.015, 0.015),
        (0.015, 0.003),
        (0.015, 0.15),
        (0.015, 0.3),
        0.015,
    ],
    "09.4": [
        step_with("bs"),
        step_with("zsb"),
        step_with("sb"),
        step_with("bzs"),
        step_with("zb"),
        step_with("zbs", reshape=False),
        step_with("zbs", scale=0.5),
        step_with("zbs", reduction="sum"),
        step_with("zbs", result="tensor"),
        step_with("zbs", result="after"),
        step_with("zbs", result="none"),
    ],
    "09.5": [
        measure(weigh="batch"),
        measure(weigh="sum"),
        measure(weigh="sum of means"),
        measure(weigh="half"),
        measure(weigh="nominal"),
        measure(weigh="last"),
        measure(no_grad=False),
        measure(mode="ignore"),
        measure(mode="train"),
        measure(mode="stay"),
        measure(number=False),
        lambda net, batches: 1.0,
    ],
    "09.6": [
        accumulate(),
        accumulate(leftover=False),
        accumulate(weigh="sum"),
        accumulate(weigh="sum of means"),
        accumulate(zero_first=False),
        accumulate(zero_first=False, zero_between=False),
        accumulate(zero_between=False),
        last_batch_only,
        without_zeroing_after_dividing,
        join_batches,
        divide_by_nominal_size,
        divide_by_number_of_batches,
        step_each_batch,
        lambda net, optimizer, batches, every: optimizer.zero_grad(),
    ],
}
