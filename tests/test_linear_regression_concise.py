"""The mini-batches that chapter 09 saves: `load_array`."""

import inspect

import pytest
import torch
from d2l import torch as d2l_ref
from hypothesis import given, settings
from hypothesis import strategies as st

import d2lhelpers as d2l

DEVICES = ["cpu", "meta"] + (["cuda"] if torch.cuda.is_available() else [])


def numbered(n, width=3):
    """Features of shape (n, width) and labels of shape (n, 1) that both tell their row."""
    rows = torch.arange(n, dtype=torch.float32)
    return rows[:, None] + torch.arange(width) / 10, rows[:, None] * 2


# ---- Every example once --------------------------------------------------------------------------


@given(n=st.integers(1, 400), batch_size=st.integers(1, 500), is_train=st.booleans())
def test_each_example_comes_once_and_arrays_stay_aligned(n, batch_size, is_train):
    X, y = numbered(n)
    batches = list(d2l.load_array((X, y), batch_size, is_train))
    assert len(batches) == len(d2l.load_array((X, y), batch_size, is_train)) == -(-n // batch_size)
    assert [len(part) for part, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(batches[-1][0]) == (n - 1) % batch_size + 1
    got_X, got_y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert torch.equal(got_y.flatten().sort().values, y.flatten())
    assert torch.equal(got_X, X[(got_y.flatten() / 2).long()])
    if not is_train:
        assert torch.equal(got_X, X)


@given(
    n=st.integers(1, 60),
    shapes=st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=4),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool]),
    batch_size=st.integers(1, 70),
)
def test_any_number_of_arrays_of_any_shape_and_type(n, shapes, dtype, batch_size):
    arrays = [torch.arange(n).reshape(-1, *[1] * len(s)).expand(n, *s).to(dtype) for s in shapes]
    for batch in d2l.load_array(arrays, batch_size):
        assert isinstance(batch, list) and len(batch) == len(arrays)
        for part, array in zip(batch, arrays, strict=True):
            assert part.shape == (len(batch[0]), *array.shape[1:]) and part.dtype == dtype
    in_order = zip(*d2l.load_array(arrays, batch_size, is_train=False), strict=True)
    for parts, array in zip(in_order, arrays, strict=True):
        assert torch.equal(torch.cat(parts), array)


def test_rows_of_more_than_a_piece():
    # A row of 1.2 MB: each piece is one batch. And 3 × 0.4 MB: two batches of one row a piece.
    for width, batch_size in ((300_000, 2), (100_000, 1)):
        X, y = numbered(5, width)
        got = list(d2l.load_array((X, y), batch_size, is_train=False))
        assert [len(part) for part, _ in got] == ([2, 2, 1] if batch_size == 2 else [1] * 5)
        assert torch.equal(torch.cat([part for part, _ in got]), X)


def test_memory_of_wide_rows_stays_small():
    X = torch.zeros(64, 100_000)  # 0.4 MB a row
    first = next(iter(d2l.load_array((X,), 4)))[0]
    assert first.untyped_storage().nbytes() == 4 * 400_000


def test_non_contiguous_and_expanded_arrays():
    X = torch.arange(12.0).reshape(3, 4).T  # (4, 3)
    y = torch.ones(1, 1).expand(4, 1)
    got_X, got_y = next(iter(d2l.load_array((X, y), 10, is_train=False)))
    assert torch.equal(got_X, X) and torch.equal(got_y, y)


# ---- Order ---------------------------------------------------------------------------------------


def test_each_loop_is_a_new_epoch_in_a_new_order():
    batches = d2l.load_array(numbered(100), 10)
    first, second = (torch.cat([y for _, y in batches]).flatten() for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, second.sort().values)


def test_two_loops_at_a_time_do_not_disturb_each_other():
    batches = d2l.load_array(numbered(30), 7, is_train=False)
    for (X, _), (also_X, _) in zip(batches, batches, strict=True):
        assert torch.equal(X, also_X)
    pairs = [(len(X), len(Z)) for X, _ in batches for Z, _ in batches]
    assert len(pairs) == 25


@given(n=st.integers(2, 300), batch_size=st.integers(1, 40), seed=st.integers(0, 2**31))
def test_a_seed_fixes_the_order_and_it_is_that_of_data_iter(n, batch_size, seed):
    X, y = numbered(n)
    batches = d2l.load_array((X, y), batch_size)
    runs = []
    with torch.random.fork_rng(devices=[]):
        for source in (batches, batches, d2l.data_iter(batch_size, X, y)):
            torch.manual_seed(seed)
            runs.append(list(source))
    for ours, again, chapter_08 in zip(*runs, strict=True):
        for one, two, three in zip(ours, again, chapter_08, strict=True):
            assert torch.equal(one, two) and torch.equal(one, three)


def test_reading_in_order_draws_no_random_numbers():
    state = torch.get_rng_state()
    list(d2l.load_array(numbered(50), 7, is_train=False))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_order_has_no_preferred_place():
    torch.manual_seed(0)
    batches = d2l.load_array((torch.arange(4),), 4)
    counts = torch.zeros(4, 4)  # (place, example)
    for _ in range(2000):
        (order,) = next(iter(batches))
        counts[torch.arange(4), order] += 1
    # 500 expected in each cell, standard deviation sqrt(2000 · 1/4 · 3/4) = 19.4
    assert (counts - 500).abs().max() < 5 * 19.4


# ---- Memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_train", [True, False])
def test_batches_may_be_changed_freely(is_train):
    X, y = numbered(20)
    kept_X = X.clone()
    batches = list(d2l.load_array((X, y), 6, is_train))
    others = [part.clone() for part, _ in batches[1:]]
    batches[0][0].fill_(-1)
    assert torch.equal(X, kept_X)
    for (part, _), before in zip(batches[1:], others, strict=True):
        assert torch.equal(part, before)


def test_changing_one_batch_does_not_invalidate_the_gradient_of_another():
    weight = torch.ones(3, 1, requires_grad=True)
    first, second = (X for X, _ in d2l.load_array(numbered(8), 4, is_train=False))
    loss = (second @ weight).sum()  # autograd keeps `second`
    first.zero_()
    loss.backward()
    assert torch.equal(weight.grad, second.sum(0)[:, None])


def test_gradients_flow_back_to_the_arrays():
    X = torch.ones(7, 2, requires_grad=True)
    for (part,) in d2l.load_array((X,), 3):
        (2 * part).sum().backward()
    assert torch.equal(X.grad, torch.full((7, 2), 2.0))


def test_changes_of_the_arrays_show_in_the_next_epoch():
    X, y = numbered(5)
    batches = d2l.load_array((X, y), 5, is_train=False)
    X += 100
    assert torch.equal(next(iter(batches))[0], X)


def test_nan_passes_through():
    X, y = numbered(6)
    X[2, 1] = float("nan")
    got = torch.cat([part for part, _ in d2l.load_array((X, y), 4)])
    assert got.isnan().sum() == 1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("is_train", [True, False])
def test_batches_are_on_the_device_of_their_array(device, is_train):
    X, y = numbered(10)
    for got_X, got_y in d2l.load_array((X.to(device), y), 4, is_train):
        assert got_X.device.type == device and got_y.device.type == "cpu"
        assert len(got_X) == len(got_y)


def test_the_default_device_does_not_matter():
    batches = d2l.load_array(numbered(10), 4)
    with torch.device("meta"):
        assert {part.device.type for batch in batches for part in batch} == {"cpu"}


# ---- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.zeros(3, 2), 2), TypeError, r"tuple or list of tensors, got Tensor; .* \(X,\)"),
        ((None, 2), TypeError, "tuple or list of tensors, got NoneType"),
        (((), 2), ValueError, "data_arrays is empty"),
        (([[1.0], [2.0]], 2), TypeError, r"data_arrays\[0\] must be a torch.Tensor, got list"),
        (((torch.zeros(3), "y"), 2), TypeError, r"data_arrays\[1\] must be .* got str"),
        (((torch.zeros(3), torch.zeros(4)), 2), ValueError, "has 3, .* has 4"),
        (((torch.zeros(0, 2),), 2), ValueError, r"data_arrays\[0\] is empty"),
        (((torch.tensor(1.0),), 2), ValueError, r"data_arrays\[0\] is a scalar"),
        (((torch.zeros(3),), 0), ValueError, "batch_size must be at least 1, got 0"),
        (((torch.zeros(3),), -1), ValueError, "batch_size must be at least 1, got -1"),
        (((torch.zeros(3),), 2.0), TypeError, "batch_size must be an int, got float"),
        (((torch.zeros(3),), True), TypeError, "batch_size must be an int, got bool"),
        (((torch.zeros(3),), None), TypeError, "batch_size must be an int, got NoneType"),
        (((torch.zeros(3),), 2, "no"), TypeError, "is_train must be a bool, got str"),
        (((torch.zeros(3),), 2, None), TypeError, "is_train must be a bool, got NoneType"),
    ],
)
def test_bad_input_is_refused_before_the_first_batch(arguments, error, message):
    with pytest.raises(error, match=f"^load_array: .*{message}"):
        d2l.load_array(*arguments)


def test_a_batch_size_beyond_any_data_gives_one_batch():
    batches = d2l.load_array(numbered(3), 10**30)
    assert len(batches) == 1 and len(next(iter(batches))[0]) == 3


def test_arrays_may_come_from_any_iterable():
    batches = d2l.load_array((array for array in numbered(5)), 2)
    assert [len(list(batches)) for _ in range(2)] == [3, 3]


# ---- The reference -------------------------------------------------------------------------------


@settings(max_examples=25)
@given(n=st.integers(1, 60), batch_size=st.integers(1, 70))
def test_in_order_the_batches_are_those_of_d2l(n, batch_size):
    arrays = numbered(n)
    ours = d2l.load_array(arrays, batch_size, is_train=False)
    theirs = d2l_ref.load_array(arrays, batch_size, is_train=False)
    assert len(ours) == len(theirs)
    for our_batch, their_batch in zip(ours, theirs, strict=True):
        assert type(our_batch) is type(their_batch) is list
        for ours_part, theirs_part in zip(our_batch, their_batch, strict=True):
            assert torch.equal(ours_part, theirs_part)


@settings(max_examples=25)
@given(n=st.integers(1, 60), batch_size=st.integers(1, 70))
def test_shuffled_the_epoch_holds_the_same_pairs_as_that_of_d2l(n, batch_size):
    arrays = numbered(n)
    epochs = [list(load(arrays, batch_size)) for load in (d2l.load_array, d2l_ref.load_array)]
    sizes = [[len(y) for _, y in epoch] for epoch in epochs]
    assert sizes[0] == sizes[1]
    rows = [torch.cat([torch.cat(batch, dim=1) for batch in epoch]) for epoch in epochs]
    ours, theirs = (found[found[:, 0].argsort()] for found in rows)
    assert torch.equal(ours, theirs)


def test_the_signature_is_that_of_d2l():
    ours, theirs = (inspect.signature(f).parameters for f in (d2l.load_array, d2l_ref.load_array))
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]
