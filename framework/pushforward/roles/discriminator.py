"""A discriminator scores how real data look: high means real."""

from __future__ import annotations

import abc

from torch import Tensor, nn


class Discriminator(nn.Module, abc.ABC):
    """Abstract: data to realness logits.

    Attributes:
        conditional: whether `forward` wants class labels.
        couples_samples: whether a sample's logit depends on others of its batch (batch norm, minibatch statistics);
            penalties on the slope of each sample refuse such a critic.
    """

    conditional: bool = False
    couples_samples: bool = False

    @abc.abstractmethod
    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits of shape (n, *locations) for x of shape (n, *shape); an objective averages over the locations."""

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """What the last layer sees, (n, features), where there is such a thing."""
        raise TypeError(f"{type(self).__name__} has no features")
