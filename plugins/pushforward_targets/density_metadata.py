"""What each density of unknown or known log Z is before it is built: its shape, and which arguments it refuses.

As `metadata.py`, for the targets that estimators are asked about.
"""

from __future__ import annotations

from pathlib import Path

from pushforward import Metadata, UserError
from pushforward_targets import table_file
from pushforward_targets.limits import a_covariance, above_zero, at_least

IONOSPHERE, SONAR = Path("ionosphere.csv"), Path("sonar.csv")
MOST_SPINS = 16  # 65,536 configurations


def gaussian(
    mean: list[float] = [1.0, -1.0],  # noqa: B006
    covariance: list[list[float]] | None = None,
) -> Metadata:
    """Of `gaussian`."""
    if not mean:
        raise UserError("mean is empty: give the centre, such as [0, 0]")
    if covariance is not None:
        a_covariance("covariance", covariance, len(mean))
    return Metadata((len(mean),))


def four_modes() -> Metadata:
    """Of `four-modes`."""
    return Metadata((10,))


def funnel(dimension: int = 10, scale: float = 3.0) -> Metadata:
    """Of `funnel`."""
    at_least("dimension", dimension, 2, "one that opens the funnel and one across it")
    above_zero("scale", scale)
    return Metadata((dimension,))


def funnel_ball(dimension: int = 10, scale: float = 3.0, radius: float = 25.0) -> Metadata:
    """Of `funnel-ball`."""
    above_zero("radius", radius)
    return funnel(dimension, scale)


def many_well(pairs: int = 16) -> Metadata:
    """Of `many-well`."""
    at_least("pairs", pairs, 1)
    return Metadata((2 * pairs,))


def neumann_square(strength: float = 0.9) -> Metadata:
    """Of `neumann-square`."""
    if not 0 <= strength < 1:
        raise UserError(f"strength is {strength}: expected at least 0 and below 1, or the density is not positive")
    return Metadata((2,))


def breast_cancer() -> Metadata:
    """Of `breast-cancer`."""
    return Metadata((31,))


def diabetes(noise_variance: float = 0.5) -> Metadata:
    """Of `diabetes`."""
    above_zero("noise_variance", noise_variance)
    return Metadata((11,))


def gmm9(spacing: float = 5.0, variance: float = 0.3) -> Metadata:
    """Of `gmm9`."""
    above_zero("spacing", spacing)
    above_zero("variance", variance)
    return Metadata((2,))


def gmm40(dimension: int = 2, scale: float = 1.0, spread: float = 40.0, seed: int = 0) -> Metadata:
    """Of `gmm40`."""
    at_least("dimension", dimension, 1)
    above_zero("scale", scale)
    above_zero("spread", spread)
    return Metadata((dimension,))


def student_mixture(
    dimension: int = 2,
    components: int = 10,
    freedom: int = 2,
    scale: float = 1.0,
    spread: float = 10.0,
    seed: int = 0,
) -> Metadata:
    """Of `student-mixture`."""
    at_least("components", components, 1)
    at_least("freedom", freedom, 1)
    return gmm40(dimension, scale, spread, seed)


def crossed_gaussians() -> Metadata:
    """Of `crossed-gaussians`."""
    return Metadata((2,))


def multi_well(dimension: int = 5, wells: int = 5, separation: float = 4.0) -> Metadata:
    """Of `multi-well`."""
    at_least("wells", wells, 1)
    at_least("dimension", dimension, wells, "as many as wells")
    above_zero("separation", separation)
    return Metadata((dimension,))


def narrow_rings(
    radii: list[float] = [1.0, 3.0, 5.0],  # noqa: B006
    sharpness: float = 100.0,
    dimension: int = 2,
) -> Metadata:
    """Of `narrow-rings`."""
    if not radii:
        raise UserError("radii is empty: give the radius of at least one ring")
    above_zero("a radius of radii", *radii)
    above_zero("sharpness", sharpness)
    return concentric_rings(dimension)


def concentric_rings(dimension: int = 2) -> Metadata:
    """Of `concentric-rings`."""
    at_least("dimension", dimension, 2)
    return Metadata((dimension,))


def torus_bumps(concentration: float = 2.0) -> Metadata:
    """Of `torus-bumps`."""
    above_zero("concentration", concentration)
    return Metadata((2,))


def cauchy_prior(measured: float = 2.0, scale: float = 0.5) -> Metadata:
    """Of `cauchy-prior`."""
    above_zero("scale", scale)
    return Metadata((1,))


def ionosphere(path: Path | None = None, label: str = "f34") -> Metadata:
    """Of `ionosphere`: the file is read."""
    return _of_table(path or IONOSPHERE, label)


def sonar(path: Path | None = None, label: str | None = None) -> Metadata:
    """Of `sonar`: the file is read."""
    return _of_table(path or SONAR, label)


def _of_table(path: Path, label: str | None) -> Metadata:
    read, _ = table_file.read_classes(path, label)
    return Metadata((len(read.columns) + 1,))


def ising(side: int = 4, temperature: float = 2.5, field: float = 0.05) -> Metadata:
    """Of `ising`."""
    if side not in (3, 4):
        raise UserError(f"side is {side}: expected 3 or 4, as all 2^(side^2) configurations are summed")
    above_zero("temperature", temperature)
    return Metadata((side * side,))


def rbm(visible: int = 8, hidden: int = 6, scale: float = 1.0, bias_scale: float = 0.5, seed: int = 0) -> Metadata:
    """Of `rbm`."""
    at_least("visible", visible, 1)
    at_least("hidden", hidden, 1)
    if visible + hidden > MOST_SPINS:
        raise UserError(
            f"visible + hidden is {visible + hidden}: expected at most {MOST_SPINS}, as all states are summed"
        )
    above_zero("scale", scale)
    above_zero("bias_scale", bias_scale)
    return Metadata((visible + hidden,))


def cox_process(side: int = 8, whitened: bool = False, seed: int = 0, points: Path | None = None) -> Metadata:
    """Of `cox-process`: a file of points is read."""
    at_least("side", side, 1)
    if points is not None:
        in_square(points)
    return Metadata((side * side,))


def in_square(path: Path) -> list[tuple[float, ...]]:
    """The places in a file, in the unit square.

    Raises:
        DataMissing: if there is no such file.
        UserError: if there are not two columns, or a place lies outside.
    """
    read = table_file.read(path, None, None, None)
    if len(read.columns) != 2:
        raise UserError(f"{read.path} has {len(read.columns)} columns: expected two, the places of points")
    outside = [row for row in read.rows if not all(0 <= value <= 1 for value in row)]
    if outside:
        raise UserError(f"{read.path}: {outside[0]} lies outside of the unit square: scale the places to it")
    return read.rows


def beta_binomial(successes: int = 9, trials: int = 10, a: float = 1.0, b: float = 1.0) -> Metadata:
    """Of `beta-binomial`."""
    if not 0 <= successes <= trials:
        raise UserError(f"successes is {successes} of {trials} trials: expected from 0 to {trials}")
    above_zero("a", a)
    above_zero("b", b)
    return Metadata((1,))
