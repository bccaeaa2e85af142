"""The networks that the trainer knows by name.

Each builder takes the shape (C, H, W) of an image and the number of classes, and returns a module
that turns images of shape (n, C, H, W) into logits of shape (n, classes).
"""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from torch import nn

from ..resnet import residual_net, resnet18, resnet34

Shape = tuple[int, int, int]
Builder = Callable[[Shape, int], nn.Module]
AnyBuilder = TypeVar("AnyBuilder", bound=Builder)

MODELS: dict[str, Builder] = {}


def register_model(name: str) -> Callable[[AnyBuilder], AnyBuilder]:
    """Make a builder known by a name: `@register_model("mine")` above its definition.

    Raises:
        ValueError: when the name is taken, or contains a colon.
    """

    def register(builder: AnyBuilder) -> AnyBuilder:
        if name in MODELS:
            raise ValueError(f"there is a model called {name!r} already")
        if ":" in name:
            raise ValueError(f"a model's name contains no colon, got {name!r}")
        MODELS[name] = builder
        return builder

    return register


def build_model(name: str, shape: Shape, num_classes: int) -> nn.Module:
    """The network of this name, with fresh parameters drawn from PyTorch's global generator.

    Args:
        name: a registered name, or `package.module:function` with a function like the builders
            here.
        shape: (C, H, W) of an image.
        num_classes: the number of logits.

    Raises:
        ValueError: for a name that leads to no builder, or images that the model cannot take.
        TypeError: when the function returns no module.
    """
    builder = MODELS.get(name) or _import(name)
    model = builder(shape, num_classes)
    if not isinstance(model, nn.Module):
        raise TypeError(f"model {name!r} must be a torch.nn.Module, got {type(model).__name__}")
    return model


def require_trusted(stored: str, given: str | None) -> str:
    """The name of a model that a file holds; one of your own must be given as well.

    Whoever wrote the file chose the name, and importing it would run what it leads to.

    Raises:
        ValueError: when it is not registered and not the one given, or another one is given.
    """
    if given is not None and given != stored:
        raise ValueError(f"the file holds the model {stored!r}, not {given!r}")
    if given is None and stored not in MODELS:
        raise ValueError(
            f"the file holds the model {stored!r}, which is none of the trainer's; if you trust "
            "it, name it (--model, model=)"
        )
    return stored


def _import(name: str) -> Builder:
    """The function that `package.module:function` names."""
    module, colon, function = name.partition(":")
    if not colon:
        known = ", ".join(sorted(MODELS))
        raise ValueError(f"no model is called {name!r}; there are {known}, or package.module:name")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"model {name!r} cannot be imported: {error}") from None


def initialize(model: nn.Module, activation: str, gain: float = 1.0) -> nn.Module:
    """Draw all weights so that signals keep their size: He for relu, else Xavier, times the gain.

    The last layer begins with zeros: all classes are equally likely.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers:
        if activation == "relu":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            nn.init.xavier_normal_(layer.weight, gain)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    nn.init.zeros_(layers[-1].weight)
    return model


def classic(
    shape: Shape,
    num_classes: int,
    *,
    channels: Sequence[int] = (),
    hidden: Sequence[int] = (100,),
    activation: str = "relu",
    gain: float = 1.0,
    dropout: float = 0.0,
) -> nn.Module:
    """Convolutions with pooling, then fully connected layers: the ladder of chapter 24.

    Images of at least 16×16 get kernels of 5×5, smaller ones 3×3 with a border of zeros.

    Args:
        shape: (C, H, W) of an image.
        num_classes: the number of logits.
        channels: feature maps of each convolution; each is followed by 2×2 max pooling.
        hidden: units of each hidden layer after them.
        activation: sigmoid or relu.
        gain: what multiplies the first weights of sigmoid networks; convolutions need more than 1,
            since the slope of the sigmoid is at most 1/4.
        dropout: probability with which the units of the hidden layers are left out in training.

    Raises:
        ValueError: when the images are too small for the poolings.

    Source: after Nielsen, Neural Networks and Deep Learning, chapter 6, 2015.
    """
    depth, height, width = shape
    kernel, padding = (5, 0) if min(height, width) >= 16 else (3, 1)
    function = nn.Sigmoid if activation == "sigmoid" else nn.ReLU
    layers: list[nn.Module] = []
    for maps in channels:
        height, width = ((n + 2 * padding - kernel + 1) // 2 for n in (height, width))
        if min(height, width) < 1:
            raise ValueError(f"images of {shape[1]}×{shape[2]} are too small for this model")
        # A rising function after the pooling gives what it gives before, at a quarter of the cost.
        layers += [nn.Conv2d(depth, maps, kernel, padding=padding), nn.MaxPool2d(2), function()]
        depth = maps
    layers.append(nn.Flatten())
    inputs = depth * height * width
    for units in hidden:
        layers += [nn.Linear(inputs, units), function()]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = units
    layers.append(nn.Linear(inputs, num_classes))
    return initialize(nn.Sequential(*layers), activation, gain)


# The rungs of the ladder in chapter 24, each with a new idea.
MODELS |= {
    "mlp": partial(classic, activation="sigmoid"),
    "conv1": partial(classic, channels=(20,), activation="sigmoid", gain=3.0),
    "conv2": partial(classic, channels=(20, 40), activation="sigmoid", gain=3.0),
    "conv2-relu": partial(classic, channels=(20, 40)),
    "conv2-fc2": partial(classic, channels=(20, 40), hidden=(100, 100)),
    "conv2-dropout": partial(classic, channels=(20, 40), hidden=(1000, 1000), dropout=0.5),
}


@register_model("lenet")
def lenet(shape: Shape, num_classes: int) -> nn.Module:
    """Convolutions of 6 and 16 maps with 5×5 kernels, each pooled, then 120 and 84 units.

    Raises:
        ValueError: when the images are smaller than 16×16.

    Source: after LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document
    recognition, 1998, with ReLU and max pooling, as in PyTorch's tutorial on CIFAR-10.
    """
    depth, height, width = shape
    if min(height, width) < 16:
        raise ValueError(f"lenet needs images of at least 16×16, got {height}×{width}")
    maps = 16 * ((height - 4) // 2 - 4 >> 1) * ((width - 4) // 2 - 4 >> 1)
    return nn.Sequential(
        *(nn.Conv2d(depth, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(maps, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, num_classes),
    )


def stack(
    shape: Shape, num_classes: int, *, layers: Sequence[tuple[int, int, int, int]]
) -> nn.Module:
    """Convolutions with batch normalization and ReLU, a mean over the image, a linear layer.

    Args:
        shape: (C, H, W) of an image.
        num_classes: the number of logits.
        layers: feature maps, kernel, stride and padding of each convolution.

    Raises:
        ValueError: when the images are too small.
    """
    depth, *size = shape
    parts: list[nn.Module] = []
    for maps, kernel, stride, padding in layers:
        size = [(n + 2 * padding - kernel) // stride + 1 for n in size]
        if min(size) < 1:
            raise ValueError(f"images of {shape[1]}×{shape[2]} are too small for this model")
        # The normalization subtracts what a bias would add.
        parts.append(nn.Conv2d(depth, maps, kernel, stride, padding, bias=False))
        parts += [nn.BatchNorm2d(maps), nn.ReLU(inplace=True)]
        depth = maps
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(depth, num_classes)]
    return initialize(nn.Sequential(*parts), "relu")


_SMALL = ((16, 3, 1, 1), (16, 3, 1, 1), (32, 3, 2, 1), (32, 3, 1, 1), (32, 3, 2, 1), (32, 3, 1, 1))
_QUICK = ((32, 5, 2, 0), (32, 3, 1, 0), (64, 3, 2, 0), (64, 3, 1, 0))
_COMPACT = ((32, 5, 2, 0), (64, 3, 1, 0), (96, 3, 2, 0), (96, 3, 1, 0))
_MEDIUM = ((32, 5, 2, 0), (64, 3, 1, 0), (96, 3, 1, 0), (128, 3, 2, 0), (128, 3, 1, 1))
MODELS |= {
    "small": partial(stack, layers=_SMALL),  # 35,000 parameters, takes images of any size
    "quick": partial(stack, layers=_QUICK),  # 66,000, for MNIST in seconds
    "compact": partial(stack, layers=_COMPACT),  # 159,000, for MNIST in minutes
    "medium": partial(stack, layers=_MEDIUM),  # 335,000, for MNIST as well as we can
}


def residual(shape: Shape, num_classes: int, *, build: Callable[..., nn.Module]) -> nn.Module:
    """A residual network of chapter 26; images below 64×64 are not shrunk at its entrance."""
    return build(num_classes, shape[0], small_images=min(shape[1:]) < 64)


MODELS |= {
    "resnet18": partial(residual, build=resnet18),
    "resnet34": partial(residual, build=resnet34),
}


@register_model("resnet8")
def resnet8(shape: Shape, num_classes: int) -> nn.Module:
    """Three stages of one residual block, 32 to 128 channels: 0.3 million parameters.

    Its entrance halves the image, so that a step costs a quarter of what chapter 26's would.
    """
    net = residual_net((1, 1, 1), num_classes, shape[0], num_channels=32, small_images=True)
    entrance = nn.Conv2d(shape[0], 32, kernel_size=4, stride=2, padding=1, bias=False)
    net.set_submodule("stem.0", entrance)
    return net
