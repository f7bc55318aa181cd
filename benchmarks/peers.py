"""Rounds a second beside TorchGAN, vegans and torch-mimicry, and beside a plain and a careful loop, at equal networks.

One process, one thread, interleaved segments, medians. pushforward runs as a user has it: through Lightning, with costs
and gradient norms logged; TorchGAN runs its trainer's iteration, vegans and torch-mimicry their training step alone.
Peers are not dependencies: put them on the path (pip install --no-deps torchgan==0.1.0 vegans==0.4.0
torch-mimicry==0.1.16); one that does not run is reported as such.

Run: python benchmarks/peers.py [segments] [rounds of a segment on the ring, 0 for no ring] [the same on images]
PEERS="careful loop,vegans" in the environment leaves only these. COMPILE=1 compiles pushforward's two networks, which
play without a penalty here, and COMPILE=generator the one of them that may be compiled under any penalty: a slope of a
compiled critic has no second derivative. CLOCK=cpu counts the seconds of this process instead of those on the wall, for
a machine that others use too.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import importlib.util
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import softplus

from pushforward import Batch
from pushforward.builder import build
from pushforward.check import plan_recipe
from pushforward.progress import Progress
from pushforward.reporter import Reporter
from pushforward.roles.tracker import RunInfo
from pushforward.rounds import Rounds
from pushforward.trackers.csv import CsvTracker
from pushforward.trackers.together import Trackers

CLOCK = time.process_time if os.environ.get("CLOCK") == "cpu" else time.perf_counter
LR, BETAS = 2e-4, (0.5, 0.999)
Networks = Callable[[], tuple[nn.Module, nn.Module]]


class Setting:
    """Networks, data and sizes that all contenders share."""

    def __init__(self, name: str, networks: Networks, latent: int, batch: int, data: Tensor) -> None:
        self.name, self.networks, self.latent, self.batch, self.pool = name, networks, latent, batch, data

    def data(self) -> Tensor:
        return self.pool[torch.randint(len(self.pool), (self.batch,))]

    def noise(self) -> Tensor:
        return torch.randn(self.batch, self.latent)


def ring_networks() -> tuple[nn.Module, nn.Module]:
    def mlp(outputs: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for a, b in ((2, 128), (128, 128), (128, 128)):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(128, outputs))

    return mlp(2), mlp(1)


def image_networks() -> tuple[nn.Module, nn.Module]:
    up: list[nn.Module] = [
        nn.Linear(64, 4096, bias=False),
        nn.Unflatten(1, (256, 4, 4)),
        nn.BatchNorm2d(256),
        nn.ReLU(),
    ]
    for a, b in ((256, 128), (128, 64)):
        up += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    down: list[nn.Module] = []
    for a, b in ((3, 64), (64, 128), (128, 256)):
        down += [nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)]
    generator = nn.Sequential(*up, nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())
    return generator, nn.Sequential(*down, nn.Flatten(), nn.Linear(4096, 1))


class Plain:
    """A GAN as tutorials write it."""

    fused, careful = None, False

    def __init__(self, setting: Setting) -> None:
        torch.manual_seed(0)
        self.setting = setting
        self.g, self.d = setting.networks()
        if self.careful:
            self.g, self.d = (m.to(memory_format=torch.channels_last) for m in (self.g, self.d))
        self.g_step = torch.optim.Adam(self.g.parameters(), lr=LR, betas=BETAS, fused=self.fused)
        self.d_step = torch.optim.Adam(self.d.parameters(), lr=LR, betas=BETAS, fused=self.fused)

    def play(self, rounds: int) -> None:
        seen = torch.zeros(2)
        for _ in range(rounds):
            seen += self.round()
        assert bool(seen.isfinite().all())

    def round(self) -> Tensor:
        x, z = self.setting.data(), self.setting.noise()
        self.d_step.zero_grad()
        d_cost = softplus(-self.d(x)).mean() + softplus(self.d(self.g(z).detach())).mean()
        d_cost.backward()
        self.d_step.step()
        self.g_step.zero_grad()
        g_cost = softplus(-self.d(self.g(self.setting.noise()))).mean()
        g_cost.backward()
        self.g_step.step()
        return torch.stack([d_cost.detach(), g_cost.detach()])


class Careful(Plain):
    """Fused Adam, one pass over real and fake, no graph for who waits, channels last."""

    fused, careful = True, True

    def round(self) -> Tensor:
        x = self.setting.data()
        with torch.no_grad():
            fake = self.g(self.setting.noise())
        real, false = self.d(torch.cat([x, fake])).chunk(2)
        d_cost = softplus(-real).mean() + softplus(false).mean()
        for p, g in zip(self.d.parameters(), torch.autograd.grad(d_cost, list(self.d.parameters())), strict=True):
            p.grad = g
        self.d_step.step()
        g_cost = softplus(-self.d(self.g(self.setting.noise()))).mean()
        for p, g in zip(self.g.parameters(), torch.autograd.grad(g_cost, list(self.g.parameters())), strict=True):
            p.grad = g
        self.g_step.step()
        return torch.stack([d_cost.detach(), g_cost.detach()])


class Compiled(Careful):
    """The careful loop with both networks compiled."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.g, self.d = torch.compile(self.g, dynamic=False), torch.compile(self.d, dynamic=False)


class TorchGAN:
    """Its trainer's iteration, on a batch that is given."""

    def __init__(self, setting: Setting) -> None:
        from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
        from torchgan.models import Discriminator, Generator
        from torchgan.trainer import Trainer

        class G(Generator):
            def __init__(self) -> None:
                super().__init__(setting.latent)
                self.network = setting.networks()[0]

            def forward(self, z: Tensor) -> Tensor:
                return self.network(z)

        class D(Discriminator):
            def __init__(self) -> None:
                super().__init__(3)
                self.network = setting.networks()[1]

            def forward(self, x: Tensor) -> Tensor:
                return self.network(x).squeeze(1)

        torch.manual_seed(0)
        adam = {"name": torch.optim.Adam, "args": {"lr": LR, "betas": BETAS}}
        models = {"generator": {"name": G, "optimizer": adam}, "discriminator": {"name": D, "optimizer": adam}}
        folder = tempfile.mkdtemp()
        self.setting = setting
        self.trainer = Trainer(
            models,
            [MinimaxGeneratorLoss(nonsaturating=True), MinimaxDiscriminatorLoss()],
            device=torch.device("cpu"),
            checkpoints=f"{folder}/model",
            recon=folder,
            log_dir=folder,
        )
        self.trainer.batch_size = setting.batch

    def play(self, rounds: int) -> None:
        for _ in range(rounds):
            self.trainer.real_inputs = self.setting.data()
            _, _, moved_g, moved_d = self.trainer.train_iter()
            self.trainer.loss_information["generator_iters"] += moved_g
            self.trainer.loss_information["discriminator_iters"] += moved_d


class Vegans:
    """What stands inside its loop: losses, gradients and a step of each network."""

    def __init__(self, setting: Setting) -> None:
        from vegans.GAN import VanillaGAN

        torch.manual_seed(0)
        g, d = setting.networks()
        adam = {name: {"lr": LR, "betas": BETAS} for name in ("Generator", "Adversary")}
        self.setting = setting
        self.model = VanillaGAN(
            generator=g,
            adversary=nn.Sequential(*d, nn.Sigmoid()),  # it looks for the first layer's inputs
            x_dim=tuple(setting.pool.shape[1:]),
            z_dim=setting.latent,
            optim=torch.optim.Adam,
            optim_kwargs=adam,
            device="cpu",
            folder=None,
        )
        self.model.train()

    def play(self, rounds: int) -> None:
        for _ in range(rounds):
            x = self.setting.data()
            z = self.model.sample(n=len(x))
            for name in self.model.neural_nets:
                losses = self.model._losses = self.model.calculate_losses(X_batch=x, Z_batch=z, who=name)
                assert losses
                self.model._zero_grad(who=name)
                self.model._backward(who=name)
                self.model._step(who=name)


class Mimicry:
    """The training step of its base classes."""

    def __init__(self, setting: Setting) -> None:
        spec = importlib.util.find_spec("torch_mimicry")
        if spec is None:
            raise ImportError("No module named 'torch_mimicry'")
        package = types.ModuleType("torch_mimicry")  # its own __init__ wants scikit-image and TensorFlow
        package.__path__ = list(spec.submodule_search_locations or [])
        sys.modules["torch_mimicry"] = package
        package.__spec__ = spec
        from torch_mimicry.nets.gan.gan import BaseDiscriminator, BaseGenerator

        g, d = setting.networks()

        class G(BaseGenerator):
            def __init__(self) -> None:
                super().__init__(nz=setting.latent, ngf=1, bottom_width=4, loss_type="gan")
                self.network = g

            def forward(self, z: Tensor) -> Tensor:
                return self.network(z)

        class D(BaseDiscriminator):
            def __init__(self) -> None:
                super().__init__(ndf=1, loss_type="gan")
                self.network = d

            def forward(self, x: Tensor) -> Tensor:
                return self.network(x)

        class Log:
            def add_metric(self, *arguments: object, **options: object) -> None:
                pass

        torch.manual_seed(0)
        self.setting, self.g, self.d, self.log = setting, G(), D(), Log()
        self.g_step = torch.optim.Adam(self.g.parameters(), lr=LR, betas=BETAS)
        self.d_step = torch.optim.Adam(self.d.parameters(), lr=LR, betas=BETAS)

    def play(self, rounds: int) -> None:
        device = torch.device("cpu")
        for _ in range(rounds):
            batch = (self.setting.data(), None)
            shared = {"real_batch": batch, "log_data": self.log, "device": device}
            self.d.train_step(netG=self.g, optD=self.d_step, **shared)
            self.g.train_step(netD=self.d, optG=self.g_step, **shared)


class Pool:
    """A target that hands out the shared data."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def batch(self, draw) -> Batch:
        return Batch(self.setting.data(), None)


class Interleave(pl.Callback):
    """After each of the framework's segments, one of every other contender."""

    def __init__(self, others: dict[str, object], rounds: int) -> None:
        self.others, self.rounds = others, rounds
        self.times: dict[str, list[float]] = {name: [] for name in ("pushforward", *others)}

    def on_train_epoch_start(self, trainer, module) -> None:
        self.began = CLOCK()

    def on_train_epoch_end(self, trainer, module) -> None:
        self.times["pushforward"].append(CLOCK() - self.began)
        for name, other in self.others.items():
            began = CLOCK()
            other.play(self.rounds)
            self.times[name].append(CLOCK() - began)


RING = """\
about: The ring of the benchmark.
target: rings
model:
  use: gan
  generator: {use: mlp, latent: 2, width: 128, depth: 3, activation: relu}
  discriminator: {use: mlp, width: 128, depth: 3, activation: relu}
  objective: non-saturating
  optimizer: {use: adam, lr: 2e-4, betas: [0.5, 0.999]}
"""
IMAGES = """\
about: The DCGAN of the benchmark.
target: {use: image-folder, path: images}
model:
  use: gan
  generator: {use: dcgan, latent: 64, width: 64}
  discriminator: {use: dcgan, width: 64}
  objective: non-saturating
  optimizer: {use: adam, lr: 2e-4, betas: [0.5, 0.999]}
"""


def compare(setting: Setting, recipe: str, segments: int, rounds: int) -> None:
    others: dict[str, object] = {}
    for name, make in CONTENDERS.items():
        if name not in os.environ.get("PEERS", name).split(","):
            continue
        try:
            others[name] = make(setting)
            others[name].play(2)
        except Exception as error:
            others.pop(name, None)
            print(f"{setting.name}: {name} does not run: {type(error).__name__}: {str(error).splitlines()[0][:90]}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "recipe.yaml").write_text(
            recipe.replace("path: images", f"path: {place / 'images'}")
            + f"budget: {{rounds: {segments * rounds}, report_every: {rounds}, batch: {setting.batch}}}\n"
        )
        (place / "images").mkdir()
        for i in range(2 * setting.batch):
            Image.new("RGB", (32, 32), (i, 0, 0)).save(place / "images" / f"{i}.png")
        built = build(plan_recipe(str(place / "recipe.yaml")))
        compiled = {"1": ("generator", "discriminator"), "generator": ("generator",)}
        for player in compiled.get(os.environ.get("COMPILE", ""), ()):
            getattr(built.play.game, player).compile(dynamic=False)
        trackers = Trackers([CsvTracker()])
        trackers.open(RunInfo(place, "peers", {}))
        reporter = Reporter(built, place, trackers, Progress(segments * rounds, quiet=True), "")
        interleave = Interleave(others, rounds)
        trainer = pl.Trainer(
            max_epochs=segments,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[reporter, interleave],
        )
        trainer.fit(built.play, Rounds(built.play, Pool(setting), setting.batch, rounds))
    ours = interleave.times["pushforward"][1:]  # the first segment warms all up
    for name, times in interleave.times.items():
        ratios = sorted(b / a for a, b in zip(ours, times[1:], strict=True))
        low, middle, high = ratios[len(ratios) // 4], statistics.median(ratios), ratios[-1 - len(ratios) // 4]
        rate = rounds / statistics.median(times[1:])
        spread = f"{middle:.3f} ({low:.3f} to {high:.3f})"
        print(f"{setting.name}: {name:>14} {rate:8.1f} rounds a second; pushforward is {spread} times as fast")


CONTENDERS: dict[str, Callable[[Setting], object]] = {
    "plain loop": Plain,
    "careful loop": Careful,
    "compiled loop": Compiled,
    "TorchGAN": TorchGAN,
    "vegans": Vegans,
    "torch-mimicry": Mimicry,
}


def main(segments: int = 9, ring: int = 200, images: int = 40) -> None:
    torch.set_num_threads(1)
    torch._dynamo.config.recompile_limit = 64  # batches of two sizes, with and without gradients, of several loops
    torch._functorch.config.donated_buffer = False  # a report goes back through one graph for every term
    angle = 2 * torch.pi * torch.rand(4096)
    points = torch.stack([angle.cos(), angle.sin()], 1) * torch.randint(1, 4, (4096, 1))
    if ring:
        compare(Setting("ring", ring_networks, 2, 512, points), RING, segments, ring)
    pixels = 2 * torch.rand(512, 3, 32, 32) - 1
    if images:
        compare(Setting("dcgan-32", image_networks, 64, 64, pixels), IMAGES, segments, images)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
