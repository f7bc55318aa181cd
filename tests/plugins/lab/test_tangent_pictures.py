"""Pictures of tangent games: matched points, and the line of the widths."""

import matplotlib.axes
import numpy as np
import pytest
import torch

from pushforward import Look, UserError
from pushforward_lab.assignment import matched
from pushforward_lab.particles_picture import Particles
from pushforward_lab.tangent_gan import TangentGAN
from pushforward_lab.tangent_kernels import Rbf, ReluTangent
from pushforward_lab.width_error import WidthError
from pushforward_lab.width_picture import WidthLine


def made(kernel=None, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TangentGAN(kernel or ReluTangent(), **options)


def titles(monkeypatch, watcher, look):
    """What a watcher writes above its picture."""
    said, write = [], matplotlib.axes.Axes.set_title
    monkeypatch.setattr(
        matplotlib.axes.Axes, "set_title", lambda axes, text, **k: said.append(text) or write(axes, text, **k)
    )
    picture = watcher.picture(look)
    assert picture.mode == "RGB"
    return said[0], np.asarray(picture).astype(int)


def orange(pixels):
    """How many pixels are more red than blue by far: those of the particles and of their ways."""
    return int((pixels[..., 0] - pixels[..., 2] > 60).sum())


def test_points_that_were_shuffled_are_matched_with_themselves():
    x = torch.randn(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start, end = matched(x, x[[3, 1, 6, 0, 2, 5, 4]])
    assert torch.equal(start, x) and torch.equal(end, x)


def test_a_smaller_set_is_taken_as_often_as_it_takes():
    start, end = matched(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.1], [0.1], [0.2], [1.2]]))
    assert start.flatten().tolist() == [0, 0, 1, 1]
    assert sorted(end.flatten().tolist()[:2]) == pytest.approx([0.1, 0.2])


def test_particles_says_what_is_left_and_draws_no_way_from_home(monkeypatch):
    game = made(particles=20, points=20)
    _, away = titles(monkeypatch, Particles(), Look(game, None))
    with torch.no_grad():
        game.generator.value.copy_(game.real + torch.tensor([0.3, 0.0]))
    assert titles(monkeypatch, Particles(), Look(game, None, round=3))[0].startswith(
        "round 3 · transport cost left 0.045"
    )
    with torch.no_grad():
        game.generator.value.copy_(game.real)
    title, home = titles(monkeypatch, Particles(), Look(game, None))
    assert title.startswith("round 0 · transport cost left 0") and "outside" not in title
    assert orange(home) < orange(away) / 2


def test_particles_counts_those_that_ran_away_or_are_no_numbers(monkeypatch):
    game = made(particles=20, points=20)
    with torch.no_grad():
        game.generator.value[0] = 1e6
    assert titles(monkeypatch, Particles(), Look(game, None))[0].endswith("1 of 20 outside")
    with torch.no_grad():
        game.generator.value[1] = torch.nan
    assert titles(monkeypatch, Particles(), Look(game, None))[0] == "round 0 · 2 of 20 outside"


def test_the_width_line_shows_the_critics_that_are_measured_on_either_split(monkeypatch):
    game, options = made(particles=6, points=6), {"widths": (8, 16, 32), "seeds": 3}
    found = [WidthError(**options).measure(Look(game, None, split, 2, 5)) for split in ("validation", "test")]
    assert found[0] == found[1]
    title, _ = titles(monkeypatch, WidthLine(**options), Look(game, None, "validation", 2, 5))
    assert title.endswith(f"slope {found[0]['value']:.3f} ± {found[0]['standard_error']:.3f}")


@torch.no_grad()
def test_critics_are_trained_where_gradients_are_off():
    errors = WidthError((256, 512), 4).train_critics(Look(made(particles=6, points=6), None))
    assert float(errors.max()) < 0.8  # an untrained critic is zero, and its error exactly one


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Particles(extent=0.0), "half-width"),
        (lambda: Particles().picture(Look(torch.nn.Identity(), None)), "tangent-gan"),
        (lambda: WidthLine(widths=(8, 8)), "widths"),
        (lambda: WidthLine((8, 16), 2).picture(Look(made(Rbf(), particles=2, points=2), None)), "relu-tangent"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, says):
    with pytest.raises(UserError, match=says):
        make()
