"""Full training runs of chapter 14 on MNIST, several seeds each, stored for the chapter to show.

`OMP_NUM_THREADS=1 python -m benchmarks.digits_mnist` takes some minutes on one core. It finds MNIST
as `d2l.load_mnist` does. Nothing is chosen here: the settings are those of the classic book, the
test images are looked at once, after training.
"""

import sys
import time
from typing import Any

import torch
from tqdm import tqdm

import d2lhelpers as d2l

from .measure import store_runs

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.digits_mnist"
NUM_EPOCHS, BATCH_SIZE = 30, 10
# (hidden units, learning rate, scaled start, seeds)
PLAN = (
    (30, 3.0, False, range(10)),
    (100, 3.0, False, range(5)),
    (30, 3.0, True, range(5)),
    (100, 3.0, True, range(5)),
    (30, 0.001, False, range(5)),
    (30, 100.0, False, range(5)),
)

Examples = tuple[torch.Tensor, torch.Tensor]


def mnist() -> tuple[str, list[Examples]]:
    """The name of the data; training, validation and test examples in rows, from 0 to 1."""
    data = d2l.load_mnist()
    splits = (data.train, data.validation, data.test)
    return data.name, [(split.images.flatten(1) / 255, split.labels) for split in splits]


def sizes(examples: list[Examples]) -> list[int]:
    """How many training, validation and test examples there are."""
    return [len(labels) for _, labels in examples]


def one_run(
    network: type[d2l.Network],
    examples: list[Examples],
    *,
    hidden: int,
    lr: float,
    seed: int,
    scaled: bool,
    num_epochs: int = NUM_EPOCHS,
    weight_decay: float = 0.0,
) -> dict[str, Any]:
    """Train once; the settings and what came of them, in numbers that fit into JSON."""
    train, validation, test = examples
    generator = torch.Generator().manual_seed(seed)
    net = network([784, hidden, 10], scaled=scaled, generator=generator)
    start = time.perf_counter()
    history = net.fit(
        *train,
        num_epochs,
        BATCH_SIZE,
        lr,
        validation=validation,
        weight_decay=weight_decay,
        generator=generator,
    )
    seconds = time.perf_counter() - start
    if len(history) < num_epochs:
        raise KeyboardInterrupt
    X, y = validation
    A = net(X)  # (10000, 10)
    own = [A[y == digit, digit] for digit in range(10)]  # each unit on the images of its own digit
    right = A.argmax(1) == y
    return {
        "sizes": net.sizes,
        "scaled": scaled,
        "lr": lr,
        "weight_decay": weight_decay,
        "batch_size": BATCH_SIZE,
        "num_epochs": num_epochs,
        "seed": seed,
        "seconds": round(seconds, 1),
        "validation": [round(value, 4) for value in history],
        "test": round(d2l.evaluate_accuracy(net, [test]), 4),
        "validation_recall": [
            round(right[y == digit].double().mean().item(), 4) for digit in range(10)
        ],
        "mean_own_activation": [float(f"{part.double().mean().item():.3g}") for part in own],
        "largest_activation": [float(f"{value:.3g}") for value in A.max(0).values.tolist()],
    }


def main() -> int:
    """Train all and store; the exit status."""
    torch.set_num_threads(1)
    data, examples = mnist()
    todo = [
        {"hidden": hidden, "lr": lr, "scaled": scaled, "seed": seed}
        for hidden, lr, scaled, seeds in PLAN
        for seed in seeds
    ]
    runs = []
    for settings in tqdm(todo, unit="run"):
        runs.append(one_run(d2l.Network, examples, **settings))
        tqdm.write(f"{settings}: test {runs[-1]['test']}")
    about = {"threads": torch.get_num_threads(), "data": data, "examples": sizes(examples)}
    store_runs("digits_mnist", COMMAND, runs, **about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
