"""Optimizers: how a gradient becomes a step, in place by torch and as a pure function for spectra and ensembles."""

from __future__ import annotations

import abc
from collections.abc import Iterable

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from pushforward.curvature import Curvature
from pushforward.fused_adam import FusedAdam
from pushforward.linear import Point
from pushforward.problem import UserError


class Optimizer(abc.ABC):
    """Abstract: the numbers of an optimizer. Numbers may be schedules; they are read anew every round."""

    lr: float
    momenta: tuple[str, ...] = ()  # what of the memory carries motion over from round to round
    curvature: Curvature | None = None  # what it wants to know of the cost along the gradient

    @abc.abstractmethod
    def in_place(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Torch's own optimizer for these parameters."""

    def numbers(self) -> dict[str, object]:
        """What a schedule may move, as torch's parameter groups name it."""
        return {"lr": self.lr}

    def suit(self, extrapolates: bool) -> None:
        """Choose defaults that depend on whether the rule looks ahead."""

    def controlled(self, gradients: Point, curvature: Point) -> Point:
        """The gradients scaled by what is known of the curvature, where `curvature` is asked for."""
        return gradients

    def remembered(self, kept: dict[str, Tensor], parameter: Tensor) -> Point:
        """What torch's optimizer keeps of a parameter, as `step` wants it."""
        return self.start(parameter)

    def start(self, parameter: Tensor) -> Point:
        """What is remembered of a parameter before the first step."""
        raise UserError(f"optimizer {type(self).__name__} has no functional form")

    def step(self, parameter: Tensor, gradient: Tensor, memory: Point) -> tuple[Tensor, Point]:
        """The new parameter and memory: the same numbers as in place, nothing changed.

        Differentiable in parameter, gradient and momentum; what a step is divided by counts as constant.
        """
        raise UserError(f"optimizer {type(self).__name__} has no functional form")

    def step_together(
        self, parameters: Point, gradients: Point, memory: dict[str, Point]
    ) -> tuple[Point, dict[str, Point]]:
        """One step of all of a player's parameters, by name; overridden where they are not moved one by one."""
        moved = {key: self.step(value, gradients[key], memory[key]) for key, value in parameters.items()}
        return {key: value for key, (value, _) in moved.items()}, {key: kept for key, (_, kept) in moved.items()}


class SGD(Optimizer):
    r"""Plain gradient descent.

    .. math:: m \leftarrow \mu m + g, \qquad \theta \leftarrow \theta - h\, m

    The step of the theory: what is proved of a game is proved of this one.

    Args:
        lr: the step h.
        momentum: the fraction mu of the last step that is kept.
    """

    momenta = ("m",)

    def __init__(self, lr: NonNegativeFloat = 1e-2, momentum: float = 0.0) -> None:
        self.lr, self.momentum = _step(lr), momentum

    def in_place(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.SGD."""
        return unasked(torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum))

    def numbers(self) -> dict[str, object]:
        """Step and momentum."""
        return {"lr": self.lr, "momentum": self.momentum}

    def start(self, parameter: Tensor) -> Point:
        """A momentum of zero."""
        return {"m": torch.zeros_like(parameter)} if self.momentum else {}

    def remembered(self, kept: dict[str, Tensor], parameter: Tensor) -> Point:
        """Torch's momentum."""
        buffer = kept.get("momentum_buffer")
        return self.start(parameter) if buffer is None else {"m": buffer.detach().clone()}

    def step(self, parameter: Tensor, gradient: Tensor, memory: Point) -> tuple[Tensor, Point]:
        """One step."""
        if not memory:
            return parameter - self.lr * gradient, memory
        m = self.momentum * memory["m"] + gradient
        return parameter - self.lr * m, {"m": m}


class Adam(Optimizer):
    r"""Adaptive moments.

    .. math:: \theta \leftarrow \theta - h\, \hat m / (\sqrt{\hat v} + \varepsilon), \quad
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2

    The usual choice; in games beta1 is best 0, since momentum feeds rotation.

    Reference: Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2014, arXiv:1412.6980.

    Args:
        lr: the step h.
        betas: the decays of the two moments; None means (0.9, 0.999), or (0, 0.999) under a rule that looks ahead.
        eps: added to the root of the second moment.
        weight_decay: an L2 term in the gradient.
        beta2: the second decay, where a schedule moves it; None leaves that of `betas`.
    """

    momenta = ("m",)

    def __init__(
        self,
        lr: NonNegativeFloat = 1e-3,
        betas: tuple[float, float] | None = None,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        beta2: float | None = None,
    ) -> None:
        self.lr, self.eps, self.weight_decay, self.beta2 = _step(lr), eps, weight_decay, beta2
        self.given, self.betas = betas, betas or (0.9, 0.999)

    def suit(self, extrapolates: bool) -> None:
        """No momentum under a rule that looks ahead, unless it was asked for."""
        if self.given is None and extrapolates:
            self.betas = (0.0, 0.999)

    def in_place(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.Adam, fused into one kernel where the device has one."""
        parameters = list(parameters)
        fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
        kind: type[torch.optim.Adam] = FusedAdam if fused else torch.optim.Adam
        return unasked(kind(parameters, lr=self.lr, betas=self.decays, eps=self.eps, weight_decay=self.weight_decay))

    @property
    def decays(self) -> tuple[float, float]:
        """Of both moments."""
        return self.betas[0], self.betas[1] if self.beta2 is None else self.beta2

    def numbers(self) -> dict[str, object]:
        """Step, epsilon, both kinds of decay."""
        return {"lr": self.lr, "eps": self.eps, "weight_decay": self.weight_decay, "betas": self.decays}

    def start(self, parameter: Tensor) -> Point:
        """Moments of zero and a count."""
        zero = torch.zeros_like(parameter)
        return {"m": zero, "v": zero, "t": torch.zeros((), dtype=parameter.dtype, device=parameter.device)}

    def remembered(self, kept: dict[str, Tensor], parameter: Tensor) -> Point:
        """Torch's moments."""
        if "exp_avg" not in kept:
            return self.start(parameter)
        count = torch.as_tensor(kept["step"]).to(parameter)
        return {"m": kept["exp_avg"].clone(), "v": kept["exp_avg_sq"].clone(), "t": count}

    def step(self, parameter: Tensor, gradient: Tensor, memory: Point) -> tuple[Tensor, Point]:
        """One step, with the bias of the moments corrected."""
        first, second = self.decays
        gradient = gradient + self.weight_decay * parameter if self.weight_decay else gradient
        t = memory["t"] + 1
        m = first * memory["m"] + (1 - first) * gradient
        v = second * memory["v"] + (1 - second) * gradient**2
        scale = (v / (1 - second**t)).sqrt().detach() + self.eps  # held: at a gradient of zero it has no derivative
        return parameter - self.lr * (m / (1 - first**t)) / scale, {"m": m, "v": v, "t": t}


class RMSprop(Optimizer):
    r"""Descent scaled by a running mean of squares.

    .. math:: v \leftarrow \alpha v + (1 - \alpha) g^2, \qquad
        \theta \leftarrow \theta - h\, g / (\sqrt v + \varepsilon)

    What GAN_stability trains with.

    Args:
        lr: the step h.
        alpha: the decay of the mean of squares.
        eps: added to its root.
    """

    def __init__(self, lr: NonNegativeFloat = 1e-4, alpha: float = 0.99, eps: float = 1e-8) -> None:
        self.lr, self.alpha, self.eps = _step(lr), alpha, eps

    def in_place(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch.optim.RMSprop."""
        return unasked(torch.optim.RMSprop(parameters, lr=self.lr, alpha=self.alpha, eps=self.eps))

    def numbers(self) -> dict[str, object]:
        """Step, decay and epsilon."""
        return {"lr": self.lr, "alpha": self.alpha, "eps": self.eps}

    def start(self, parameter: Tensor) -> Point:
        """A mean of zero."""
        return {"v": torch.zeros_like(parameter)}

    def remembered(self, kept: dict[str, Tensor], parameter: Tensor) -> Point:
        """Torch's mean of squares."""
        return {"v": kept["square_avg"].clone()} if "square_avg" in kept else self.start(parameter)

    def step(self, parameter: Tensor, gradient: Tensor, memory: Point) -> tuple[Tensor, Point]:
        """One step."""
        v = self.alpha * memory["v"] + (1 - self.alpha) * gradient**2
        return parameter - self.lr * gradient / (v.sqrt().detach() + self.eps), {"v": v}


def unasked(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimizer, which on a CPU does not ask the driver before each step whether a graph is being captured.

    In builds with CUDA and no device that question opens the driver's library anew each time: a tenth of a small step.
    """
    if all(p.device.type == "cpu" for group in optimizer.param_groups for p in group["params"]):
        for name in ("_accelerator_graph_capture_health_check", "_cuda_graph_capture_health_check"):
            if hasattr(optimizer, name):
                setattr(optimizer, name, lambda: None)
    return optimizer


def _step(lr: float) -> float:
    if not lr >= 0:
        raise UserError(f"a step of {lr}: expected 0 or more")
    return lr
