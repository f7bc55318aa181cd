"""What the GEBM family offers, and where it is."""

from __future__ import annotations

from pushforward import Component, hook

PUSHFORWARD_API = 1


SAMPLED = {"target": ("sample",)}
LOOKS = {"model": ("sample",), "target": ("sample",)}


@hook
def components() -> list[Component]:
    """Models, energies and what they want, measures, and Markov kernels."""
    return [*_models(), *_energies(), *_looks(), *_samplers()]


def _models() -> list[Component]:
    here, kinds = "pushforward_gebm", ("energy",)
    return [
        Component(
            "model",
            "gebm",
            f"{here}.game:GEBM",
            "an energy on a base law that is a flow or a generator",
            "arXiv:2003.05033",
            gives=("sample", "log_density if base"),
            needs=SAMPLED,
            holds=kinds,
        ),
        Component(
            "model",
            "contrastive-divergence",
            f"{here}.contrastive:ContrastiveDivergence",
            "an energy against its own chains",
            "arXiv:1903.08689",
            gives=("sample",),
            needs=SAMPLED,
            holds=kinds,
        ),
        Component(
            "model",
            "noise-contrastive",
            f"{here}.noise_contrastive:NoiseContrastive",
            "an energy and its constant against noise of known density",
            gives=("sample", "log_density"),
            needs=SAMPLED,
            holds=kinds,
        ),
        Component(
            "model",
            "denoising-score-matching",
            f"{here}.score_matching:Denoising",
            "an energy by the score of blurred data",
            gives=("sample",),
            needs=SAMPLED,
            holds=kinds,
        ),
        Component(
            "model",
            "sliced-score-matching",
            f"{here}.score_matching:Sliced",
            "an energy by its score along random directions",
            "arXiv:1905.07088",
            gives=("sample",),
            needs=SAMPLED,
            holds=kinds,
        ),
    ]


def _energies() -> list[Component]:
    here = "pushforward_gebm"
    return [
        Component("energy", "critic", f"{here}.energies:CriticEnergy", "minus a discriminator", "arXiv:2003.06060"),
        Component("objective", "kale", f"{here}.kale:KALE", "a bound of the divergence", "arXiv:2003.05033"),
        Component(
            "objective",
            "donsker-varadhan",
            f"{here}.kale:DonskerVaradhan",
            "the same with weights normalised in the batch",
            "arXiv:2003.05033",
            traits=("couples-samples",),
        ),
        Component(
            "penalty", "squared-energies", f"{here}.penalties:SquaredEnergies", "energies near zero", "arXiv:1903.08689"
        ),
    ]


def _looks() -> list[Component]:
    here = "pushforward_gebm"
    return [
        Component(
            "measure",
            "gain-over-base",
            f"{here}.gain:GainOverBase",
            "what an energy adds to its base's log-density",
            "arXiv:2003.05033",
            needs=LOOKS,
        ),
        Component(
            "measure",
            "quality-over-base",
            f"{here}.beside:QualityOverBase",
            "how much nearer to data samples are than the base's, by another measure",
            needs=LOOKS,
        ),
        Component(
            "watcher", "base-and-model", f"{here}.beside:BaseAndModel", "samples of both, side by side", needs=LOOKS
        ),
    ]


def _samplers() -> list[Component]:
    here = "pushforward_gebm"
    return [
        Component("sampler", "ula", f"{here}.samplers:ULA", "unadjusted Langevin steps"),
        Component("sampler", "mala", f"{here}.samplers:MALA", "Langevin steps with a test"),
        Component("sampler", "hmc", f"{here}.samplers:HMC", "Hamiltonian Monte Carlo", "arXiv:1206.1901"),
        Component("sampler", "nuts", f"{here}.samplers:NUTS", "the no-U-turn sampler", "arXiv:1111.4246"),
        Component(
            "sampler",
            "parallel-tempering",
            f"{here}.samplers:ParallelTempering",
            "chains of flatter laws that exchange their points",
            "arXiv:1905.02939",
        ),
        Component(
            "sampler",
            "kinetic-langevin",
            f"{here}.samplers:KineticLangevin",
            "Langevin steps with momentum, by the splitting ABOBA",
            "arXiv:1203.5428",
        ),
    ]
