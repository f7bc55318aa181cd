"""Critics as energies, energies that run off, and bases that another recipe has trained."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from pushforward import RunFailed, UserError, open_run
from pushforward.adapters import NetworkDiscriminator
from pushforward.check import plan_recipe
from pushforward.checkpoint import read_checkpoint, write_checkpoint
from pushforward.folder import read_json
from pushforward.public import _kept
from pushforward.runner import run_recipe
from pushforward.testing.stand_ins import tiny_network
from pushforward_gan.dcgan import DCGANDiscriminator
from pushforward_gebm.energies import CriticEnergy, lowest

GAN = """\
about: A small GAN.
extends: rings/gan
model: {generator: {width: 8, depth: 1}, discriminator: {width: 8, depth: 1}}
budget: {rounds: 2, batch: 32, report_every: 2}
measure: []
watch: []
"""
ON_GAN = """\
about: An energy on a trained generator, which plays on.
seed: 0
target: {use: rings, radii: [1, 2, 3], noise: 0.05}
model:
  use: gebm
  base: {use: trained, recipe: GAN}
  energy: {use: critic, discriminator: {use: trained, recipe: GAN}}
  objective: OBJECTIVE
  penalties: [{use: zero-centred, weight: 0.2}]
  train_base: true
  rule: {use: alternating, steps: {energy: 3}}
  optimizer: {energy: {use: adam, lr: 1e-3}, base: {use: adam, lr: 1e-4}}
budget: {rounds: 4, batch: 32, report_every: 2}
measure: [{use: sliced-wasserstein, samples: 100}, {use: mixing, chains: 4, steps: 20}]
watch: [base-and-model]
"""


def test_a_critic_is_minus_an_energy_averaged_over_places() -> None:
    critic = NetworkDiscriminator(tiny_network, (2,))
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(CriticEnergy(critic)(x), -critic(x))
    score = CriticEnergy(critic).score(x)
    found = torch.autograd.functional.jacobian(lambda y: critic(y).sum(), x)
    assert torch.allclose(score, found)


def test_a_critic_that_couples_samples_or_wants_classes_is_no_energy() -> None:
    with pytest.raises(UserError, match="has batch normalisation: an energy is a function of one datum alone"):
        CriticEnergy(DCGANDiscriminator((1, 8, 8), width=4, norm="batch"))
    with pytest.raises(UserError, match="wants classes"):
        CriticEnergy(NetworkDiscriminator(tiny_network, (2,), classes=3, conditional=True))


def test_the_lowest_energy_is_told_until_it_has_run_off() -> None:
    assert lowest(torch.tensor([1.0, -3.0]), torch.tensor([2.0]))["~lowest-energy"] == -3
    assert lowest(torch.tensor([1.0, -1.1e4]))["~lowest-energy"] == -math.inf
    assert lowest(torch.tensor([math.nan, 1.0]))["~lowest-energy"].isnan()


def test_a_trained_gan_is_base_and_energy_in_one_command(tmp_path: Path) -> None:
    gan, recipe = tmp_path / "small.yaml", tmp_path / "on-gan.yaml"
    gan.write_text(GAN)
    recipe.write_text(ON_GAN.replace("GAN}", f"{gan}}}").replace("OBJECTIVE", "kale"))
    folder = run_recipe(str(recipe), out=tmp_path / "runs", quiet=True)
    measures = read_json(folder / "results.json")["measures"]
    assert measures["mixing"]["n"] == 80 and 0 < measures["mixing"]["acceptance"] <= 1
    game = open_run(folder).game
    assert set(game.players) == {"energy", "base"}
    with pytest.raises(UserError, match="a density where its base is a flow: this one's is NetworkGenerator"):
        game.log_density(torch.zeros(1, 2))


def test_a_kept_base_whose_weights_fit_no_more_is_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path / "cache"))
    gan = tmp_path / "small.yaml"
    gan.write_text(GAN)
    first = _kept(plan_recipe(str(gan)))
    assert _kept(plan_recipe(str(gan))).folder == first.folder
    file = first.folder / "checkpoints" / "last.ckpt"
    saved = read_checkpoint(file)
    saved["game"] = {f"former.{key}": value for key, value in saved["game"].items()}
    write_checkpoint(file, saved, plan_recipe(str(gan)).fingerprint())
    again = _kept(plan_recipe(str(gan)))
    assert again.folder != first.folder and again.results["status"] == "completed"


def test_an_energy_that_runs_off_is_stopped_named_and_rolled_back(tmp_path: Path) -> None:
    recipe = tmp_path / "run-off.yaml"
    recipe.write_text(
        "about: Nothing holds this energy.\nseed: 0\ntarget: eight-gaussians\n"
        "model: {use: contrastive-divergence, start: noise, chain_steps: 1, energy: {use: mlp, width: 32, depth: 3},"
        " optimizer: {use: sgd, lr: 1.0}}\n"
        "budget: {rounds: 400, batch: 32, report_every: 2}\nmeasure: []\n"
    )
    with pytest.raises(
        RunFailed, match=r"round \d+: observation 'lowest-energy' of player 'energy' is -inf; rolled"
    ) as e:
        run_recipe(str(recipe), out=tmp_path / "runs", quiet=True)
    results = read_json(tmp_path / "runs" / "run-off-1" / "results.json")
    assert results["status"] == "failed" and results["rolled_back_to"] >= 0
    assert f"rolled back to the checkpoint of round {results['rolled_back_to']}" in str(e.value)


def test_a_base_that_wants_classes_and_a_measure_of_density_without_one_are_refused(tmp_path: Path) -> None:
    gan, recipe = tmp_path / "small.yaml", tmp_path / "on-gan.yaml"
    gan.write_text(GAN)
    text = ON_GAN.replace("GAN}", f"{gan}}}").replace("OBJECTIVE", "kale")
    recipe.write_text(text.replace("measure: [", "measure: [log-density, "))
    with pytest.raises(UserError, match="'log-density' needs a model with log_density"):
        run_recipe(str(recipe), out=tmp_path / "runs", quiet=True)
    recipe.write_text(text.replace(": kale", ": donsker-varadhan").replace("batch: 32", "batch: 32, accumulate: 2"))
    with pytest.raises(UserError, match="no mean over samples"):
        run_recipe(str(recipe), out=tmp_path / "runs", quiet=True)
