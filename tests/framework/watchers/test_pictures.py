"""Watchers draw what is there, at the places where it is, and refuse what they cannot draw."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from pushforward.game import Game
from pushforward.problem import UserError
from pushforward.roles.discriminator import Discriminator
from pushforward.roles.measure import Look
from pushforward.roles.target import Batch, Target
from pushforward.watchers import plane
from pushforward.watchers.field import CriticField, EnergyField
from pushforward.watchers.grid import NOT_FINITE, SampleGrid, tiled
from pushforward.watchers.scatter import SampleScatter
from pushforward.watchers.velocity import VelocityStreams


class Circle(Target):
    shape = (2,)

    def sample(self, n, draw):
        angle = 2 * math.pi * draw.uniform("angle")
        return Batch(torch.stack([angle.cos(), angle.sin()], 1))


class Bell(Target):
    """A standard normal law known by its density alone."""

    shape = (2,)

    def log_density(self, x):
        return -0.5 * x.square().sum(1)


class Pixels(Target):
    shape = (1, 4, 4)


class Rightwards(nn.Module):
    def forward(self, t, x):
        return torch.tensor([1.0, 0.0]).expand_as(x)


class FirstCoordinate(Discriminator):
    def forward(self, x, condition=None):
        return x[:, 0]


class Toy(Game):
    """A game whose samples all lie at one point, or are images of one grey."""

    players = {}

    def __init__(self, shape=(2,), at=0.0):
        super().__init__()
        self.shape, self.at = shape, at
        self.discriminator, self.velocity = FirstCoordinate(), Rightwards()

    def costs(self, names, draw):
        return {}

    def sample(self, n, draw, condition=None):
        return torch.full((n, *self.shape), self.at)


class Noise(Toy):
    def sample(self, n, draw, condition=None):
        return draw.uniform("latent", 1, 4, 4) * 2 - 1


class WithEnergy(Toy):
    def __init__(self):
        super().__init__()
        self.energy = nn.Module()
        self.energy.forward = lambda x: x.square().sum(1)


WATCHERS = [SampleScatter(), CriticField(cells=20), EnergyField(cells=20), VelocityStreams(cells=20)]


@pytest.mark.parametrize("watcher", WATCHERS, ids=lambda w: type(w).__name__)
@pytest.mark.parametrize("target", [Circle(), Bell()], ids=lambda t: type(t).__name__)
def test_every_picture_of_the_plane_is_small_and_in_rgb(watcher, target):
    picture = watcher.picture(Look(WithEnergy(), target, round=3))
    assert picture.mode == "RGB"
    assert all(400 <= side <= 560 for side in picture.size)


@pytest.mark.parametrize("watcher", WATCHERS, ids=lambda w: type(w).__name__)
def test_the_same_look_gives_the_same_picture(watcher):
    first, second = (watcher.picture(Look(WithEnergy(), Circle(), round=3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_drawing_leaves_global_randomness_and_pyplot_alone():
    from matplotlib import pyplot  # here only: what it holds globally must not grow

    before = torch.get_rng_state()
    SampleScatter().picture(Look(Toy(), Circle()))
    assert torch.equal(before, torch.get_rng_state())
    assert pyplot.get_fignums() == []


def test_the_model_is_drawn_where_its_samples_lie():
    def orange(at):
        pixels = np.asarray(SampleScatter(extent=2).picture(Look(Toy(at=at), Circle()))).astype(int)
        found = (pixels[..., 0] - pixels[..., 2] > 120) & (np.arange(pixels.shape[1]) < 360)  # left of the legend
        return np.argwhere(found).mean(0)

    (row, column), (row_up, column_right) = orange(0.0), orange(0.5)
    assert row_up < row - 20 and column_right > column + 20


def test_the_window_depends_on_the_target_and_not_on_the_model():
    assert plane.window(Look(Toy(at=0.0), Circle())) == plane.window(Look(Toy(at=9.0), Circle()))


def test_the_window_of_a_circle_is_a_square_about_it():
    place = plane.window(Look(Toy(), Circle()))
    assert place.left == pytest.approx(-1.2, abs=0.01) and place.side == pytest.approx(2.4, abs=0.01)


def test_points_outside_the_window_are_counted_also_those_that_are_not_finite():
    place = plane.Window(-1, -1, 2)
    points = np.array([[0, 0], [0.9, -0.9], [3, 0], [float("nan"), 0]])
    assert place.outside(points) == 0.5


def test_the_title_says_what_is_left_out():
    images = Look(Toy((1, 4, 4)), Pixels(), round=7)
    assert SampleScatter()._title(images, 0.0) == "round 7 · first two coordinates of (1, 4, 4)"
    assert SampleScatter()._title(Look(Toy(), Circle(), round=7), 0.125) == "round 7 · 12.5% outside"


def test_a_critic_that_rises_to_the_right_is_purple_on_the_left_and_green_on_the_right():
    picture = CriticField(samples=1, cells=40, extent=1).picture(Look(Toy(), Circle()))
    left, right = picture.getpixel((70, 400)), picture.getpixel((400, 400))
    assert left[1] < min(left[0], left[2]) and right[1] > max(right[0], right[2])


def test_a_field_is_evaluated_at_the_centres_bottom_row_first():
    place = plane.Window(0, 0, 2)
    height = plane.on_cells(lambda x: x[:, 0] + 10 * x[:, 1], place, 2, Look(Toy(), Circle()))
    np.testing.assert_allclose(height, [[5.5, 6.5], [15.5, 16.5]], rtol=1e-6)


def test_an_energy_is_drawn_low_where_a_density_is_high():
    heights, what = EnergyField(cells=3, extent=3)._heights(Look(WithEnergy(), Bell()), plane.Window(-3, -3, 6))
    assert what == "minus the energy of the model"
    np.testing.assert_allclose(heights, [[-8, -4, -8], [-4, 0, -4], [-8, -4, -8]], atol=1e-6)


def test_the_grid_uses_the_same_noise_in_every_round_and_split():
    first = SampleGrid(2, 2).picture(Look(Noise(), Pixels(), round=1))
    later = SampleGrid(2, 2).picture(Look(Noise(), Pixels(), split="test", round=900))
    other = SampleGrid(2, 2).picture(Look(Noise(), Pixels(), round=1, seed=1))
    assert first.tobytes() == later.tobytes() != other.tobytes()


def test_a_grid_lays_images_row_by_row_and_enlarges_them_without_smoothing():
    images = torch.tensor([-1.0, -0.5, 0.0, 1.0]).view(4, 1, 1, 1).expand(4, 1, 8, 8)
    picture = tiled(images, 2, 2)
    assert picture.size == (486, 486)  # 2 images of 8 pixels, 30 times as large, and 3 gaps of 2
    greys = [picture.getpixel((x, y))[0] for y in (100, 400) for x in (100, 400)]
    assert greys == [0, 64, 128, 255]
    assert len(picture.getcolors()) == 4  # white of the gaps is that of the last image


def test_colours_stay_colours_and_what_is_not_finite_is_orange():
    image = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).repeat(2, 1, 1, 1)
    image[1, 1] = float("nan")
    picture = tiled(image, 1, 2)
    assert picture.getpixel((100, 100)) == (255, 0, 0) and picture.getpixel((400, 100)) == NOT_FINITE


@pytest.mark.parametrize(
    ("watcher", "look", "sentence"),
    [
        (SampleGrid(), Look(Toy(), Circle()), "expected (1, height, width) or (3, height, width)"),
        (CriticField(), Look(Toy((1, 4, 4)), Pixels()), "a datum has shape (1, 4, 4), expected (2,)"),
        (EnergyField(), Look(Toy(), Circle()), "neither an energy nor a log-density"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(watcher, look, sentence):
    with pytest.raises(UserError) as error:
        watcher.picture(look)
    assert sentence in str(error.value)


def test_a_model_without_the_part_is_refused():
    game = Toy()
    del game.velocity, game.discriminator
    for watcher in (CriticField(), VelocityStreams()):
        with pytest.raises(UserError, match="this model has none"):
            watcher.picture(Look(game, Circle()))


@pytest.mark.parametrize("build", [lambda: SampleScatter(samples=0), lambda: SampleGrid(0, 1), lambda: EnergyField(1)])
def test_arguments_without_a_picture_are_refused(build):
    with pytest.raises(UserError):
        build()
    with pytest.raises(UserError, match="positive half-width"):
        SampleScatter(extent=-1)


def test_a_field_at_rest_is_said_to_be():
    game = WithEnergy()
    game.velocity.forward = lambda t, x: torch.zeros_like(x)
    assert VelocityStreams(cells=10).picture(Look(game, Circle())).mode == "RGB"


def test_every_registered_watcher_can_be_built_by_its_name():
    import importlib

    from pushforward.builtin import components
    from pushforward.roles.watcher import Watcher

    registered = [c for c in components() if c.kind == "watcher"]
    assert {c.name for c in registered} >= {"sample-scatter", "sample-grid", "critic-field", "energy-field"}
    for c in registered:
        module, _, attribute = c.at.partition(":")
        assert isinstance(getattr(importlib.import_module(module), attribute)(), Watcher)
