"""Right answers other than the solutions: `RIGHT = {"08.2": [answer, ...]}` in `ch08.py`.

They go another way, compute in another dtype, or return another kind of collection than the
solution; each must be accepted.
"""
