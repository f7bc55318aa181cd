"""Adaptive augmentation: its strength follows how surely the discriminator knows its data."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat
from torch import Tensor

from pushforward import Augmentation, Draw, Remembering, UserError
from pushforward_gan.augmentations import ByChance, DiffAugment


class Adaptive(Augmentation, Remembering):
    r"""Augment by a chance that rises while the discriminator is too sure of its data, and falls otherwise.

    .. math:: p \leftarrow \mathrm{clip}_{[0, 1]}\big(p + \mathrm{sign}(r - a)\, n / N\big), \qquad
        r = \mathbb{E}\, \mathrm{sign}\, D(x)

    after every move on n samples. From 0 to 1 it takes N samples. For few data, where a fixed strength is too much at
    first and too little later.

    Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020, arXiv:2006.06676,
    section 3.1.

    Args:
        of: what is applied by this chance; None means `diff-augment`.
        aim: the r that is aimed for.
        horizon: N, in samples.

    Raises:
        UserError: if something of `of` is not applied by chance.
    """

    def __init__(
        self, of: list[Augmentation] | None = None, aim: float = 0.6, horizon: PositiveFloat = 500_000.0
    ) -> None:
        Remembering.__init__(self)
        self.aim, self.horizon = aim, horizon
        self.of: list[Augmentation] = [DiffAugment()] if of is None else of
        for change in self.of:
            if not isinstance(change, ByChance):
                raise UserError(f"adaptive: {type(change).__name__} is not applied by chance: it has no `p` to adapt")
        self.register_buffer("p", torch.tensor(0.0, dtype=torch.float64))
        self.p: Tensor
        self._samples = 0  # of the whole turn that was seen last

    def __call__(self, x: Tensor, draw: Draw) -> Tensor:
        """Every change, by the present chance."""
        self._samples = draw.total
        for change in self.of:
            assert isinstance(change, ByChance)
            x = change.applied(x, draw, self.p.to(x))
        return x

    def remember(self, seen: dict[str, Tensor]) -> None:
        """One step of the controller."""
        up = torch.sign(seen["~sign-real"].to(self.p) - self.aim)
        self.p.add_(up * self._samples / self.horizon).clamp_(0.0, 1.0)
