"""Base and model side by side: what any measure or picture says of the one and of the other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from pushforward import Batch, Costs, Draw, Game, Look, Measure, Split, Target, UserError, Watcher, component, derive
from pushforward_gebm.game import GEBM

TITLE = 16  # pixels above a picture

_BLOCKS: WeakKeyDictionary[Look, dict[tuple[str, int], Look]] = WeakKeyDictionary()  # whose samples measures share


class BaseAlone(Game):
    """The base of a generalised energy-based model as a model of its own, which does not play.

    Args:
        model: the model.
    """

    def __init__(self, model: GEBM) -> None:
        super().__init__()
        self.base, self._model = model.base, [model]

    @property
    def players(self) -> dict[str, nn.Module]:
        """Nobody."""
        return {}

    def costs(self, names: Iterable[str], draw: Draw) -> Costs:
        """None."""
        return {}

    @torch.no_grad()
    def sample(self, n: int, draw: Draw, condition: Tensor | None = None) -> Tensor:
        """n samples of the base."""
        return self._model[0].from_base(draw)

    def log_density(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """That of the base."""
        density: Tensor = self.base.log_density(x)
        return density


class QualityOverBase(Measure):
    r"""How much nearer to held-out data a model's samples are than those of its base, by another measure.

    .. math:: \tfrac1K \sum_k \bigl( m(\text{base}_k) - m(\text{model}_k) \bigr)

    for a measure m of which lower is better (else with the other sign), over K blocks of samples that are independent
    of each other. The standard error is of this difference. It has two parts: the spread of the blocks, and what the
    held-out rows are worth, by the jackknife over K groups of them. Beside the `value` stand `errors`, how many of its
    standard errors it is, and `model` and `base`, the means of both, with their errors over blocks.

    Args:
        measure: what judges samples.
        blocks: K.

    Raises:
        UserError: if the model is no gebm, there are fewer than three blocks, or the measure has no better side.
    """

    better = "higher"

    def __init__(self, measure: Measure, blocks: int = 5) -> None:
        super().__init__(sync_on_compute=False)
        if blocks < 3:
            raise UserError(f"quality-over-base: blocks is {blocks}: the error of a difference needs at least 3")
        if measure.better is None:
            raise UserError("quality-over-base: neither lower nor higher is better of its measure")
        self.judge, self.blocks = [measure], blocks  # in a list: torchmetrics would take it for a child of its own
        self._found: dict[str, float] = {}

    def label(self, name: str) -> str:
        """With that of the measure that judges."""
        judge = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self.judge[0]).__name__).lower()
        return f"{name}/{self.judge[0].label(judge)}"

    def measure(self, look: Look) -> dict[str, float]:
        """Both, block by block; then once more for each group of held-out rows that is left out."""
        game = gebm(look, "quality-over-base")
        kept: dict[str, Game] = {"model": game, "base": BaseAlone(game)}
        blocks, fewer = {}, {}
        for name, own in kept.items():
            looks = [_block(look, name, own, k) for k in range(self.blocks)]
            blocks[name] = torch.tensor([self._of(part, look.target) for part in looks])
            rows = [Fewer(look.target, k, self.blocks) for k in range(self.blocks)]
            fewer[name] = torch.tensor([self._of(looks[0], without) for without in rows])
        without = fewer["base"] - fewer["model"]
        sign = 1 if self.judge[0].better == "lower" else -1
        difference, k = sign * (blocks["base"] - blocks["model"]), self.blocks
        jackknife = (k - 1) / k * float((without - without.mean()).square().sum())
        value, error = float(difference.mean()), math.sqrt(float(difference.var()) / k + jackknife)
        self._found = {
            "value": value,
            "standard_error": error,
            "n": k,
            "errors": value / error if error else 0.0,
            **{name: float(values.mean()) for name, values in blocks.items()},
            **{f"{name}_standard_error": float(v.std()) / math.sqrt(k) for name, v in blocks.items()},
        }
        return self._found

    def compute(self) -> dict[str, float]:
        """The last look."""
        return self._found

    def _of(self, look: Look, target: Target) -> float:
        """The measure of one block of samples, held against what a target holds out."""
        look.target = target
        return self.judge[0].measure(look)["value"]


def _block(look: Look, name: str, game: Game, number: int) -> Look:
    """A look at one block of samples, which measures of one look share."""
    known = _BLOCKS.setdefault(look, {})
    if (name, number) not in known:
        seed = derive(look.seed, "block", number)
        known[name, number] = Look(game, look.target, look.split, look.round, seed, look.evaluations, look.device)
    return known[name, number]


class Fewer(Target):
    """A target whose held-out rows lack one group of several.

    Args:
        target: all of it.
        group: which group is left out: row i belongs to group i mod `groups`.
        groups: how many.
    """

    def __init__(self, target: Target, group: int, groups: int) -> None:
        self.target, self.group, self.groups = target, group, groups
        self.shape, self.classes, self.modes = target.shape, target.classes, target.modes

    def held_out(self, split: Split, n: int | None = None) -> Batch:
        """The rows of the other groups; of training rows all."""
        whole = self.target.held_out(split, n)
        if split == "train":
            return whole
        kept = torch.arange(len(whole.x)) % self.groups != self.group
        return Batch(whole.x[kept], None if whole.labels is None else whole.labels[kept])


class BaseAndModel(Watcher):
    """Draw samples of the base beside those of the model, both by the same picture.

    Args:
        picture: what draws each of them; None takes `sample-grid` for images and else `sample-scatter`.

    Raises:
        UserError: when drawing, if the model is no gebm.
    """

    def __init__(self, picture: Watcher | None = None) -> None:
        self.drawn = picture

    def picture(self, look: Look) -> Image.Image:
        """The picture of this round, in RGB: the base on the left."""
        game = gebm(look, "base-and-model")
        kind = "sample-grid" if len(look.target.shape) == 3 else "sample-scatter"
        drawn: Any = self.drawn or component("watcher", kind)()
        base = Look(BaseAlone(game), look.target, look.split, look.round, look.seed, look.evaluations, look.device)
        left, right = drawn.picture(base), drawn.picture(look)
        sheet = Image.new("RGB", (left.width + right.width, TITLE + max(left.height, right.height)), "white")
        pen = ImageDraw.Draw(sheet)
        for name, picture, start in (("base", left, 0), ("model", right, left.width)):
            pen.text((start + 4, 2), name, fill="black")
            sheet.paste(picture, (start, TITLE))
        return sheet


def gebm(look: Look, name: str) -> GEBM:
    """The model that is looked at.

    Raises:
        UserError: if it has no base.
    """
    if not isinstance(look.game, GEBM):
        raise UserError(f"{name}: the model is {type(look.game).__name__}: expected a gebm")
    return look.game
