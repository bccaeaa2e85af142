"""Augmentation: each result is what its random numbers say, and images stay images."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from d2lhelpers.data import augment

DTYPES = [torch.uint8, torch.float32, torch.float64, torch.float16, torch.bfloat16]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n=20, channels=3, height=6, width=5, dtype=torch.uint8, seed=0):
    """Images of whole numbers from 1 to 255: 0 is only what was filled in."""
    values = torch.randint(1, 256, (n, channels, height, width), generator=seeded(seed))
    return values.to(dtype)


STEPS = {
    "crop": lambda images, **options: augment.random_crop(images, padding=2, **options),
    "flip": lambda images, **options: augment.random_flip(images, **options),
    "rotation": lambda images, **options: augment.random_rotation(images, 40, **options),
    "cutout": lambda images, **options: augment.cutout(images, 3, **options),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shape_and_dtype_stay_and_the_images_are_not_changed(name, dtype):
    images = noise(dtype=dtype)
    before = images.clone()
    result = STEPS[name](images)
    assert result.shape == images.shape and result.dtype == dtype
    assert torch.equal(images, before) and not torch.equal(result, images)
    result.zero_()  # new memory
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", STEPS)
def test_one_generator_one_result_and_each_image_has_its_own_numbers(name):
    images = noise(1).expand(30, 3, 6, 5).contiguous()
    first, second = (STEPS[name](images, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, STEPS[name](images, generator=seeded(4)))
    assert len(first.flatten(1).unique(dim=0)) > 1
    generator = seeded(3)
    STEPS[name](images, generator=generator)
    assert not torch.equal(STEPS[name](images, generator=generator), first)
    torch.manual_seed(11)
    free = STEPS[name](images)
    torch.manual_seed(11)
    assert torch.equal(free, STEPS[name](images))


@pytest.mark.parametrize("name", STEPS)
def test_bytes_and_numbers_agree(name):
    images = noise(40)
    as_bytes = STEPS[name](images, generator=seeded())
    as_floats = STEPS[name](images.float(), generator=seeded())
    assert torch.equal(as_bytes, as_floats.round().clamp(0, 255).to(torch.uint8))


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("device", ["meta"] + ["cuda"] * torch.cuda.is_available())
def test_other_devices(name, device):
    images = noise()
    result = STEPS[name](images.to(device), generator=seeded())
    assert result.device.type == device and result.shape == images.shape
    if device == "cuda":
        expected = STEPS[name](images, generator=seeded())
        assert (result.cpu().int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("name", STEPS)
def test_no_images_at_all(name):
    assert STEPS[name](noise(0)).shape == (0, 3, 6, 5)


# ---- Crop ----------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    padding=st.integers(0, 3),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    seed=st.integers(0, 1000),
)
def test_each_crop_is_a_window_of_the_padded_image(padding, height, width, seed):
    images = noise(7, seed=seed)
    if height > 6 + 2 * padding or width > 5 + 2 * padding:
        with pytest.raises(ValueError, match=f"{height}×{width} does not fit"):
            augment.random_crop(images, (height, width), padding=padding)
        return
    crops = augment.random_crop(
        images, (height, width), padding=padding, fill=9, generator=seeded(seed)
    )
    assert crops.shape == (7, 3, height, width)
    padded = functional.pad(images, [padding] * 4, value=9)
    for crop, image in zip(crops, padded, strict=True):
        windows = [
            image[:, top : top + height, left : left + width]
            for top in range(image.shape[1] - height + 1)
            for left in range(image.shape[2] - width + 1)
        ]
        assert any(torch.equal(crop, window) for window in windows)


def test_every_shift_comes_about_equally_often():
    images = torch.zeros(9000, 1, 7, 7, dtype=torch.uint8)
    images[:, :, 3, 3] = 1
    mean = augment.random_crop(images, padding=1, generator=seeded()).double().mean((0, 1))
    expected = torch.zeros(7, 7, dtype=torch.float64)
    expected[2:5, 2:5] = 1 / 9
    torch.testing.assert_close(mean, expected, atol=0.015, rtol=0)
    assert torch.equal(mean == 0, expected == 0)


def test_without_room_a_crop_is_the_image_and_one_number_means_a_square():
    assert torch.equal(augment.random_crop(noise()), noise())
    assert augment.random_crop(noise(), 4).shape == (20, 3, 4, 4)


# ---- Flip ----------------------------------------------------------------------------------------


def test_flips_mirror_left_to_right_with_probability_p():
    images = noise(4000, 1, 2, 3)
    assert torch.equal(augment.random_flip(images, 0), images)
    assert torch.equal(augment.random_flip(images, 1), images.flip(3))
    result = augment.random_flip(images, 0.25, generator=seeded())
    flipped = (result == images.flip(3)).flatten(1).all(1)
    same = (result == images).flatten(1).all(1)
    assert bool((flipped | same).all())
    assert abs(float((~same).double().mean()) - 0.25) < 0.03


# ---- Rotation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("quarter_turns", [-1, 0, 1, 2, 3])
def test_quarter_turns_are_exact_and_counterclockwise(quarter_turns):
    images = noise(5, height=6, width=6)
    angle = 90.0 * quarter_turns
    turned = augment.random_rotation(images, (angle, angle))
    assert torch.equal(turned, images.rot90(quarter_turns, (2, 3)))


def test_a_half_turn_of_images_that_are_no_squares():
    images = noise(5)
    turned = augment.random_rotation(images.double(), (180, 180))
    torch.testing.assert_close(turned, images.double().flip(2, 3), atol=1e-9, rtol=0)


def test_a_quarter_turn_of_a_wide_image_keeps_its_scale():
    images = noise(1, 1, 4, 8, torch.float64)
    turned = augment.random_rotation(images, (90, 90), fill=-1)
    torch.testing.assert_close(turned[..., 2:6], images[..., 2:6].rot90(1, (2, 3)))
    assert bool((turned[..., :2] == -1).all() and (turned[..., 6:] == -1).all())


def test_angles_are_spread_over_the_range():
    images = torch.zeros(500, 1, 41, 41)
    images[:, :, 20, 38] = 1  # to the right of the center
    turned = augment.random_rotation(images, (10, 50), generator=seeded())
    rows, columns = (torch.arange(41.0) - 20).neg(), torch.arange(41.0) - 20
    weight = turned.sum((1, 2, 3))
    up = (turned.sum((1, 3)) * rows).sum(1) / weight
    right = (turned.sum((1, 2)) * columns).sum(1) / weight
    degrees = torch.rad2deg(torch.atan2(up, right))
    assert 9 < degrees.min() < 12 and 48 < degrees.max() < 51
    assert 28 < degrees.mean() < 32


# ---- Cutout --------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(size=st.integers(1, 9), seed=st.integers(0, 1000))
def test_one_square_is_covered_and_the_border_cuts_it(size, seed):
    images = noise(6, seed=seed)
    result = augment.cutout(images, size, generator=seeded(seed))
    covered = (result == 0).all(1)  # (n, H, W), the same in all channels
    assert torch.equal(torch.where(covered[:, None], 0, images), result)
    for mask in covered:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        assert bool(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all())
        for found, length in ((rows, 6), (columns, 5)):
            inside = found[0] > 0 and found[-1] < length - 1
            assert len(found) == size if inside else math.ceil(size / 2) - 1 < len(found) <= size


def test_every_pixel_is_the_center_equally_often():
    images = torch.ones(30_000, 1, 5, 5)
    share = (augment.cutout(images, 1, fill=0, generator=seeded()) == 0).double().mean((0, 1))
    torch.testing.assert_close(share, torch.full_like(share, 1 / 25), atol=0.006, rtol=0)
    covered = augment.cutout(images, 3, fill=7, generator=seeded()) == 7
    assert covered.sum((1, 2, 3)).max() == 9 and covered.sum((1, 2, 3)).min() == 4


# ---- Wrong input ---------------------------------------------------------------------------------

GOOD = noise(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: augment.random_crop([1]), TypeError, "images must be a torch.Tensor"),
        (lambda: augment.random_flip(GOOD[0]), ValueError, r"wanted \(n, C, H, W\)"),
        (lambda: augment.cutout(GOOD.int(), 2), TypeError, "uint8 or floating point"),
        (lambda: augment.random_crop(GOOD, padding=-1), ValueError, "padding"),
        (lambda: augment.random_crop(GOOD, padding=1.5), TypeError, "padding"),
        (lambda: augment.random_crop(GOOD, 0), ValueError, "height must be at least 1"),
        (lambda: augment.random_crop(GOOD, 9), ValueError, "does not fit in images of 6×5"),
        (lambda: augment.random_crop(GOOD, (2, 2, 2)), ValueError, r"size .* got \(2, 2, 2\)"),
        (lambda: augment.random_crop(GOOD, (2,)), ValueError, "size must be one number or two"),
        (lambda: augment.random_rotation(GOOD, (1, 2, 3)), ValueError, "degrees must be one"),
        (lambda: augment.random_rotation(GOOD / 2, 5, fill=math.nan), ValueError, "finite"),
        (lambda: augment.random_rotation(GOOD / 2, 5, fill=-math.inf), ValueError, "finite"),
        (lambda: augment.random_rotation(GOOD.half(), 5, fill=1e6), ValueError, "finite"),
        (lambda: augment.random_rotation(GOOD, 5, fill=math.nan), ValueError, "whole number"),
        (lambda: augment.random_crop(GOOD, fill=256), ValueError, "fill"),
        (lambda: augment.random_crop(GOOD, fill=None), TypeError, "fill must be a number"),
        (lambda: augment.random_flip(GOOD, 1.5), ValueError, "p must be between 0 and 1"),
        (lambda: augment.random_flip(GOOD, "x"), TypeError, "p must be a number"),
        (lambda: augment.random_flip(GOOD, math.nan), ValueError, "between 0 and 1"),
        (lambda: augment.random_rotation(GOOD, "x"), TypeError, "degrees must be a number"),
        (lambda: augment.random_rotation(GOOD, (2, 1)), ValueError, "make no range"),
        (lambda: augment.random_rotation(GOOD, math.inf), ValueError, "make no range"),
        (lambda: augment.random_rotation(GOOD, 5, fill=0.5), ValueError, "whole number"),
        (lambda: augment.cutout(GOOD, 0), ValueError, "size must be at least 1"),
        (lambda: augment.cutout(GOOD, 2, generator=7), TypeError, "torch.Generator, got int"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
