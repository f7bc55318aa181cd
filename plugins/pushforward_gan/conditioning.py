"""Labels in networks: how many classes there are, and what is put beside the noise or the features."""

from __future__ import annotations

from torch import Tensor, nn

from pushforward import UserError


def known_classes(classes: int | None, conditional: bool) -> int:
    """The number of classes a network is conditioned on; 0 where it is not.

    Raises:
        UserError: if it is to be, and the target has no labels.
    """
    if not conditional:
        return 0
    if classes is None:
        raise UserError("conditional: the target has no labels to condition on")
    return classes


def one_hot(condition: Tensor | None, classes: int, like: Tensor) -> Tensor:
    """Classes (n,) as rows of zeros with a one.

    Raises:
        UserError: if there are none.
    """
    if condition is None:
        raise UserError("a conditional network needs labels, and none were given")
    return nn.functional.one_hot(condition, classes).to(like.dtype)
