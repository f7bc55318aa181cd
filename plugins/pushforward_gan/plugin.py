"""What this plugin offers."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1

MESCHEDER = "arXiv:1801.04406"
COUPLED = ("couples-samples",)  # no mean over samples: a batch in parts has another


@hook
def components() -> list[Component]:
    """The game, its objectives and penalties, and networks."""
    return [
        Component(
            "model",
            "gan",
            "pushforward_gan.game:GAN",
            "one generator against one discriminator",
            "arXiv:1406.2661",
            gives=("sample", "critic"),
            needs={"target": ("sample",)},
            holds=("generator", "discriminator"),
        ),
        Component(
            "model",
            "moment-matching",
            "pushforward_gan.moment_matching:MomentMatching",
            "a generator whose samples are held against data by a kernel, without a critic",
            "arXiv:1502.02761",
            gives=("sample",),
            needs={"target": ("sample",)},
            holds=("generator",),
            traits=COUPLED,
        ),
        *_objectives(),
        *_penalties(),
        *_generator_penalties(),
        *_augmentations(),
        *_image_networks(),
        Component("network", "mlp", "pushforward_gan.networks:MLP", "fully connected layers"),
        Component(
            "network", "unet", "pushforward_gan.unet:UNet", "an image to an image of its size", "arXiv:1505.04597"
        ),
    ]


def _objectives() -> list[Component]:
    at = "pushforward_gan.objectives"
    return [
        Component("objective", "minimax", f"{at}:Minimax", "the zero-sum game of the first GAN", "arXiv:1406.2661"),
        Component("objective", "non-saturating", f"{at}:NonSaturating", "logistic, never flat", "arXiv:1406.2661"),
        Component("objective", "wasserstein", f"{at}:Wasserstein", "difference of mean logits", "arXiv:1701.07875"),
        Component("objective", "hinge", f"{at}:Hinge", "logits only up to a margin", "arXiv:1705.02894"),
        Component("objective", "least-squares", f"{at}:LeastSquares", "logits towards labels", "arXiv:1611.04076"),
        Component(
            "objective",
            "relativistic-paired",
            f"{at}:RelativisticPaired",
            "real against fake, pair by pair",
            "arXiv:1807.00734",
        ),
        Component(
            "objective",
            "relativistic-average",
            "pushforward_gan.relativistic:RelativisticAverage",
            "real against the mean of fake, and the other way round",
            "arXiv:1807.00734",
            traits=COUPLED,
        ),
        Component(
            "objective", "f-gan", "pushforward_gan.divergences:FGAN", "a bound of an f-divergence", "arXiv:1606.00709"
        ),
        Component(
            "objective",
            "kernel-energy",
            "pushforward_gan.kernel_energy:KernelEnergy",
            "squared maximum mean discrepancy of logits, or of data themselves",
            "arXiv:1801.01401",
            traits=COUPLED,
        ),
    ]


def _penalties() -> list[Component]:
    at = "pushforward_gan.penalties"
    return [
        Component("penalty", "r1", f"{at}:R1", "slope on real data", MESCHEDER),
        Component("penalty", "r2", f"{at}:R2", "slope on generated data", MESCHEDER),
        Component("penalty", "wgan-gp", f"{at}:WGANGP", "slope near one between real and fake", "arXiv:1704.00028"),
        _penalty("zero-centred", "interpolated:ZeroCentred", "slope between real and fake", "arXiv:1902.03984"),
        Component(
            "penalty",
            "dragan",
            "pushforward_gan.interpolated:Dragan",
            "slope near one around real data",
            "arXiv:1705.07215",
            traits=COUPLED,
        ),
        _penalty("approximate-r1", "differences:ApproximateR1", "jolts of real data", "arXiv:2501.08316"),
        _penalty("approximate-r2", "differences:ApproximateR2", "jolts of generated data", "arXiv:2501.08316"),
        _penalty("consistency", "differences:Consistency", "same logit after a change", "arXiv:2002.04724"),
        _penalty("lecam", "remembered_penalties:LeCam", "logits near those of the other side", "arXiv:2104.03310"),
        _penalty("lazy", "remembered_penalties:Lazy", "another penalty, in every k-th move only", "arXiv:1912.04958"),
    ]


def _penalty(name: str, at: str, summary: str, paper: str) -> Component:
    return Component("penalty", name, f"pushforward_gan.{at}", summary, paper)


def _generator_penalties() -> list[Component]:
    at, kind = "pushforward_gan.generator_penalties", "generator-penalty"
    return [
        Component(kind, "path-length", f"{at}:PathLength", "even steps through latent space", "arXiv:1912.04958"),
        Component(
            kind,
            "mode-seeking",
            f"{at}:ModeSeeking",
            "samples differ as their noise does",
            "arXiv:1903.05628",
            traits=COUPLED,
        ),
    ]


def _image_networks() -> list[Component]:
    patch = "pushforward_gan.patch:PatchDiscriminator"
    return [
        *_pair("dcgan", "DCGAN", "arXiv:1511.06434", "strided convolutions, batch norm in the generator"),
        *_pair("sngan", "SNGAN", "arXiv:1802.05957", "residual blocks, spectral norm in the critic"),
        *_pair("mescheder", "Mescheder", MESCHEDER, "residual blocks that add a tenth, no normalisation"),
        *_pair("r3gan", "R3GAN", "arXiv:2501.05441", "residual stages without normalisation"),
        *_pair("stylegan2", "StyleGAN2", "arXiv:1912.04958", "styles that scale weights"),
        Component("discriminator", "patch", patch, "a logit for every patch", "arXiv:1611.07004"),
    ]


def _pair(name: str, stem: str, paper: str, summary: str) -> list[Component]:
    """A generator and its discriminator, which stand in one file."""
    at = f"pushforward_gan.{name}:{stem}"
    return [
        Component("generator", name, f"{at}Generator", summary, paper),
        Component("discriminator", name, f"{at}Discriminator", summary, paper),
    ]


def _augmentations() -> list[Component]:
    at, kind = "pushforward_gan.augmentations", "augmentation"
    return [
        Component(kind, "instance-noise", f"{at}:InstanceNoise", "normal noise on all samples", "arXiv:1610.04490"),
        Component(kind, "flip", f"{at}:Flip", "left to right by chance"),
        Component(kind, "diff-augment", f"{at}:DiffAugment", "colours, shifts and cutouts", "arXiv:2006.10738"),
        Component(
            kind,
            "adaptive",
            "pushforward_gan.adaptive:Adaptive",
            "others, by a chance that follows the critic",
            "arXiv:2006.06676",
        ),
    ]
