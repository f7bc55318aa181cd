"""The host's own components, offered through the same hook as a stranger's."""

from __future__ import annotations

from pushforward.hooks import hook
from pushforward.records import Component, Kind

PUSHFORWARD_API = 1

R = "pushforward.roles"


@hook
def kinds() -> list[Kind]:
    """The kinds that the host knows."""
    adapters = "pushforward.adapters"
    return [
        Kind("target", f"{R}.target:Target", "what is learned or estimated"),
        Kind("model", "pushforward.game:Game", "a game of a few players", wrapper="pushforward.play:Play"),
        Kind(
            "generator", f"{R}.generator:Generator", "noise to data", f"{adapters}:NetworkGenerator", gives=("sample",)
        ),
        Kind(
            "discriminator",
            f"{R}.discriminator:Discriminator",
            "data to realness logits",
            adapter=f"{adapters}:NetworkDiscriminator",
            gives=("critic",),
        ),
        Kind("energy", f"{R}.energy:Energy", "data to nats, low is likely", f"{adapters}:NetworkEnergy"),
        Kind(
            "flow",
            f"{R}.flow:Flow",
            "an invertible map with a density",
            adapter=f"{adapters}:NetworkFlow",
            gives=("sample", "log_density"),
        ),
        Kind(
            "velocity-field",
            f"{R}.velocity:VelocityField",
            "dx/dt = b(t, x)",
            adapter=f"{adapters}:NetworkVelocity",
        ),
        Kind("network", "pushforward.networks:Network", "a bare network, adapted by the slot that it fills"),
        Kind("objective", f"{R}.adversarial:Objective", "what generator and discriminator want"),
        Kind("penalty", f"{R}.adversarial:Penalty", "what is added to the discriminator's cost"),
        Kind("generator-penalty", f"{R}.adversarial:GeneratorPenalty", "what is added to the generator's cost"),
        Kind("augmentation", f"{R}.augmentation:Augmentation", "what a critic sees instead of data"),
        Kind("rule", "pushforward.rules.rule:Rule", "how players move"),
        Kind("optimizer", "pushforward.optimizers:Optimizer", "how a gradient becomes a step", default="adam"),
        Kind("projection", "pushforward.projections:Projection", "where parameters must stay"),
        Kind("schedule", "pushforward.schedules:Schedule", "a number that changes over the run"),
        Kind("average", "pushforward.average:Average", "averaged weights of the sampling player", default="ema"),
        Kind("budget", "pushforward.budget:Budget", "how long a run is", default="budget"),
        Kind("measure", f"{R}.measure:Measure", "a number, with its error, on a model"),
        Kind("watcher", f"{R}.watcher:Watcher", "a picture of a model at every report"),
        Kind("tracker", f"{R}.tracker:Tracker", "where numbers and pictures go"),
        Kind("estimator", f"{R}.estimator:Estimator", "log Z with its error"),
        Kind("sampler", f"{R}.estimator:Sampler", "a Markov kernel"),
        Kind("features", f"{R}.estimator:Features", "what distances between data are measured in"),
    ]


@hook
def components() -> list[Component]:
    """What the host offers itself: play, numbers and pictures, and no generative model."""
    return [*_play(), *_trained(), *_measures(), *_watchers(), *_trackers()]


def _play() -> list[Component]:
    optimizers, schedules, projections = (f"pushforward.{room}" for room in ("optimizers", "schedules", "projections"))
    return [
        Component("target", "nothing", f"{R}.target:Nothing", "no data: for games that need none"),
        *_rules(),
        Component("optimizer", "sgd", f"{optimizers}:SGD", "plain descent, with momentum if asked"),
        Component("optimizer", "adam", f"{optimizers}:Adam", "adaptive moments", "arXiv:1412.6980"),
        Component("optimizer", "rmsprop", f"{optimizers}:RMSprop", "descent scaled by a running mean of squares"),
        Component(
            "optimizer",
            "controlled-descent",
            "pushforward.controlled:ControlledDescent",
            "the step that curvature allows, up to a largest one",
            "arXiv:2112.00222",
        ),
        Component("projection", "box", f"{projections}:Box", "every number between two bounds", "arXiv:1701.07875"),
        Component("projection", "simplex", f"{projections}:Simplex", "probability vectors"),
        Component("projection", "ball", f"{projections}:Ball", "each tensor of bounded norm"),
        Component("schedule", "constant", f"{schedules}:Constant", "one value throughout"),
        Component("schedule", "linear", f"{schedules}:Linear", "a straight line"),
        Component("schedule", "cosine", f"{schedules}:Cosine", "half a cosine", "arXiv:1608.03983"),
        Component("schedule", "inverse-decay", f"{schedules}:InverseDecay", "a step that falls like 1 / t"),
        Component("average", "ema", "pushforward.average:Average", "exponential moving average of weights and buffers"),
        Component("budget", "budget", "pushforward.budget:Budget", "rounds, batch and reports"),
    ]


def _rules() -> list[Component]:
    rules = "pushforward.rules"
    return [
        Component(
            "rule", "alternating", f"{rules}.turns:Alternating", "players move in turn, each at the newest point"
        ),
        Component("rule", "simultaneous", f"{rules}.turns:Simultaneous", "all players move at once from one point"),
        Component(
            "rule",
            "extragradient",
            f"{rules}.extrapolation:Extragradient",
            "a trial step, then the step with the trial point's gradients",
            "arXiv:1802.10551",
        ),
        Component(
            "rule",
            "optimistic",
            f"{rules}.extrapolation:Optimistic",
            "every step doubled and the last one taken back",
            "arXiv:1711.00141",
        ),
        Component(
            "rule", "consensus", f"{rules}.adjusted:Consensus", "all also want the field small", "arXiv:1705.10461"
        ),
        Component(
            "rule",
            "symplectic",
            f"{rules}.adjusted:Symplectic",
            "the rotating part of the field is opposed",
            "arXiv:1802.05642",
        ),
        Component(
            "rule",
            "lookahead",
            f"{rules}.stabilised:Lookahead",
            "some rounds of another rule, then a part of the way back",
            "arXiv:2006.14567",
        ),
        Component(
            "rule",
            "negative-momentum",
            f"{rules}.stabilised:NegativeMomentum",
            "in turn, each move pulled back along the last one",
            "arXiv:1807.04740",
        ),
        Component(
            "rule",
            "l-bfgs",
            f"{rules}.quasi_newton:LBFGS",
            "quasi-Newton directions, searched until they are exhausted",
        ),
        Component(
            "rule", "kpv", f"{rules}.stabilised:KPV", "each player is pushed by a copy that lags", "arXiv:2111.04178"
        ),
        Component(
            "rule",
            "competitive",
            f"{rules}.competitive:Competitive",
            "each player answers what the others are about to do",
            "arXiv:1905.12103",
        ),
        Component("rule", "runge-kutta", f"{rules}.flow:RungeKutta", "the gradient flow in steps of fourth order"),
    ]


def _trained() -> list[Component]:
    roles = ("generator", "discriminator", "energy", "flow", "velocity-field")
    return [
        Component(role, "trained", "pushforward.trained:Trained", f"the {role} that another recipe or run has trained")
        for role in roles
    ]


def _measures() -> list[Component]:
    m = "pushforward.measures"
    sampled = {"model": ("sample",), "target": ("sample",)}
    density = {"model": ("log_density",), "target": ("sample",)}
    weighed = {"model": ("sample", "log_density"), "target": ("sample", "log_density")}
    return [
        Component(
            "measure",
            "sliced-wasserstein",
            f"{m}.sliced_wasserstein:SlicedWasserstein",
            "sliced 2-Wasserstein distance to held-out data",
            needs=sampled,
        ),
        Component(
            "measure",
            "wasserstein",
            f"{m}.wasserstein:Wasserstein",
            "exact 2-Wasserstein distance, up to 2000 points",
            needs=sampled,
        ),
        Component(
            "measure",
            "label-agreement",
            f"{m}.label_agreement:LabelAgreement",
            "share of samples of the class that was asked for",
            needs=sampled,
        ),
        Component(
            "measure",
            "path-length",
            f"{m}.path_length:PerceptualPathLength",
            "how fast what is seen changes with the noise",
            "arXiv:1812.04948",
            needs=sampled,
        ),
        Component("measure", "mmd", f"{m}.mmd:MMD", "unbiased squared MMD, Gaussian kernel", needs=sampled),
        Component(
            "measure",
            "mode-coverage",
            f"{m}.coverage:ModeCoverage",
            "share of modes covered, share of samples near one",
            "arXiv:1705.07761",
            needs={"model": ("sample",), "target": ("modes",)},
        ),
        Component(
            "measure",
            "mode-shares",
            f"{m}.mode_shares:ModeShares",
            "divergence of the shares of many modes from fair ones",
            "arXiv:1611.02163",
            needs={"model": ("sample",), "target": ("modes",)},
        ),
        Component(
            "measure",
            "mode-entropy",
            f"{m}.mode_entropy:ModeEntropy",
            "how evenly samples spread over the modes",
            "arXiv:2406.07423",
            needs={"model": ("sample",), "target": ("modes",)},
        ),
        Component(
            "measure",
            "frechet",
            f"{m}.frechet:FrechetDistance",
            "Fréchet distance over features",
            "arXiv:1706.08500",
            needs=sampled,
        ),
        Component(
            "measure",
            "kernel-distance",
            f"{m}.kernel_distance:KernelDistance",
            "unbiased squared MMD over features, cubic kernel",
            "arXiv:1801.01401",
            needs=sampled,
        ),
        Component(
            "measure",
            "manifold",
            f"{m}.neighbours:Manifold",
            "precision, recall, density and coverage over features",
            "arXiv:1904.06991",
            needs=sampled,
        ),
        Component(
            "measure",
            "memorisation",
            f"{m}.neighbours:Memorisation",
            "whether samples are nearer to training rows than new data are",
            needs=sampled,
        ),
        Component(
            "measure",
            "class-shares",
            f"{m}.class_shares:ClassShares",
            "deviation of class shares, and the classifier's confidence",
            needs={"model": ("sample",), "target": ("sample", "labels")},
        ),
        Component("measure", "log-density", f"{m}.likelihood:LogDensity", "mean held-out log-density", needs=density),
        Component(
            "measure",
            "bits-per-dimension",
            f"{m}.bits:BitsPerDimension",
            "bits that a number of rounded held-out data costs",
            "arXiv:1511.01844",
            needs={"model": ("log_density",), "target": ("sample", "levels")},
        ),
        Component(
            "measure",
            "evidence-bounds",
            f"{m}.evidence_bounds:EvidenceBounds",
            "ELBO and EUBO, which hold log Z between them",
            "arXiv:2406.07423",
            needs=weighed,
        ),
        Component(
            "measure",
            "forward-ess",
            f"{m}.forward_ess:ForwardESS",
            "effective sample size by exact samples of the target",
            "arXiv:2208.01893",
            needs=weighed,
        ),
        Component("measure", "mass", f"{m}.mass:Mass", "integral of the density, which is one", needs=density),
        Component(
            "measure",
            "log-z",
            f"{m}.log_z:LogZ",
            "estimate of the target's log Z with its error",
            needs={"model": ("log_z",), "target": ("log_density",)},
        ),
        Component(
            "measure",
            "mixing",
            f"{m}.mixing:Mixing",
            "R-hat and effective sizes of a sampler's chains",
            "arXiv:1903.08008",
        ),
        Component("measure", "spectrum", f"{m}.spectrum:SpectrumMeasure", "what a round does near the equilibrium"),
        Component("features", "identity", f"{m}.features:Identity", "the data themselves"),
        Component("features", "classifier", f"{m}.features:Classifier", "a small classifier's last hidden layer"),
        Component("features", "inception", f"{m}.image_features:Inception", "Inception's, from a file of weights"),
        Component(
            "features", "efficientnet-lite0", f"{m}.image_features:EfficientNet", "those of a package (extra `images`)"
        ),
    ]


def _watchers() -> list[Component]:
    watchers = "pushforward.watchers"
    sampled = {"model": ("sample",)}
    return [
        Component("watcher", "sample-scatter", f"{watchers}.scatter:SampleScatter", "samples over data", needs=sampled),
        Component("watcher", "sample-grid", f"{watchers}.grid:SampleGrid", "images from fixed noise", needs=sampled),
        Component("watcher", "critic-field", f"{watchers}.field:CriticField", "logits over the plane", needs=sampled),
        Component("watcher", "energy-field", f"{watchers}.field:EnergyField", "log-density or energy over the plane"),
        Component("watcher", "orbit", f"{watchers}.orbit:Orbit", "the orbit of play, over the field of two numbers"),
        Component("watcher", "velocity-field", f"{watchers}.velocity:VelocityStreams", "streamlines of a velocity"),
    ]


def _trackers() -> list[Component]:
    trackers = "pushforward.trackers"
    return [
        Component("tracker", "csv", f"{trackers}.csv:CsvTracker", "metrics.csv in the run's folder; every run has it"),
        Component("tracker", "png", f"{trackers}.png:PngTracker", "pictures in the run's folder; every run has it"),
        Component("tracker", "wandb", f"{trackers}.wandb:Wandb", "Weights & Biases, offline where there is no key"),
        Component("tracker", "tensorboard", f"{trackers}.tensorboard:TensorBoard", "TensorBoard event files"),
        Component("tracker", "mlflow", f"{trackers}.mlflow:MLflow", "an MLflow store, by default a local file"),
    ]
