"""A small GAN in double precision, the same every time."""

import pytest
import torch

from pushforward.adapters import NetworkDiscriminator, NetworkGenerator


@pytest.fixture
def small_gan():
    """A factory of equal GANs with R1 on vectors of two numbers."""
    from pushforward_gan.game import GAN
    from pushforward_gan.networks import MLP
    from pushforward_gan.objectives import NonSaturating
    from pushforward_gan.penalties import R1

    def make(objective=None, penalties=None):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            net = lambda i, o: MLP(i, o, width=8, depth=2, activation="tanh")
            game = GAN(
                NetworkGenerator(net, (2,), latent=3),
                NetworkDiscriminator(net, (2,)),
                objective or NonSaturating(),
                [R1(0.5)] if penalties is None else penalties,
            )
            return game.double()

    return make
