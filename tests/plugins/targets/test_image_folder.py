"""A folder of images: listed by name, split by hash, decoded when asked, and precise about what is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pushforward import DataMissing, UserError
from pushforward_targets import metadata
from pushforward_targets.image_folder import ImageFolder

SPLITS = ("train", "validation", "test")


def save(file: Path, value: int, size: tuple[int, int] = (4, 6), mode: str = "RGB") -> Path:
    """An image of one grey value; size is (height, width)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).convert(mode).save(file)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of ten images; the grey value tells the image, values from 100 are dogs."""
    for i in range(10):
        save(tmp_path / "set" / "cat" / f"{i}.png", i)
        save(tmp_path / "set" / "dog" / "deep" / f"{i}.png", 100 + i)
    (tmp_path / "set" / "cat" / "notes.txt").write_text("no image")
    return tmp_path / "set"


def values(x: torch.Tensor) -> list[int]:
    return ((x[:, 0, 0, 0] + 1) * 127.5).round().long().tolist()


def test_every_image_is_in_one_split_with_its_class(folder: Path) -> None:
    target = ImageFolder(folder)
    assert target.shape == (3, 4, 6) and target.classes == 2 and target.class_names == ["cat", "dog"]
    seen = []
    for split in SPLITS:
        x, labels = target.held_out(split)
        assert labels is not None and labels.tolist() == [int(value >= 100) for value in values(x)]
        assert set(labels.tolist()) == {0, 1}  # stratified: even the small splits have both
        seen += values(x)
    assert sorted(seen) == [*range(10), *range(100, 110)]
    assert [target.size(split) for split in SPLITS] == [14, 3, 3]


def test_the_split_is_stable_and_moves_with_the_seed_only(folder: Path) -> None:
    first = values(ImageFolder(folder).held_out("train").x)
    assert first == values(ImageFolder(folder, threads=1).held_out("train").x)
    moved = folder.rename(folder.parent / "elsewhere")
    assert first == values(ImageFolder(moved).held_out("train").x)
    assert first != values(ImageFolder(moved, split_seed=1).held_out("train").x)


@pytest.mark.parametrize("options", [{}, {"resize": 8, "channels": 1}, {"test": 0.3, "validation": 0.2}])
def test_metadata_is_what_the_object_says(folder: Path, options: dict) -> None:
    target, known = ImageFolder(folder, **options), metadata.image_folder(folder, **options)
    assert known == metadata.Metadata(target.shape, target.classes, {split: target.size(split) for split in SPLITS})
    assert target.held_out("test").x.shape[1:] == target.shape


def test_given_split_folders_are_kept_and_the_missing_one_is_split_off(folder: Path) -> None:
    root = folder.parent / "given"
    root.mkdir()
    folder.rename(root / "train")
    for i in range(4):
        save(root / "test" / "dog" / f"{i}.png", 200 + i)
    target = ImageFolder(root)
    assert sorted(values(target.held_out("test").x)) == [200, 201, 202, 203]
    assert target.held_out("test").labels.tolist() == [1] * 4  # type: ignore[union-attr]
    assert target.size("train") == 17 and target.size("validation") == 3
    save(root / "val" / "dog" / "x.png", 250)
    assert values(ImageFolder(root).held_out("validation").x) == [250] and ImageFolder(root).size("train") == 20


def test_images_without_subfolders_have_no_classes(tmp_path: Path) -> None:
    for i in range(6):
        save(tmp_path / f"{i}.png", i)
    target = ImageFolder(tmp_path)
    assert target.classes is None and target.held_out("train").labels is None


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    for i in range(6):
        save(tmp_path / "cats" / f"{i}.png", i)
    (tmp_path / "dogs").mkdir()
    with pytest.raises(UserError, match="the class 'dogs' of .* holds no images"):
        ImageFolder(tmp_path)


def test_pixels_become_the_numbers_between_minus_one_and_one(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / f"{i}.png", 0)
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0, 5] = (255, 51, 0)
    for i in range(3):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    x = ImageFolder(tmp_path).held_out("test").x
    torch.testing.assert_close(x[0, :, 0, 5], torch.tensor([1.0, -0.6, -1.0]))
    assert (x[0, :, 1:] == -1).all()
    grey = ImageFolder(tmp_path, channels=1).held_out("test").x
    assert grey.shape == (1, 1, 4, 6) and grey[0, 0, 0, 5] > -1


def test_resizing_cuts_the_central_square(tmp_path: Path) -> None:
    pixels = np.zeros((8, 24), np.uint8)
    pixels[:, 8:16] = 255
    for i in range(3):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    assert (ImageFolder(tmp_path, resize=4, channels=1).held_out("test").x == 1).all()


def test_deep_grey_is_scaled_and_a_noted_orientation_is_respected(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for i in range(3):
        Image.fromarray(np.full((4, 6), 65535 // 2, np.uint16)).save(tmp_path / f"{i}.png", exif=exif)
    target = ImageFolder(tmp_path, channels=1)
    x = target.held_out("test").x
    assert target.shape == (1, 6, 4) and x.shape == (1, 1, 6, 4)
    assert x.abs().max() < 0.01


def test_a_broken_image_is_named_when_it_is_read(folder: Path) -> None:
    file = folder / "cat" / "3.png"
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    file.write_bytes(file.read_bytes()[:70])  # the header is whole, the pixels are cut off
    target = ImageFolder(folder)
    with pytest.raises(UserError, match=r"cat/3.png is broken: .*: replace or remove it$"):
        for split in SPLITS:
            target.held_out(split)


def test_a_broken_header_is_named_at_the_start_or_when_it_is_read(folder: Path) -> None:
    (folder / "cat" / "3.png").write_bytes(b"no image at all")
    with pytest.raises(UserError, match=r"cat/3.png is no image that can be read"):
        ImageFolder(folder, resize=4)
    target = ImageFolder(folder, resize=4, check=False)
    with pytest.raises(UserError, match=r"cat/3.png is broken"):
        for split in SPLITS:
            target.held_out(split)


def test_an_image_of_another_size_is_named(folder: Path) -> None:
    save(folder / "cat" / "3.png", 3, (5, 5))
    with pytest.raises(UserError, match=r"has \dx\d pixels where the first image has \dx\d: give resize"):
        ImageFolder(folder)
    assert ImageFolder(folder, resize=4).held_out("train").x.shape == (14, 3, 4, 4)


def test_missing_folders_say_where_to_put_them(tmp_path: Path) -> None:
    for ask in (ImageFolder, metadata.image_folder):
        with pytest.raises(DataMissing, match="no image folder at .*nowhere: put an image folder there"):
            ask(tmp_path / "nowhere")


def test_folders_that_make_no_sense_are_refused_in_one_sentence(folder: Path) -> None:
    def refused(sentence: str, path: Path = folder, **options: object) -> None:
        with pytest.raises(UserError, match=sentence) as caught:
            metadata.image_folder(path, **options)  # type: ignore[arg-type]
        assert len(str(caught.value).splitlines()) == 1

    refused("is a file: expected a folder of images", folder / "cat" / "0.png")
    refused("channels is 2: expected 1 for grey or 3 for colour", channels=2)
    refused("resize is 0", resize=0)
    (folder / "empty").mkdir()
    refused("holds no images", folder / "empty")
    loose = save(folder / "loose.png", 1)
    refused("loose.png lies beside the class folder 'cat'")
    loose.unlink()
    save(folder / "train" / "cat" / "x.png", 1)
    refused("beside train stands 'cat'")
    save(folder.parent / "b" / "train" / "cat" / "x.png", 1)
    save(folder.parent / "b" / "test" / "cow" / "x.png", 1)
    refused("has a class 'cow' that training has not: it has cat", folder.parent / "b")
    save(folder.parent / "c" / "test" / "x.png", 1)
    refused("has test but no train", folder.parent / "c")
    save(folder.parent / "d" / "x.png", 1)
    refused("has 1 rows: too few", folder.parent / "d")
