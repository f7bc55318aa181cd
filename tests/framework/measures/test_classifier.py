"""The classifier learns digits, repeats to the bit, and leaves the rest of the world alone; class shares use it."""

import pytest
import torch
from sklearn.datasets import load_digits

from pushforward.measures import features
from pushforward.measures.class_shares import ClassShares
from pushforward.measures.features import Classifier, Identity, cache_folder
from pushforward.problem import UserError
from pushforward.roles.measure import Look
from pushforward.roles.target import Batch, Target


class Digits(Target):
    """sklearn's digits in [-1, 1], shuffled."""

    shape, classes = (1, 8, 8), 10

    def __init__(self) -> None:
        data = load_digits()
        order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
        self.x = (torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1)[order]
        self.labels = torch.tensor(data.target, dtype=torch.int64)[order]

    def size(self, split):
        return {"train": 1257, "validation": 180, "test": 360}[split]

    def rows(self, split, indices):
        indices = indices + {"train": 0, "validation": 1257, "test": 1437}[split]
        return Batch(self.x[indices], self.labels[indices])


def test_held_out_digits_are_classified_at_least_95_times_in_100():
    classifier = Classifier()
    classifier.prepare(Digits())
    x, labels = Digits().held_out("test")
    probabilities = classifier.probabilities(x)
    assert float((probabilities.argmax(1) == labels).float().mean()) >= 0.95
    assert torch.allclose(probabilities.sum(1), torch.ones(360), atol=1e-5)
    assert classifier(x).shape == (360, classifier.width)


def test_training_repeats_to_the_bit_in_inference_mode_and_leaves_global_randomness_alone(labelled):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Classifier(steps=50)._train(labelled.x, labelled.labels, 3)
    with torch.inference_mode():
        again = Classifier(steps=50)._train(labelled.x, labelled.labels, 3)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_trained_classifier_is_read_from_disk_by_the_content_of_its_data(labelled, monkeypatch):
    first = Classifier(steps=50)
    first.prepare(labelled)
    features._TRAINED.clear()
    monkeypatch.setattr(Classifier, "_train", lambda *_: pytest.fail("trained again"))
    second = Classifier(steps=50)
    second.prepare(type(labelled)())  # other objects, the same rows
    assert torch.equal(first(labelled.x), second(labelled.x))
    with pytest.raises(pytest.fail.Exception):
        Classifier(steps=50).prepare(type(labelled)(seed=1))  # other rows


def test_a_damaged_cache_is_made_again(labelled):
    Classifier(steps=5).prepare(labelled)
    (file,) = (cache_folder() / "classifiers").iterdir()
    good = file.read_bytes()
    file.write_bytes(b"not tensors")
    features._TRAINED.clear()
    Classifier(steps=5).prepare(labelled)
    assert len(file.read_bytes()) == len(good)


def test_a_target_without_labels_is_refused_with_a_sentence(gaussian):
    with pytest.raises(UserError, match="GaussianTarget has none"):
        Classifier().prepare(gaussian(2))


def test_class_shares_are_those_of_the_data_for_a_model_that_repeats_it(labelled, copy_of):
    out = ClassShares(Classifier(steps=200)).measure(Look(copy_of(labelled), labelled, split="test"))
    assert out["value"] == pytest.approx(0, abs=0.005)  # 200 rows do not divide by three
    assert out["confidence"] > 0.95 and out["data_confidence"] > 0.95


def test_class_shares_see_a_dropped_class_and_know_their_error(labelled):
    measure = ClassShares(Classifier(steps=200))
    measure.classifier.prepare(labelled)
    measure.update(labelled.x[labelled.labels != 2], labelled.x)
    out = measure.compute()
    assert out["value"] == pytest.approx(1 / 3)
    # the data's share of the dropped class, 1/3 of 600, is what varies
    assert out["standard_error"] == pytest.approx((2 / 9 / 600) ** 0.5, rel=0.2)


def test_features_without_probabilities_are_refused_for_class_shares():
    with pytest.raises(UserError, match="Identity gives no class probabilities"):
        ClassShares(Identity())
