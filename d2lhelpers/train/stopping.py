"""Being asked to stop: Ctrl-C, and the signal with which systems and torchrun end a process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.made = False


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note the first request, instead of raising KeyboardInterrupt wherever the program is.

    An exception out of nowhere may leave an import or a file half done; whoever trains looks at
    `made` where stopping is safe. The second request does raise KeyboardInterrupt. Outside the main
    thread, which alone gets signals, nothing changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:
        if request.made:
            raise KeyboardInterrupt
        request.made = True

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
