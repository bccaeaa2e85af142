"""The exporter: what the notebooks mark with `#@save` becomes part of the package.

`export` is the whole way, in four pure steps and one that writes: read the notebooks, collect the
marked statements, resolve the names that they use, render the modules, write what has changed.
`python -m d2lhelpers.save` is the command.
"""

from .files import Changes, Plan, export, plan
from .problems import ExportError, Problem

__all__ = ["Changes", "ExportError", "Plan", "Problem", "export", "plan"]
