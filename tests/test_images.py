"""Images in a figure: what is drawn is what was given, whichever library it came from."""

import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import d2lhelpers as d2l
from d2lhelpers.images import _picture


@pytest.fixture(autouse=True)
def no_figure_stays():
    with mpl.rc_context():
        yield
    plt.close("all")


def noise(*shape, dtype=torch.uint8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).to(dtype)


def drawn(ax):
    """What Matplotlib was given for these axes."""
    (picture,) = ax.images
    return np.asarray(picture.get_array())


# ---- One image as an array -----------------------------------------------------------------------

GRAY, COLOR = noise(5, 7), noise(3, 5, 7)
LAST = COLOR.permute(1, 2, 0).numpy()  # (5, 7, 3)


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (GRAY, GRAY),
        (GRAY[None], GRAY),
        (GRAY[:, :, None], GRAY),
        (GRAY.numpy(), GRAY),
        (GRAY.numpy()[:, :, None], GRAY),
        (GRAY.numpy()[None], GRAY),
        (GRAY.long(), GRAY),
        (GRAY.tolist(), GRAY),
        (Image.fromarray(GRAY.numpy()), GRAY),
        (COLOR, LAST),
        (torch.from_numpy(LAST), LAST),
        (LAST, LAST),
        (COLOR.numpy(), LAST),
        (Image.fromarray(LAST), LAST),
        (Image.fromarray(LAST).convert("RGBA"), None),
    ],
)
def test_every_layout_gives_rows_columns_colors(image, wanted):
    found = _picture(image, "picture")
    if wanted is None:
        wanted = np.dstack([LAST, np.full((5, 7), 255)])
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.asarray(wanted))


def test_where_both_ends_could_be_channels_tensors_have_them_first_and_arrays_last():
    square = noise(3, 4, 3)
    assert np.array_equal(_picture(square, "picture"), square.permute(1, 2, 0).numpy())
    assert np.array_equal(_picture(square.numpy(), "picture"), square.numpy())


def test_four_rows_are_no_channels():
    image = noise(4, 5, 3)
    assert np.array_equal(_picture(image, "picture"), image.numpy())
    assert np.array_equal(_picture(image.numpy(), "picture"), image.numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_keep_their_values(dtype):
    image = (noise(4, 6) / 255).to(dtype)
    found = _picture(image, "picture")
    assert found.dtype == np.float64
    assert np.array_equal(found, image.double().numpy())


def test_booleans_are_black_and_white():
    mask = GRAY > 100
    assert np.array_equal(_picture(mask, "picture"), mask.double().numpy())
    assert np.array_equal(_picture(Image.fromarray(mask.numpy()), "picture"), mask.double().numpy())


def test_what_autograd_records_can_be_shown():
    image = torch.rand(4, 4, generator=torch.Generator(), requires_grad=True)
    assert np.array_equal(_picture(image, "picture"), image.detach().double().numpy())


def test_palettes_and_other_modes_are_turned_into_colors():
    picture = Image.fromarray(LAST)
    palette = picture.quantize(16)
    assert palette.mode == "P"
    assert np.array_equal(_picture(palette, "picture")[..., :3], np.asarray(palette.convert("RGB")))
    ink = picture.convert("CMYK")
    assert np.array_equal(_picture(ink, "picture"), np.asarray(ink.convert("RGB")))
    gray = Image.fromarray(GRAY.numpy()).convert("LA")
    assert np.array_equal(_picture(gray, "picture")[..., 0], GRAY.numpy())


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_pictures_of_16_bits_are_read_as_they_are(dtype):
    picture = Image.fromarray(GRAY.numpy().astype(dtype))
    assert picture.mode.startswith("I;16")
    assert np.array_equal(_picture(picture, "picture"), GRAY.numpy())
    with pytest.raises(ValueError, match="beyond 0 to 255"):
        _picture(Image.fromarray(np.full((2, 3), 300, dtype=dtype)), "picture")


def test_what_is_returned_is_no_view_of_what_was_given():
    for image in (noise(4, 5), noise(4, 5).double()):
        found = _picture(image, "picture")
        found[:] = 7
        assert not (image == 7).all()


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (torch.zeros(4), ValueError, r"picture has shape \(4,\), wanted \(H, W\)"),
        (torch.zeros(2, 4, 5), ValueError, r"\(2, 4, 5\)"),
        (torch.zeros(4, 6, 5), ValueError, r"\(4, 6, 5\)"),
        (torch.zeros(1, 1, 4, 5), ValueError, r"\(1, 1, 4, 5\)"),
        (torch.zeros(0, 5), ValueError, "shape"),
        (torch.zeros(3, 0, 5), ValueError, "shape"),
        (torch.tensor([[0.0, float("nan")]]), ValueError, "not finite"),
        (torch.tensor([[0.0, float("inf")]]), ValueError, "not finite"),
        (torch.tensor([[0, 256]]), ValueError, "beyond 0 to 255"),
        (torch.tensor([[-1, 0]]), ValueError, "beyond 0 to 255"),
        (torch.zeros(4, 5, dtype=torch.complex64), TypeError, "real numbers"),
        ("cat.png", TypeError, "got str"),
        (None, TypeError, "got NoneType"),
        ([[0, 1], [2]], TypeError, "real numbers"),
    ],
)
def test_what_is_no_image_is_refused(image, error, words):
    with pytest.raises(error, match=words):
        _picture(image, "picture")


@given(
    height=st.integers(1, 9),
    width=st.integers(5, 9),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_tensor_array_and_pillow_agree(height, width, channels, seed):
    image = noise(channels, max(height, 5), width, seed=seed)
    last = image.permute(1, 2, 0).numpy()
    pillow = Image.fromarray(last[:, :, 0] if channels == 1 else last)
    first = _picture(image, "picture")
    assert first.shape == ((*last.shape[:2], 3) if channels == 3 else last.shape[:2])
    assert np.array_equal(first, _picture(last, "picture"))
    assert np.array_equal(first, _picture(pillow, "picture"))


# ---- Many images in a figure ---------------------------------------------------------------------


def test_axes_come_row_after_row_with_images_titles_and_no_ticks():
    images = noise(6, 4, 5)
    axes = d2l.show_images(images, 2, 3, titles=list("abcdef"))
    assert axes.shape == (6,)
    assert [ax.get_title() for ax in axes] == list("abcdef")
    for ax, image in zip(axes, images, strict=True):
        assert np.array_equal(drawn(ax), image.numpy())
        assert not ax.xaxis.get_visible()
        assert not ax.yaxis.get_visible()
    rows = [ax.get_subplotspec().rowspan.start for ax in axes]
    assert rows == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "images",
    [
        noise(4, 6, 5),
        noise(4, 1, 6, 5),
        noise(4, 3, 6, 5),
        noise(4, 6, 5, 3).numpy(),
        noise(4, 6, 5, 1).numpy(),
        [Image.fromarray(noise(6, 5, seed=i).numpy()) for i in range(4)],
        [noise(6, 5), noise(3, 8, 9), noise(2, 7).numpy(), Image.new("RGB", (3, 3))],
    ],
)
def test_every_kind_of_images_is_shown(images):
    axes = d2l.show_images(images, 2, 2)
    for ax, image in zip(axes, images, strict=True):
        assert np.array_equal(drawn(ax), _picture(image, "picture"))
        assert ax.get_title() == ""


def test_a_generator_of_images_will_do():
    assert len(d2l.show_images((noise(3, 3) for _ in range(2)), 1, 2)) == 2


def test_places_without_an_image_are_empty():
    axes = d2l.show_images(noise(4, 3, 3), 2, 3, titles=range(4))
    assert [bool(ax.images) for ax in axes] == [True] * 4 + [False] * 2
    assert [ax.axison for ax in axes] == [True] * 4 + [False] * 2


def test_one_image_alone_gives_an_array_of_axes_too():
    axes = d2l.show_images(noise(1, 3, 3), 1, 1)
    assert axes.shape == (1,)


def test_the_scale_is_the_size_of_a_place_in_inches():
    d2l.show_images(noise(6, 3, 3), 2, 3, scale=2)
    assert plt.gcf().get_size_inches().tolist() == [6, 4]
    d2l.show_images(noise(6, 3, 3), 2, 3)
    assert plt.gcf().get_size_inches().tolist() == [4.5, 3]


def test_later_figures_keep_their_default_size():
    d2l.use_svg_display()
    before = mpl.rcParams["figure.figsize"]
    d2l.show_images(noise(6, 3, 3), 2, 3, scale=2)
    assert mpl.rcParams["figure.figsize"] == before


def test_gray_is_from_black_to_white_whatever_the_image_holds():
    dark, half = d2l.show_images([noise(4, 4) // 9 + 20, torch.full((4, 4), 0.4)], 1, 2)
    assert dark.images[0].get_clim() == (0, 255)
    assert half.images[0].get_clim() == (0, 1)
    assert dark.images[0].get_cmap().name == half.images[0].get_cmap().name == "gray"
    assert np.array_equal(drawn(half), np.full((4, 4), 0.4, dtype=np.float32).astype(float))


def test_floats_beyond_0_to_1_are_stretched_all_alike():
    images = torch.stack([torch.full((2, 2), v) for v in (-1.0, 0.0, 3.0)])
    values = [float(drawn(ax)[0, 0]) for ax in d2l.show_images(images, 1, 3)]
    assert values == [0.0, 0.25, 1.0]
    assert images[0, 0, 0] == -1  # what was given is not changed


def test_bytes_are_not_stretched_and_do_not_stretch_others():
    first, second = d2l.show_images([noise(2, 2), torch.tensor([[0.0, 2.0]])], 1, 2)
    assert np.array_equal(drawn(first), noise(2, 2).numpy())
    assert drawn(second).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("value", [-3.0, 2.0, 1e308])
def test_a_constant_image_beyond_0_to_1_is_drawn(value):
    (ax,) = d2l.show_images([torch.full((2, 2), value, dtype=torch.float64)], 1, 1)
    assert drawn(ax).min() == drawn(ax).max() == 0


def test_huge_differences_do_not_overflow():
    (ax,) = d2l.show_images([np.array([[-1e308, 0.0, 1e308]])], 1, 1)
    assert np.allclose(drawn(ax), [[0, 0.5, 1]])


def test_opacity_is_not_stretched():
    image = np.ones((2, 2, 4)) * [4.0, 2.0, 0.0, 1.0]
    image[0] = 0.0, 0.0, 0.0, 0.5
    (ax,) = d2l.show_images([image], 1, 1)
    assert drawn(ax)[:, 0].tolist() == [[0, 0, 0, 0.5], [1, 0.5, 0, 1]]


@settings(max_examples=15)  # each makes a figure
@given(low=st.floats(-1e6, 0), high=st.floats(1, 1e6), n=st.integers(1, 4))
def test_stretched_images_keep_their_order(low, high, n):
    values = np.linspace(low, high, 6 * n).reshape(n, 2, 3)
    found = np.concatenate([drawn(ax).flatten() for ax in d2l.show_images(values, 1, n)])
    plt.close("all")
    assert np.isclose(found[0], 0)
    assert np.isclose(found[-1], 1)
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("titles", [torch.tensor([3, 1]), np.array([3, 1]), (3, 1), ["3", "1"]])
def test_labels_will_do_as_titles(titles):
    axes = d2l.show_images(noise(2, 3, 3), 1, 2, titles=titles)
    assert [ax.get_title() for ax in axes] == ["3", "1"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((noise(5, 3, 3), 2, 2), ValueError, "5 images for 2×2 places"),
        ((noise(0, 3, 3), 1, 1), ValueError, "0 images"),
        (([], 1, 1), ValueError, "0 images"),
        ((noise(4, 4), 1, 4), ValueError, r"a single image is given as \[image\]"),
        ((Image.new("L", (3, 3)), 1, 1), TypeError, "several images"),
        (("cat.png", 1, 1), TypeError, "several images, got str"),
        ((7, 1, 1), TypeError, "several images, got int$"),
        ((d2l.load_digits().test, 1, 1), TypeError, r"got Split; give its \.images"),
        (([noise(3, 3), noise(4)], 1, 2), ValueError, r"imgs\[1\] has shape"),
        ((noise(1, 3, 3), 0, 1), ValueError, "num_rows must be at least 1"),
        ((noise(1, 3, 3), 1, 1.0), TypeError, "num_cols must be an int"),
        ((noise(2, 3, 3), 1, 2, ["a"]), ValueError, "1 titles for 2 images"),
        ((noise(2, 3, 3), 1, 2, ["a", "b", "c"]), ValueError, "3 titles for 2 images"),
        ((noise(2, 3, 3), 1, 2, "ab"), TypeError, "titles must be a list"),
        ((noise(2, 3, 3), 1, 2, 5), TypeError, "titles must be a list"),
        ((noise(1, 3, 3), 1, 1, None, 0), ValueError, "scale must be positive"),
        ((noise(1, 3, 3), 1, 1, None, float("nan")), ValueError, "scale must be positive"),
        ((noise(1, 3, 3), 1, 1, None, "2"), TypeError, "scale must be a number"),
    ],
)
def test_wrong_arguments_are_refused_before_a_figure_is_made(arguments, error, words):
    with pytest.raises(error, match=words):
        d2l.show_images(*arguments)
    assert not plt.get_fignums()


# ---- The reference -------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (1, 6), (6, 1)])
@pytest.mark.parametrize("titles", [None, list("abcdef")])
@pytest.mark.parametrize("kind", ["tensors", "channels last", "pictures"])
def test_like_the_reference(rows, columns, titles, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from d2l import torch as reference

    images = noise(6, 4, 5, 3) if kind == "channels last" else noise(6, 4, 5)
    if kind == "pictures":
        images = [Image.fromarray(image.numpy()) for image in images]
    theirs = reference.show_images(images, rows, columns, titles=titles, scale=2)
    size = plt.gcf().get_size_inches().tolist()
    ours = d2l.show_images(images, rows, columns, titles=titles, scale=2)
    assert plt.gcf().get_size_inches().tolist() == size
    assert ours.shape == theirs.shape
    for mine, other in zip(ours, theirs, strict=True):
        assert np.array_equal(drawn(mine), drawn(other))
        assert mine.get_title() == other.get_title()
        assert not mine.xaxis.get_visible()
        assert not other.xaxis.get_visible()
