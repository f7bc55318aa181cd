"""Networks of images: sizes, classes, what they remember and what they leave alone."""

import pytest
import torch
from torch import nn

from pushforward import Draw, UserError
from pushforward.field import Field
from pushforward_gan.dcgan import DCGANDiscriminator, DCGANGenerator
from pushforward_gan.game import GAN
from pushforward_gan.normalisation import BatchNorm2d, SpectralConv2d, SpectralLinear
from pushforward_gan.penalties import R1
from pushforward_gan.r3gan import R3GANDiscriminator, R3GANGenerator, doubled, halved

GENERATORS = [lambda *a, **k: DCGANGenerator(*a, width=4, **k), lambda *a, **k: R3GANGenerator(*a, width=8, **k)]
DISCRIMINATORS = [
    lambda *a, **k: DCGANDiscriminator(*a, width=4, **k),
    lambda *a, **k: DCGANDiscriminator(*a, width=4, norm="batch", **k),
    lambda *a, **k: DCGANDiscriminator(*a, width=4, norm="spectral", **k),
    lambda *a, **k: R3GANDiscriminator(*a, width=8, **k),
]
SHAPES = [(1, 8, 8), (3, 16, 16), (1, 28, 28), (3, 32, 64)]


def unsettled(module):
    """What begins at zero passes no gradient on: give everything a small push."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    return module


@pytest.mark.parametrize("make", GENERATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_generators_give_images_of_the_shape_and_learn_everywhere(make, shape):
    generator = unsettled(make(shape, latent=5))
    x = generator(torch.randn(3, 5))
    assert x.shape == (3, *shape)
    found = torch.autograd.grad(x.square().sum(), list(generator.parameters()))
    assert all(bool(g.any()) for g in found)


@pytest.mark.parametrize("make", DISCRIMINATORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_discriminators_give_one_logit_a_sample_and_learn_everywhere(make, shape):
    critic = unsettled(make(shape))
    x = torch.randn(4, *shape)
    logits = critic(x)
    assert logits.shape == (4,)
    found = torch.autograd.grad((logits * torch.randn(4)).sum(), list(critic.parameters()))
    assert all(bool(g.any()) for g in found)


@pytest.mark.parametrize("make", [DISCRIMINATORS[0], DISCRIMINATORS[2], DISCRIMINATORS[3]])
def test_no_sample_sees_another_without_batch_norm_and_slopes_can_be_penalised(make):
    critic = unsettled(make((1, 8, 8)))
    x = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(critic(x)[:2], critic(x[:2]))
    assert not critic.couples_samples
    value = R1()(critic, x, x, Draw(0, (0,), 4))
    weights = [p for p in critic.parameters() if p.ndim > 1]  # biases only move the slope where a unit switches
    assert all(bool(g.any()) for g in torch.autograd.grad(value, weights))


def test_batch_norm_in_the_critic_is_refused_by_a_penalty_on_slopes():
    with pytest.raises(UserError, match="batch normalisation"):
        GAN(GENERATORS[0]((1, 8, 8)), DISCRIMINATORS[1]((1, 8, 8)), penalties=[R1()])


@pytest.mark.parametrize("make", [*GENERATORS])
def test_a_conditional_generator_needs_labels_and_depends_on_them(make):
    generator = unsettled(make((1, 8, 8), 3, latent=5, conditional=True))
    z = torch.randn(1, 5).expand(3, 5)
    images = generator.eval()(z, torch.arange(3))
    assert not torch.allclose(images[0], images[1])
    with pytest.raises(UserError, match="needs labels"):
        generator(z)
    with pytest.raises(UserError, match="no labels to condition on"):
        make((1, 8, 8), None, conditional=True)


@pytest.mark.parametrize("make", [DISCRIMINATORS[0], DISCRIMINATORS[3]])
def test_a_conditional_discriminator_depends_on_its_labels(make):
    critic = unsettled(make((1, 8, 8), 3, conditional=True))
    x = torch.randn(1, 1, 8, 8).expand(3, 1, 8, 8)
    assert len({round(float(v), 5) for v in critic(x, torch.arange(3))}) == 3


@pytest.mark.parametrize("make", [*GENERATORS, *DISCRIMINATORS])
def test_what_is_no_image_or_cannot_be_halved_is_refused_with_sizes_that_would_do(make):
    with pytest.raises(UserError, match=r"images \(C, H, W\): the target has shape \(2,\)"):
        make((2,))
    with pytest.raises(UserError, match="5x5 cannot be halved"):
        make((1, 5, 5))


def test_costs_change_no_buffer_and_a_move_writes_them():
    torch.manual_seed(0)
    game = GAN(GENERATORS[0]((1, 8, 8)), DISCRIMINATORS[2]((1, 8, 8)))
    before = {key: value.clone() for key, value in game.named_buffers()}
    draw = Draw(0, (0, 0), 6)
    draw = draw.with_data(draw.normal("data", 1, 8, 8))
    field = Field(game)
    field.deal([draw, draw])
    field(), field()
    assert all(torch.equal(before[key], value) for key, value in game.named_buffers())
    game.remember("generator", draw, {})
    game.remember("discriminator", draw, {"~sign-real": torch.tensor(0.0)})
    after = dict(game.named_buffers())
    assert all(not torch.equal(before[key], after[key]) for key in before if "running" in key)


def test_batch_norm_is_torchs_in_training_and_after_moves_in_use():
    torch.manual_seed(0)
    ours, theirs = BatchNorm2d(3), nn.BatchNorm2d(3)
    for _ in range(4):
        x = 2 * torch.randn(5, 3, 4, 4) + 1
        torch.testing.assert_close(ours(x), theirs(x))
        ours.remember({})
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    assert ours.num_batches_tracked == theirs.num_batches_tracked == 4


@pytest.mark.parametrize("make", [lambda: SpectralLinear(7, 5), lambda: SpectralConv2d(3, 6, 3)])
def test_a_spectral_norm_becomes_one_and_its_gradient_is_that_of_the_quotient(make):
    torch.manual_seed(0)
    layer = make().double()
    for _ in range(200):
        layer.remember({})
    matrix = layer.normalised.flatten(1)
    assert float(torch.linalg.matrix_norm(matrix, 2).detach()) == pytest.approx(1.0, abs=1e-6)
    weight = layer.weight.detach().flatten(1)
    sigma, outer = float(torch.linalg.matrix_norm(weight, 2)), torch.outer(layer.u, layer.v)
    direction = torch.randn_like(weight)
    (found,) = torch.autograd.grad((matrix * direction).sum(), layer.weight)
    exact = direction / sigma - (direction * weight).sum() / sigma**2 * outer
    torch.testing.assert_close(found.flatten(1), exact, rtol=1e-5, atol=1e-8)


def test_half_of_the_double_of_a_plane_is_the_plane():
    """Both filters keep constants and, away from the edges, slopes."""
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    x = (3 + 0.5 * rows - 0.2 * columns)[None, None]
    back = halved(doubled(x))
    torch.testing.assert_close(back[:, :, 2:-2, 2:-2], x[:, :, 2:-2, 2:-2])
    torch.testing.assert_close(halved(doubled(0 * x + 2)), 0 * x + 2)


def test_a_residual_network_begins_as_its_linear_part():
    """The last convolution of every block is zero: at first no block adds anything."""
    generator = R3GANGenerator((1, 8, 8), latent=5, width=8)
    z = torch.randn(3, 5)
    linear = generator.last(doubled(generator.first(z)[:, :, None, None] * generator.basis))
    torch.testing.assert_close(generator(z), linear)


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(UserError, match="5 groups do not divide 16 channels"):
        R3GANGenerator((1, 8, 8), width=8, groups=5)
