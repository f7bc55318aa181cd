"""Digits, MNIST and CIFAR-10: fixed splits that never mix, and files read in their own formats."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from pushforward import DataMissing, Draw, UserError
from pushforward_targets import metadata
from pushforward_targets.digits import Digits
from pushforward_targets.torchvision_sets import CIFAR10, MNIST

SPLITS = ("train", "validation", "test")


def test_digits_are_split_into_all_rows_with_every_class_in_fair_shares() -> None:
    target = Digits()
    parts = {split: target.held_out(split) for split in SPLITS}
    assert [len(parts[split].x) for split in SPLITS] == [1257, 270, 270]
    x = torch.cat([part.x for part in parts.values()])
    assert x.min() == -1 and x.max() == 1 and x.shape[1:] == (1, 8, 8)
    assert len(x.flatten(1).unique(dim=0)) == 1797  # no two digits are equal, so none is in two splits
    whole = torch.cat([part.labels for part in parts.values()]).bincount()  # type: ignore[list-item]
    for part in parts.values():
        assert part.labels is not None
        shares = whole * len(part.x) / 1797
        assert ((part.labels.bincount() - shares).abs() <= 2).all()


def test_the_digits_split_is_the_same_today_as_when_it_was_fixed() -> None:
    labels = Digits().held_out("test", 12).labels
    assert labels is not None
    assert labels.tolist() == [4, 2, 0, 5, 6, 9, 2, 8, 1, 3, 5, 9]


def test_one_pass_over_the_training_digits_takes_each_once() -> None:
    target = Digits()
    batches = [target.batch(Draw(0, (i,), 419, position=419 * i)) for i in range(3)]
    seen = torch.cat([batch.x for batch in batches])
    assert len(seen.flatten(1).unique(dim=0)) == 1257


def test_samples_of_digits_are_training_rows_with_their_labels() -> None:
    target = Digits()
    x, labels = target.sample(64, Draw(0, ("sample",), 64))
    train = target.held_out("train")
    distance, row = torch.cdist(x.flatten(1), train.x.flatten(1)).min(1)
    assert labels is not None and train.labels is not None
    assert float(distance.max()) < 1e-2 and torch.equal(labels, train.labels[row])


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Tiny files in the format of MNIST: pixel (0, 0) tells the image, its class is that number modulo 10."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, rows in (("train", 60), ("t10k", 20)):
        images = np.zeros((rows, 28, 28), np.uint8)
        images[:, 0, 0] = np.arange(rows)
        images[:, 1, 1] = 255
        head = struct.pack(">4i", 2051, rows, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        labels = (np.arange(rows) % 10).astype(np.uint8)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, rows) + labels.tobytes())
    return tmp_path


def test_mnist_is_read_from_its_own_format(mnist: Path) -> None:
    target = MNIST(mnist, validation=0.2)
    parts = {split: target.held_out(split) for split in SPLITS}
    assert {split: len(part.x) for split, part in parts.items()} == {"train": 48, "validation": 12, "test": 20}
    assert metadata.mnist(mnist, 0.2) == metadata.Metadata((1, 28, 28), 10, {s: len(p.x) for s, p in parts.items()})
    for x, labels in parts.values():
        number = ((x[:, 0, 0, 0] + 1) * 127.5).round().long()
        assert labels is not None and torch.equal(number % 10, labels)
        assert (x[:, 0, 1, 1] == 1).all() and (x[:, 0, 5, 5] == -1).all()
    numbers = [((parts[split].x[:, 0, 0, 0] + 1) * 127.5).round().long().tolist() for split in SPLITS[:2]]
    assert sorted(numbers[0] + numbers[1]) == list(range(60))


def test_mnist_is_found_by_the_environment(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHFORWARD_DATA", str(mnist))
    assert MNIST().size("test") == 20
    monkeypatch.setenv("PUSHFORWARD_DATA", str(mnist.parent))
    assert MNIST(Path(mnist.name)).size("test") == 20


def test_damaged_mnist_files_are_named(mnist: Path) -> None:
    labels = mnist / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-5])
    with pytest.raises(UserError, match="MNIST files below .* are damaged"):
        MNIST(mnist)
    images = mnist / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.write_bytes(b"\x1f\x8b" + images.read_bytes())
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte is not an IDX file"):
        metadata.mnist(mnist)


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny files in the format of CIFAR-10, with their own checksums in place of the published ones."""
    from torchvision.datasets import CIFAR10 as Published

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def batch(first: int) -> dict[str, object]:
        data = np.zeros((20, 3, 32, 32), np.uint8)
        data[:, 0] = np.arange(first, first + 20)[:, None, None]  # red tells the image
        data[:, 2, :, 16:] = 255  # blue on the right
        return {"data": data.reshape(20, -1), "labels": [i % 10 for i in range(first, first + 20)]}

    names = [f"data_batch_{i}" for i in range(1, 6)]
    monkeypatch.setattr(Published, "train_list", [write(name, batch(20 * i)) for i, name in enumerate(names)])
    monkeypatch.setattr(Published, "test_list", [write("test_batch", batch(100))])
    name, checksum = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(Published, "meta", {"filename": name, "key": "label_names", "md5": checksum})
    monkeypatch.setattr(metadata, "CIFAR10_ROWS", {"train": 100, "test": 20})
    return tmp_path


def test_cifar10_is_read_from_its_own_format(cifar10: Path) -> None:
    target = CIFAR10(cifar10)
    assert metadata.cifar10(cifar10).sizes == {"train": 90, "validation": 10, "test": 20}
    seen = []
    for split in SPLITS:
        x, labels = target.held_out(split)
        assert len(x) == target.size(split) == metadata.cifar10(cifar10).sizes[split]
        red = ((x[:, 0] + 1) * 127.5).round().long()
        assert labels is not None and torch.equal(red[:, 0, 0] % 10, labels)
        assert (x[:, 2, :, 16:] == 1).all() and (x[:, 2, :, :16] == -1).all() and (x[:, 1] == -1).all()
        seen += red[:, 7, 7].tolist()
    assert sorted(seen) == list(range(120))


def test_changed_cifar10_files_are_not_unpickled(cifar10: Path) -> None:
    (cifar10 / "cifar-10-batches-py" / "test_batch").write_bytes(b"something else")
    with pytest.raises(UserError, match="CIFAR10 files below .* are damaged"):
        CIFAR10(cifar10)


@pytest.mark.parametrize("ask", [metadata.mnist, metadata.cifar10, MNIST, CIFAR10])
def test_missing_data_say_where_to_put_them(ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUSHFORWARD_DATA", raising=False)
    with pytest.raises(DataMissing, match=r"put the .* files.* into FOLDER/\S+ and set \$PUSHFORWARD_DATA to FOLDER"):
        ask()
    with pytest.raises(DataMissing, match="lacks .*: put the"):
        ask(tmp_path)


@pytest.mark.parametrize("validation", [0.0, 1.0, -0.1])
def test_a_validation_share_that_leaves_nothing_is_refused(mnist: Path, validation: float) -> None:
    with pytest.raises(UserError, match="expected fractions above 0 that together stay below 1"):
        MNIST(mnist, validation)
