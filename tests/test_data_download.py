"""Downloads from a server on loopback that misbehaves: resume, mirrors, checks, two at once."""

import errno
import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pooch
import pytest
import torch

from d2lhelpers import data
from d2lhelpers.data import cifar10, download, mnist
from d2lhelpers.data.errors import DownloadError

from . import data_files
from .data_files import own_cache  # noqa: F401  (a fixture for every test here)
from .data_server import HEAD, serving

CONTENT = bytes(range(256)) * 1000
BLOCK = 2**16  # what is written at once
SUM = data_files.sha256(CONTENT)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0)


@pytest.fixture
def server():
    with serving({"file": CONTENT, "second/file": CONTENT}) as running:
        yield running


def fetch(server, tmp_path, mirrors=("", "second/"), progress=False):
    """Download `file` from the server's mirrors."""
    urls = [f"{server.url}{mirror}file" for mirror in mirrors]
    return download.fetch_file(urls, tmp_path / "file", SUM, progress)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


# ---- One file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        ([], [("file", None)]),
        (["slow"], [("file", None)]),
        (["cut off"], [("file", None), ("file", f"bytes={HEAD}-")]),
        (["cut off", "cut off", "no range"],
         [("file", None), ("file", f"bytes={HEAD}-"), ("file", f"bytes={2 * HEAD}-")]),
        (["cut off", "other range"],
         [("file", None), ("file", f"bytes={HEAD}-"), ("file", None)]),
        (["cut off silently"], [("file", None), ("second/file", None)]),
        (["corrupt"], [("file", None), ("second/file", None)]),
        (["page"], [("file", None), ("second/file", None)]),
        ([404], [("file", None), ("second/file", None)]),
        ([204], [("file", None), ("second/file", None)]),
        ([503], [("file", None), ("file", None)]),
        ([503] * download.ATTEMPTS, [("file", None)] * download.ATTEMPTS + [("second/file", None)]),
        (["cut off", 404], [("file", None), ("file", f"bytes={HEAD}-"),
                            ("second/file", f"bytes={HEAD}-")]),
        # What was kept came from a corrupt answer: once more from the start, same mirror.
        (["cut off", "corrupt"], [("file", None), ("file", f"bytes={HEAD}-"), ("file", None)]),
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_is_good_or_mended(server, tmp_path, plan, asked):
    server.plan = plan
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == asked
    assert left_in(tmp_path) == ["file"]


def test_a_server_that_falls_silent_is_asked_again_for_the_rest(server, tmp_path, monkeypatch):
    # Long enough for the good answer on a busy machine; should it fail, it is asked for once more.
    monkeypatch.setattr(download, "TIMEOUT", (5, 2))
    server.plan = ["stall"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[:2] == [("file", None), ("file", f"bytes={BLOCK}-")]


def test_a_short_answer_is_noticed_without_the_help_of_urllib3(server, tmp_path, monkeypatch):
    original = download.requests.get

    def careless(*args, **options):
        response = original(*args, **options)
        response.raw.enforce_content_length = False  # as urllib3 1 did by default
        return response

    monkeypatch.setattr(download.requests, "get", careless)
    server.plan = ["cut off", "cut off"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [
        ("file", None), ("file", f"bytes={HEAD}-"), ("file", f"bytes={2 * HEAD}-"),
    ]  # fmt: skip
    (tmp_path / "file").unlink()
    server.plan = ["cut off"]
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with pytest.raises(DownloadError, match="100,000 of 256,000 bytes came"):
        fetch(server, tmp_path, mirrors=("",))


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (["corrupt"] * 2, "SHA-256 differs"),
        ([404] * 2, "HTTP status 404 Not Found"),
        ([503] * 2 * download.ATTEMPTS, "HTTP status 503"),
    ],
)
def test_when_no_mirror_has_it_the_error_names_each(server, tmp_path, plan, reason):
    server.plan = plan
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path)
    for mirror in ("file", "second/file"):
        assert f"{server.url}{mirror}: " in str(caught.value)
    assert str(caught.value).count(reason) == 2
    assert left_in(tmp_path) == []


def test_a_server_that_is_not_there_is_asked_once(server, tmp_path, monkeypatch):
    urls = ["http://127.0.0.1:9/file", f"{server.url}file"]
    monkeypatch.setattr(download.time, "sleep", lambda seconds: pytest.fail("asked again"))
    assert download.fetch_file(urls, tmp_path / "file", SUM, False).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="ConnectionError"):
        download.fetch_file(urls[:1], tmp_path / "other", SUM, False)


def test_an_interruption_keeps_what_came_and_the_next_call_goes_on(server, tmp_path, monkeypatch):
    class Interrupted(download.tqdm):
        def update(self, n=1):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "tqdm", Interrupted)
        server.plan = ["slow"]
        with pytest.raises(KeyboardInterrupt):
            fetch(server, tmp_path)
    assert left_in(tmp_path) == ["file.part"]
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:BLOCK]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("file", f"bytes={BLOCK}-")


@pytest.mark.parametrize(
    ("part", "ranges"),
    [
        (CONTENT, [f"bytes={len(CONTENT)}-"]),  # complete: nothing is sent again
        (CONTENT + b"more", [f"bytes={len(CONTENT) + 4}-", None]),
        (b"other" * 10, ["bytes=50-", None]),
        (b"", [None]),
    ],
    ids=["complete", "too long", "of another file", "empty"],
)
def test_what_was_kept_from_before_is_used_only_if_it_fits(server, tmp_path, part, ranges):
    (tmp_path / "file.part").write_bytes(part)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [("file", wanted) for wanted in ranges]
    assert left_in(tmp_path) == ["file"]


def test_pooch_adds_no_notes_of_its_own(server, tmp_path):
    notes = []
    handler = logging.Handler()
    handler.emit = notes.append
    logger = pooch.get_logger()
    logger.addHandler(handler)
    try:
        fetch(server, tmp_path)
        assert notes == []
        logger.info("and is as talkative as before")
        assert len(notes) == 1
    finally:
        logger.removeHandler(handler)


def test_the_progress_bar_names_the_file_and_can_be_switched_off(server, tmp_path, capfd):
    fetch(server, tmp_path, progress=False)
    assert capfd.readouterr() == ("", "")
    (tmp_path / "file").unlink()
    server.plan = ["cut off silently"]  # the total is not known
    fetch(server, tmp_path, progress=True)
    shown = capfd.readouterr()
    assert "file" in shown.err and "256k" in shown.err and "http" not in shown.err


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_others_may_read_the_file_as_the_umask_says(server, tmp_path):
    before = os.umask(0o022)
    try:
        mode = stat.S_IMODE(fetch(server, tmp_path).stat().st_mode)
    finally:
        os.umask(before)
    assert mode == 0o644


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named_and_ends_the_search(server, tmp_path):
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="the disk is full.*make room"):
        fetch(server, tmp_path)
    assert server.asked == [("file", None)]
    assert not (tmp_path / "file").exists()


# ---- A data set ----------------------------------------------------------------------------------


@pytest.fixture
def published(monkeypatch):
    """A running mirror of a small MNIST, in place of the real ones."""
    files = data_files.mnist_files(num_train=200)
    served, table = data_files.publish_mnist(files)
    with serving({**served, **{f"second/{name}": body for name, body in served.items()}}) as server:
        monkeypatch.setattr(mnist, "MIRRORS", (server.url, f"{server.url}second/"))
        monkeypatch.setattr(mnist, "FILES", table)
        server.originals = files
        yield server


def load_small_mnist(**options):
    return data.load_mnist(validation=10, progress=False, **options)


def test_mnist_is_downloaded_once_into_the_cache(published, cache):
    first = load_small_mnist()
    assert len(published.asked) == 4
    assert data_files.all_files(cache) == {f"MNIST/raw/{name}" for name in published.originals}
    again = load_small_mnist(download=False)
    assert len(published.asked) == 4
    assert torch.equal(first.train.images, again.train.images)
    assert (len(again.train), len(again.validation), len(again.test)) == (190, 10, 10)


def test_only_what_the_cache_lacks_or_holds_damaged_is_fetched_again(published, cache):
    load_small_mnist()
    raw = cache / "MNIST" / "raw"
    (raw / "t10k-labels-idx1-ubyte").unlink()
    images = raw / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-100])
    published.asked.clear()
    assert len(load_small_mnist().train) == 190
    assert {path for path, _ in published.asked} == {
        "train-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    }


def test_no_mirror_no_data_and_the_error_names_everything(published, cache, tmp_path, monkeypatch):
    published.plan = [404, 404]
    (tmp_path / "given").mkdir()
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataNotFoundError) as caught:
        load_small_mnist(folder=tmp_path / "given")
    message = str(caught.value)
    for part in (tmp_path / "given", tmp_path / "nowhere", cache, published.url, "404", "second/"):
        assert str(part) in message
    assert isinstance(caught.value, FileNotFoundError)


def test_the_embedded_digits_come_instead_only_where_allowed(published, capsys):
    published.plan = [404, 404] * 2
    with pytest.raises(data.DataNotFoundError):
        load_small_mnist()
    digits = load_small_mnist(fallback="digits")
    assert digits.name == "digits" and digits.shape == (1, 8, 8)
    assert "404" in digits.source
    assert "load_mnist: MNIST was neither found nor downloaded" in capsys.readouterr().err


def test_a_disk_that_is_full_while_unpacking_leaves_no_half_file(published, cache, monkeypatch):
    def full(source, target, length):
        target.write(source.read(1000))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(data.DataNotFoundError, match="No space left"):
            load_small_mnist()
    assert data_files.all_files(cache) == {"MNIST/raw/train-images-idx3-ubyte.gz"}
    assert len(load_small_mnist().train) == 190


def test_cifar10_is_downloaded_checked_and_extracted(cache, monkeypatch):
    pickles = data_files.cifar_pickles()
    archive = data_files.batches_archive(pickles)
    data_files.approve(monkeypatch, pickles, archive)
    with serving({"second": archive}) as server:
        monkeypatch.setattr(cifar10, "URLS", (f"{server.url}first", f"{server.url}second"))
        found = data.load_cifar10(validation=20, progress=False)
        assert [path for path, _ in server.asked] == ["first", "second"]
        assert (found.name, len(found.train), len(found.test)) == ("CIFAR-10", 80, 20)
        batches = {f"{cifar10.BATCHES}/{name}" for name in pickles}
        assert data_files.all_files(cache) == batches
        # One file is damaged later: the cache mends itself.
        (cache / cifar10.BATCHES / "data_batch_3").write_bytes(b"nonsense")
        again = data.load_cifar10(validation=20, progress=False)
        assert len(server.asked) == 4
    assert torch.equal(found.train.images, again.train.images)


# ---- Folders that cannot be written --------------------------------------------------------------


@pytest.fixture
def read_only(monkeypatch):
    """A function that takes the right to write from a folder; for root, too, who then is nobody."""
    if os.name == "nt":
        pytest.skip("permissions are others there")
    root = os.geteuid() == 0

    def protect(folder):
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if root:
            os.seteuid(65534)

    yield protect
    if root:
        os.seteuid(0)


@pytest.fixture
def open_cache(monkeypatch):
    """A cache in a place that every user can reach, which pytest's folders are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        cache = Path(folder) / "cache"
        cache.mkdir()
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *args, **options: cache)
        yield cache
        for path in (cache, *cache.rglob("*")):
            path.chmod(0o755)


def test_a_read_only_cache_is_read_and_says_so_when_it_lacks_the_data(
    published, open_cache, read_only
):
    data_files.write_mnist(open_cache, published.originals, packed=True)
    read_only(open_cache)
    assert len(load_small_mnist().train) == 190
    with pytest.raises(data.DataNotFoundError, match="cannot be written to"):
        data.load_cifar10(progress=False)
    assert published.asked == []


def test_archives_in_a_read_only_cache_are_read_all_the_same(monkeypatch, open_cache, read_only):
    pickles = data_files.cifar_pickles()
    archive = data_files.batches_archive(pickles)
    data_files.approve(monkeypatch, pickles, archive)
    (open_cache / cifar10.ARCHIVE).write_bytes(archive)
    read_only(open_cache)
    assert len(data.load_cifar10(validation=0, progress=False).train) == 100
    assert data_files.all_files(open_cache) == {cifar10.ARCHIVE}


def test_pictures_beside_a_read_only_cache_are_decoded_each_time(open_cache, read_only):
    data_files.write_files(open_cache / "cifar10", data_files.pictures())
    read_only(open_cache)
    for _ in range(2):
        assert len(data.load_cifar10(validation=0, progress=False).train) == 30
    assert not (open_cache / "decoded").exists()


# ---- Several processes ---------------------------------------------------------------------------

LOAD = textwrap.dedent(
    """
    import sys, pathlib, platformdirs
    url, cache, table = sys.argv[1:]
    platformdirs.user_cache_path = lambda *args, **options: pathlib.Path(cache)
    from d2lhelpers.data import load_mnist, mnist
    mnist.MIRRORS, mnist.FILES = (url,), eval(table)
    print("ready", flush=True)
    sys.stdin.readline()
    print(load_mnist(validation=10, progress=False))
    """
)


def start(server, cache):
    """A process that loads MNIST after a line on its standard input."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, server.url, str(cache), repr(mnist.FILES)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_at_once_download_each_file_once(published, cache):
    published.plan = ["slow"] * 8
    processes = [start(published, cache) for _ in range(2)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and "train=190, validation=10, test=10" in out
    assert sorted(published.asked) == sorted((f"{name}.gz", None) for name in published.originals)
    assert data_files.all_files(cache) == {f"MNIST/raw/{name}" for name in published.originals}


def test_after_a_process_was_killed_the_next_one_goes_on(published, cache):
    published.plan = ["stall"]
    process = start(published, cache)
    process.stdin.write("\n")
    process.stdin.flush()
    part = cache / "MNIST" / "raw" / "train-images-idx3-ubyte.gz.part"
    for _ in range(600):
        if part.exists() and part.stat().st_size:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    process.communicate(timeout=60)
    kept = part.stat().st_size
    assert len(load_small_mnist().train) == 190
    assert published.asked[1] == ("train-images-idx3-ubyte.gz", f"bytes={kept}-")
