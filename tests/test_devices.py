"""`try_gpu` and `try_all_gpus` of chapter 01 on invented machines; d2l as the reference."""

import inspect
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
import pytest
import torch
from d2l import torch as reference
from hypothesis import given
from hypothesis import strategies as st

import d2lhelpers as d2l

CPU, MPS = torch.device("cpu"), torch.device("mps:0")
blank = st.sampled_from([None, "", " ", "\t"])  # None: the variable is not set
counts = st.integers(0, 8)
numbers = st.integers(0, 12)


def cuda(i):
    return torch.device(f"cuda:{i}")


@contextmanager
def machine(gpus=0, mps=False, variable=None):
    """A machine with so many CUDA GPUs, with or without Apple's, and D2L_DEVICE as given."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(torch.cuda, "is_available", lambda: gpus > 0))
        stack.enter_context(mock.patch.object(torch.cuda, "device_count", lambda: gpus))
        stack.enter_context(mock.patch.object(torch.backends.mps, "is_available", lambda: mps))
        environment = stack.enter_context(mock.patch.dict("os.environ"))
        environment.pop("D2L_DEVICE", None)
        if variable is not None:
            environment["D2L_DEVICE"] = variable
        yield


# Without the variable


@pytest.mark.parametrize("name", ["try_gpu", "try_all_gpus"])
def test_signatures_are_those_of_d2l(name):
    ours, theirs = (inspect.signature(getattr(book, name)) for book in (d2l, reference))
    assert [(p.name, p.default) for p in ours.parameters.values()] == [
        (p.name, p.default) for p in theirs.parameters.values()
    ]


@given(gpus=counts, i=numbers, variable=blank)
def test_the_same_as_d2l_where_there_is_no_apple_gpu(gpus, i, variable):
    with machine(gpus, variable=variable):
        assert d2l.try_gpu(i) == reference.try_gpu(i)
        assert d2l.try_gpu() == reference.try_gpu()
        assert d2l.try_all_gpus() == reference.try_all_gpus()


def test_the_same_as_d2l_on_this_machine(monkeypatch):
    monkeypatch.delenv("D2L_DEVICE", raising=False)
    if torch.backends.mps.is_available():
        assert d2l.try_all_gpus() == [MPS]  # d2l 0.17.0 does not know Apple's GPU
    else:
        assert d2l.try_all_gpus() == reference.try_all_gpus()
        assert [d2l.try_gpu(i) for i in range(9)] == [reference.try_gpu(i) for i in range(9)]


@given(i=st.integers(1, 12), variable=blank)
def test_apple_has_one_gpu(i, variable):
    with machine(mps=True, variable=variable):
        assert d2l.try_gpu() == d2l.try_gpu(0) == MPS
        assert d2l.try_gpu(i) == CPU
        assert d2l.try_all_gpus() == [MPS]


def test_a_gpu_that_this_pytorch_cannot_use_is_not_there():
    with machine(gpus=1), mock.patch.object(torch.cuda, "is_available", lambda: False):
        assert d2l.try_all_gpus() == [CPU]


def test_numpy_integers_are_integers():
    with machine(gpus=2):
        assert d2l.try_gpu(np.int64(1)) == cuda(1)


def test_cuda_comes_before_apple():
    with machine(gpus=2, mps=True):
        assert d2l.try_all_gpus() == [cuda(0), cuda(1)]
        assert (d2l.try_gpu(), d2l.try_gpu(1), d2l.try_gpu(2)) == (cuda(0), cuda(1), CPU)


# With the variable


@given(gpus=counts, mps=st.booleans(), i=numbers)
def test_cpu_on_every_machine(gpus, mps, i):
    with machine(gpus, mps, "cpu"):
        assert d2l.try_gpu(i) == CPU and d2l.try_all_gpus() == [CPU]


@given(gpus=st.integers(1, 8), mps=st.booleans(), i=numbers)
def test_cuda_without_number_means_all_of_them(gpus, mps, i):
    with machine(gpus, mps, "cuda"):
        assert d2l.try_all_gpus() == [cuda(k) for k in range(gpus)]
        assert d2l.try_gpu(i) == cuda(i if i < gpus else 0)


@given(gpus=st.integers(1, 8), mps=st.booleans(), i=numbers, data=st.data())
def test_cuda_with_number_means_this_one(gpus, mps, i, data):
    chosen = data.draw(st.integers(0, gpus - 1))
    with machine(gpus, mps, f"cuda:{chosen}"):
        assert d2l.try_all_gpus() == [cuda(chosen)]
        assert d2l.try_gpu(i) == cuda(chosen)


@pytest.mark.parametrize("variable", ["mps", "mps:0"])
def test_apple_even_beside_cuda(variable):
    with machine(2, True, variable):
        assert d2l.try_all_gpus() == [MPS]
        assert d2l.try_gpu() == d2l.try_gpu(1) == MPS


@pytest.mark.parametrize("variable", ["CPU", " cpu", "Cpu\n"])
def test_upper_case_and_spaces_do_not_matter(variable):
    with machine(3, True, variable):
        assert d2l.try_gpu() == CPU


# Both


kinds = st.sampled_from([None, "", "cpu", "cuda", "cuda:0", "cuda:1", "mps"])


@given(gpus=st.integers(2, 5), variable=kinds)
def test_number_i_is_entry_i_of_the_list_and_the_list_is_never_empty(gpus, variable):
    with machine(gpus, True, variable):
        devices = d2l.try_all_gpus()
        assert devices and len(set(devices)) == len(devices)
        assert [d2l.try_gpu(i) for i in range(len(devices))] == devices
        assert d2l.try_gpu() == devices[0]


@given(gpus=counts, mps=st.booleans(), variable=blank)
def test_the_devices_are_named_as_tensors_name_them(gpus, mps, variable):
    with machine(gpus, mps, variable):
        for device in d2l.try_all_gpus():
            assert type(device) is torch.device
            assert (device.index is None) == (device == CPU)


def test_tensors_go_there(monkeypatch):
    monkeypatch.delenv("D2L_DEVICE", raising=False)
    for device in d2l.try_all_gpus():  # what this machine really has
        moved = torch.ones(2).to(device)
        assert moved.device == device and moved.sum().item() == 2


def test_the_variable_is_read_at_each_call_and_left_alone(monkeypatch):
    with machine(gpus=1):
        assert d2l.try_gpu() == cuda(0)
        monkeypatch.setenv("D2L_DEVICE", "cpu")
        assert d2l.try_gpu() == CPU
        monkeypatch.delenv("D2L_DEVICE")
        assert d2l.try_gpu() == cuda(0)


def test_the_list_is_the_callers_own():
    with machine(gpus=2):
        d2l.try_all_gpus().clear()
        assert len(d2l.try_all_gpus()) == 2


# Bad input


@pytest.mark.parametrize(
    ("variable", "gpus", "mps", "there"),
    [
        ("abacus", 0, False, "cpu"),
        ("cuda", 0, False, "cpu"),
        ("cuda", 0, True, "mps:0, cpu"),
        ("cuda:1", 1, False, "cuda:0, cpu"),
        ("cuda:01", 2, False, "cuda:0, cuda:1, cpu"),
        ("cuda:", 1, False, "cuda:0, cpu"),
        (":0", 1, False, "cuda:0, cpu"),
        ("mps", 2, False, "cuda:0, cuda:1, cpu"),
        ("meta", 1, True, "cuda:0, mps:0, cpu"),
        ("cpu,cuda", 1, False, "cuda:0, cpu"),
    ],
)
def test_unknown_and_missing_devices_are_named(variable, gpus, mps, there):
    with machine(gpus, mps, variable):
        for call in (d2l.try_gpu, d2l.try_all_gpus):
            with pytest.raises(ValueError) as caught:
                call()
            assert str(caught.value) == f"D2L_DEVICE is {variable!r}; this machine has {there}"


@given(i=st.integers(max_value=-1))
def test_a_negative_number_is_refused(i):
    with machine(gpus=2), pytest.raises(ValueError, match=rf"^try_gpu: i .* at least 0, got {i}$"):
        d2l.try_gpu(i)


@pytest.mark.parametrize("i", [True, 1.0, "0", None, [0], np.float64(1), torch.device("cpu")])
def test_another_type_is_refused(i):
    with (
        machine(gpus=2),
        pytest.raises(TypeError, match=f"^try_gpu: i must be an int, got {type(i).__name__}$"),
    ):
        d2l.try_gpu(i)
