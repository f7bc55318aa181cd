"""Features of images by networks of others, features that are remembered, and paths through latent space."""

import math

import pytest
import torch
from torch import nn

from pushforward import DataMissing, Features, Generator, Latent, Look, UserError
from pushforward.measures import seen as remembered
from pushforward.measures.frechet import FrechetDistance, gaussian_distance
from pushforward.measures.image_features import EfficientNet, Inception
from pushforward.measures.path_length import PerceptualPathLength
from pushforward.measures.seen import seen
from pushforward.testing.stand_ins import Blobs
from pushforward_targets.carried import Silhouettes


def test_the_packaged_network_tells_silhouettes_from_noise():
    features = EfficientNet(size=64)
    target = Silhouettes()
    train, test = (target.held_out(split, 150).x for split in ("train", "test"))
    a, b = features(train), features(test)
    assert a.shape == (150, 1280) and not a.requires_grad
    noise = features(torch.rand_like(test) * 2 - 1)
    near, far = (gaussian_distance(x.double(), b.double()) for x in (a, noise))
    assert far > 3 * near
    assert torch.equal(features(train[:2].expand(-1, 3, -1, -1)), features(train[:2]))  # grey is shown three times
    with pytest.raises(UserError, match=r"efficientnet-lite0: data of shape \(2,\) are no images"):
        features(torch.zeros(3, 2))


def test_inceptions_weights_are_a_file_and_never_fetched(tmp_path, monkeypatch):
    with pytest.raises(DataMissing, match="there is no file"):
        Inception(tmp_path / "none.pth")(torch.zeros(1, 3, 8, 8))
    (tmp_path / "other.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match="does not hold its weights"):
        Inception(tmp_path / "other.pth")(torch.zeros(1, 3, 8, 8))
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    monkeypatch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    torch.save({}, tmp_path / "own.pth")
    found = Inception(tmp_path / "own.pth")(torch.linspace(-1, 1, 64).view(1, 1, 8, 8))
    assert found.shape == (1, 2048) and bool(found.isfinite().all())


class Counted(Features):
    name = "counted"
    key = "counted, doubled"

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return 2 * x.flatten(1)


def test_features_of_data_are_computed_once_by_their_content_and_outlive_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    monkeypatch.setattr(remembered, "_SEEN", type(remembered._SEEN)())
    features, x = Counted(), torch.randn(4, 3)
    for _ in range(2):
        assert torch.equal(seen(features, x.clone()), 2 * x)
    assert features.calls == 1
    remembered._SEEN.clear()  # as in another process
    assert torch.equal(seen(features, x), 2 * x) and features.calls == 1
    assert torch.equal(seen(features, x + 1), 2 * x + 2) and features.calls == 2
    for file in (tmp_path / "features").iterdir():
        file.write_bytes(b"damaged")
    remembered._SEEN.clear()
    assert torch.equal(seen(features, x), 2 * x) and features.calls == 3


def test_a_measure_looks_at_real_data_once_and_at_samples_every_time(tmp_path, monkeypatch, copy_of, labelled):
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    measure = FrechetDistance(Counted())
    for _ in range(3):
        measure.measure(Look(copy_of(labelled), labelled, split="test"))
    assert measure.features.calls == 2 + 3  # training and held-out rows once, samples each time


class Linear(Generator):
    def __init__(self, dimension, weight=None):
        super().__init__()
        self.latent = Latent(dimension)
        self.weight = nn.Parameter(torch.eye(dimension) if weight is None else weight)

    def forward(self, z, condition=None):
        return z @ self.weight.T


class Held(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.generator = generator


def test_a_linear_generator_has_a_path_length_of_twice_its_squared_norm():
    """On a straight path the step is W (b - a), whose mean square is 2 |W|^2."""
    weight = torch.tensor([[1.0, 2.0], [0.5, -1.0]])
    look = Look(Held(Linear(2, weight)), Blobs((2,)))
    found = PerceptualPathLength(samples=20_000, path="straight").measure(look)
    assert abs(found["value"] - 2 * float(weight.square().sum())) < 4 * found["standard_error"]
    assert found["standard_error"] < 0.2


def test_on_a_great_circle_the_speed_is_the_angle_times_the_length():
    """In many dimensions two normal points are orthogonal, and |z|^2 is their number: (pi / 2)^2 d."""
    d = 2000
    found = PerceptualPathLength(samples=200).measure(Look(Held(Linear(d)), Blobs((d,))))
    assert found["value"] == pytest.approx((math.pi / 2) ** 2 * d, rel=0.02)


def test_path_length_needs_a_generator():
    with pytest.raises(UserError, match="no single generator"):
        PerceptualPathLength().measure(Look(nn.Module(), Blobs((2,))))
    assert PerceptualPathLength(samples=7).label("path-length") == "path-length/identity/7"
