"""Typical wrong answers to the exercises of chapter 19; each must be refused."""

import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn


def repaired(
    init=True,
    parameter=True,
    module_list=True,
    mode=True,
    last=False,
    drop=True,
    shift=True,
    trainable=True,
    start=0.0,
    on_input=False,
    only_last=False,
    scaled=True,
    rows=False,
    leak=False,
):
    """The solution with one thing changed."""

    def dropped(A, p, training):
        if not scaled:
            return A * (torch.rand_like(A) >= p) if training else A
        if rows:  # all neurons of an example together
            return A * F.dropout(torch.ones(len(A), 1), p, training)
        return F.dropout(A, p, training)

    class Repaired(nn.Module):
        def __init__(self, sizes, p):
            if init:
                super().__init__()
            self.p = p
            if leak:
                torch.set_grad_enabled(False)
            zeros = torch.full(sizes[:1], start)
            self.shift = nn.Parameter(zeros, trainable) if parameter else zeros.requires_grad_()
            layers = [nn.Linear(n, out) for n, out in pairwise(sizes)]
            self.layers = nn.ModuleList(layers) if module_list else layers

        def forward(self, X):
            A = X + self.shift if shift else X
            if on_input:
                A = dropped(A, self.p, self.training)
            for i, layer in enumerate(self.layers[:-1]):
                A = torch.relu(layer(A))
                if drop and not (only_last and i < len(self.layers) - 2):
                    A = dropped(A, self.p, self.training if mode else True)
            A = self.layers[-1](A)
            return F.dropout(A, self.p, self.training) if last else A

    return Repaired


class Broken(nn.Module):
    """As the exercise gives it."""

    def __init__(self, sizes, p):
        self.p = p
        self.shift = torch.zeros(sizes[0], requires_grad=True)
        self.layers = [nn.Linear(n, out) for n, out in pairwise(sizes)]

    def forward(self, X):
        A = X + self.shift
        for layer in self.layers[:-1]:
            A = F.dropout(torch.relu(layer(A)), self.p)
        return self.layers[-1](A)


class NotAModule:
    def __init__(self, *args):
        self.args = args


def nothing(net, X):
    return len(X)


class CenterOnly(nn.Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features))

    def forward(self, X):
        return X - X.mean(0)


def center(
    kind="buffer",
    detach=True,
    detach_output=False,
    running=False,
    always=False,
    swapped=False,
    whole=False,
    rows=False,
    leaves=False,
    in_place=False,
    unnamed=False,
    refuse=True,
    early=True,
):
    """The solution with one thing changed."""

    class Center(nn.Module):
        def __init__(self, num_features, momentum=0.1):
            super().__init__()
            self.m = 1 - momentum if swapped else momentum
            zeros = torch.zeros(num_features)
            if kind == "parameter":
                self.mean = nn.Parameter(zeros)
            elif kind == "buffer":
                self.register_buffer("average" if unnamed else "mean", zeros)
            else:
                self.mean = zeros

        def forward(self, X):
            if unnamed:
                return X - self.average
            if refuse and (X.dim() != 2 or X.shape[1] != 3):
                if not early and X.shape[-1] == 3:
                    self.mean = self.mean + X.flatten(0, -2).mean(0) if X.dim() > 1 else X
                raise ValueError("not (n, d)")
            if not self.training and not always:
                return X - self.mean
            batch_mean = X.mean() if whole else X.mean(1, keepdim=True) if rows else X.mean(0)
            if not leaves and not rows:
                new = batch_mean.detach() if detach else batch_mean
                mean = (1 - self.m) * self.mean + self.m * new
                self.mean = nn.Parameter(mean) if kind == "parameter" else mean
            if in_place:
                with torch.no_grad():
                    X -= batch_mean
                return X
            return X - (
                self.mean if running else batch_mean.detach() if detach_output else batch_mean
            )

    return Center


def mean_outputs(
    remove=True,
    restore="each",
    final=True,
    grad=False,
    late=False,
    containers=False,
    numbers=True,
    evaluate=True,
    clear=False,
    names=False,
    passes=1,
    swallow=False,
    axis=True,
    leak=False,
    freeze=False,
):
    """The solution with one thing changed."""

    def answer(net, x):
        X = x.unsqueeze(0) if axis else x
        if freeze:
            net.requires_grad_(False)
        means, handles = {}, []
        modes = {module: module.training for module in net.modules()}

        def put_back():
            for handle in handles if remove else []:
                handle.remove()
            if clear:
                for module in net.modules():
                    module._forward_hooks.clear()
            for module, mode in modes.items():
                if restore != "none":
                    module.training = mode if restore == "each" else True

        if evaluate:
            net.eval()
        for name, module in net.named_modules():
            if containers or not list(module.children()):
                key = type(module).__name__ if names else name

                def hook(module, inputs, output, key=key):
                    last = list(modes)[-1]
                    mean = output.mean()
                    means[key] = (mean.item() if numbers else mean) + (late and module is last)

                handles.append(module.register_forward_hook(hook))
        try:
            if leak:
                torch.set_grad_enabled(False)
            with torch.set_grad_enabled(grad):
                for _ in range(passes):
                    net(X)
        except ArithmeticError:
            if final:
                put_back()
            if not swallow:
                raise
        put_back() if remove or clear else None
        return means

    return answer


def load_what_fits(
    prefix="first",
    safe=True,
    shapes=True,
    strict=False,
    by_copy=False,
    assign=False,
    names=True,
    swapped=False,
    unsorted=False,
    shape_forgotten=False,
    load=True,
    head_too=False,
):
    """The solution with one thing changed."""

    def answer(net, file):
        state = torch.load(file, weights_only=safe)
        if prefix == "first":
            state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
        elif prefix == "each":
            state = {name.replace("module.", ""): tensor for name, tensor in state.items()}
        ours = net.state_dict()
        fits = {
            name: tensor
            for name, tensor in state.items()
            if name in ours and (not shapes or ours[name].shape == tensor.shape)
        }
        if by_copy:  # a shape (1,) is broadcast to (2,)
            for name, tensor in state.items():
                if name in ours:
                    ours[name].copy_(tensor)
        elif load:
            net.load_state_dict(fits, strict=strict, assign=assign)
        if head_too:
            nn.init.zeros_(net.output.bias)
        lacking, unused = sorted(ours.keys() - fits), sorted(state.keys() - fits)
        if shape_forgotten:
            unused = sorted(state.keys() - ours)
        if not names:
            unused = [f"module.{name}" for name in unused]
        if unsorted:
            lacking, unused = lacking[::-1], unused[::-1]
        return (unused, lacking) if swapped else (lacking, unused)

    return answer


def average(
    own=True,
    freeze=True,
    pinned=True,
    buffers=True,
    by_state=False,
    swapped=False,
    counters=True,
    record=False,
    no_grad=True,
    hidden=False,
    nothing=False,
    take=False,
    back=False,
    to_eval=False,
    leak=False,
):
    """The solution with one thing changed."""

    class Average(nn.Module):
        def __init__(self, net, decay):
            super().__init__()
            self.decay = 1 - decay if swapped else decay
            copied = copy.deepcopy(net) if own else net
            if to_eval:
                net.eval()
            if own:
                copied.eval()
            if freeze:
                copied.requires_grad_(False)
            if hidden:
                self.__dict__["copied"] = copied
            else:
                self.copied = copied

        def train(self, mode=True):
            super().train(mode)
            if pinned:
                self.copied.eval()
            return self

        @torch.no_grad()
        def update(self, net):
            if nothing:
                return
            pairs = list(zip(self.copied.parameters(), net.parameters(), strict=True))
            if buffers:
                pairs += zip(self.copied.buffers(), net.buffers(), strict=True)
            if by_state:
                pairs = list(
                    zip(self.copied.state_dict().values(), net.state_dict().values(), strict=True)
                )
            for mine, theirs in pairs:
                if take:
                    mine.copy_(theirs)
                elif mine.is_floating_point():
                    mine.mul_(self.decay).add_(theirs, alpha=1 - self.decay)
                elif counters:
                    mine.copy_(theirs)
                if back:
                    theirs.copy_(mine)

        def forward(self, X):
            if leak:
                torch.set_grad_enabled(False)
            with torch.set_grad_enabled(record):
                return self.copied(X.requires_grad_() if record else X)

    return Average


WRONG = {
    "19.1": [
        (2260, 3, 9, 27840),
        (2380, 3, 9, 27840),
        (2381, 3, 9, 27840),
        (2320, 2, 9, 27840),
        (2320, 61, 9, 27840),
        (2320, 3, 6, 27840),
        (2320, 3, 8, 27840),
        (2320, 3, 9, 9280),
        (2320, 3, 9, 18560),
        (2320, 3, 9, 6960),
        (2320, 3, 9, 37120),
        (2320, 3, 9),
        ("many", 3, 9, 27840),
        ([2320, 60], 3, 9, 27840),
        2320,
    ],
    "19.2": [
        repaired(init=False),
        repaired(parameter=False),
        repaired(module_list=False),
        repaired(parameter=False, module_list=False),
        repaired(mode=False),
        repaired(last=True),
        repaired(drop=False),
        repaired(shift=False),
        repaired(trainable=False),
        repaired(start=1.0),
        repaired(on_input=True),
        repaired(only_last=True),
        repaired(scaled=False),
        repaired(rows=True),
        repaired(leak=True),
        repaired()((5, 4, 3, 2), 0.5),
        Broken,
        NotAModule,
        nn.Linear,
    ],
    "19.3": [
        center(kind="parameter"),
        center(kind="plain"),
        center(detach=False),
        center(detach_output=True),
        center(running=True),
        center(always=True),
        center(swapped=True),
        center(whole=True),
        center(rows=True),
        center(leaves=True),
        center(in_place=True),
        center(unnamed=True),
        center(refuse=False),
        center(early=False),
        CenterOnly,
        NotAModule,
    ],
    "19.4": [
        mean_outputs(remove=False),
        mean_outputs(restore="none"),
        mean_outputs(restore="train"),
        mean_outputs(final=False),
        mean_outputs(grad=True),
        mean_outputs(late=True),
        mean_outputs(containers=True),
        mean_outputs(numbers=False),
        mean_outputs(evaluate=False),
        mean_outputs(clear=True),
        mean_outputs(names=True),
        mean_outputs(passes=2),
        mean_outputs(swallow=True),
        mean_outputs(axis=False),
        mean_outputs(leak=True),
        mean_outputs(freeze=True),
        nothing,
        lambda net, X: {},
    ],
    "19.5": [
        load_what_fits(prefix="none"),
        load_what_fits(prefix="each"),
        load_what_fits(safe=False),
        load_what_fits(shapes=False),
        load_what_fits(strict=True),
        load_what_fits(by_copy=True),
        load_what_fits(assign=True),
        load_what_fits(names=False),
        load_what_fits(swapped=True),
        load_what_fits(unsorted=True),
        load_what_fits(shape_forgotten=True),
        load_what_fits(load=False),
        load_what_fits(head_too=True),
        lambda net, file: torch.load(file, weights_only=True),
    ],
    "19.6": [
        average(own=False),
        average(freeze=False),
        average(pinned=False),
        average(buffers=False),
        average(by_state=True),
        average(swapped=True),
        average(counters=False),
        average(record=True),
        average(hidden=True),
        average(nothing=True),
        average(take=True),
        average(back=True),
        average(to_eval=True),
        average(leak=True),
        NotAModule,
    ],
}
