"""What defines a training run: two runs with the same configuration learn the same on a CPU."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of the training images, drawn anew for each image in each epoch.

    Args:
        shift: up to this many whole pixels in each direction.
        rotate: up to this many degrees to either side.
        scale: larger or smaller by up to this share, 0.1 for 10%.
        shear: slanted by up to this many degrees to either side.
        elastic: bent like rubber: points of a 5×5 grid over the image move by a normal deviate with
            this standard deviation in pixels, what lies between them with them.
        flip: exchange left and right in half of the images.
        cutout: side in pixels of a square that is covered with the mean color; 0 for none.

    Raises:
        TypeError, ValueError: when a value is of another type or out of range.
    """

    shift: int = 0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    flip: bool = False
    cutout: int = 0

    def __post_init__(self) -> None:
        require_types(self, "augment.")
        _require_range("augment.shift", self.shift, low=0)
        _require_range("augment.rotate", self.rotate, low=0, high=180)
        _require_range("augment.scale", self.scale, low=0, below=1)
        _require_range("augment.shear", self.shear, low=0, below=90)
        _require_range("augment.elastic", self.elastic, low=0)
        _require_range("augment.cutout", self.cutout, low=0)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of one training run.

    Args:
        model: a registered name (see `--models`), or `package.module:function` of your own.
        data: a registered name: digits (needs no file), mnist, cifar10; or one of your own.
        validation: how many training images are held out to choose by; by default the data set's
            usual number, 0 for none.
        epochs: how often the training images are gone through.
        batch_size: images in a step, those of all processes together. A last batch that would be
            shorter is left out; the order is new in each epoch.
        optimizer: sgd (with momentum) or adamw.
        lr: learning rate; for the schedule one-cycle its peak.
        momentum: of sgd.
        nesterov: whether sgd looks ahead by one step of its momentum.
        weight_decay: shrinks the weights (not biases and normalizations) in each step by the
            learning rate times this.
        schedule: one-cycle (up, then down to almost 0), step (times `step_factor` after every
            `step_every` epochs) or constant.
        warmup: share of all steps in which one-cycle rises.
        step_every: epochs between two steps of the schedule step.
        step_factor: what each of them multiplies the learning rate by.
        label_smoothing: share of the target that is spread evenly over all classes.
        ema: decay, for each step, of a moving average of the parameters that is validated and kept
            instead of the last ones; 0 for none.
        keep: best (on the validation images; the last where there are none) or last.
        precision: float32; bfloat16 (mixed: parameters stay float32); auto takes bfloat16 where
            the processor computes with it.
        channels_last: whether images and feature maps are stored pixel by pixel.
        compile: whether the model is compiled by torch.compile.
        seed: of initialization, order, augmentation and dropout.
        augment: random changes of the training images.

    Raises:
        TypeError, ValueError: when a value is of another type or out of range.
    """

    model: str = "small"
    data: str = "digits"
    validation: int | None = None
    epochs: int = 5
    batch_size: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    schedule: Literal["one-cycle", "step", "constant"] = "one-cycle"
    warmup: float = 0.3
    step_every: int = 10
    step_factor: float = 0.1
    label_smoothing: float = 0.0
    ema: float = 0.0
    keep: Literal["best", "last"] = "best"
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    channels_last: bool = False
    compile: bool = False
    seed: int = 0
    augment: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        require_types(self)
        for name in ("epochs", "batch_size", "step_every"):
            _require_range(name, getattr(self, name), low=1)
        if self.validation is not None:
            _require_range("validation", self.validation, low=0)
        _require_range("lr", self.lr, above=0)
        for name in ("momentum", "label_smoothing", "ema"):
            _require_range(name, getattr(self, name), low=0, below=1)
        if self.nesterov and self.optimizer == "sgd" and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0; set nesterov to False")
        _require_range("weight_decay", self.weight_decay, low=0)
        _require_range("warmup", self.warmup, above=0, below=1)
        _require_range("step_factor", self.step_factor, above=0, high=1)
        _require_range("seed", self.seed, low=0, high=2**63 - 1)

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values, the augmentation as a dict of its own."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Config":
        """The configuration with these settings, the others by default.

        Raises:
            TypeError, ValueError: for a name that is no setting, and for a wrong value.
        """
        given = dict(values)
        augment = given.pop("augment", {})
        if not isinstance(augment, Mapping):
            raise TypeError(f"augment must be a table of settings, got {augment!r}")
        for known, names, prefix in ((cls, given, ""), (Augmentation, augment, "augment.")):
            unknown = sorted(set(names) - {f.name for f in dataclasses.fields(known)})
            if unknown:
                raise ValueError(f"no such setting: {', '.join(prefix + name for name in unknown)}")
        return cls(**given, augment=Augmentation(**augment))

    def differences(self, other: "Config") -> list[str]:
        """One line for each setting in which the other differs: "lr: 0.1, not 0.2"."""
        mine, others = _flat(self.as_dict()), _flat(other.as_dict())
        return [f"{k}: {mine[k]!r}, not {others[k]!r}" for k in mine if mine[k] != others[k]]


def require_types(settings: Any, prefix: str = "") -> None:
    """Raise TypeError unless each field of a dataclass holds what its annotation says.

    Whole numbers are taken where fractions are wanted, and become floats.
    """
    for name, wanted in typing.get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
            object.__setattr__(settings, name, value)
        if not _is(value, wanted):
            raise TypeError(f"{prefix}{name} must be {_words(wanted)}, got {value!r}")


def _is(value: object, wanted: Any) -> bool:
    if typing.get_origin(wanted) is Literal:
        return value in typing.get_args(wanted)
    if isinstance(wanted, types.UnionType):
        return any(_is(value, one) for one in typing.get_args(wanted))
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _words(wanted: Any) -> str:
    if typing.get_origin(wanted) is Literal:
        return " or ".join(map(repr, typing.get_args(wanted)))
    if isinstance(wanted, types.UnionType):
        return " or ".join(_words(one) for one in typing.get_args(wanted))
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return "None" if wanted is type(None) else names.get(wanted, wanted.__name__)


def _require_range(
    name: str,
    value: float,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
) -> None:
    """Raise ValueError unless low ≤ value ≤ high, above < value < below, and it is finite."""
    if not (low <= value <= high and above < value < below and math.isfinite(value)):
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (
                ("at least", low),
                ("above", above),
                ("at most", high),
                ("below", below),
            )
            if math.isfinite(bound)
        ]
        raise ValueError(f"{name} must be {' and '.join(bounds)}, got {value}")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return flat
