"""Does the suite notice? Breaks a saved helper in named ways and runs its tests each time.

`python tests/mutants.py` prints a table; every mutant must turn the tests red. Each is a copy of
the package with one line changed; the working tree stays as it is.
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
    """One deliberate mistake: in `module`, `line` becomes `broken`; `tests` must notice."""

    name: str
    module: str
    line: str
    broken: str

    @property
    def tests(self) -> str:
        """The test file of the module."""
        return f"tests/test_{self.module}.py"


REGRESSION = "linear_regression"
MUTANTS = (
    Mutant("sgd steps uphill", REGRESSION, "param -= lr", "param += lr"),
    Mutant("sgd forgets the batch size", REGRESSION, "param.grad / batch_size", "param.grad"),
    Mutant("sgd keeps the gradients", REGRESSION, "param.grad.zero_()", "pass"),
    Mutant("data_iter does not shuffle", REGRESSION, "torch.randperm(", "torch.arange("),
    Mutant(
        "data_iter repeats examples",
        REGRESSION,
        "torch.randperm(num_examples)",
        "torch.randint(num_examples, (num_examples,))",
    ),
    Mutant(
        "data_iter mixes up the labels",
        REGRESSION,
        "batch_size, features, labels):",
        "batch_size, features, labels.flip(0)):",
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
        "load_array shuffles test data",
        "linear_regression_concise",
        "is_train: bool = True",
        "is_train: bool = False",
    ),
    Mutant("Timer.avg returns the sum", "timing", "/ len(self.times)", "/ 1"),
)


def survives(mutant: Mutant) -> bool:
    """Run the tests against the mutant; True when they pass, which is bad."""
    with tempfile.TemporaryDirectory() as folder:
        for name in NEEDED:
            source, target = ROOT / name, Path(folder) / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        module = Path(folder) / "d2lhelpers" / f"{mutant.module}.py"
        text = module.read_text()
        if text.count(mutant.line) < 1:
            raise ValueError(f"mutant {mutant.name!r}: {mutant.line!r} is not in {module.name}")
        module.write_text(text.replace(mutant.line, mutant.broken))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, mutant.tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"mutant {mutant.name!r}: the tests could not run\n{done.stdout[-3000:]}"
        )
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    noticed = failed[0].partition("::")[2].partition("[")[0] if failed else "NOBODY NOTICED"
    print(f"| {mutant.name} | {mutant.module} | {noticed} |", flush=True)
    return done.returncode == 0


def main() -> int:
    """Try every mutant; exit status 1 when one survives."""
    print("| mistake | module | noticed by |\n|---|---|---|")
    survivors = [mutant.name for mutant in MUTANTS if survives(mutant)]
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} mutants were noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
