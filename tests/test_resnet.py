"""Residual blocks and networks against torchvision's, d2l's, and their own definition."""

import pytest
import torch
import torchvision
from d2l import torch as d2l_ref
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import d2lhelpers as d2l


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def shake(module, seed=0):
    """Give all tensors values that differ, so that a wrong one among them shows."""
    generator = seeded(seed)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            shape, fan_in = layer.weight.shape, layer.weight[0].numel()
            draw = torch.randn(shape, generator=generator) / fan_in**0.5
            layer.weight.detach().copy_(draw)
    return module


def images(*shape, seed=1, dtype=torch.float32):
    return torch.randn(shape, generator=seeded(seed), dtype=dtype)


def count(net):
    return sum(p.numel() for p in net.parameters())


# ---- The block -----------------------------------------------------------------------------------


def by_definition(block, X, strides):
    """The block from its tensors, written out."""

    def norm(Z, layer):
        if block.training:
            mean, var = Z.mean((0, 2, 3)), Z.var((0, 2, 3), correction=0)
        else:
            mean, var = layer.running_mean, layer.running_var
        N = (Z - mean[:, None, None]) / (var + 1e-5).sqrt()[:, None, None]
        return layer.weight[:, None, None] * N + layer.bias[:, None, None]

    Y = norm(F.conv2d(X, block.conv1.weight, stride=strides, padding=1), block.bn1).clamp(min=0)
    Y = norm(F.conv2d(Y, block.conv2.weight, padding=1), block.bn2)
    if block.conv3 is not None:
        X = norm(F.conv2d(X, block.conv3.weight, stride=strides), block.bn3)
    return (X + Y).clamp(min=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "arguments", [(3, 3), (3, 3, True), (3, 5, True), (3, 5, True, 2), (2, 2, True, 3)]
)
def test_the_block_is_what_it_says(arguments, training):
    block = shake(d2l.Residual(*arguments)).double().train(training)
    X = images(4, arguments[0], 7, 6, dtype=torch.float64)
    kept = X.clone()
    with torch.no_grad():
        wanted = by_definition(block, X, arguments[3] if len(arguments) > 3 else 1)
        assert torch.allclose(block(X), wanted)
    assert torch.equal(X, kept)  # nothing is done in place


@settings(max_examples=40, deadline=None)
@given(
    channels=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    n=st.integers(1, 3),
    strides=st.integers(1, 3),
)
def test_shapes(channels, size, n, strides):
    block = d2l.Residual(*channels, use_1x1conv=True, strides=strides).eval()
    wanted = (n, channels[1], *(-(-side // strides) for side in size))
    with torch.no_grad():
        out = block(images(n, channels[0], *size))
    assert out.shape == wanted and (out >= 0).all()


@settings(max_examples=20, deadline=None)
@given(channels=st.integers(1, 5), size=st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_without_a_last_weight_it_passes_on_its_input(channels, size):
    block = d2l.Residual(channels, channels)
    nn.init.zeros_(block.bn2.weight)
    X = images(3, channels, *size)
    assert torch.equal(block(X), torch.relu(X))


def test_gradients_are_exact():
    block = shake(d2l.Residual(2, 3, use_1x1conv=True, strides=2)).double().eval()
    X = images(1, 2, 3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block, (X,))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("arguments", [(3, 3), (3, 5, True), (3, 6, True, 2)])
def test_it_agrees_with_d2l(arguments, training):
    """d2l's convolutions have biases, without effect or set to 0; its projection has no norm."""
    ours, theirs = shake(d2l.Residual(*arguments)), d2l_ref.Residual(*arguments)
    with torch.no_grad():
        for name, layer in theirs.named_children():
            layer.weight.copy_(getattr(ours, name).weight)
            layer.bias.zero_()
            if isinstance(layer, nn.BatchNorm2d):
                layer.load_state_dict(getattr(ours, name).state_dict())
        if ours.bn3 is not None:
            ours.bn3 = nn.Identity()
        X = images(4, 3, 6, 6)
        found, wanted = ours.train(training)(X), theirs.train(training)(X)
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("arguments", [(3, 4), (4, 3), (3, 3, False, 2), (1, 4)])
def test_shapes_that_cannot_be_added_are_refused(arguments):
    with pytest.raises(ValueError, match="use_1x1conv=True"):
        d2l.Residual(*arguments)


@pytest.mark.parametrize("name", ["input_channels", "num_channels", "strides"])
@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-2, ValueError, "at least 1, got -2"),
        (2.0, TypeError, "must be an int, got float"),
        ("3", TypeError, "must be an int, got str"),
        (True, TypeError, "must be an int, got bool"),
    ],
)
def test_bad_numbers_are_refused(name, value, error, words):
    arguments = {"input_channels": 3, "num_channels": 3, "use_1x1conv": True, name: value}
    with pytest.raises(error, match=f"Residual: {name} {words}|Residual: {name} must be {words}"):
        d2l.Residual(**arguments)


# ---- The networks --------------------------------------------------------------------------------

OUR_NAMES = (
    ("layer", "stage"),
    ("downsample.0", "conv3"),
    ("downsample.1", "bn3"),
    ("fc", "output"),
)


def our_name(name):
    if name.startswith(("conv1.", "bn1.")):
        return name.replace("conv1.", "stem.0.").replace("bn1.", "stem.1.")
    for theirs, ours in OUR_NAMES:
        name = name.replace(theirs, ours)
    return name


@pytest.mark.parametrize(
    ("name", "parameters"), [("resnet18", 11_689_512), ("resnet34", 21_797_672)]
)
def test_it_is_torchvisions_network(name, parameters):
    ours = getattr(d2l, name)()
    theirs = shake(getattr(torchvision.models, name)(weights=None))
    assert count(ours) == count(theirs) == parameters
    ours.load_state_dict({our_name(key): value for key, value in theirs.state_dict().items()})
    X = images(2, 3, 65, 50)
    with torch.no_grad():
        for mode in (True, False):
            found, wanted = ours.train(mode)(X), theirs.train(mode)(X)
            assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-3 * wanted.abs().max().item())
    averages = theirs.state_dict()
    for key, value in averages.items():
        if "running" in key:
            assert torch.allclose(ours.state_dict()[our_name(key)], value, rtol=1e-3, atol=1e-4)


def test_the_start_is_torchvisions():
    """He's start, counted by outputs; norms that change nothing; one seed, one network."""
    nets = []
    for _ in range(2):
        torch.default_generator.manual_seed(3)
        nets.append(d2l.residual_net((1, 2), 10, num_channels=16))
    pairs = zip(nets[0].state_dict().values(), nets[1].state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    for layer in nets[0].modules():
        if isinstance(layer, nn.Conv2d):
            wanted = (2 / (layer.out_channels * layer.kernel_size[0] ** 2)) ** 0.5
            tolerance = 5 / (2 * layer.weight.numel()) ** 0.5
            assert abs(layer.weight.std().item() / wanted - 1) < tolerance
            assert layer.bias is None
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all() and (layer.bias == 0).all()


@settings(max_examples=25, deadline=None)
@given(
    num_blocks=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    in_channels=st.integers(1, 4),
    num_classes=st.integers(1, 12),
    small_images=st.booleans(),
)
def test_any_image_fits(num_blocks, size, in_channels, num_classes, small_images):
    net = d2l.residual_net(
        num_blocks, num_classes, in_channels, num_channels=4, small_images=small_images
    ).eval()
    shapes = []
    for part in net:
        part.register_forward_hook(lambda part, inputs, output: shapes.append(output.shape))
    with torch.no_grad():
        out = net(images(2, in_channels, *size))
    assert out.shape == (2, num_classes)
    factor = 1 if small_images else 4
    wanted = [(2, 4, *(-(-side // factor) for side in size))]
    for i in range(len(num_blocks)):
        sides = (-(-side // (factor * 2**i)) for side in size)
        wanted.append((2, 4 * 2**i, *sides))
    assert shapes[: len(wanted)] == wanted
    assert [len(net[i + 1]) for i in range(len(num_blocks))] == num_blocks


def test_parameters_of_small_networks():
    resnet20 = d2l.residual_net((3, 3, 3), 10, num_channels=16, small_images=True)
    assert count(resnet20) == 269_722 + 2_752  # the paper's, and two projections
    # 7·7·3·64 weights of the stem become 3·3·3·64, and 990 rows of the last layer go.
    less = (49 - 9) * 3 * 64 + 990 * 513
    assert count(d2l.resnet18(10, small_images=True)) == 11_689_512 - less
    assert count(d2l.resnet34(10, 1)) == 21_797_672 - 2 * 49 * 64 - 990 * 513


def test_the_parts_have_names():
    names = [name for name, _ in d2l.residual_net((1, 1), num_channels=2).named_children()]
    assert names == ["stem", "stage1", "stage2", "pool", "flatten", "output"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"num_blocks": ()}, ValueError, "stages must be at least 1"),
        ({"num_blocks": (2, 0)}, ValueError, r"num_blocks\[1\] must be at least 1, got 0"),
        ({"num_blocks": (2.0,)}, TypeError, r"num_blocks\[0\] must be an int, got float"),
        ({"num_classes": 0}, ValueError, "num_classes must be at least 1"),
        ({"in_channels": "3"}, TypeError, "in_channels must be an int, got str"),
        ({"num_channels": -1}, ValueError, "num_channels must be at least 1"),
    ],
)
def test_bad_networks_are_refused(arguments, error, words):
    with pytest.raises(error, match=f"residual_net: {words}"):
        d2l.residual_net(**{"num_blocks": (1,), **arguments})
