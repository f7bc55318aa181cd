"""What each target is before any of it is read: shape, classes and sizes, without torch.

A function for every target, with the target's own arguments and defaults. It raises the same sentences that the
target itself would raise on the same arguments, as the constructors ask it first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pushforward import Metadata, UserError
from pushforward_targets import density_file, image_files, places, published, splits, table_file
from pushforward_targets.limits import above_zero

RED, WHITE = Path("winequality-red.csv"), Path("winequality-white.csv")
VOICES = Path("parkinsons_updrs.csv")
PARKINSONS = [
    "test_time",
    "motor_UPDRS",
    "total_UPDRS",
    "Jitter(Abs)",
    "Jitter:PPQ5",
    "Jitter:DDP",
    "Shimmer(dB)",
    "Shimmer:APQ5",
    "Shimmer:APQ11",
    "Shimmer:DDA",
    "NHR",
    "HNR",
    "RPDE",
    "DFA",
    "PPE",
]  # none correlates above .98 with a later one
HELD_OUT = {"validation": 0.15, "test": 0.15}  # of the 1,797 digits: 270 rows each
CIFAR10_ROWS = {"train": 50_000, "test": 10_000}  # its files are known by their checksums


def rings(radii: list[float] = [1.0, 2.0, 3.0], noise: float = 0.05) -> Metadata:  # noqa: B006
    """Of `rings`."""
    if not radii:
        raise UserError("radii is empty: give the radius of at least one ring")
    above_zero("a radius of radii", *radii)
    above_zero("noise", noise)
    return Metadata((2,))


def moons(noise: float = 0.05) -> Metadata:
    """Of `moons`."""
    above_zero("noise", noise)
    return Metadata((2,))


def eight_gaussians(radius: float = 2.0, scale: float = 0.02) -> Metadata:
    """Of `eight-gaussians`."""
    above_zero("radius", radius)
    above_zero("scale", scale)
    return Metadata((2,))


def twenty_five_gaussians(spacing: float = 2.0, scale: float = 0.05) -> Metadata:
    """Of `twenty-five-gaussians`."""
    above_zero("spacing", spacing)
    above_zero("scale", scale)
    return Metadata((2,))


def gaussian_mixture(
    means: list[list[float]] = [[-2.0, 0.0], [2.0, 0.0]],  # noqa: B006
    scale: float = 0.5,
    variances: list[list[float]] | None = None,
    weights: list[float] | None = None,
) -> Metadata:
    """Of `gaussian-mixture`."""
    if not means or not means[0]:
        raise UserError("means is empty: give the centre of at least one mode, such as [[0, 0], [3, 0]]")
    lengths = sorted({len(mean) for mean in means})
    if len(lengths) > 1:
        raise UserError(f"means have {' and '.join(map(str, lengths))} coordinates: all must have equally many")
    if variances is not None:
        if len(variances) not in (1, len(means)):
            raise UserError(f"variances has {len(variances)} rows for {len(means)} means: expected {len(means)}, or 1")
        wrong = [len(row) for row in variances if len(row) != lengths[0]]
        if wrong:
            raise UserError(f"a row of variances has {wrong[0]} numbers: expected {lengths[0]}, one for each axis")
        above_zero("a variance of variances", *(value for row in variances for value in row))
    if weights is not None:
        if len(weights) != len(means):
            raise UserError(f"weights has {len(weights)} numbers for {len(means)} means: expected {len(means)}")
        above_zero("a weight of weights", *weights)
    above_zero("scale", scale)
    return Metadata((lengths[0],))


def twonorm() -> Metadata:
    """Of `twonorm`."""
    return Metadata((20,))


def checkerboard(side: float = 1.0) -> Metadata:
    """Of `checkerboard`."""
    above_zero("side", side)
    return Metadata((2,))


def two_modes() -> Metadata:
    """Of `two-modes`."""
    return Metadata((2,))


def digits() -> Metadata:
    """Of `digits`."""
    return Metadata((1, 8, 8), 10, {"train": 1257, "validation": 270, "test": 270})


def mnist_5000() -> Metadata:
    """Of `mnist-5000`."""
    return Metadata((1, 28, 28), 10, {"train": 3500, "validation": 750, "test": 750})


def silhouettes() -> Metadata:
    """Of `silhouettes`."""
    return Metadata((1, 28, 28), 10, {"train": 7000, "validation": 1500, "test": 1500})


def thousand_modes(scale: float = 0.05) -> Metadata:
    """Of `thousand-modes`."""
    above_zero("scale", scale)
    return Metadata((30,))


def mnist(folder: Path | None = None, validation: float = 0.1) -> Metadata:
    """Of `mnist`, from the headers of its files."""
    root = published.mnist_root(folder)
    rows = {split: published.idx_rows(published.mnist_images(root, split)) for split in ("train", "test")}
    return Metadata((1, 28, 28), 10, _with_validation(rows, validation, "mnist"))


def cifar10(folder: Path | None = None, validation: float = 0.1) -> Metadata:
    """Of `cifar10`, if its files are there."""
    published.cifar10_root(folder)
    return Metadata((3, 32, 32), 10, _with_validation(CIFAR10_ROWS, validation, "cifar10"))


def image_folder(
    path: Path,
    resize: int | None = None,
    channels: Literal[1, 3] = 3,
    validation: float = 0.15,
    test: float = 0.15,
    split_seed: int = 0,
    threads: int = 4,
    check: bool = True,
) -> Metadata:
    """Of `image-folder`, from its listing and the header of its first image."""
    if channels not in (1, 3):
        raise UserError(f"channels is {channels}: expected 1 for grey or 3 for colour")
    if resize is not None:
        above_zero("resize", resize)
    above_zero("threads", threads)
    listing = image_files.listing(path, validation, test, split_seed)
    height, width = (resize, resize) if resize else image_files.header(listing.splits["train"][0].path)
    sizes = {split: len(images) for split, images in listing.splits.items()}
    return Metadata((channels, height, width), len(listing.classes) or None, sizes)


def table(
    path: Path,
    columns: list[str] | None = None,
    separator: str | None = None,
    header: bool | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    split_seed: int = 0,
) -> Metadata:
    """Of `table`: its sizes follow from which rows are equal, so the file is read."""
    read = table_file.read(path, columns, separator, header)
    splits = table_file.split(read, validation, test, split_seed)
    return Metadata((len(read.columns),), None, {split: len(rows) for split, rows in splits.items()})


def red_wine(
    path: Path | None = None, protocol: Literal["clean", "literature"] = "clean", split_seed: int = 0
) -> Metadata:
    """Of `red-wine`."""
    return _uci(wine_table(path or RED), protocol, split_seed)


def white_wine(
    path: Path | None = None, protocol: Literal["clean", "literature"] = "clean", split_seed: int = 0
) -> Metadata:
    """Of `white-wine`."""
    return _uci(wine_table(path or WHITE), protocol, split_seed)


def parkinsons(
    path: Path | None = None, protocol: Literal["clean", "literature"] = "clean", split_seed: int = 0
) -> Metadata:
    """Of `parkinsons`."""
    return _uci(parkinsons_table(path or VOICES), protocol, split_seed)


def wine_table(path: Path) -> table_file.TableFile:
    """The measurements of a table of wines: every column but the last, which is the quality.

    Raises:
        DataMissing: if there is no such file.
        UserError: if it does not end with the quality.
    """
    read = table_file.read(path, None, None, True)
    if read.columns[-1] != "quality" or len(read.columns) != 12:
        raise UserError(f"{read.path} is no table of wines: expected 11 measurements and then the column quality")
    return table_file.TableFile(read.path, read.columns[:-1], [row[:-1] for row in read.rows])


def parkinsons_table(path: Path) -> table_file.TableFile:
    """The measurements of the table of Parkinson's voices that do not repeat one another.

    Raises:
        DataMissing: if there is no such file.
        UserError: if a column is missing.
    """
    return table_file.read(path, PARKINSONS, None, True)


def uci_splits(read: table_file.TableFile, protocol: Literal["clean", "literature"], split_seed: int) -> splits.Indices:
    """Row numbers of each split: equal rows together, or, by the protocol of the literature, wherever they fall."""
    rows = len(read.rows)
    if protocol == "clean":
        return table_file.split(read, 0.09, 0.1, split_seed)
    shuffled = splits.order([str(row) for row in range(rows)], split_seed)
    test = rows // 10
    validation = min((rows - test) // 10, 1000)
    first = rows - test - validation
    return {"train": shuffled[:first], "validation": shuffled[first : rows - test], "test": shuffled[rows - test :]}


def _uci(read: table_file.TableFile, protocol: Literal["clean", "literature"], split_seed: int) -> Metadata:
    sizes = {split: len(rows) for split, rows in uci_splits(read, protocol, split_seed).items()}
    return Metadata((len(read.columns),), None, sizes)


def python_density(path: Path, dimension: int, function: str = "log_density", log_z: float | None = None) -> Metadata:
    """Of `python-density`: the file is parsed and not run."""
    above_zero("dimension", dimension)
    density_file.check(places.find(path, "a Python file"), function)
    return Metadata((dimension,))


def _with_validation(rows: dict[str, int], validation: float, what: str) -> dict[str, int]:
    held_out = splits.held_out_sizes(rows["train"], {"validation": validation}, what)["validation"]
    return {"train": rows["train"] - held_out, "validation": held_out, "test": rows["test"]}
