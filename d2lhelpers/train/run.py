"""A whole run: epochs, checkpoints, the log, and the model that is kept."""

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ..data import ImageDataset
from . import checkpoint
from .checkpoint import CheckpointError
from .config import Config
from .datasets import load_data
from .hardware import choose_device
from .learner import Learner, TrainingError
from .models import build_model
from .processes import Processes, from_environment, joined
from .results import Epoch, Result, draw_curves, write_json, write_log
from .stopping import StopRequest, stop_requests
from .trained import Trained

__all__ = ["CHECKPOINT", "TrainingError", "run", "stored_config"]

KIND = "run in progress"
CHECKPOINT = "checkpoint.pt"
REDRAW_AFTER = 20.0  # seconds; a picture costs as much as a short epoch


def run(
    config: Config,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    test: bool = True,
    progress: bool = True,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> Result:
    """Train a model, validate it after each epoch, and keep the best.

    In the folder `out` there are afterwards `checkpoint.pt` (all that is needed to go on),
    `best.pt` (the kept model, for `load`), `log.csv`, `curves.svg`, `config.json` and
    `result.json`. Each is replaced as a whole after each epoch, the checkpoint first: a run that is
    killed loses the epoch it was in and nothing else. Started by torchrun, all processes train one
    model and number 0 alone writes.

    Args:
        config: the settings.
        out: the folder to write to; None writes nothing.
        resume: go on with the run in `out`; where there is none yet, start it.
        device: auto, cpu, cuda, cuda:1 or mps.
        test: whether the kept model meets the test images, once, at the end.
        progress: whether a progress bar is shown.
        on_epoch: called after each epoch, in process number 0.

    Returns:
        What came out. A run that is asked to stop (Ctrl-C, SIGTERM) ends after its step and returns
        what its finished epochs gave, without a look at the test images.

    Raises:
        FileExistsError: when `out` holds a run and `resume` is False.
        CheckpointError: when its checkpoint is damaged, or of another run.
        KeyboardInterrupt: when it is asked to stop before any epoch is finished, or twice.
        TrainingError: when the loss is no longer finite, or another process trains there.
        ValueError: when the settings do not fit the data or this machine.
    """
    processes = from_environment()
    where = choose_device(device, processes.local_rank)
    gpus = [where.index or 0] if where.type == "cuda" else []
    with (
        joined(processes, where),
        _occupied(Path(out) if out is not None and processes.leads else None) as folder,
        torch.random.fork_rng(gpus),
    ):
        stored = None
        if out is not None:
            stored = _stored(Path(out), config, resume)
        dataset = load_data(config.data, config.validation)
        session = _Session(config, dataset, Learner(config, dataset, where, processes), folder)
        if stored is not None:
            session.restore(stored)
        with stop_requests() as request:
            finished = session.train(progress, on_epoch, request)
            return session.finish(test=test and finished)


def stored_config(out: str | os.PathLike[str]) -> Config | None:
    """The settings of the run in a folder; None where there is no checkpoint.

    Raises:
        CheckpointError: when the checkpoint is damaged.
    """
    path = Path(out) / CHECKPOINT
    if not path.exists():
        return None
    return _config_in(path, checkpoint.load(path, KIND))


def _config_in(path: Path, record: dict[str, Any]) -> Config:
    try:
        return Config.from_dict(record["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has settings that this trainer has not: {error}") from None


def _stored(folder: Path, config: Config, resume: bool) -> dict[str, Any] | None:
    """The checkpoint in a folder, checked to be of this run; None where there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    if not resume:
        raise FileExistsError(
            f"{folder} holds a run already: resume it, or choose another folder for a new one"
        )
    record = checkpoint.load(path, KIND)
    differences = _config_in(path, record).differences(config)
    if differences:
        raise CheckpointError(
            f"{path} belongs to a run with other settings ({'; '.join(differences)}); "
            "resume it with its own, or choose another folder"
        )
    return record


@contextlib.contextmanager
def _occupied(folder: Path | None) -> Iterator[Path | None]:
    """The folder, made and locked; the system unlocks it when this process ends in any way."""
    if folder is None:
        yield None
        return
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / "run.lock", timeout=0):
            for path in folder.iterdir():
                if not path.name.endswith(".tmp"):
                    checkpoint.remove_unfinished(path)
            yield folder
    except filelock.Timeout:
        raise TrainingError(f"another process is training in {folder}") from None


class _Stopped(Exception):
    """Leaves the epoch that is under way."""


class _Session:
    """A learner, its history, and the folder that it is written to."""

    def __init__(
        self, config: Config, dataset: ImageDataset, learner: Learner, folder: Path | None
    ) -> None:
        self.config, self.dataset, self.learner, self.folder = config, dataset, learner, folder
        self.history: list[Epoch] = []
        self.best: dict[str, Any] | None = None  # epoch and parameters
        self._drawn = float("-inf")  # when the curves were drawn

    @property
    def processes(self) -> Processes:
        return self.learner.processes

    def train(
        self, progress: bool, on_epoch: Callable[[Epoch], object] | None, request: StopRequest
    ) -> bool:
        """Train the epochs that are left; False when it was asked to stop before the end.

        Raises:
            KeyboardInterrupt: when it was asked to stop before any epoch was finished.
        """
        left = self.config.epochs - len(self.history)
        bar = tqdm(
            total=left * self.learner.steps,
            unit="step",
            leave=False,
            delay=1,
            disable=None if progress and self.processes.leads else True,  # None: on a terminal
        )

        def after_step() -> None:
            if request.made:
                raise _Stopped
            bar.update()

        with bar:
            for _ in range(left):
                bar.set_description(f"epoch {len(self.history) + 1}/{self.config.epochs}")
                try:
                    self._epoch(after_step)
                except _Stopped:
                    if not self.history:
                        raise KeyboardInterrupt from None
                    return False
                self._write()
                if on_epoch is not None and self.processes.leads:
                    with bar.external_write_mode():
                        on_epoch(self.history[-1])
        return True

    def _epoch(self, after_step: Callable[[], object]) -> None:
        learner = self.learner
        loss, accuracy, seconds = learner.train_epoch(after_step)
        validation: tuple[float | None, float | None] = (None, None)
        if len(self.dataset.validation):
            validation = learner.evaluate(learner.validation)
        epoch = Epoch(
            epoch=len(self.history) + 1,
            lr=learner.learning_rate,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation[0],
            validation_accuracy=validation[1],
            seconds=seconds,
        )
        if self._is_best(epoch):
            self.best = {"epoch": epoch.epoch, "model": learner.kept_parameters()}
        self.history.append(epoch)

    def _is_best(self, epoch: Epoch) -> bool:
        """More right than all before; as many right, at a smaller loss. Or merely the last."""
        if self.best is None or self.config.keep == "last" or epoch.validation_accuracy is None:
            return True
        before = self.history[self.best["epoch"] - 1]
        return (epoch.validation_accuracy, -(epoch.validation_loss or 0)) > (
            before.validation_accuracy,
            -(before.validation_loss or 0),
        )

    def _write(self) -> None:
        """The checkpoint, then what can be made from it again."""
        state = self.learner.state()  # in all processes
        if self.folder is None:
            return
        record = {
            "config": self.config.as_dict(),
            "data": self._data(),
            "environment": self._environment(),
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.best,
            **state,
        }
        checkpoint.save(self.folder / CHECKPOINT, KIND, record)
        self._write_the_rest(self.folder)

    def _write_the_rest(self, folder: Path) -> None:
        write_json(folder / "config.json", self.config.as_dict())
        write_log(folder / "log.csv", self.history)
        if time.monotonic() - self._drawn > REDRAW_AFTER:
            self._draw(folder)
        self._trained().save(folder / "best.pt")

    def _draw(self, folder: Path) -> None:
        draw_curves(folder / "curves.svg", self.history)
        self._drawn = time.monotonic()

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from a checkpoint of this run."""
        if record["data"] != self._data():
            raise CheckpointError(
                f"the run was trained on {record['data']['name']} with "
                f"{record['data']['train']:,} images, now there is {self.dataset!r}"
            )
        self.learner.restore(record)
        self.history = [Epoch(**epoch) for epoch in record["history"]]
        self.best = record["best"]
        if self.folder is not None:
            self._write_the_rest(self.folder)

    def finish(self, test: bool) -> Result:
        """Put the kept parameters in place, test them, and write the result."""
        assert self.best is not None
        self.learner.kept.load_state_dict(self.best["model"])
        test_accuracy = None
        if test and len(self.dataset.test):
            test_accuracy = self.learner.evaluate(self.dataset.test)[1]
        trained = self._trained()
        result = Result(
            config=self.config,
            data=self.dataset.name,
            history=self.history,
            chosen=self.best["epoch"],
            test_accuracy=test_accuracy,
            parameters=sum(p.numel() for p in trained.model.parameters()),
            seconds=sum(epoch.seconds for epoch in self.history),
            environment=self._environment(),
            trained=trained,
        )
        if self.folder is not None:
            self._draw(self.folder)
        if self.folder is not None and len(self.history) == self.config.epochs:
            write_json(self.folder / "result.json", result.as_dict())
        return result

    def _trained(self) -> Trained:
        """A model of its own with the kept parameters, on the CPU."""
        assert self.best is not None
        channels, height, width = self.dataset.shape
        shape = (channels, height, width)
        with torch.random.fork_rng([]):  # its first parameters are drawn in vain
            model = build_model(self.config.model, shape, len(self.dataset.classes))
        model.load_state_dict(self.best["model"])
        mean, std = (tuple(v.flatten().tolist()) for v in (self.learner.mean, self.learner.std))
        return Trained(model.eval(), self.config.model, shape, self.dataset.classes, mean, std)

    def _data(self) -> dict[str, Any]:
        """What a checkpoint remembers of the data, so that it is not resumed on other data."""
        sizes = {
            name: len(split)
            for name, split in (("train", self.dataset.train), ("test", self.dataset.test))
        }
        return {"name": self.dataset.name, "shape": list(self.dataset.shape), **sizes}

    def _environment(self) -> dict[str, Any]:
        device = self.learner.device
        return {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "precision": self.learner.precision,
            "processes": self.processes.size,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        }
