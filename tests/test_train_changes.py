"""Augmentation that is drawn an epoch at a time."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from d2lhelpers import load_digits
from d2lhelpers.data import augment
from d2lhelpers.train import Augmentation
from d2lhelpers.train.changes import Changes, draw_changes, inverse_matrices

CPU = torch.device("cpu")
ZERO, ONE = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)


def drawn(wanted: Augmentation, count: int, size: tuple[int, int], seed: int = 0) -> Changes:
    return draw_changes(wanted, count, size, torch.Generator().manual_seed(seed), CPU)


def images(count: int = 20) -> torch.Tensor:
    return load_digits().train.images[:count]


def rows(count: int = 20) -> torch.Tensor:
    return torch.arange(count)


def test_without_changes_images_are_only_scaled_and_normalized() -> None:
    mean, std = torch.tensor([0.3]).reshape(1, 1, 1), torch.tensor([0.5]).reshape(1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    changes = draw_changes(Augmentation(), 20, (8, 8), generator, CPU)
    assert torch.equal(generator.get_state(), before)  # what is off draws nothing
    expected = (images().float() / 255 - 0.3) / 0.5
    assert torch.allclose(changes.apply(images(), rows(), mean, std), expected)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 100),
    shift=st.integers(0, 3),
    rotate=st.sampled_from([0.0, 15.0]),
    flip=st.booleans(),
    elastic=st.sampled_from([0.0, 0.5]),
    cutout=st.integers(0, 3),
    order=st.permutations(range(12)),
    size=st.integers(1, 12),
)
def test_neither_batches_nor_order_matter(
    seed: int,
    shift: int,
    rotate: float,
    flip: bool,
    elastic: float,
    cutout: int,
    order: list[int],
    size: int,
) -> None:
    wanted = Augmentation(shift=shift, rotate=rotate, elastic=elastic, flip=flip, cutout=cutout)
    changes = drawn(wanted, 12, (8, 8), seed)
    whole = changes.apply(images(12), rows(12), ZERO, ONE)
    mixed = torch.tensor(order)
    parts = [changes.apply(images(12)[part], part, ZERO, ONE) for part in mixed.split(size)]
    assert torch.allclose(torch.cat(parts), whole[mixed], atol=1e-6)


def test_shifts_move_whole_pixels_and_bring_in_black() -> None:
    changes = drawn(Augmentation(shift=2), 200, (8, 8))
    assert changes.shift is not None
    assert sorted(set(changes.shift.flatten().tolist())) == [-2, -1, 0, 1, 2]
    found = changes.apply(images(200), rows(200), ZERO, ONE)
    for image, moved, (down, right) in zip(images(200), found, changes.shift.tolist(), strict=True):
        expected = torch.zeros(8, 8)
        source = image[0].float() / 255
        expected[max(down, 0) : 8 + min(down, 0), max(right, 0) : 8 + min(right, 0)] = source[
            max(-down, 0) : 8 - max(down, 0), max(-right, 0) : 8 - max(right, 0)
        ]
        assert torch.equal(moved[0], expected)


def test_a_shift_as_part_of_a_warp_moves_to_the_same_side() -> None:
    shift = torch.tensor([[1, 2]])  # one down, two to the right
    matrices = inverse_matrices(torch.zeros(1), torch.ones(1), torch.zeros(1), shift)
    warped = Changes(Augmentation(), matrices=matrices).apply(images(1), rows(1), ZERO, ONE)
    moved = Changes(Augmentation(shift=2), shift=shift).apply(images(1), rows(1), ZERO, ONE)
    assert torch.allclose(warped, moved, atol=1e-5)


def test_turns_agree_with_those_of_the_batches() -> None:
    generator = torch.Generator().manual_seed(5)
    bytes_ = images()
    share = torch.rand(20, generator=generator.clone_state(), dtype=torch.float64)
    angle = torch.deg2rad(-20 + 40 * share).float()
    none = torch.zeros(20)
    matrices = inverse_matrices(angle, torch.ones(20), none, None)
    found = Changes(Augmentation(), matrices=matrices).apply(bytes_, rows(), ZERO, ONE)
    expected = augment.random_rotation(bytes_.float() / 255, 20, generator=generator)
    assert torch.allclose(found, expected, atol=1e-5)


def test_scaling_enlarges_and_shear_keeps_the_middle_row() -> None:
    one, none = torch.ones(1), torch.zeros(1)
    ramp = (torch.arange(9) * 20).to(torch.uint8).expand(1, 1, 9, 9)  # rises by 20 a pixel
    larger = inverse_matrices(none, 1.5 * one, none, None)
    scaled = Changes(Augmentation(), matrices=larger).apply(ramp, rows(1), ZERO, ONE)
    from_center = torch.arange(9.0) - 4
    assert torch.allclose(scaled[0, 0], (80 + 20 * from_center / 1.5) / 255, atol=1e-5)
    square = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    square[:, :, 3:6, 3:6] = 255
    slanted = inverse_matrices(none, one, 0.5 * one, None)
    sheared = Changes(Augmentation(), matrices=slanted).apply(square, rows(1), ZERO, ONE)
    assert torch.allclose(sheared[0, 0, 4], square[0, 0, 4] / 255.0, atol=1e-6)
    columns = torch.arange(9.0)
    upper, lower = ((sheared[0, 0, y] * columns).sum() / 3 for y in (3, 5))
    assert math.isclose(float(upper), 4.5, abs_tol=1e-5)  # half a pixel to the right for one up
    assert math.isclose(float(lower), 3.5, abs_tol=1e-5)


def test_elastic_bends_by_a_smooth_field_of_the_wanted_size() -> None:
    changes = drawn(Augmentation(elastic=0.8), 400, (17, 17))
    assert changes.field is not None and changes.matrices is not None
    assert float(changes.field.std()) == pytest.approx(0.8, rel=0.05)
    # On ramps the new value says where it came from: one runs to the right, one downward.
    ramp = (torch.arange(17) * 10).to(torch.uint8).expand(17, 17)
    ramps = torch.stack([ramp, ramp.T]).expand(400, 2, 17, 17)
    places = changes.apply(ramps, rows(400), ZERO, ONE) * 255 / 10
    moved = places - ramps / 10.0  # in pixels
    inner = moved[:, :, 4:13, 4:13]
    # At the points of the grid, every fourth pixel, the field itself; smooth between them.
    assert torch.allclose(inner[:, :, ::4, ::4], changes.field[:, :, 1:4, 1:4], atol=1e-4)
    assert float(inner.diff(dim=3).abs().max()) < 1.5
    one = Changes(changes.settings, matrices=changes.matrices, field=torch.ones(400, 2, 5, 5))
    shifted = one.apply(ramps, rows(400), ZERO, ONE) * 255 / 10
    assert torch.allclose(shifted[:, :, :16, :16], (ramps / 10.0 + 1)[:, :, :16, :16], atol=1e-4)


def test_flips_exchange_left_and_right_of_about_half() -> None:
    changes = drawn(Augmentation(flip=True), 400, (8, 8))
    assert changes.flip is not None
    assert 150 < int(changes.flip.sum()) < 250
    found = changes.apply(images(400), rows(400), ZERO, ONE)
    plain = images(400).float() / 255
    assert torch.allclose(found[changes.flip], plain[changes.flip].flip(3))
    assert torch.allclose(found[~changes.flip], plain[~changes.flip])


def test_cutout_covers_with_the_mean() -> None:
    mean = torch.full((1, 1, 1), 0.4)
    changes = drawn(Augmentation(cutout=3), 100, (8, 8))
    white = torch.full((100, 1, 8, 8), 255, dtype=torch.uint8)
    found = changes.apply(white, rows(100), mean, ONE)
    covered = (found == 0).sum((1, 2, 3))  # the mean color, normalized
    assert int(covered.max()) == 9
    assert int(covered.min()) >= 4  # over a corner
    assert torch.allclose(found[found != 0], torch.tensor(0.6))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_draws_the_same(seed: int) -> None:
    wanted = Augmentation(shift=1, rotate=10, scale=0.1, shear=5, elastic=1, flip=True, cutout=2)
    first, second = (drawn(wanted, 30, (8, 8), seed) for _ in range(2))
    other = drawn(wanted, 30, (8, 8), seed + 1)
    for name in ("matrices", "field", "flip", "center"):
        assert torch.equal(getattr(first, name), getattr(second, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))
