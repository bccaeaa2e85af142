"""One model in training: what it is made of, an epoch of it, all that a checkpoint must hold."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim import lr_scheduler, swa_utils

from ..data import ImageDataset, Split
from .changes import draw_changes
from .checkpoint import CheckpointError
from .config import Config
from .hardware import autocast, choose_precision
from .models import build_model
from .processes import Processes

CHECK_EVERY = 50  # steps between two looks at the loss, each of which waits for a GPU
EVALUATION_BATCH = 1000


class TrainingError(RuntimeError):
    """A run that cannot start or go on, and why."""


class Interrupted(Exception):
    """An epoch was left before its end."""


@dataclass(frozen=True)
class Part:
    """The part of an epoch that is done.

    Args:
        generator: the state at its beginning, from which order and augmentation are drawn.
        steps: how many are done.
        loss, right: their sums of losses and of right answers.
        seconds: they took.
    """

    generator: torch.Tensor
    steps: int = 0
    loss: float = 0.0
    right: float = 0.0
    seconds: float = 0.0


class Learner:
    """Model, optimizer, schedule and data of a run.

    Seeded alike it learns the same on a CPU, bit by bit, whether or not it is taken apart by
    `state` and put together by `restore` between two steps. PyTorch's global generator is seeded:
    call it where that may be.

    Args:
        config: the settings.
        dataset: the images; training and validation images move to the device once.
        device: where to compute.
        processes: those among which the batches are divided.

    Raises:
        ValueError: when the model does not fit the images, or the batches not the processes.
    """

    def __init__(
        self, config: Config, dataset: ImageDataset, device: torch.device, processes: Processes
    ) -> None:
        self.config, self.device, self.processes = config, device, processes
        count = len(dataset.train)
        if config.batch_size > count:
            raise ValueError(f"batch_size is {config.batch_size}, there are {count:,} images")
        if config.batch_size % processes.size:
            raise ValueError(
                f"batch_size {config.batch_size} cannot be shared evenly by {processes.size} "
                "processes"
            )
        self.steps = count // config.batch_size
        self.train, self.validation = (
            Split(split.images.to(device), split.labels.to(device))
            for split in (dataset.train, dataset.validation)
        )
        mean, std = dataset.train.channel_statistics()
        self.mean, self.std = (torch.tensor(v, device=device)[:, None, None] for v in (mean, std))
        self.layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.precision = choose_precision(config.precision, device)

        torch.manual_seed(config.seed)  # all processes start from the same parameters
        channels, height, width = dataset.shape
        model = build_model(config.model, (channels, height, width), len(dataset.classes))
        self.model = model.to(device, memory_format=self.layout)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(config, self.model)
        self.scheduler = make_scheduler(config, self.optimizer, self.steps)
        self.average: swa_utils.AveragedModel | None = None
        if config.ema:
            rule = swa_utils.get_ema_multi_avg_fn(config.ema)
            self.average = swa_utils.AveragedModel(self.model, multi_avg_fn=rule, use_buffers=True)
        self._step_model = self._wrapped()
        self.exact = torch.float32 if device.type == "mps" else torch.float64
        self.part: Part | None = None  # of an epoch that was interrupted
        self.generator = torch.Generator().manual_seed(config.seed)  # the same in all processes
        torch.manual_seed((config.seed + 1_000_003 * (1 + processes.rank)) % 2**63)  # for dropout

    def _wrapped(self) -> nn.Module:
        """The model as the training steps call it: shared by processes, compiled."""
        model: nn.Module = self.model
        if self.processes.together:
            if self.device.type == "cuda":
                model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
            model = DistributedDataParallel(model)
        return torch.compile(model) if self.config.compile else model  # type: ignore[return-value]

    @property
    def kept(self) -> nn.Module:
        """The model that is validated and kept: the moving average where there is one."""
        return self.average.module if self.average is not None else self.model

    def train_epoch(self, go_on: Callable[[], bool]) -> tuple[float, float, float]:
        """Go through the training images once: (mean loss, accuracy, seconds).

        An epoch that was interrupted goes on where it was.

        Args:
            go_on: asked after each step.

        Raises:
            Interrupted: when the answer was no; `state` then holds the part of the epoch.
            TrainingError: when loss or parameters are no longer finite.
        """
        config, count = self.config, len(self.train)
        if self.part is None:
            self.part = Part(self.generator.get_state())
        part, start = self.part, time.perf_counter()
        self.generator.set_state(part.generator)
        self._step_model.train()
        size = (self.train.images.shape[2], self.train.images.shape[3])
        order = torch.randperm(count, generator=self.generator).to(self.device)
        changes = draw_changes(config.augment, count, size, self.generator, self.device)
        # Sums of losses and of right answers.
        total = torch.tensor([part.loss, part.right], dtype=self.exact, device=self.device)
        for step in range(part.steps, self.steps):
            batch = order[step * config.batch_size : (step + 1) * config.batch_size]
            rows = self.processes.share(batch)
            images = self.train.images.index_select(0, rows)
            images = changes.apply(images, rows, self.mean, self.std)
            labels = self.train.labels[rows]
            with autocast(self.device, self.precision):
                logits = self._step_model(images.contiguous(memory_format=self.layout))
            loss = functional.cross_entropy(
                logits.float(), labels, label_smoothing=config.label_smoothing
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            if self.average is not None:
                self.average.update_parameters(self.model)
            total[0] += loss.detach() * len(rows)
            total[1] += (logits.detach().argmax(1) == labels).sum()
            # Alone only: a process that gives up by itself would leave the others waiting.
            if step % CHECK_EVERY == 0 and not self.processes.together:
                self._require_finite(total)
            if not go_on() and step + 1 < self.steps:
                loss_sum, right = total.tolist()
                seconds = part.seconds + time.perf_counter() - start
                self.part = Part(part.generator, step + 1, loss_sum, right, seconds)
                raise Interrupted
        self.part = None
        self.processes.add_up(total)
        self._require_finite(total)
        for tensor in self.model.state_dict().values():  # the last step may have spoiled them
            self._require_finite(tensor)
        loss_sum, right = total.tolist()
        seen, seconds = self.steps * config.batch_size, part.seconds + time.perf_counter() - start
        return loss_sum / seen, right / seen, seconds

    def _require_finite(self, values: torch.Tensor) -> None:
        if not bool(values.isfinite().all()):
            raise TrainingError(
                f"the loss or a weight is no longer a finite number at a learning rate of "
                f"{self.learning_rate:.2g}: the training diverged; try a smaller lr"
            )

    @property
    def learning_rate(self) -> float:
        """Of the last step."""
        return float(self.scheduler.get_last_lr()[0])

    @torch.no_grad()
    def evaluate(self, split: Split) -> tuple[float, float]:
        """Mean loss (without label smoothing) and accuracy of the kept model.

        The images are shared among the processes; all get the same result.
        """
        model = self.kept
        # Batch normalization on CPUs counts in each process by itself: number 0's is kept.
        self.processes.equalize(model.buffers())
        was_training = model.training
        model.eval()
        rows = self.processes.share(torch.arange(len(split)))
        total = torch.zeros(2, device=self.device)
        for part in rows.split(EVALUATION_BATCH):
            images = split.images[part.to(split.images.device)].to(self.device)
            labels = split.labels[part.to(split.labels.device)].to(self.device)
            normalized = (images.float() / 255 - self.mean) / self.std
            with autocast(self.device, self.precision):
                logits = model(normalized.contiguous(memory_format=self.layout))
            total[0] += functional.cross_entropy(logits.float(), labels, reduction="sum")
            total[1] += (logits.argmax(1) == labels).sum()
        model.train(was_training)
        loss, right = self.processes.add_up(total).tolist()
        return loss / len(split), right / len(split)

    def kept_parameters(self) -> dict[str, torch.Tensor]:
        """A copy of the kept model's parameters and buffers."""
        state = self.kept.state_dict()
        return {name: value.detach().clone() for name, value in state.items()}

    def state(self) -> dict[str, Any]:
        """All that changes in training, as tensors and plain values; all processes must ask."""
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
            "part": None if self.part is None else vars(self.part).copy(),
            "random": self.processes.gather(random),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned.

        With another number of processes, or on another kind of device, dropout goes on with numbers
        of its own; all else is as it was.

        Raises:
            CheckpointError: when it is the state of another model.
        """
        try:
            self.model.load_state_dict(state["model"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
            self.generator.set_state(state["generator"])
            self.part = None if state["part"] is None else Part(**state["part"])
            random = state["random"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"the checkpoint does not fit this model: {error}") from None
        if len(random) == self.processes.size:
            mine = random[self.processes.rank]
            torch.set_rng_state(mine["cpu"])
            if self.device.type == "cuda" and "cuda" in mine:
                torch.cuda.set_rng_state(mine["cuda"], self.device)


def make_optimizer(config: Config, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer; weight decay is for weights only, which are the parameters with two axes."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)
    if config.optimizer == "adamw":
        # 0.99 instead of 0.999: runs of few steps must forget their first gradients sooner.
        return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99), fused=fused)
    return torch.optim.SGD(
        groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov, fused=fused
    )


def make_scheduler(
    config: Config, optimizer: torch.optim.Optimizer, steps: int
) -> lr_scheduler.LRScheduler:
    """The schedule, to be called after every step; an epoch has `steps`."""
    if config.schedule == "one-cycle":
        return lr_scheduler.OneCycleLR(
            optimizer,
            config.lr,
            total_steps=steps * config.epochs + 1,  # it is asked once more after the last step
            pct_start=config.warmup,
            cycle_momentum=False,
        )
    if config.schedule == "step":
        return lr_scheduler.StepLR(optimizer, config.step_every * steps, config.step_factor)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
