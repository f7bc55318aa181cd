"""What the shapes family offers, and where it is: nothing of it is imported before it is used."""

from __future__ import annotations

from pushforward import Component, Kind, hook

PUSHFORWARD_API = 1

_HERE, _PAPER = "pushforward_shapes", "arXiv:2207.11141"


@hook
def kinds() -> list[Kind]:
    """Shapes, and known ways to go through them."""
    return [
        Kind("shape", f"{_HERE}.shape:ParametrisedShape", "a parametrised curve or surface"),
        Kind("reparametrisation", f"{_HERE}.shape:Reparametrisation", "a known way to go through a shape"),
    ]


@hook
def components() -> list[Component]:
    """Every component of this plugin."""
    return [
        Component(
            "model",
            "shape-alignment",
            f"{_HERE}.alignment:ShapeAlignment",
            "a diffeomorphism lets one shape be gone through like another",
            _PAPER,
            gives=("sample", "log_density", "alignment"),
            needs={"target": ("shapes",)},
            holds=("flow",),
        ),
        Component("target", "shapes", f"{_HERE}.pair:Shapes", "two curves or surfaces", _PAPER, gives=("shapes",)),
        Component(
            "flow",
            "interval-diffeomorphism",
            f"{_HERE}.interval:IntervalDiffeomorphism",
            "layers of sines on the interval",
            _PAPER,
        ),
        Component(
            "flow",
            "square-diffeomorphism",
            f"{_HERE}.square:SquareDiffeomorphism",
            "layers of sines and cosines on the square",
            _PAPER,
        ),
        *_shapes(),
        *_looking(),
    ]


def _shapes() -> list[Component]:
    curves, surfaces, known = (f"{_HERE}.{room}" for room in ("curves", "surfaces", "reparametrisations"))
    return [
        Component("shape", "circle", f"{curves}:Circle", "a round arc, once around"),
        Component("shape", "half-circle", f"{curves}:HalfCircle", "half a circle"),
        Component("shape", "infinity", f"{curves}:Infinity", "a figure of eight"),
        Component("shape", "cube-root-line", f"{curves}:CubeRootLine", "a line with a constant Q-map"),
        Component("shape", "hyperbolic-paraboloid", f"{surfaces}:HyperbolicParaboloid", "a saddle"),
        Component("shape", "cylinder", f"{surfaces}:Cylinder", "a cylinder, cut open"),
        Component("shape", "python-shape", f"{_HERE}.python_shape:PythonShape", "your own, from a Python file"),
        Component("reparametrisation", "log-step", f"{known}:LogStep", "half a logarithm and half a step"),
        Component("reparametrisation", "rotation", f"{known}:Rotation", "a turn that falls to zero at the edges"),
    ]


def _looking() -> list[Component]:
    measures, pictures, aligned = f"{_HERE}.measures", f"{_HERE}.pictures", {"model": ("alignment",)}
    return [
        Component(
            "measure",
            "shape-distance",
            f"{measures}:ShapeDistance",
            "how far two shapes are apart as they are gone through",
            _PAPER,
            needs=aligned,
        ),
        Component(
            "measure",
            "least-determinant",
            f"{measures}:LeastDeterminant",
            "how far a reparametrisation is from folding",
            _PAPER,
            needs=aligned,
        ),
        Component(
            "measure",
            "reparametrisation-error",
            f"{measures}:ReparametrisationError",
            "how far it is from the one that is known",
            _PAPER,
            needs=aligned,
        ),
        Component(
            "watcher",
            "aligned-shapes",
            f"{pictures}:AlignedShapes",
            "both shapes, before and after",
            _PAPER,
            needs=aligned,
        ),
        Component(
            "watcher",
            "reparametrisation",
            f"{pictures}:ReparametrisationPicture",
            "the graph or the net of a reparametrisation",
            _PAPER,
            needs=aligned,
        ),
    ]
