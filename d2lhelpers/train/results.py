"""What a run reports: an epoch's line, the whole history, and the files it becomes."""

import csv
import io
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checkpoint import writing
from .config import Config

if TYPE_CHECKING:
    from .trained import Trained


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of the log.

    Args:
        epoch: counted from 1.
        lr: the learning rate of the epoch's last step.
        train_loss, train_accuracy: means over the epoch's steps, of the images as augmented, by
            the model as it was in each step.
        validation_loss, validation_accuracy: at the end of the epoch; None without validation
            images.
        seconds: of the training steps, without the validation.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came out of a run.

    Args:
        config: its settings.
        data: the name of the data set, as results should call it.
        history: an entry an epoch.
        chosen: the epoch whose parameters are kept, counted from 1.
        test_accuracy: of these, on the test images; None when they were not looked at.
        parameters: how many numbers the model learned.
        seconds: of all training steps, without data loading and validation.
        environment: device, precision, processes, threads, versions.
        earlier_environments: others in which parts of a resumed run were computed.
        trained: the model that is kept, ready to predict.
    """

    config: Config
    data: str
    history: list[Epoch]
    chosen: int
    test_accuracy: float | None
    parameters: int
    seconds: float
    environment: dict[str, Any]
    earlier_environments: list[dict[str, Any]]
    trained: "Trained" = field(repr=False, compare=False)

    @property
    def validation_accuracy(self) -> float | None:
        """Of the epoch that was chosen; None without validation images."""
        return self.history[self.chosen - 1].validation_accuracy

    def as_dict(self) -> dict[str, Any]:
        """All but the history and the model, as plain values."""
        return {
            "config": self.config.as_dict(),
            "data": self.data,
            "chosen_epoch": self.chosen,
            "validation_accuracy": self.validation_accuracy,
            "test_accuracy": self.test_accuracy,
            "parameters": self.parameters,
            "seconds": round(self.seconds, 2),
            "environment": self.environment,
            "earlier_environments": self.earlier_environments,
        }


def write_log(path: Path, history: list[Epoch]) -> None:
    """The history as CSV, a line an epoch: the whole file at once, as the checkpoint has it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    write_text(path, text.getvalue())


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Plain values as a readable JSON file."""
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a whole file or leave the old one."""
    with writing(path) as file:
        file.write(text.encode("utf-8"))


def draw_curves(path: Path, history: list[Epoch]) -> None:
    """Losses and accuracies over the epochs, as an SVG file."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    FigureCanvasSVG(figure)
    epochs = [epoch.epoch for epoch in history]
    for axes, what, label in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("cross-entropy", "accuracy"), strict=True
    ):
        for split, style in (("train", "o-"), ("validation", "s--")):
            values = [getattr(epoch, f"{split}_{what}") for epoch in history]
            if values and values[0] is not None:
                axes.plot(epochs, values, style, markersize=3, label=split)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
    with writing(path) as file:
        figure.savefig(file, format="svg", metadata={"Date": None})
