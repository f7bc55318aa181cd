"""Networks of images: sizes, classes, what they remember and what they leave alone."""

import pytest
import torch
from torch import nn

from pushforward import Draw, UserError
from pushforward.field import Field
from pushforward.roles.adversarial import one_logit_a_sample
from pushforward_gan.dcgan import DCGANDiscriminator, DCGANGenerator
from pushforward_gan.game import GAN
from pushforward_gan.mescheder import MeschederDiscriminator, MeschederGenerator
from pushforward_gan.normalisation import BatchNorm2d, ClassBatchNorm2d, SpectralConv2d, SpectralLinear
from pushforward_gan.patch import PatchDiscriminator
from pushforward_gan.penalties import R1
from pushforward_gan.r3gan import R3GANDiscriminator, R3GANGenerator, doubled, halved
from pushforward_gan.sngan import SNGANDiscriminator, SNGANGenerator
from pushforward_gan.stylegan2 import Styled, StyleGAN2Discriminator, StyleGAN2Generator, beside_spread
from pushforward_gan.unet import UNet

GENERATORS = [
    lambda *a, **k: DCGANGenerator(*a, width=4, **k),
    lambda *a, **k: R3GANGenerator(*a, width=8, **k),
    lambda *a, **k: SNGANGenerator(*a, width=4, **k),
    lambda *a, **k: MeschederGenerator(*a, width=4, most=8, embedding=6, **k),
    lambda *a, **k: StyleGAN2Generator(*a, base=64, most=8, mapping=2, **k),
]
DISCRIMINATORS = [
    lambda *a, **k: DCGANDiscriminator(*a, width=4, **k),
    lambda *a, **k: DCGANDiscriminator(*a, width=4, norm="batch", **k),
    lambda *a, **k: DCGANDiscriminator(*a, width=4, norm="spectral", **k),
    lambda *a, **k: R3GANDiscriminator(*a, width=8, **k),
    lambda *a, **k: SNGANDiscriminator(*a, width=4, halving=1, **k),
    lambda *a, **k: MeschederDiscriminator(*a, width=4, most=8, **k),
    lambda *a, **k: StyleGAN2Discriminator(*a, base=64, most=8, **k),
    lambda *a, **k: StyleGAN2Discriminator(*a, base=64, most=8, group=2, **k),
    lambda *a, **k: PatchDiscriminator(*a, width=4, depth=1, **k),
]
APART = [d for i, d in enumerate(DISCRIMINATORS) if i not in (1, 7)]  # in which no sample sees another
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
    logits = one_logit_a_sample(critic(x), 4)
    found = torch.autograd.grad((logits * torch.randn(4)).sum(), list(critic.parameters()))
    assert all(bool(g.any()) for g in found)


@pytest.mark.parametrize("make", APART)
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


@pytest.mark.parametrize("make", DISCRIMINATORS)
def test_a_conditional_discriminator_depends_on_its_labels(make):
    critic = unsettled(make((1, 8, 8), 3, conditional=True))
    x = torch.randn(1, 1, 8, 8).expand(3, 1, 8, 8)
    logits = one_logit_a_sample(critic(x, torch.arange(3)), 3)
    assert len({round(float(v), 5) for v in logits.detach()}) == 3
    with pytest.raises(UserError, match="needs labels"):
        critic(x)


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


def test_a_dcgan_is_one_graph_to_the_compiler_which_keeps_what_batch_norm_remembers():
    torch.manual_seed(0)
    generator, z = DCGANGenerator((1, 8, 8), width=4), torch.randn(6, 64)
    norms = [part for part in generator.modules() if isinstance(part, BatchNorm2d)]
    plain, aside = generator(z), [norm._aside for norm in norms]
    for norm in norms:
        norm._aside = None
    compiled = torch.compile(generator, backend="eager", fullgraph=True)  # a break in the graph would be an error
    torch.testing.assert_close(compiled(z), plain)
    torch.testing.assert_close([norm._aside for norm in norms], aside)


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


def test_groups_and_widths_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="groups of 5 do not divide 16 channels"):
        R3GANGenerator((1, 8, 8), width=8, group=5)
    with pytest.raises(UserError, match="3 widths for 2 stages"):
        R3GANGenerator((1, 8, 8), width=[8, 8, 8])
    with pytest.raises(UserError, match="3 of 4 blocks are to halve an image of 16x16, which can be halved 2 times"):
        SNGANDiscriminator((1, 16, 16), halving=3)
    with pytest.raises(UserError, match="8x8 can be halved 1 times, not 2"):
        PatchDiscriminator((1, 8, 8), depth=2)


def test_widths_go_from_the_coarsest_to_the_finest_in_both():
    generator, critic = (m((1, 16, 16), width=[16, 8, 24]) for m in (R3GANGenerator, R3GANDiscriminator))
    assert [s[0].narrow.out_channels for s in generator.stages] == [16, 8, 24]
    assert [s[0].narrow.out_channels for s in critic.stages] == [24, 8, 16]
    assert generator(torch.randn(2, 64)).shape == (2, 1, 16, 16)
    assert critic(torch.randn(2, 1, 16, 16)).shape == (2,)


def test_the_norm_of_a_class_is_that_of_all_with_its_own_gain_and_bias():
    torch.manual_seed(0)
    ours, theirs = ClassBatchNorm2d(3, 2), nn.BatchNorm2d(3, affine=False)
    with torch.no_grad():
        ours.gains.normal_(), ours.biases.normal_()
    x, kinds = torch.randn(6, 3, 4, 4), torch.tensor([0, 1, 1, 0, 1, 0])
    exact = theirs(x) * ours.gains[kinds][:, :, None, None] + ours.biases[kinds][:, :, None, None]
    torch.testing.assert_close(ours(x, nn.functional.one_hot(kinds, 2).float()), exact)


def test_a_style_scales_weights_and_every_channel_keeps_its_variance():
    """Against the paper's two equations, one sample at a time."""
    torch.manual_seed(0)
    layer = Styled(4, 5, 3, 6).double()
    x, w = torch.randn(2, 4, 8, 8, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    found = layer(x, w)
    for k in range(2):
        weight = layer.weight * layer.scale * layer.affine(w)[k][:, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        exact = nn.functional.conv2d(x[k : k + 1], weight, layer.bias, padding=1)
        torch.testing.assert_close(found[k : k + 1], exact)


def test_the_spread_of_a_group_is_its_mean_standard_deviation():
    x = torch.randn(6, 2, 4, 4)
    seen = beside_spread(x, 3)[:, -1]
    for rows in ([0, 2, 4], [1, 3, 5]):  # groups take every second sample
        exact = x[rows].std(0, unbiased=False).mean()
        torch.testing.assert_close(seen[rows], exact.expand(3, 4, 4))


@pytest.mark.parametrize(
    ("make", "count"),
    [
        # blocks, each 9 a^2 + a twice and a^2 + a aside, with norms of 2 a each; 128 to 4096; 9 * 256 to 3
        (lambda: SNGANGenerator((3, 32, 32)), 129 * 4096 + 3 * (19 * 256**2 + 3 * 256 + 1024) + 512 + 27 * 256 + 3),
        # 3 to 128: 27 + 9 * 128 + 3 per channel, and biases; one more halves with 19 a^2, two keep with 18 a^2
        (lambda: SNGANDiscriminator((3, 32, 32)), (27 + 1152 + 3 + 3) * 128 + 55 * 128**2 + 7 * 128 + 129),
        # CIFAR-10 of R3GAN: 8 blocks of width 768, whose 3x3 convolutions see 16 channels
        (
            lambda: R3GANGenerator((3, 32, 32), 10, width=768, embedding=64, conditional=True),
            8 * (2 * 768 * 1536 + 1536 * 144 + 2 * 1536) + 640 + 128 * 768 + 16 * 768 + 3 * 769,
        ),
        (
            lambda: R3GANDiscriminator((3, 32, 32), 10, width=768, conditional=True),
            8 * (2 * 768 * 1536 + 1536 * 144 + 2 * 1536) + 4 * 768 + 16 * 768 + 10 * 768,
        ),
        # FFHQ of 256 pixels of StyleGAN2-ADA's table: 24,767,458 with the 13 strengths of pixel noise, left out here
        (lambda: StyleGAN2Generator((3, 256, 256)), 24_767_458 - 13),
        # 24,001,089 with the ninth weights of 512 filters that see the spread of a group
        (lambda: StyleGAN2Discriminator((3, 256, 256), group=4), 24_001_089),
    ],
)
def test_networks_have_as_many_parameters_as_the_published_ones(make, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in make().parameters()) == count


def test_a_u_net_sees_fine_and_coarse_and_no_other_sample():
    torch.manual_seed(0)
    net, critic = UNet((1, 16, 16), (2, 16, 16), width=4), UNet((1, 16, 16), (), width=4)
    x = torch.randn(3, 1, 16, 16, requires_grad=True)
    image = net(x)
    assert image.shape == (3, 2, 16, 16) and critic(x).shape == (3,)
    (seen,) = torch.autograd.grad(image[0, 0, 8, 8], x)
    assert bool(seen[0].any()) and not bool(seen[1:].any())
    with pytest.raises(UserError, match="expected \\(C, H, W\\) of its size"):
        UNet((1, 16, 16), (1, 8, 8))
    with pytest.raises(UserError, match="cannot be halved"):
        UNet((1, 5, 5), ())


def test_a_critic_of_patches_gives_a_logit_for_every_place_that_sees_only_its_surroundings():
    torch.manual_seed(0)
    critic = PatchDiscriminator((1, 32, 32), width=4, depth=2)
    x = torch.randn(1, 1, 32, 32, requires_grad=True)
    logits = critic(x)
    assert logits.shape == (1, 8, 8)
    (seen,) = torch.autograd.grad(logits[0, 4, 4], x)
    rows = seen[0, 0].abs().sum(1).nonzero()
    assert 1 + int(rows.max() - rows.min()) == 26  # 4, 10 after the second, 18 and 26 after the two 3x3
