"""Newest setting wins: work is done in slices on the kernel's event loop, dropped when stale.

A slider that is dragged sends dozens of settings a second. Here a request only notes what is
wanted; one task works on the newest request, gives the loop a turn between slices so that newer
ones can arrive, and starts over when one has. There is never more than one request waiting, hence
no backlog, and the last one is always worked to its end. Without a running loop (scripts, tests) a
request is worked off on the spot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Job = TypeVar("Job")

# A message from the page needs a few turns of the loop: socket readable, message read, handler
# started.
_TURNS = 4
# Slices are often shorter than a turn is worth; the loop is served at least this often, in seconds.
_SLICE = 0.008


class NewestWins(Generic[Job]):
    """Runs `work(job)` for the newest job.

    Args:
        work: returns an iterator; each step is one slice of the job. What it yields, if not None,
            is the number of seconds to leave to others before the next slice; without a running
            loop nobody waits. It must deal with its own errors. When a newer job arrives the
            iterator is closed (`GeneratorExit` inside a generator).
    """

    def __init__(self, work: Callable[[Job], Iterator[float | None]]) -> None:
        self._work = work
        self._waiting: list[Job] = []  # empty or one job
        self._task: asyncio.Task[None] | None = None
        self._finishing = False

    def request(self, job: Job) -> None:
        """Work on `job` soon, instead of one that waits; on a running loop returns at once."""
        self._waiting = [job]
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._finish_here()
            return
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._run())

    def run_now(self, job: Job) -> None:
        """Work on `job` to its end before returning; whatever was waiting or in work is dropped."""
        self.cancel()
        self._waiting = [job]
        self._finish_here()

    def cancel(self) -> None:
        """Drop what waits and what is in work."""
        self._waiting = []
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def settled(self) -> None:
        """Returns when nothing waits and nothing is in work."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    def _finish_here(self) -> None:
        if self._finishing:
            return  # asked for by the work itself: the loop below takes it up
        self._finishing = True
        try:
            while self._waiting:
                for _ in self._work(self._waiting.pop()):
                    if self._waiting:
                        break
        finally:
            self._finishing = False

    async def _run(self) -> None:
        while self._waiting:
            work = self._work(self._waiting.pop())
            served = time.perf_counter()
            try:
                for rest in work:
                    if rest is not None:
                        await asyncio.sleep(rest)
                        served = time.perf_counter()
                    elif time.perf_counter() - served > _SLICE:
                        for _ in range(_TURNS):
                            await asyncio.sleep(0)
                        served = time.perf_counter()
                    if self._waiting:
                        break
            finally:
                close = getattr(work, "close", None)
                if close is not None:
                    close()
