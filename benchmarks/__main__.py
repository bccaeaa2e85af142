"""Run the benchmarks one after the other and print the table: `make bench`.

`python -m benchmarks import_time mini_batches` runs just those. Each also runs alone, as
`python -m benchmarks.NAME`, and stores its rows under benchmarks/results.
"""

import subprocess
import sys

NAMES = (
    "import_time",
    "mini_batches",
    "batches",
    "regression_step",
    "digits_epoch",
    "live_plot",
    "lab_latency",
)


def main(chosen: list[str]) -> int:
    """Run the chosen benchmarks (all by default), each in a fresh process."""
    unknown = sorted(set(chosen) - set(NAMES))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    status = 0
    for name in chosen or NAMES:
        print(f"\n## {name}", flush=True)
        status |= subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
