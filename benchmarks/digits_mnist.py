"""Full training runs of chapter 14 on MNIST, several seeds each, stored for the chapter to show.

`OMP_NUM_THREADS=1 python -m benchmarks.digits_mnist` takes some minutes on one core. It finds MNIST
as `d2l.load_mnist` does. Nothing is chosen here: the settings are those of the classic book, the
test images are looked at once, after training.
"""

import json
import sys
import time
from typing import Any

import torch
from tqdm import tqdm

import d2lhelpers as d2l

from .measure import RESULTS, machine

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.digits_mnist"
NUM_EPOCHS, BATCH_SIZE = 30, 10
# (hidden units, learning rate, seeds)
PLAN = (
    (30, 3.0, range(10)),
    (100, 3.0, range(5)),
    (30, 0.001, range(5)),
    (30, 100.0, range(5)),
)

Examples = tuple[torch.Tensor, torch.Tensor]


def one_run(
    hidden: int, lr: float, seed: int, train: Examples, validation: Examples, test: Examples
) -> dict[str, Any]:
    """Train once; what came of it, in numbers that fit into JSON."""
    generator = torch.Generator().manual_seed(seed)
    net = d2l.Network([784, hidden, 10], generator=generator)
    start = time.perf_counter()
    history = net.fit(
        *train, NUM_EPOCHS, BATCH_SIZE, lr, validation=validation, generator=generator
    )
    seconds = time.perf_counter() - start
    if len(history) < NUM_EPOCHS:
        raise KeyboardInterrupt
    X, y = validation
    A = net(X)  # (10000, 10)
    own = [A[y == digit, digit] for digit in range(10)]  # each unit on the images of its own digit
    right = A.argmax(1) == y
    return {
        "sizes": net.sizes,
        "lr": lr,
        "batch_size": BATCH_SIZE,
        "num_epochs": NUM_EPOCHS,
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
    data = d2l.load_mnist()
    train, validation, test = (
        (split.images.flatten(1) / 255, split.labels)
        for split in (data.train, data.validation, data.test)
    )
    runs = []
    todo = [(hidden, lr, seed) for hidden, lr, seeds in PLAN for seed in seeds]
    for hidden, lr, seed in tqdm(todo, unit="run"):
        runs.append(one_run(hidden, lr, seed, train, validation, test))
        tqdm.write(f"{hidden} {lr} {seed}: test {runs[-1]['test']}")
    record = {
        "command": COMMAND,
        **machine(),
        "threads": 1,
        "data": data.name,
        "examples": [len(split) for split in (data.train, data.validation, data.test)],
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "runs": runs,
    }
    RESULTS.mkdir(exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(run)}" for run in runs)  # a line for each run
    text = json.dumps({**record, "runs": []}, indent=1, ensure_ascii=False)
    text = text.replace('"runs": []', f'"runs": [\n{lines}\n ]')
    (RESULTS / "digits_mnist.json").write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
