"""What all tests share: one thread, and no file outside their own folder."""

import functools
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Trained parts are kept once for the whole session, beside the tests' own folders."""
    root = tmp_path_factory.getbasetemp().parent / "pushforward-cache"
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(root))


@pytest.fixture
def small_gan():
    """A factory of equal GANs with R1 on vectors of two numbers."""
    from pushforward.adapters import NetworkDiscriminator, NetworkGenerator
    from pushforward_gan.game import GAN
    from pushforward_gan.networks import MLP
    from pushforward_gan.objectives import NonSaturating
    from pushforward_gan.penalties import R1

    def make(objective=None, penalties=None):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            net = functools.partial(MLP, width=8, depth=2, activation="tanh")
            game = GAN(
                NetworkGenerator(net, (2,), latent=3),
                NetworkDiscriminator(net, (2,)),
                objective or NonSaturating(),
                [R1(0.5)] if penalties is None else penalties,
            )
            return game.double()

    return make
