"""What the laboratory offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, Kind, hook

PUSHFORWARD_API = 1

_HERE = "pushforward_lab"
_DIRAC, _VARIATIONAL, _PENNIES = "arXiv:1801.04406", "arXiv:1802.10551", "arXiv:2111.04178"
_CONTROL = "arXiv:2112.00222"
_TORUS, _MOMENTS, _POINTS, _TANGENT = "arXiv:2209.01842", "arXiv:2203.07136", "arXiv:2208.09938", "arXiv:2106.05566"


@hook
def kinds() -> list[Kind]:
    """Kernels in which a critic without weights lives."""
    return [
        Kind(
            "point-kernel",
            f"{_HERE}.point_kernels:PointKernel",
            "the width in which a point of a kernel critic is felt",
            default="gaussian-points",
        ),
        Kind("tangent-kernel", f"{_HERE}.tangent_kernels:TangentKernel", "the kernel of an infinitely wide critic"),
    ]


@hook
def components() -> list[Component]:
    """Every component of this plugin."""
    return [*_small_games(), *_larger_games(), *_kernels(), *_looking()]


def _small_games() -> list[Component]:
    steps = ("largest-step",)
    return [
        _game("bilinear", "quadratic:Bilinear", "min x, max y of c x y: pure rotation", _VARIATIONAL, steps),
        _game(
            "strongly-monotone", "quadratic:StronglyMonotone", "rotation and pull to the middle", _VARIATIONAL, steps
        ),
        _game("quadratic-game", "quadratic:QuadraticGame", "the game whose field is a matrix", "arXiv:1905.04926"),
        _game("dirac-gan", "dirac:DiracGAN", "a point learns a point, in every variant of GAN training", _DIRAC, steps),
        _game("location-gan", "location:LocationGAN", "a normal law learns its mean", _DIRAC, steps),
        _game("linear-gan", "linear_gan:LinearGAN", "the Dirac-GAN in more dimensions", _DIRAC, steps),
        _game("matching-pennies", "pennies:MatchingPennies", "two teams of two match pennies", _PENNIES),
        _game("team-wasserstein", "team_wasserstein:TeamWasserstein", "two teams learn two normal laws", _PENNIES),
        _game("harmonic-torus", "torus:HarmonicTorus", "two angles and one product of sines", _TORUS),
        _game("exponential-gan", "exponential:ExponentialGAN", "two angles learn an exponential law", _TORUS, steps),
        _game("fourier-gan", "fourier:FourierGAN", "the same, cut to its first Fourier modes", _TORUS),
    ]


def _larger_games() -> list[Component]:
    return [
        _game("moment-gan", "gaussian_process:MomentGAN", "a filter learns a stationary Gaussian process", _MOMENTS),
        _game(
            "isolated-points", "isolated_points:IsolatedPoints", "points against a kernel critic", _POINTS, ("points",)
        ),
        Component(
            "model",
            "tangent-gan",
            f"{_HERE}.tangent_gan:TangentGAN",
            "particles against an infinitely wide critic in closed form",
            _TANGENT,
            gives=("sample", "equilibrium", "particles"),
            traits=("couples-samples",),
        ),
    ]


def _game(name: str, at: str, summary: str, paper: str, gives: tuple[str, ...] = ()) -> Component:
    return Component(
        "model",
        name,
        f"{_HERE}.{at}",
        summary,
        paper,
        gives=("equilibrium", *gives),
        traits=("couples-samples", "ensemble"),
    )


def _kernels() -> list[Component]:
    points, tangent = f"{_HERE}.point_kernels", f"{_HERE}.tangent_kernels"
    return [
        Component("point-kernel", "gaussian-points", f"{points}:GaussianKernel", "exp of minus half a square", _POINTS),
        Component("point-kernel", "laplace-points", f"{points}:LaplaceKernel", "exp of minus a distance", _POINTS),
        Component(
            "point-kernel", "rational-quadratic-points", f"{points}:RationalQuadraticKernel", "a long tail", _POINTS
        ),
        Component("point-kernel", "multiscale-points", f"{points}:MultiscaleKernel", "several widths at once", _POINTS),
        Component("tangent-kernel", "relu-tangent", f"{tangent}:ReluTangent", "a wide ReLU network", _TANGENT),
        Component("tangent-kernel", "rbf", f"{tangent}:Rbf", "exp of minus a square", _TANGENT),
        Component("tangent-kernel", "erf-tangent", f"{tangent}:ErfTangent", "a wide sigmoid network", _TANGENT),
    ]


def _looking() -> list[Component]:
    known, points = {"model": ("equilibrium",)}, {"model": ("points",)}
    particles = {"model": ("particles",)}
    return [
        Component(
            "measure",
            "equilibrium-distance",
            f"{_HERE}.distance:EquilibriumDistance",
            "how far play is from the nearest equilibrium",
            needs=known,
        ),
        Component(
            "measure", "known-answers", f"{_HERE}.known:KnownAnswers", "what is known in closed form", needs=known
        ),
        Component(
            "measure", "shrinkage", f"{_HERE}.rate:Shrinkage", "the factor a round that the orbit shows", needs=known
        ),
        Component(
            "measure",
            "fate",
            f"{_HERE}.fate:Fate",
            "whether a run ended as its closed form says",
            needs={"model": ("largest-step",)},
        ),
        Component("measure", "reach", f"{_HERE}.reach:Reach", "how far play still swings at its end", needs=known),
        Component("measure", "arrived", f"{_HERE}.arrived:Arrived", "whether play is at an equilibrium", needs=known),
        Component(
            "measure",
            "critic-accuracy",
            f"{_HERE}.critic_accuracy:CriticAccuracy",
            "how often the critic is right",
            _CONTROL,
        ),
        Component("measure", "affine-law", f"{_HERE}.affine_law:AffineLaw", "an affine generator against a normal law"),
        Component(
            "network", "quadratic-logit", f"{_HERE}.quadratic_logit:QuadraticLogit", "x and its square", _CONTROL
        ),
        Component(
            "measure",
            "turn-contraction",
            f"{_HERE}.turns:TurnContraction",
            "how much nearer one turn about the equilibrium brings play",
            _TORUS,
            needs=known,
        ),
        Component(
            "measure", "nonexistence", f"{_HERE}.nonexistence:Nonexistence", "how often no equilibrium exists", _MOMENTS
        ),
        Component(
            "measure",
            "points-phase",
            f"{_HERE}.phases:PointsPhase",
            "the phase of isolated points",
            _POINTS,
            needs=points,
        ),
        Component(
            "measure",
            "points-fate",
            f"{_HERE}.points_fate:PointsFate",
            "whether isolated points do what their damping allows",
            _POINTS,
            needs=points,
        ),
        Component(
            "measure",
            "points-law",
            f"{_HERE}.points_law:PointsLaw",
            "a closed form of isolated points and what they did",
            _POINTS,
            needs=points,
        ),
        Component(
            "measure",
            "assignment-distance",
            f"{_HERE}.assignment:AssignmentDistance",
            "exact transport cost between particles and data",
            _TANGENT,
        ),
        Component(
            "measure",
            "width-error",
            f"{_HERE}.width_error:WidthError",
            "how fast finite critics come to their limit",
            _TANGENT,
            needs=particles,
        ),
        Component(
            "watcher",
            "width-line",
            f"{_HERE}.width_picture:WidthLine",
            "the error of finite critics against their width",
            _TANGENT,
            needs=particles,
        ),
        Component(
            "watcher",
            "particles",
            f"{_HERE}.particles_picture:Particles",
            "particles over their data",
            _TANGENT,
            needs=particles,
        ),
        Component(
            "watcher",
            "points-field",
            f"{_HERE}.points_picture:PointsField",
            "points over the critic",
            _POINTS,
            needs=points,
        ),
    ]
