"""Which images a folder holds, of which class and in which split, from names and headers alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pushforward import UserError
from pushforward_targets.places import find
from pushforward_targets.splits import order, stratified

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
SPLIT_FOLDERS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}
TURNED = {5, 6, 7, 8}  # EXIF orientations in which height and width change places
ORIENTATION = 0x0112


class ImageFile(NamedTuple):
    """An image and its class.

    Attributes:
        path: the file.
        label: the number of its class, or None where there are none.
    """

    path: Path
    label: int | None


@dataclass(frozen=True)
class Listing:
    """The images of a folder.

    Args:
        folder: the folder.
        classes: names of the classes, sorted; empty where there are none.
        splits: images of `train`, `validation` and `test`, shuffled.
    """

    folder: Path
    classes: list[str]
    splits: dict[str, list[ImageFile]]


def listing(path: Path, validation: float, test: float, seed: int) -> Listing:
    """What a folder holds; arguments as of the target `image-folder`.

    Raises:
        DataMissing: if there is no such folder.
        UserError: if it holds no images, or classes do not agree.
    """
    folder = find(path, "an image folder")
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: expected a folder of images")
    parts = _split_folders(folder)
    classes = _classes(parts["train"])
    found = {split: _images(part, classes) for split, part in parts.items()}
    for split, images in found.items():
        if not images:
            raise UserError(f"{parts[split]} holds no images: expected files such as .png or .jpg, or a folder a class")
    for number, name in enumerate(classes):
        if not any(image.label == number for image in found["train"]):
            raise UserError(f"the class {name!r} of {parts['train']} holds no images: fill its folder or remove it")
    fractions = {name: part for name, part in (("test", test), ("validation", validation)) if name not in parts}
    if fractions:
        images = found["train"]
        keys = [image.path.relative_to(folder).as_posix() for image in images]
        strata = [image.label or 0 for image in images]
        rows = stratified(keys, strata, fractions, seed, str(parts["train"]))
        found |= {name: [images[i] for i in chosen] for name, chosen in rows.items()}
    for split in parts.keys() - {"train"}:
        found[split] = _shuffled(found[split], folder, seed)
    return Listing(folder, classes, {split: found[split] for split in SPLIT_FOLDERS})


def header(file: Path) -> tuple[int, int]:
    """Height and width of an image as it is shown, from its header.

    Raises:
        UserError: if the file is no image.
    """
    from PIL import Image  # it takes longer to import than all other metadata need

    try:
        with Image.open(file) as image:
            width, height = image.size
            turned = Image.Image.getexif(image).get(ORIENTATION) in TURNED  # PNG's own getexif decodes the pixels
    except Exception as error:  # decoders raise whatever they stumble over
        raise UserError(f"{file} is no image that can be read: {said(error)}: replace or remove it") from error
    return (width, height) if turned else (height, width)


def said(error: Exception) -> str:
    """What a decoder said, in one line and without the file's name."""
    if "cannot identify" in str(error):
        return "the file is cut off or of no known format"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits that are given as folders; the whole one as `train` where none is."""
    below = {entry.name: entry for entry in _folders(folder)}
    parts = {split: below[name] for split, names in SPLIT_FOLDERS.items() for name in names if name in below}
    if "train" not in parts:
        if parts and len(parts) == len(below):
            raise UserError(f"{folder} has {' and '.join(sorted(below))} but no train")
        return {"train": folder}
    others = sorted(below.keys() - {part.name for part in parts.values()})
    if others:
        raise UserError(f"{folder}: beside train stands {others[0]!r}: expected only train, validation and test")
    return parts


def _classes(folder: Path) -> list[str]:
    """Names of the subfolders; none where images lie in the folder itself."""
    classes = [entry.name for entry in _folders(folder)]
    loose = next((entry for entry in sorted(folder.iterdir()) if _is_image(entry)), None)
    if classes and loose is not None:
        raise UserError(f"{loose} lies beside the class folder {classes[0]!r}: put every image into a class, or none")
    return classes


def _images(folder: Path, classes: list[str]) -> list[ImageFile]:
    if not classes:
        return [ImageFile(file, None) for file in _walk(folder)]
    unknown = [entry.name for entry in _folders(folder) if entry.name not in classes]
    if unknown:
        raise UserError(f"{folder} has a class {unknown[0]!r} that training has not: it has {', '.join(classes)}")
    return [ImageFile(file, label) for label, name in enumerate(classes) for file in _walk(folder / name)]


def _shuffled(images: list[ImageFile], folder: Path, seed: int) -> list[ImageFile]:
    keys = [image.path.relative_to(folder).as_posix() for image in images]
    return [images[i] for i in order(keys, seed)]


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (file for name in sorted(files) if _is_image(file := Path(root, name)))


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
