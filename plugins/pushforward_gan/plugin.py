"""What this plugin offers."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1

MESCHEDER = "arXiv:1801.04406"


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
        *_objectives(),
        *_penalties(),
        Component("network", "mlp", "pushforward_gan.networks:MLP", "fully connected layers"),
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
    ]


def _penalties() -> list[Component]:
    at = "pushforward_gan.penalties"
    return [
        Component("penalty", "r1", f"{at}:R1", "slope on real data", MESCHEDER),
        Component("penalty", "r2", f"{at}:R2", "slope on generated data", MESCHEDER),
        Component("penalty", "wgan-gp", f"{at}:WGANGP", "slope near one between real and fake", "arXiv:1704.00028"),
    ]
