"""One move of a critic, alone or as one of two processes on gloo."""

from pathlib import Path

import torch
import torch.distributed as dist

from pushforward import Draw
from pushforward.optimizers import SGD
from pushforward.play import Play, sum_over_processes
from pushforward_gan.dcgan import DCGANDiscriminator, DCGANGenerator
from pushforward_gan.game import GAN
from pushforward_gan.objectives import RelativisticPaired
from pushforward_gan.penalties import R1, R2

N = 16


class Given(DCGANGenerator):
    """Its network runs, batch norm and all, but what it shows are the same fakes for all."""

    def forward(self, z, condition=None):
        made = super().forward(z, condition)
        fakes = torch.randn(N, *made.shape[1:], generator=torch.Generator().manual_seed(7))
        return fakes[self.rows[0] : self.rows[1]] + 0 * made


def step(rows, processes):
    """One move of the discriminator on these rows: its parameters after it, and the generator's running means.

    The step is a plain one: Adam's first step is a sign, which rounding decides where the loss has no slope at all, as
    in the last bias under a paired loss.
    """
    torch.manual_seed(0)
    generator, critic = Given((1, 8, 8), latent=5, width=4), DCGANDiscriminator((1, 8, 8), width=4)
    generator.rows = rows
    play = Play(GAN(generator, critic, RelativisticPaired(), [R1(2.0), R2(2.0)]), optimizer=SGD(lr=0.1))
    play.field.reduce = sum_over_processes if processes > 1 else None
    play.configure_optimizers()
    draw = Draw(3, (0, 0), N, rows)
    whole = torch.randn(N, 1, 8, 8, generator=torch.Generator().manual_seed(5))
    play.field.deal([draw.with_data(whole[rows[0] : rows[1]])])
    direction = play.field(["discriminator"])
    with torch.no_grad():
        play._step(direction, play.state)
    play.game.remember("generator", draw, {})
    return {
        "gradient": torch.cat([g.flatten() for g in direction.gradients.values()]),
        "weights": torch.cat([p.detach().flatten() for p in critic.parameters()]),
        "running": torch.cat([b.flatten() for n, b in generator.named_buffers() if "running" in n]),
    }


def process(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(step((rank * N // 2, (rank + 1) * N // 2), 2), Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
