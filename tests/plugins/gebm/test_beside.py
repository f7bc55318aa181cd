"""What is said of a model against its base has the value, and the error, that the laws of both give it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pushforward import Batch, Draw, Energy, Generator, Latent, Look, Measure, Split, Target, UserError
from pushforward.doubts import doubts
from pushforward.testing.stand_ins import Blobs, Looked
from pushforward_gebm.beside import BaseAlone, BaseAndModel, Fewer, QualityOverBase
from pushforward_gebm.game import GEBM
from pushforward_gebm.samplers import MALA


class Shifted(Target):
    """Standard normal numbers around a, a hundred of each split."""

    def __init__(self, a: float, shape: tuple[int, ...] = (1,)) -> None:
        self.a, self.shape = a, shape

    def size(self, split: Split) -> int | None:
        return 100

    def rows(self, split: Split, indices: Tensor) -> Batch:
        return Batch((self.a + Draw(0, (split,), 100).normal("rows", *self.shape))[indices])


class Same(Generator):
    """Noise as it is."""

    def __init__(self, shape: tuple[int, ...] = (1,)) -> None:
        super().__init__()
        self.shape, self.latent = shape, Latent(math.prod(shape))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z.view(-1, *self.shape)


class Tilt(Energy):
    """E = -a x: the model is N(a, 1)."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return -self.a * x.flatten(1)[:, 0]


class MeanGap(Measure):
    """The squared distance of the means: lower is better."""

    samples = 400

    def compute(self) -> dict[str, float]:
        raise NotImplementedError

    def measure(self, look: Look) -> dict[str, float]:
        gap = look.fake(self.samples).mean() - look.real().x.mean()
        return {"value": float(gap.square())}


def model(a: float, shape: tuple[int, ...] = (1,), steps: int = 30, step: float = 0.6) -> GEBM:
    return GEBM(Same(shape), Tilt(a), candidates=16, sampler=MALA(step), chain_steps=steps)


def test_the_quality_over_the_base_is_the_difference_of_both_and_its_error_counts_rows_and_samples() -> None:
    target = Shifted(1.0)
    found = QualityOverBase(MeanGap(), blocks=6).measure(Look(model(1.0), target))
    m = float(target.held_out("validation").x.mean())
    assert abs(found["value"] - (m**2 - (1 - m) ** 2)) < 4 * found["standard_error"]
    assert found["base"] - found["model"] == pytest.approx(found["value"], abs=1e-6)
    # The difference is 2 m - 1 for rows of mean m, of variance 1/100: so the rows alone make it vary by .2.
    assert 0.12 < found["standard_error"] < 0.35
    assert found["value"] > 2 * found["standard_error"]


def test_a_model_that_is_its_base_is_no_better_by_more_than_its_error() -> None:
    found = QualityOverBase(MeanGap(), blocks=6).measure(Look(model(0.0), Shifted(1.0)))
    assert abs(found["value"]) < 3 * found["standard_error"]


def test_measures_of_one_look_judge_the_same_samples() -> None:
    look = Look(model(1.0), Shifted(1.0))
    first, second = (QualityOverBase(MeanGap(), blocks=3) for _ in range(2))
    game, sampled = look.game, []
    whole = game.sample
    game.sample = lambda *asked: sampled.append(asked) or whole(*asked)  # type: ignore[method-assign]
    assert first.measure(look) == second.measure(look) and len(sampled) == 3
    assert first.label("quality-over-base") == "quality-over-base/mean-gap"


def test_where_higher_is_better_the_sign_turns() -> None:
    class Near(MeanGap):
        better = "higher"

        def measure(self, look: Look) -> dict[str, float]:
            return {"value": -super().measure(look)["value"]}

    one, other = (QualityOverBase(m, blocks=3).measure(Look(model(1.0), Shifted(1.0))) for m in (MeanGap(), Near()))
    assert one["value"] == pytest.approx(other["value"]) and other["model"] == pytest.approx(-one["model"])


def test_a_measure_without_a_better_side_or_a_model_without_a_base_is_refused() -> None:
    class Neither(MeanGap):
        better = None

    with pytest.raises(UserError, match="neither lower nor higher"):
        QualityOverBase(Neither())
    with pytest.raises(UserError, match="at least 3"):
        QualityOverBase(MeanGap(), blocks=2)
    blobs = Blobs((2,))
    with pytest.raises(UserError, match="the model is Looked: expected a gebm"):
        QualityOverBase(MeanGap()).measure(Look(Looked(blobs), blobs))


def test_groups_of_held_out_rows_are_left_out_once_each() -> None:
    target = Shifted(0.0)
    whole = target.held_out("test").x
    left = [Fewer(target, k, 5).held_out("test").x for k in range(5)]
    assert [len(x) for x in left] == [80] * 5
    assert torch.allclose(torch.stack([x.sum() for x in left]).sum(), 4 * whole.sum(), atol=1e-4)
    assert torch.equal(Fewer(target, 0, 5).held_out("train").x, target.held_out("train").x)


def test_the_base_alone_samples_as_the_base_does() -> None:
    game, draw = model(1.0), Draw(0, ("x",), 20)
    assert torch.equal(BaseAlone(game).sample(20, draw), game.from_base(draw))


@pytest.mark.parametrize("shape", [(1,), (1, 4, 4)], ids=["points", "images"])
def test_base_and_model_are_drawn_side_by_side(shape: tuple[int, ...]) -> None:
    same, tilted = (BaseAndModel().picture(Look(model(a, shape, 5), Shifted(0.0, shape))) for a in (0.0, 2.0))
    assert same.width % 2 == 0 and same.size == tilted.size
    half, height = same.width // 2, same.height

    def side(picture, left: int):  # type: ignore[no-untyped-def]
        return picture.crop((left, 16, left + half, height)).tobytes()

    assert side(same, 0) == side(tilted, 0)  # the base is the same in both
    assert side(tilted, half) != side(same, half)


def test_a_step_that_is_far_too_large_is_doubted_beside_the_numbers_of_its_samples() -> None:
    with doubts() as voiced:
        MeanGap().measure(Look(model(1.0, step=400.0), Shifted(1.0)))
    assert len(voiced) == 1 and "of proposals were taken at step 400: try step=" in voiced[0]
