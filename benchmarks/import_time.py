"""What `import d2lhelpers` costs beside `import torch` and d2l, each in a fresh interpreter."""

import subprocess
import sys

from .measure import at_least, at_most, store, take_turns

STATEMENTS = {
    "import torch": "import torch",
    "import d2lhelpers": "import d2lhelpers as d2l",
    "import torch, d2lhelpers; call linreg": (
        "import torch, d2lhelpers as d2l; d2l.linreg(torch.ones(1, 1), torch.ones(1), 0)"
    ),
    "from d2l import torch": "from d2l import torch",
}


def main() -> int:
    """Measure and store; the exit status."""

    def run(statement: str):
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    seconds = take_turns({name: run(code) for name, code in STATEMENTS.items()}, rounds=9, warmup=2)
    torch = seconds["import torch"]
    name = "import torch, d2lhelpers; call linreg"
    rows = [
        at_most("import d2lhelpers", seconds["import d2lhelpers"], "import torch", torch, 1.15),
        at_most(name, seconds[name], "import torch", torch, 1.15),
        at_least(name, seconds[name], "from d2l import torch", seconds["from d2l import torch"]),
    ]
    return store("import_time", rows, "python -m benchmarks.import_time")


if __name__ == "__main__":
    sys.exit(main())
