"""How well a GAN's critic still tells data from samples: half right means that it has nothing left to see."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from pushforward import Look, Measure, UserError, one_logit_a_sample


class CriticAccuracy(Measure):
    r"""The share of held-out data and of samples that the discriminator puts on the right side of 0.

    .. math:: \tfrac12 P(D(x) > 0) + \tfrac12 P(D(G(z)) < 0)

    At the equilibrium of a GAN no critic is right more often than half of the time, and the generator's logistic loss
    is log 2. Beside the `value` stands that `loss`, the mean of softplus(-D(G(z))), with its standard error
    `loss_standard_error`, and `data` and `samples`, the share that is right of either. Neither better nor worse: a
    critic that sees nothing may also be one that has learnt nothing.

    Args:
        samples: how many samples of the model, and at most how many held-out rows.

    Raises:
        UserError: if `samples` is below 2, or (when looking) if the model holds no discriminator.
    """

    better = None

    def __init__(self, samples: int = 2000) -> None:
        super().__init__(sync_on_compute=False)
        if samples < 2:
            raise UserError(f"critic-accuracy: samples is {samples}, but two or more are needed")
        self.samples = samples
        self._real: Tensor | None = None
        self._fake: Tensor | None = None

    @torch.no_grad()
    def measure(self, look: Look) -> dict[str, float]:
        """Score held-out data and samples."""
        critic = getattr(look.game, "discriminator", None)
        if not isinstance(critic, nn.Module):
            raise UserError(f"critic-accuracy: {type(look.game).__name__} holds no discriminator; remove the measure")
        self.reset()
        x, fake = look.real(self.samples).x.to(look.device), look.fake(self.samples).to(look.device)
        self.update(one_logit_a_sample(critic(x), len(x)), one_logit_a_sample(critic(fake), len(fake)))
        return self.compute()

    def update(self, real: Tensor, fake: Tensor) -> None:
        """Take in logits of data, (n,), and of samples, (m,): later ones replace them."""
        self._real, self._fake = real.detach().double().cpu(), fake.detach().double().cpu()

    def compute(self) -> dict[str, float]:
        """The accuracy, and the generator's loss."""
        if self._real is None or self._fake is None:
            raise UserError("critic-accuracy has seen no logits yet: call measure or update first")
        n, m = len(self._real), len(self._fake)
        data, samples = float((self._real > 0).double().mean()), float((self._fake < 0).double().mean())
        losses = softplus(-self._fake)
        return {
            "value": (data + samples) / 2,
            "standard_error": math.sqrt(data * (1 - data) / n + samples * (1 - samples) / m) / 2,
            "n": n + m,
            "data": data,
            "samples": samples,
            "loss": float(losses.mean()),
            "loss_standard_error": float(losses.std() / math.sqrt(m)),
        }
