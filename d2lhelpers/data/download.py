"""Downloads that are checked, go on after an interruption, and try one mirror after the other."""

import contextlib
import errno
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pooch
import requests
import urllib3
from tqdm.auto import tqdm

from .errors import DownloadError

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two packets
ATTEMPTS = 4  # at each mirror, before the next one is asked
PAUSE = 0.5  # seconds before the second attempt, twice as long before each further one
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)  # states of a server that may pass


class BrokenConnectionError(requests.ConnectionError):
    """The answer stopped before its end."""


def fetch_file(urls: Sequence[str], target: Path, sha256: str, progress: bool) -> Path:
    """Download a file from the first address that gives the right bytes.

    What arrives is kept in `target` + ".part" until it is complete, and a later call goes on from
    there. `target` appears at once and only with the right checksum; the caller sees to it that no
    other process is at work on the same file.

    Args:
        urls: addresses of the same bytes.
        target: the file to make, in a folder that is there.
        sha256: its checksum, hexadecimal digits.
        progress: whether a progress bar is shown.

    Raises:
        DownloadError: when no address gives it or it can not be written; says why for each.
    """
    failures = []
    part = target.with_name(f"{target.name}.part")
    for url in urls:
        for again in (False, True):
            downloader = ResumingDownloader(part, progress)
            try:
                with _without_notes(pooch.get_logger()):
                    pooch.retrieve(
                        url,
                        known_hash=f"sha256:{sha256}",
                        fname=target.name,
                        path=target.parent,
                        downloader=downloader,
                    )
                return target
            except requests.RequestException as error:  # an OSError, too: it must come first
                failures.append(f"{url}: {_reason(error)}")
            except OSError as error:
                raise DownloadError(_cannot_write(target, error)) from error
            except ValueError:  # pooch: the checksum differs, and what came is deleted
                if downloader.resumed and not again:
                    continue  # perhaps only the older part was bad: once more, from the start
                failures.append(f"{url}: what came is not the published file (SHA-256 differs)")
            break
    raise DownloadError("; ".join(failures))


class ResumingDownloader:
    """A downloader for `pooch.retrieve` that goes on from a part and asks more than once.

    Args:
        part: where the bytes are collected.
        progress: whether a progress bar is shown.
    """

    def __init__(self, part: Path, progress: bool) -> None:
        self.part, self.progress = part, progress
        self.resumed = False  # whether some bytes came over an earlier connection

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Complete the part and move it to `output_file`; requests.RequestException else."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                self._continue(url)
                break
            except requests.RequestException as error:
                if attempt == ATTEMPTS - 1 or not _may_pass(error):
                    raise
        os.replace(self.part, output_file)

    def _continue(self, url: str) -> None:
        """Ask once for what is missing and append it to the part."""
        have = self.part.stat().st_size if self.part.exists() else 0
        # Nothing compressed on the way: range and checksum are about the bytes as stored.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            given = response.headers.get("Content-Range", "")
            if have and response.status_code == 416:
                self.resumed = True
                return  # all of it was here, or more: the checksum will tell
            response.raise_for_status()
            goes_on = have > 0 and response.status_code == 206
            if response.status_code != (206 if goes_on else 200):
                raise requests.HTTPError("neither the file nor an error", response=response)
            if goes_on and not given.startswith(f"bytes {have}-"):
                self.part.unlink()
                raise BrokenConnectionError(f"asked for bytes {have}-, got {given!r}")
            self.resumed = self.resumed or goes_on
            try:
                self._receive(response, have if goes_on else 0)
            except urllib3.exceptions.HTTPError as error:  # cut off, or silent for too long
                raise BrokenConnectionError(f"the connection broke: {error}") from error

    def _receive(self, response: requests.Response, have: int) -> None:
        """Write the body after the first `have` bytes of the part.

        Raises BrokenConnectionError when fewer bytes came than the server had said.
        """
        told = response.headers.get("Content-Length", "")
        # In chunks the length does not count: the last chunk is marked.
        known = told.isdecimal() and "Transfer-Encoding" not in response.headers
        length = int(told) if known else None
        received = 0
        bar = tqdm(
            total=None if length is None else have + length,
            initial=have,
            desc=self.part.stem,
            unit="B",
            unit_scale=True,
            disable=not self.progress,
            leave=False,
            mininterval=0.5,
        )
        with bar, self.part.open("ab" if have else "wb") as file:
            for block in response.raw.stream(2**16, decode_content=False):
                file.write(block)
                received += len(block)
                bar.update(len(block))
        if length is not None and received < length:  # urllib3 may be told not to check it
            raise BrokenConnectionError(f"{received:,} of {length:,} bytes came")


@contextlib.contextmanager
def _without_notes(logger: logging.Logger) -> Iterator[None]:
    """Let a logger's warnings and errors through, not its notes on each file."""

    def matters(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    # A filter: levels are cached, and pooch's logger is in no registry that would clear the cache.
    logger.addFilter(matters)
    try:
        yield
    finally:
        logger.removeFilter(matters)


def _may_pass(error: requests.RequestException) -> bool:
    """Whether it is worth asking the same server again.

    Not where it cannot be reached at all: then the next mirror is asked without delay.
    """
    if error.response is not None:
        return error.response.status_code in TRANSIENT
    cause = error.args[0] if error.args else None
    return isinstance(error, BrokenConnectionError | requests.ReadTimeout) or isinstance(
        cause, urllib3.exceptions.ProtocolError
    )


def _reason(error: requests.RequestException) -> str:
    """What happened, in one line."""
    if error.response is not None:
        return f"HTTP status {error.response.status_code} {error.response.reason}"
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _cannot_write(target: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk is full: {target.parent}; make room and call again, what arrived is kept"
    return f"{target} cannot be written: {error}"
