"""Objectives: what generator and discriminator want, as functions of realness logits. Each file line is a paper's."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu, softplus

from pushforward import Objective, UserError


class Minimax(Objective):
    r"""The zero-sum game: the generator wants exactly what the discriminator does not.

    .. math:: c_D = \mathbb{E}\, \mathrm{sp}(-D(x)) + \mathbb{E}\, \mathrm{sp}(D(G)), \qquad
        c_G = -\mathbb{E}\, \mathrm{sp}(D(G))

    For theory: the generator's gradient vanishes where the discriminator is sure.

    Reference: Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661, eq. 1.
    """

    log_ratio = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Logistic loss."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Its negative, as far as it depends on the generator."""
        return -softplus(fake).mean()


class NonSaturating(Objective):
    r"""Logistic loss with a generator that never stops learning.

    .. math:: c_D = \mathbb{E}\, \mathrm{sp}(-D(x)) + \mathbb{E}\, \mathrm{sp}(D(G)), \qquad
        c_G = \mathbb{E}\, \mathrm{sp}(-D(G))

    The usual choice.

    Reference: Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661, section 3.
    """

    log_ratio = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Logistic loss."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Logistic loss with the labels exchanged."""
        return softplus(-fake).mean()


class Wasserstein(Objective):
    r"""Difference of mean logits.

    .. math:: c_D = \mathbb{E}\, D(G) - \mathbb{E}\, D(x), \qquad c_G = -\mathbb{E}\, D(G)

    An estimate of the 1-Wasserstein distance as long as a penalty keeps the critic's slope at one.

    Reference: Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, arXiv:1701.07875, eq. 2.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Fake minus real."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Minus fake."""
        return -fake.mean()


class Hinge(Objective):
    r"""Logits count only up to a margin.

    .. math:: c_D = \mathbb{E}\, \mathrm{relu}(1 - D(x)) + \mathbb{E}\, \mathrm{relu}(1 + D(G)), \qquad
        c_G = -\mathbb{E}\, D(G)

    With spectral normalisation, the choice of SNGAN and BigGAN.

    Reference: Lim, Ye, "Geometric GAN", 2017, arXiv:1705.02894.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Two hinges."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Minus fake."""
        return -fake.mean()


class LeastSquares(Objective):
    r"""Logits are drawn to labels.

    .. math:: c_D = \tfrac12 \mathbb{E} (D(x) - b)^2 + \tfrac12 \mathbb{E} (D(G) - a)^2, \qquad
        c_G = \tfrac12 \mathbb{E} (D(G) - c)^2

    With b - c = 1 and b - a = 2 it minimises a Pearson divergence.

    Reference: Mao et al., "Least Squares Generative Adversarial Networks", 2016, arXiv:1611.04076, eq. 2.

    Args:
        a: the label of generated data.
        b: the label of real data.
        c: what the generator wants its data to be taken for.
    """

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        self.a, self.b, self.c = a, b, c

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Distance from the labels."""
        return 0.5 * ((real - self.b).square().mean() + (fake - self.a).square().mean())

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Distance from the wished label."""
        return 0.5 * (fake - self.c).square().mean()


class RelativisticPaired(Objective):
    r"""Each real sample against one fake: only the difference counts.

    .. math:: c_D = \mathbb{E}\, \mathrm{sp}(-(D(x) - D(G))), \qquad c_G = \mathbb{E}\, \mathrm{sp}(-(D(G) - D(x)))

    Its landscape has no bad minima where modes are missing; with R1 and R2 the loss of R3GAN.

    Reference: Jolicoeur-Martineau, "The relativistic discriminator", 2018, arXiv:1807.00734.

    Raises:
        UserError: if there are not as many real samples as generated ones.
    """

    pairs = True
    generator_needs_real = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Real above fake."""
        return softplus(_lead(fake, real)).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Fake above real."""
        if real is None:
            raise TypeError("relativistic-paired: the generator's cost needs the logits of real data")
        return softplus(_lead(real, fake)).mean()


def _lead(first: Tensor, second: Tensor) -> Tensor:
    """How far each logit is above its partner's; two batches of other sizes would broadcast or say nothing clear."""
    if first.shape != second.shape:
        raise UserError(
            f"relativistic-paired compares samples pair by pair: got batches of {len(first)} and {len(second)}, "
            "expected as many real samples as generated ones"
        )
    return first - second
