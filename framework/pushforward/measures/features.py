"""What distances between data are measured in: the data themselves, or what a small classifier sees in them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pushforward.folder import cache_folder
from pushforward.problem import UserError
from pushforward.randomness import Draw
from pushforward.roles.estimator import Features
from pushforward.roles.target import Batch, Target

_TRAINED: dict[str, list[Tensor]] = {}  # by the hash of training rows and arguments


class Identity(Features):
    """The data themselves, flattened: for data of few dimensions."""

    name = "identity"

    def __call__(self, x: Tensor) -> Tensor:
        """x of shape (n, *shape) as (n, D)."""
        return x.flatten(1)


class Classifier(Features):
    r"""The last hidden layer of a small classifier of the target's own classes.

    .. math:: h_2 = \mathrm{ReLU}(W_2\, \mathrm{ReLU}(W_1 x + b_1) + b_2), \quad p(c \mid x) = \mathrm{softmax}(W_3 h_2)

    It is trained in a few seconds on the training rows only, by a seed of its own and one thread, so that the same
    data give the same features, bit for bit, on one machine; nothing global is touched. Trained classifiers are kept
    in memory and, as tensors, in ``$PUSHFORWARD_CACHE`` (``~/.cache/pushforward`` where it is not set).

    When you want it: to judge images, whose pixels say little, by what tells their classes apart.

    Args:
        width: units of each hidden layer, and so the number of features.
        steps: training steps.
        batch: rows a step.
        rows: at most how many training rows are used.
        seed: of weights and order.

    Raises:
        UserError: if a number is below 1 or, when it is prepared, if the target has no labels.
    """

    name = "classifier"

    def __init__(self, width: int = 64, steps: int = 1500, batch: int = 128, rows: int = 20_000, seed: int = 0) -> None:
        if min(width, steps, batch, rows) < 1:
            raise UserError(
                f"classifier: width {width}, steps {steps}, batch {batch} and rows {rows} must be at least 1"
            )
        self.width, self.steps, self.batch, self.rows, self.seed = width, steps, batch, rows, seed
        self._target: Target | None = None
        self._weights: list[Tensor] = []
        self._key: str | None = None

    def prepare(self, target: Target) -> None:
        """Train on the target's training rows, or fetch what was trained on the same before."""
        if self._target is target:
            return
        data = _labelled_rows(target, self.rows)
        classes = target.classes or int(data[1].max()) + 1
        key = _content_hash(*data, classes, self.width, self.steps, self.batch, self.seed)
        file = cache_folder() / "classifiers" / f"{key}.pt"
        weights = _TRAINED.get(key) or _load(file)
        if weights is None:
            weights = self._train(*data, classes)
            _save(file, weights)
        _TRAINED[key] = weights
        self._target, self._weights, self._key = target, weights, key

    @property
    def key(self) -> str | None:
        """By what it was trained on, and how."""
        return None if self._key is None else f"classifier {self._key}"

    def __call__(self, x: Tensor) -> Tensor:
        """The last hidden layer, (n, width), at x of shape (n, *shape)."""
        if not self._weights:
            raise UserError("the classifier is not trained yet: call prepare(target) first")
        return _hidden(x, self._weights)

    def probabilities(self, x: Tensor) -> Tensor:
        """Class probabilities, (n, classes), at x of shape (n, *shape)."""
        hidden = self(x)  # says so where nothing is trained
        return F.linear(hidden, *self._weights[-2:]).softmax(1)

    def _train(self, x: Tensor, labels: Tensor, classes: int) -> list[Tensor]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums in another order have other bits
        try:
            with torch.inference_mode(False), torch.enable_grad():
                return self._fit(x.clone(), labels.clone(), classes)
        finally:
            torch.set_num_threads(threads)

    def _fit(self, x: Tensor, labels: Tensor, classes: int) -> list[Tensor]:
        x = x.flatten(1)
        centre, scale = x.mean(0), x.std().clamp(min=1e-12)  # one scale: coordinates that hardly vary stay small
        weights = []
        for i, (a, b) in enumerate([(x.shape[1], self.width), (self.width, self.width), (self.width, classes)]):
            noise = torch.randn(b, a, generator=Draw(self.seed, ("classifier",), 1).generator(f"layer {i}"))
            weights += [(noise * (2 / a) ** 0.5).requires_grad_(), torch.zeros(b, requires_grad=True)]
        optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.05)
        for step in range(self.steps):
            draw = Draw(self.seed, ("classifier", step), self.batch, position=step * self.batch)
            rows = draw.indices(len(x))
            optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / self.steps)
            optimizer.zero_grad()
            logits = F.linear(_hidden(x[rows], [centre, scale, *weights]), *weights[-2:])
            F.cross_entropy(logits, labels[rows]).backward()
            optimizer.step()
        return [w.detach() for w in (centre, scale, *weights)]


def _hidden(x: Tensor, weights: list[Tensor]) -> Tensor:
    centre, scale, w1, b1, w2, b2 = weights[:6]
    x = (x.flatten(1).to(centre) - centre) / scale
    return F.relu(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2))


def _labelled_rows(target: Target, n: int) -> tuple[Tensor, Tensor]:
    batch: Batch = target.held_out("train", n)
    if batch.labels is None:
        raise UserError(
            f"the classifier learns from labels, but {type(target).__name__} has none; take the features `identity`"
        )
    return batch.x.detach().float().cpu(), batch.labels.detach().cpu()


def _content_hash(x: Tensor, labels: Tensor, *arguments: int) -> str:
    digest = hashlib.blake2b(repr((tuple(x.shape), arguments, torch.__version__)).encode(), digest_size=16)
    digest.update(x.contiguous().numpy().tobytes())
    digest.update(labels.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _load(file: Path) -> list[Tensor] | None:
    try:
        weights: list[Tensor] = torch.load(file, weights_only=True)
    except Exception:  # absent, unreadable, or damaged in whichever way: it is made again
        return None
    return weights


def _save(file: Path, weights: list[Tensor]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            torch.save(weights, part)
        os.replace(part.name, file)
    except OSError:  # a cache that cannot be written costs a few seconds, no more
        return
