"""Training runs of chapter 15 on MNIST with the cross-entropy, stored for the chapter to show.

`OMP_NUM_THREADS=1 python -m benchmarks.cross_entropy_mnist` takes about a quarter of an hour on one
core. It finds MNIST as `d2l.load_mnist` does. Epochs and λ = 5 are those of the classic book, the
seeds of the N(0, 1) starts are those of `digits_mnist`. The long runs are made twice, with one
learning rate throughout and with a smaller one at the end; validation chooses, in the chapter. The
test images are looked at once, after training.
"""

import sys
from typing import Any

import torch
from tqdm import tqdm

import d2lhelpers as d2l

from .digits_mnist import PLAN, mnist, one_run, sizes
from .measure import store_runs

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.cross_entropy_mnist"
LEARNING_RATE = 0.5
NUM_EXAMPLES = 50_000
LONG: dict[str, Any] = {
    "hidden": 100,
    "scaled": True,
    "num_epochs": 60,
    "weight_decay": 5 / NUM_EXAMPLES,  # λ/n
}


class Cooling(d2l.CrossEntropyNetwork):
    """Spends the last third of the epochs with a tenth of the learning rate."""

    def fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor,
        num_epochs: int,
        batch_size: int,
        lr: float,
        **rest: Any,
    ) -> list[float]:
        """As `Network.fit`."""
        hot = num_epochs * 2 // 3
        history = super().fit(X, y, hot, batch_size, lr, **rest)
        if len(history) < hot:  # interrupted
            return history
        return history + super().fit(X, y, num_epochs - hot, batch_size, lr / 10, **rest)


def plan() -> list[tuple[type[d2l.Network], dict[str, Any]]]:
    """Network and settings of each run: the long ones, then chapter 14's N(0, 1) starts."""
    long = [
        (network, {**LONG, "seed": seed})
        for network in (d2l.CrossEntropyNetwork, Cooling)
        for seed in range(5)
    ]
    starts = [
        (d2l.CrossEntropyNetwork, {"hidden": hidden, "scaled": False, "seed": seed})
        for hidden, lr, scaled, seeds in PLAN
        if lr == 3.0 and not scaled
        for seed in seeds
    ]
    return [*long, *starts]


def main() -> int:
    """Train all and store; the exit status."""
    torch.set_num_threads(1)
    data, examples = mnist()
    if len(examples[0][1]) != NUM_EXAMPLES:
        raise ValueError(f"{len(examples[0][1])} training examples, λ/n is for {NUM_EXAMPLES}")
    runs = []
    for network, chosen in tqdm(plan(), unit="run"):
        run = one_run(network, examples, lr=LEARNING_RATE, **chosen)
        runs.append({"cooling": network is Cooling, **run})
        tqdm.write(f"{network.__name__} {chosen}: test {run['test']}")
    about = {"threads": torch.get_num_threads(), "data": data, "examples": sizes(examples)}
    store_runs("cross_entropy_mnist", COMMAND, runs, **about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
