"""The batch iterator: every example once, repeatable, converted, augmented, on any device."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as tv

import d2lhelpers as d2l
from d2lhelpers.data import Batches, Split, augment
from d2lhelpers.data import batches as module

DEVICES = ["cpu", "meta"] + ["cuda"] * torch.cuda.is_available()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(n, channels=1):
    """Images of bytes that tell their row (modulo 256), and labels that tell it exactly."""
    labels = torch.arange(n)
    images = (labels % 256).to(torch.uint8).reshape(-1, 1, 1, 1)
    return Split(images.expand(n, channels, 4, 3).contiguous(), labels)


def joined(batches):
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


# ---- Every example once --------------------------------------------------------------------------


@settings(max_examples=100)
@given(
    n=st.integers(1, 300),
    batch_size=st.integers(1, 320),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    piece=st.sampled_from([1, 500, 3000, 2**20]),
    dtype=st.sampled_from([None, torch.float32]),
)
def test_each_example_comes_once(n, batch_size, shuffle, drop_last, piece, dtype):
    data = numbered(n)
    if drop_last and n < batch_size:
        with pytest.raises(ValueError, match="drop_last leaves nothing"):
            Batches(data, batch_size, drop_last=True)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", piece)
        batches = Batches(data, batch_size, shuffle=shuffle, drop_last=drop_last, dtype=dtype)
        found = list(batches)
    kept = n // batch_size * batch_size if drop_last else n
    assert len(found) == len(batches) == -(-kept // batch_size)
    assert [len(labels) for _, labels in found[:-1]] == [batch_size] * (len(found) - 1)
    images, labels = joined(found)
    assert len(images) == len(labels) == kept == len(labels.unique())
    expected = data.images[labels]
    assert torch.equal(images, expected if dtype is None else expected.float() / 255)
    if not shuffle:
        assert torch.equal(labels, torch.arange(kept))


def test_each_loop_is_a_new_epoch_and_two_at_once_do_not_disturb_each_other():
    batches = Batches(numbered(100), 7, shuffle=True)
    (_, first), (_, second) = joined(batches), joined(batches)
    assert not torch.equal(first, second)
    for one, other in zip(batches, batches, strict=True):
        assert one[1].shape == other[1].shape
    one, other = iter(batches), iter(batches)
    seen = [next(it)[1] for it in (one, other) * 15]
    assert torch.equal(torch.cat(seen[::2]).sort().values, torch.arange(100))
    assert torch.equal(torch.cat(seen[1::2]).sort().values, torch.arange(100))


def test_a_generator_decides_order_and_augmentation():
    options = {"shuffle": True, "augment": partial(augment.random_crop, padding=2)}
    data = numbered(50)

    def epochs(seed):
        batches = Batches(data, 8, generator=seeded(seed), **options)
        return [joined(batches) for _ in range(2)]

    for (images, labels), (same_images, same_labels) in zip(epochs(1), epochs(1), strict=True):
        assert torch.equal(images, same_images) and torch.equal(labels, same_labels)
    assert not torch.equal(epochs(1)[0][1], epochs(1)[1][1])
    assert not torch.equal(epochs(1)[0][1], epochs(2)[0][1])
    torch.manual_seed(5)
    state = torch.get_rng_state()
    epochs(1)
    assert torch.equal(torch.get_rng_state(), state)  # the global one is left alone
    first = joined(Batches(data, 8, **options))
    torch.manual_seed(5)
    for part, again in zip(first, joined(Batches(data, 8, **options)), strict=True):
        assert torch.equal(part, again)


def test_the_order_is_that_of_load_array():
    data = numbered(33)
    torch.manual_seed(2)
    ours = list(Batches(data, 5, shuffle=True, dtype=None))
    torch.manual_seed(2)
    for (images, labels), theirs in zip(
        ours, d2l.load_array((data.images, data.labels), 5), strict=True
    ):
        assert torch.equal(images, theirs[0]) and torch.equal(labels, theirs[1])


def test_batches_may_be_kept_and_changed():
    data = numbered(40)
    before = data.images.clone()
    for dtype in (None, torch.float32):
        found = list(Batches(data, 6, dtype=dtype))
        for images, labels in found[::2]:
            images.zero_(), labels.zero_()
        for position, (images, labels) in enumerate(found):
            rows = slice(6 * position, 6 * position + 6)
            if position % 2:
                assert torch.equal(labels, data.labels[rows])
                assert images.float().mean() > 0
    floats = torch.rand(10, 4)
    copy = floats.clone()
    for (batch,) in Batches((floats,), 3, mean=0.5, std=0.5):
        batch.zero_()
    for (batch,) in Batches((floats,), 3):
        batch.zero_()
    assert torch.equal(data.images, before) and torch.equal(floats, copy)


# ---- Numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str
)
def test_bytes_become_numbers_from_0_to_1(dtype):
    images = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    (batch,) = joined(Batches((images,), 50, dtype=dtype))
    assert batch.dtype == dtype
    assert torch.equal(batch, (images.double() / 255).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("stored", ["bytes", "numbers"])
def test_normalization_is_that_of_torchvision(dtype, stored):
    images = torch.randint(0, 256, (30, 3, 4, 4), dtype=torch.uint8)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    expected = tv.normalize(images.to(dtype) / 255, list(mean), list(std))
    given_images = images if stored == "bytes" else images.to(dtype) / 255
    for means, stds in ((mean, std), (torch.tensor(mean), list(std))):
        (found,) = joined(Batches((given_images,), 7, dtype=dtype, mean=means, std=stds))
        torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-5)
    (half,) = joined(Batches((given_images,), 7, dtype=torch.bfloat16, mean=mean, std=std))
    torch.testing.assert_close(half, expected.bfloat16(), atol=1e-5, rtol=0.01)


def test_the_statistics_of_a_split_normalize_it():
    data = d2l.load_digits().train
    mean, std = data.channel_statistics()
    images, _ = joined(Batches(data, 100, mean=mean, std=std))
    assert abs(float(images.mean())) < 1e-5 and abs(float(images.std(correction=0)) - 1) < 1e-5


def test_features_that_are_no_images():
    X, y = torch.randn(20, 5), torch.randn(20, 1)
    found_X, found_y = joined(Batches((X, y), 6, mean=[0, 0, 0, 0, 1], std=2))
    torch.testing.assert_close(found_X, (X - torch.tensor([0.0, 0, 0, 0, 1])) / 2)
    assert torch.equal(found_y, y)
    tokens = torch.arange(12)
    (found,) = joined(Batches((tokens,), 5, dtype=None))
    assert torch.equal(found, tokens)
    one, two, three = joined(Batches([X, y, tokens.repeat(2)[:20]], 6))
    assert torch.equal(one, X) and torch.equal(two, y) and len(three) == 20


def test_gradients_reach_the_features():
    X = torch.randn(9, 2, requires_grad=True)
    for (batch,) in Batches((X,), 2, mean=0.0, std=2.0):
        batch.sum().backward()
    assert torch.equal(X.grad, torch.full((9, 2), 0.5))


# ---- Augmentation --------------------------------------------------------------------------------


def test_augmentation_sees_the_images_as_stored_in_whole_batches(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 12 * 4 * 30)  # thirty images as float32
    seen = []

    def negative(images, generator):
        seen.append((len(images), images.dtype, generator))
        return 255 - images

    generator, data = seeded(), numbered(100)
    batches = Batches(data, 8, augment=negative, generator=generator)
    images, labels = joined(batches)
    assert torch.equal(images, (255 - data.images).float() / 255)
    assert torch.equal(labels, data.labels)
    assert seen == [(24, torch.uint8, generator)] * 4 + [(4, torch.uint8, generator)]


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str
)
def test_one_seed_gives_the_same_images_in_every_dtype(monkeypatch, dtype):
    monkeypatch.setattr(module, "PIECE", 12 * 4 * 30)  # several pieces, each with its own draws
    data = numbered(200)
    shift = partial(augment.random_crop, padding=2)

    def epoch(images, dtype):
        batches = Batches(
            (images, data.labels), 8, shuffle=True, augment=shift, generator=seeded(), dtype=dtype
        )
        return joined(batches)

    as_bytes, labels = epoch(data.images, None)
    expected = (as_bytes.double() / 255).to(dtype)
    for stored in (data.images, (data.images.double() / 255).to(dtype)):
        images, same_labels = epoch(stored, dtype)
        assert torch.equal(labels, same_labels) and torch.equal(images, expected)


def test_several_steps_follow_each_other_and_may_change_shape_and_dtype():
    data = numbered(30)
    steps = [
        lambda images, generator: images.float() / 255,
        lambda images, generator: images[:, :, :2, :2] * 2,
    ]
    images, _ = joined(Batches(data, 7, augment=steps))
    assert torch.equal(images, data.images[:, :, :2, :2].float() / 255 * 2)
    images, _ = joined(Batches(data, 7, augment=steps, mean=1.0, std=2.0))
    torch.testing.assert_close(images, (data.images[:, :, :2, :2].float() / 255 * 2 - 1) / 2)
    images, _ = joined(Batches(data, 7, augment=steps[:1], dtype=None))
    assert images.dtype == torch.float32


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (lambda images, generator: None, TypeError, "must return a torch.Tensor, got NoneType"),
        (lambda images, generator: images[1:], ValueError, "got 10 images and returned shape"),
        (lambda images, generator: images.float().sum(), ValueError, r"returned shape \(\)"),
    ],
)
def test_an_augmentation_that_returns_something_else_is_named(step, error, message):
    with pytest.raises(error, match=message):
        list(Batches(numbered(10), 4, augment=step))


# ---- Devices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
def test_batches_are_on_the_device_and_the_same_on_each(device):
    options = {"shuffle": True, "augment": augment.random_flip, "mean": 0.2, "std": 0.5}
    data = numbered(50, channels=3)
    found = list(Batches(data, 8, device=device, generator=seeded(), **options))
    expected = list(Batches(data, 8, generator=seeded(), **options))
    for parts, wanted in zip(found, expected, strict=True):
        for part, want in zip(parts, wanted, strict=True):
            assert part.device.type == device and part.shape == want.shape
            if device != "meta":
                torch.testing.assert_close(part.cpu(), want)


def test_another_default_device_changes_nothing():
    data = numbered(30)
    expected = joined(Batches(data, 8, shuffle=True, generator=seeded()))
    batches = Batches(data, 8, shuffle=True, generator=seeded(), augment=augment.random_flip)
    with torch.device("meta"):
        found = joined(batches)
    assert torch.equal(found[1], expected[1]) and found[0].device.type == "cpu"


# ---- What it says, and wrong input ---------------------------------------------------------------


def test_it_says_what_it_is():
    assert repr(Batches(numbered(100), 8, shuffle=True)) == (
        "Batches(13 shuffled batches of 8, float32)"
    )
    assert repr(Batches(numbered(100), 8, dtype=None)) == "Batches(13 batches of 8, uint8)"


X, Y = torch.rand(6, 3, 2, 2), torch.arange(6)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((X, 2), {}, TypeError, "a single tensor X is given as"),
        (((), 2), {}, ValueError, "data is empty"),
        (((X, [1]), 2), {}, TypeError, r"data\[1\] must be a torch.Tensor"),
        (((X, Y[:5]), 2), {}, ValueError, r"data\[0\] has 6, data\[1\] has 5"),
        (((X[:0],), 2), {}, ValueError, "is empty"),
        (((X, Y), 0), {}, ValueError, "batch_size must be at least 1"),
        (((X, Y), 2.0), {}, TypeError, "batch_size must be an int"),
        (((X, Y), 2), {"shuffle": 1}, TypeError, "shuffle must be a bool"),
        (((X, Y), 2), {"drop_last": None}, TypeError, "drop_last must be a bool"),
        (((X, Y), 7), {"drop_last": True}, ValueError, "leaves nothing of 6 examples"),
        (((X, Y), 2), {"generator": 3}, TypeError, "generator must be a torch.Generator"),
        (((X, Y), 2), {"augment": 3}, TypeError, "augment"),
        (((X, Y), 2), {"augment": [3]}, TypeError, "augment must be functions, got int"),
        (((X, Y), 2), {"dtype": torch.int64}, TypeError, "dtype must be a floating"),
        (((X, Y), 2), {"dtype": "float32"}, TypeError, "dtype must be a floating"),
        (((Y,), 2), {}, TypeError, "neither bytes nor floating; dtype=None leaves"),
        (((X, Y), 2), {"mean": 1}, ValueError, "go together"),
        (((X, Y), 2), {"mean": 1, "std": 0}, ValueError, "std must be positive"),
        (((X, Y), 2), {"mean": [1, 2], "std": 1}, ValueError, "mean has 2 values for 3 channels"),
        (((X, Y), 2), {"mean": "x", "std": 1}, TypeError, "mean must be a number"),
        (((X, Y), 2), {"mean": 1, "std": 1, "dtype": None}, TypeError, "need a floating dtype"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, error, message):
    with pytest.raises(error, match=message) as caught:
        Batches(*arguments, **options)
    assert "Batches: " in str(caught.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_generator_of_a_gpu_is_refused():
    with pytest.raises(ValueError, match="for the CPU"):
        Batches((X, Y), 2, generator=torch.Generator("cuda"))
