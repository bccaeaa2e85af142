"""Checks of chapter 26, Residual networks."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .compare import agree, number, values
from .registry import Wrong, exercise, require


@exercise("26.1")
def numbers(answer) -> None:
    require(isinstance(answer, tuple | list) and len(answer) == 7, "seven answers are wanted")
    parameters, projections, layers, ten, minus, output, start = map(number, answer)
    first, second, projection, norm = 64 * 128 * 9, 128 * 128 * 9, 64 * 128, 2 * 128
    full = first + second + projection + 3 * norm
    require(parameters != full - projection - norm, "the projection on the shortcut has weights")
    require(parameters != full - norm, "the projection has a batch normalization of its own")
    require(parameters != full - 3 * norm, "the batch normalizations have parameters, too")
    require(parameters != full + 3 * 128, "no convolution here has a bias")
    require(
        parameters not in (full + 3 * norm, full + 3 * norm + 3),
        "running averages are kept in the state_dict, and are no parameters",
    )
    require(
        parameters != 2 * second + projection + 3 * norm, "the first convolution reads 64 channels"
    )
    require(parameters == full, "(a): two 3×3 convolutions, a 1×1 one, three normalizations")
    require(projections != 4, "in the first stage the shape does not change")
    require(projections == 3, "(b): how often does the shape change from block to block?")
    require(layers != 6 * 18, "(c): the first convolution and the last layer count as well")
    require(layers == 6 * 18 + 2, "(c): three stages of n blocks, two convolutions in each")
    require(
        not math.isclose(ten, 0.1**10) and not math.isclose(ten, 1 + 0.1**10),
        "(d): the shortcut stands in every block, so every factor has its own 1",
    )
    require(not math.isclose(ten, 2.0), "(d): the factors of a chain are multiplied, not added")
    require(math.isclose(ten, 1.1**10, rel_tol=5e-3), "(d): which factor has one block?")
    require(abs(minus) < 1e-9, "(e): the 1 of the shortcut plus the derivative of the path")
    require(not math.isclose(output, -1.5), "(f): that is the path alone, F(3)")
    require(not math.isclose(output, 0.0), "(f): the input is added before the last ReLU")
    require(not math.isclose(output, 3.0), "(f): the path may subtract; its output needs no ReLU")
    require(math.isclose(output, 1.5), "(f): the path first, from the inside out, then the sum")
    require(not math.isclose(start, -3.0), "(g): F = 0, and behind the sum stands a ReLU")
    require(abs(start) < 1e-9, "(g): what is left of the block when F = 0?")


CASES = {
    "A": ("degradation", "the deep network is worse on its own *training* data"),
    "B": ("overfitting", "the training loss fell, only the validation loss rose"),
    "C": ("unfair", "a rate that suits 3 layers need not suit 21"),
    "D": ("better", "both losses fell"),
}


class _Path(nn.Module):
    """A path with values of both signs: two convolutions with a ReLU between."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y: torch.Tensor = self.layers(X)
        return Y - Y.mean()


class _Made(nn.Module):
    """A block around a path, wired as `join` says; it may overwrite its input first."""

    def __init__(self, path: nn.Module, join: Any, overwrites: bool = False) -> None:
        super().__init__()
        self.path, self.join, self.overwrites = path, join, overwrites

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        require(X.shape == (2, 4, 5, 5), "the images have the shape (2, 4, 5, 5)")
        if self.overwrites:
            X.relu_()
        out: torch.Tensor = self.join(X, self.path(X))
        return out


def _right(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    return torch.relu(X + Y)


WIRED: dict[str, Any] = {
    "right": _right,
    "no shortcut": lambda X, Y: torch.relu(Y),
    "ReLU before the sum": lambda X, Y: X + torch.relu(Y),
    "no ReLU": lambda X, Y: X + Y,
    "overwrites": _right,
}


@exercise("26.2")
def recognized(answer) -> None:
    require(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "two answers are wanted: four words, and the function",
    )
    words, fault = answer
    require(
        isinstance(words, tuple | list) and len(words) == 4, "(a): four words are wanted, in a list"
    )
    known = [word for word, _ in CASES.values()]
    for (letter, (word, why)), found in zip(CASES.items(), words, strict=True):
        require(found in known, f"(a): the words are {', '.join(known)}; {found!r} is none of them")
        require(found == word, f"(a), {letter}: look again: {why}")
    require(callable(fault), "(b): hand in the function itself")
    for name, join in WIRED.items():
        for _ in range(3):
            path = _Path().eval()
            block = _Made(path, join, overwrites=name == "overwrites").eval()
            weights = [p.clone() for p in path.parameters()]
            found = fault(path, block)
            require(found is not None, "(b): return one of the five words")
            require(all(map(torch.equal, weights, path.parameters())), "(b): the path was changed")
            require(
                found == name,
                f"(b): a block that should be called {name!r} is called {found!r}"
                + (
                    "; are there negative values in your images, and is the copy older than the "
                    "call?"
                    if name == "overwrites"
                    else ""
                ),
            )


def _trace(num_blocks: tuple[int, ...], height: int, width: int) -> tuple[list, int]:
    def half(size: int) -> int:
        return (size - 1) // 2 + 1

    h, w, channels = half(half(height)), half(half(width)), 64
    shapes, cost, before = [(channels, h, w)], 0, 64
    for stage, blocks in enumerate(num_blocks):
        if stage:
            channels, h, w = 2 * channels, half(h), half(w)
        for _ in range(blocks):
            cost += 9 * h * w * channels * (before + channels)
            before = channels
        shapes.append((channels, h, w))
    return shapes, cost


@exercise("26.3")
def trace(answer) -> None:
    cases = (((2, 2, 2, 2), 224, 224), ((3, 4, 6, 3), 97, 130), ((1, 3), 33, 30), ((2,), 1, 7))
    for num_blocks, height, width in cases:
        found = answer(num_blocks, height, width)
        require(
            isinstance(found, tuple | list) and len(found) == 2,
            "return two things: the list of shapes, and the number of multiply-adds",
        )
        shapes, cost = found
        require(isinstance(shapes, tuple | list), "the shapes come as a list")
        require(
            len(shapes) == len(num_blocks) + 1,
            f"one shape behind the stem and one behind each stage, so {len(num_blocks) + 1} for "
            f"{len(num_blocks)} stages, not {len(shapes)}",
        )
        wanted, wanted_cost = _trace(num_blocks, height, width)
        where = f"for {num_blocks} and {height}×{width}: "
        for i, (have, want) in enumerate(zip(shapes, wanted, strict=True)):
            place = "the stem" if i == 0 else f"stage {i}"
            have = values(have).tolist()
            require(isinstance(have, list) and len(have) == 3, "a shape is (channels, h, w)")
            require(have[0] == want[0], where + f"{place} makes another number of channels")
            require(
                have[1:] != [want[2], want[1]] or want[1] == want[2],
                where + "height comes before width",
            )
            require(
                i > 0 or have[1:] != [math.ceil(height / 2), math.ceil(width / 2)],
                "the stem halves twice: convolution, then max pooling",
            )
            require(
                have[1:] == list(want[1:]),
                where
                + f"height or width behind {place} is wrong; how is half an odd size rounded?",
            )
        cost = number(cost)
        require(cost != 2 * wanted_cost, "a multiplication and its addition count as one here")
        first = wanted[0][1] * wanted[0][2] * 64
        require(cost != 9 * wanted_cost and cost * 9 != wanted_cost, "a 3×3 kernel has 9 weights")
        require(
            cost != wanted_cost + 4 * 147 * first,
            "the stem's convolution is 7×7; only the 3×3 ones are asked for",
        )
        h, w, extra, missing = 0, 0, 0, 0
        for stage in range(1, len(num_blocks)):
            channels, h, w = wanted[stage + 1]
            extra += 9 * h * w * channels * channels // 2
            missing += h * w * channels * channels // 2
        require(
            not extra or cost != wanted_cost + extra,
            "the first convolution of a stage reads the channels of the stage before",
        )
        require(not missing or cost != wanted_cost + missing, "projections are no 3×3 convolutions")
        require(
            cost == wanted_cost,
            where + "the number of multiply-adds is wrong; one value takes 9 · input channels",
        )


@exercise("26.4")
def fuse(answer) -> None:
    generator = torch.Generator().manual_seed(26)
    for bias, stride, padding, kernel, eps in (
        (False, 1, 1, 3, 1e-5),
        (True, 2, 0, (1, 3), 0.1),
        (True, (1, 2), (2, 1), 5, 1e-3),
    ):
        conv: Any = nn.Conv2d(3, 4, kernel, stride, padding, bias=bias).double()
        norm: Any = nn.BatchNorm2d(4, eps=eps).double()
        for tensor in (*conv.parameters(), norm.weight, norm.bias, norm.running_mean):
            tensor.detach().copy_(torch.randn(tensor.shape, generator=generator))
        norm.running_var.copy_(0.2 + 3 * torch.rand(4, generator=generator))
        conv.eval()
        norm.eval()
        X = torch.randn(2, 3, 9, 8, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            wanted = norm(conv(X))
        kept = [t.clone() for m in (conv, norm) for t in m.state_dict().values()]
        fused = answer(conv, norm)
        now = [t for m in (conv, norm) for t in m.state_dict().values()]
        require(fused is not conv, "return a new convolution, not the old one")
        require(
            not (conv.training or norm.training),
            "the mode of the convolution or of the normalization was changed",
        )
        require(
            all(map(torch.equal, kept, now)), "the convolution or the normalization was changed"
        )
        require(isinstance(fused, nn.Conv2d), f"return an nn.Conv2d, not {type(fused).__name__}")
        own = {p.data_ptr() for p in fused.parameters()}
        require(
            not own & {p.data_ptr() for m in (conv, norm) for p in m.parameters()},
            "the new convolution shares memory with the old parts",
        )
        fused = fused.double()
        require(fused.bias is not None, "without a bias the shift of the normalization is lost")
        with torch.no_grad():
            try:
                found = fused(X)
            except RuntimeError as error:
                raise Wrong(f"the new convolution cannot read the input: {error}") from None
            require(
                found.shape == wanted.shape,
                "the output has another shape: kernel, stride and padding must be taken over",
            )
            s = (norm.running_var + eps).sqrt()
            no_root = (norm.weight / (norm.running_var + eps))[:, None, None, None]
            factor = (norm.weight / s)[:, None, None, None]
            weight = fused.weight
            require(
                not agree(weight, conv.weight * no_root, rtol=1e-4, atol=1e-6),
                "divide by the standard deviation, not by the variance",
            )
            require(
                not agree(weight, conv.weight / s[:, None, None, None], rtol=1e-4, atol=1e-6),
                "γ multiplies as well",
            )
            other = (norm.weight / (norm.running_var + 1e-5).sqrt())[:, None, None, None]
            require(
                eps == 1e-5 or not agree(weight, conv.weight * other, rtol=1e-4, atol=1e-6),
                "eps is not always 1e-5; the normalization knows its own",
            )
            require(
                agree(weight, conv.weight * factor, rtol=1e-4, atol=1e-6),
                "the weights are wrong: each output channel gets one factor",
            )
            no_bias = norm.bias - norm.running_mean * norm.weight / s
            require(
                not bias or not agree(fused.bias, no_bias, rtol=1e-4, atol=1e-6),
                "a bias that the convolution had is multiplied, too, and must not be lost",
            )
            require(
                agree(found, wanted, rtol=1e-4, atol=1e-5),
                "the bias is wrong: what is left of γ(z − mean)/s + β when W·x is taken away?",
            )


class _Counted(nn.Module):
    """A path with a weight that counts how often it is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.calls = 0

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.weight * X + 1


@exercise("26.5")
def stochastic_depth(answer) -> None:
    require(isinstance(answer, type), "hand in the class itself, not an instance")
    X = torch.tensor([[1.0, -2.0], [0.5, 4.0]])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(26)
        for drop in (0.25, 0.5, 0.9, 0.0):
            path = _Counted()
            block = answer(path, drop)
            require(isinstance(block, nn.Module), "the class must be built on nn.Module")
            require(
                any(p is path.weight for p in block.parameters()),
                "the parameters of the path are not found: is it an attribute of the module?",
            )
            block.eval()
            given = X.clone()
            found, path_of_x = block(given), (3 * X + 1)
            require(torch.equal(given, X), "the input was changed in place")
            require(
                drop == 0 or not agree(found, X + path_of_x),
                "in evaluation mode the path counts as often as in training on average",
            )
            require(
                drop in (0, 0.5) or not agree(found, X + drop * path_of_x),
                "`drop` is the probability to leave the path out, not to keep it",
            )
            require(
                agree(found, X + (1 - drop) * path_of_x),
                "in evaluation mode X + (1 − drop)·F(X) is wanted",
            )
            block.train()
            path.calls, computed, n = 0, 0, 400
            for _ in range(n):
                before, given = path.calls, X.clone()
                found = block(given)
                require(torch.equal(given, X), "the input was changed in place")
                kept = agree(found, X + path_of_x)
                require(
                    kept or agree(found, X),
                    "in training mode the whole batch gives X or X + F(X), nothing in between",
                )
                computed += kept
                require(
                    path.calls - before == kept,
                    "the path was computed although it is dropped (or more than once)",
                )
            share, error = computed / n, 5 * math.sqrt(max(drop * (1 - drop), 1e-9) / n)
            require(
                drop in (0, 0.5) or abs(share - drop) > error,
                "`drop` is the probability to leave the path out, not to keep it",
            )
            require(
                abs(share - (1 - drop)) <= error,
                f"with drop = {drop:g} the path was kept in {share:.0%} of {n} calls",
            )
        block = answer(_Counted(), 0.0).train()
        leaf = X.clone().requires_grad_()
        (slope,) = torch.autograd.grad(block(leaf).sum(), leaf)
        require(agree(slope, torch.full((2, 2), 4.0)), "the gradient must pass shortcut and path")


def _bottleneck(block: nn.Module, X: torch.Tensor, strides: int, order: str = "right"):
    """The block's output in evaluation mode from its parts, in the right order or a wrong one."""

    def part(i: int, X: torch.Tensor, stride: int) -> torch.Tensor:
        conv, norm = getattr(block, f"conv{i}"), getattr(block, f"bn{i}")
        Z = F.conv2d(X, conv.weight, conv.bias, stride, padding=conv.weight.shape[-1] // 2)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        return Z * scale[:, None, None] + shift[:, None, None]

    first, second = (strides, 1) if order == "stride first" else (1, strides)
    Y = torch.relu(part(1, X, first))
    Y = part(2, Y, second)
    Y = part(3, Y if order == "one ReLU missing" else torch.relu(Y), 1)
    around = X if getattr(block, "conv4", None) is None else part(4, X, strides)
    if order == "no shortcut":
        return torch.relu(Y)
    if order == "no last ReLU":
        return Y + around
    return torch.relu(Y) + around if order == "ReLU before the sum" else torch.relu(Y + around)


NAMES = ("conv", "bn")


def _check_block(answer: Any) -> None:
    require(isinstance(answer, type), "hand in the class itself, not an instance")
    generator = torch.Generator().manual_seed(5)
    kernels = {1: (1, 1), 2: (3, 3), 3: (1, 1), 4: (1, 1)}
    for channels, width, strides in ((8, 2, 1), (4, 3, 1), (8, 2, 2), (6, 4, 2)):
        what = f"Bottleneck({channels}, {width}, {strides}): "
        block = answer(channels, width, strides)
        require(isinstance(block, nn.Module), "the class must be built on nn.Module")
        projects = channels != 4 * width or strides != 1
        for i in range(1, 5 if projects else 4):
            for name, kind in ((f"conv{i}", nn.Conv2d), (f"bn{i}", nn.BatchNorm2d)):
                require(
                    isinstance(getattr(block, name, None), kind),
                    what + f"{name} must be an nn.{kind.__name__}",
                )
        require(
            projects or getattr(block, "conv4", None) is None,
            what + "the shape stays the same, so no projection is wanted",
        )
        sizes = {1: (width, channels), 2: (width, width), 3: (4 * width, width)}
        sizes[4] = (4 * width, channels)
        for i in range(1, 5 if projects else 4):
            conv = getattr(block, f"conv{i}")
            require(conv.bias is None, "before a batch normalization a bias has no effect")
            have, want = tuple(conv.weight.shape), (*sizes[i], *kernels[i])
            require(have == want, what + f"conv{i} has weights of shape {have}, wanted {want}")
        parts = [getattr(block, f"{n}{i}") for i in range(1, 5 if projects else 4) for n in NAMES]
        require(
            len({id(part) for part in parts}) == len(parts),
            what + "each convolution needs a batch normalization of its own; two parts are one",
        )
        counted = sum(p.numel() for part in parts for p in part.parameters())
        total = sum(p.numel() for p in block.parameters())
        require(
            total == counted,
            what + f"{total} parameters, but its convolutions and norms have {counted}",
        )
        block = block.double().eval()
        for tensor in block.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        for i in range(1, 5 if projects else 4):
            weight = getattr(block, f"conv{i}").weight.detach()
            weight.copy_(torch.randn(weight.shape, generator=generator))
        X = torch.randn(2, channels, 7, 6, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            wanted, given = _bottleneck(block, X, strides), X.clone()
            found = block(given)
            require(torch.equal(given, X), "the input was changed in place")
            require(
                isinstance(found, torch.Tensor) and found.shape == wanted.shape,
                what + f"from {tuple(X.shape)} a tensor of shape {tuple(wanted.shape)} is wanted",
            )
            for order, hint in (
                ("no shortcut", "the input is not added"),
                ("no last ReLU", "behind the sum stands a ReLU"),
                ("ReLU before the sum", "the last ReLU stands behind the sum, not before it"),
                ("one ReLU missing", "a ReLU stands behind the first and the second convolution"),
            ):
                require(not agree(found, _bottleneck(block, X, strides, order)), hint)
            require(
                strides == 1 or not agree(found, _bottleneck(block, X, strides, "stride first")),
                "the 3×3 convolution has the stride; a 1×1 one would skip three of four pixels",
            )
            require(agree(found, wanted), what + "shapes are right, the values are not")


def _check_names(shapes: dict, wanted: dict, translate: Any) -> None:
    """Each of torchvision's names leads to another tensor of ours, of the same shape."""
    found: dict[str, str] = {}
    for name, shape in wanted.items():
        ours = translate(name)
        what = f"translate({name!r}) is {ours!r}: "
        require(ours in shapes, what + "the network has no tensor of that name")
        require(shapes[ours] == shape, what + f"shape {shapes[ours]}, wanted {shape}")
        require(ours not in found, what + f"{found.get(ours)!r} leads there, too")
        found[ours] = name
    require(len(found) == len(shapes), "the network has tensors that torchvision's has not")


def _shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


@exercise("26.6")
def bottleneck(answer) -> None:
    from torchvision.models import resnet50

    require(
        isinstance(answer, tuple | list) and len(answer) == 3,
        "three answers are wanted: the class, and the functions resnet50 and translate",
    )
    block, make, translate = answer
    _check_block(block)
    require(
        callable(make) and not isinstance(make, nn.Module) and callable(translate),
        "hand in the functions themselves",
    )
    with torch.device("meta"):
        net, theirs = make(), resnet50(weights=None)
        require(isinstance(net, nn.Module), "resnet50() must return the network")
        total = sum(p.numel() for p in net.parameters())
        require(total == 25_557_032, f"resnet50() has {total:,} parameters, wanted 25,557,032")
        for h, w in ((64, 64), (97, 130)):
            found = net(torch.empty(2, 3, h, w))
            require(tuple(found.shape) == (2, 1000), f"{h}×{w}: 1000 logits an image are wanted")
        _check_names(_shapes(net), _shapes(theirs), translate)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(26)
        net, theirs = make().eval(), resnet50(weights=None).eval()
        for tensor in theirs.state_dict().values():
            if tensor.ndim == 1:  # of the normalizations: no two alike, so that a swap shows
                tensor.copy_(0.5 + torch.rand(tensor.shape))
        X = torch.randn(1, 3, 97, 64)
    net.load_state_dict({translate(name): t for name, t in theirs.state_dict().items()})
    with torch.no_grad():
        have, want = net(X), theirs(X)
    require(
        torch.allclose(have, want, rtol=1e-3, atol=1e-3 * want.abs().max().item()),
        "with torchvision's weights copied the outputs differ: where does a stage halve the image, "
        "and does each name lead to the tensor of the same place?",
    )
