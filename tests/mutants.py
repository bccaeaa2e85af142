"""Does the suite notice? Breaks a saved helper in named ways and runs its tests each time.

`python tests/mutants.py` prints a table; every mutant must turn the tests red. Each is a copy of
the package with one line changed; the working tree stays as it is. A control for each module, a
copy with nothing changed, must stay green: otherwise red would prove nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED = ("d2lhelpers", "tests", "tools", "conftest.py", "pyproject.toml")


@dataclass(frozen=True)
class Mutant:
    """One deliberate mistake: in `module`, `line` becomes `broken`; `tests` must notice.

    `line` stands in the module exactly once. Without one this is a control, which changes nothing.
    """

    name: str
    module: str
    line: str = ""
    broken: str = ""

    @property
    def tests(self) -> str:
        """The test file of the module."""
        return f"tests/test_{self.module}.py"

    def apply(self, text: str) -> str:
        """The module's text with the mistake; ValueError unless `line` occurs exactly once."""
        if not self.line:
            return text
        if text.count(self.line) != 1:
            raise ValueError(
                f"mutant {self.name!r}: {self.line!r} occurs {text.count(self.line)} times "
                f"in {self.module}.py, wanted once"
            )
        return text.replace(self.line, self.broken)


REGRESSION = "linear_regression"
CONCISE = "linear_regression_concise"
MUTANTS = (
    Mutant("sgd steps uphill", REGRESSION, "param -= lr", "param += lr"),
    Mutant("sgd forgets the batch size", REGRESSION, "* param.grad / batch_size", "* param.grad"),
    Mutant("sgd keeps the gradients", REGRESSION, "param.grad.zero_()", "pass"),
    Mutant("data_iter does not shuffle", REGRESSION, "torch.randperm(", "torch.arange("),
    Mutant(
        "data_iter repeats examples",
        REGRESSION,
        "torch.randperm(num_examples",
        "torch.randint(num_examples, (num_examples,)",
    ),
    Mutant(
        "data_iter mixes up the labels",
        REGRESSION,
        "batch_size, features, labels)",
        "batch_size, features, labels.flip(0))",
    ),
    Mutant("linreg forgets the bias", REGRESSION, "torch.matmul(X, w) + b", "torch.matmul(X, w)"),
    Mutant("squared_loss forgets the half", REGRESSION, "** 2 / 2", "** 2"),
    Mutant("squared_loss broadcasts", REGRESSION, "y.reshape(y_hat.shape)", "y"),
    Mutant("synthetic_data is too noisy", REGRESSION, "normal(0, 0.01", "normal(0, 0.02"),
    Mutant(
        "synthetic_data turns the bias round",
        REGRESSION,
        "reshape(-1, 1) + b",
        "reshape(-1, 1) - b",
    ),
    Mutant(
        "take_batches drops the last batch",
        REGRESSION,
        "in order.split(pieces)",
        "in order[: len(order) // batch_size * batch_size].split(pieces)",
    ),
    Mutant(
        "load_array does not shuffle by default",
        CONCISE,
        "is_train: bool = True",
        "is_train: bool = False",
    ),
    Mutant("load_array shuffles test data", CONCISE, "shuffle=is_train", "shuffle=True"),
    Mutant(
        "MiniBatches never shuffles",
        CONCISE,
        "torch.randperm if self.shuffle else torch.arange",
        "torch.arange",
    ),
    Mutant("Timer.avg returns the sum", "timing", "/ len(self.times)", "/ 1"),
)
CONTROLS = tuple(
    Mutant("control: nothing broken", module)
    for module in dict.fromkeys(mutant.module for mutant in MUTANTS)
)


def survives(mutant: Mutant) -> bool:
    """Run the tests against the mutant; True when they pass: bad, except for a control."""
    with tempfile.TemporaryDirectory() as folder:
        for name in NEEDED:
            source, target = ROOT / name, Path(folder) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        module = Path(folder) / "d2lhelpers" / f"{mutant.module}.py"
        module.write_text(mutant.apply(module.read_text()))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, mutant.tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1) or (done.returncode == 1 and not failed):
        raise RuntimeError(
            f"mutant {mutant.name!r}: the tests could not run\n{done.stdout[-3000:]}"
        )
    noticed = failed[0].partition("::")[2].partition("[")[0] if failed else "nobody"
    print(f"| {mutant.name} | {mutant.module} | {noticed} |", flush=True)
    return not failed


def main() -> int:
    """Try every control and mutant; exit status 1 when a control fails or a mutant survives."""
    print("| mistake | module | noticed by |\n|---|---|---|")
    red = [control.module for control in CONTROLS if not survives(control)]
    if red:
        print(f"nothing was broken, but the tests are red: {', '.join(red)}")
        return 1
    survivors = [mutant.name for mutant in MUTANTS if survives(mutant)]
    for name in survivors:
        print(f"nobody noticed: {name}")
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants were noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
