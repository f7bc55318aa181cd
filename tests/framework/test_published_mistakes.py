"""Mistakes that published targets hold: each is told by the contract of targets, and its right form passes."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from faulty import breaks, registry_of

from pushforward.testing import check_component

DENSITY = '''
class It(Target):
    """One line."""
    shape = ({dimension},)
    log_z = {log_z}
    {more}
    def sample(self, n, draw):
        noise = draw.normal("noise", {dimension})
        {sample}
        return Batch(x)
    def log_density(self, x):
        {density}
'''
FUNNEL = {
    "dimension": 10,
    "log_z": 0.0,
    "more": "",
    "sample": "x = torch.cat([3 * noise[:, :1], (1.5 * noise[:, :1]).exp() * noise[:, 1:]], 1)",
    "density": "first, rest = x[:, :1], x[:, 1:]; normal = torch.distributions.Normal(0.0, 1.0).log_prob; "
    "return (normal(first / 3) - 1.0986123).sum(1) + (normal(rest * (-first / 2).exp()) - first / 2).sum(1)",
}
REGRESSION = {  # weights w of y = 2 w1 + w2 + noise at three inputs, and a posterior in closed form
    "dimension": 2,
    "log_z": "None",
    "more": "F, y = torch.tensor([[2.0, 1.0], [-1.0, 1.0], [0.5, 1.0]]), torch.tensor([1.5, -0.5, 2.0])",
    "sample": "precision = torch.eye(2) + self.F.T @ self.F; factor = torch.linalg.cholesky(precision); "
    "x = torch.linalg.solve(precision, self.F.T @ self.y).to(noise) + noise @ torch.linalg.inv(factor).to(noise)",
    "density": "return -0.5 * (self.y.to(x) - x @ self.F.T.to(x)).square().sum(1) - 0.5 * x.square().sum(1)",
}
MIXTURE = {  # three modes of unequal weight in five dimensions, far apart
    "dimension": 5,
    "log_z": 0.0,
    "more": "modes, mode_scale = 8.0 * torch.eye(5)[:3], 1.0; mode_weights = torch.tensor([0.2, 0.3, 0.5])",
    "sample": 'u = draw.uniform("mode"); chosen = (u > 0.2).long() + (u > 0.5).long(); '
    "x = self.modes.to(noise)[chosen] + noise",
    "density": "away = (x[:, None] - self.modes.to(x)).square().sum(2); "
    "return (self.mode_weights.log().to(x) - 0.5 * away).logsumexp(1) - 2.5 * 1.8378771",
}


def record(known: dict[str, object]) -> str:
    gives = ["sample", "log_density"] + ["log_z"] * (known["log_z"] != "None") + ["modes"] * ("modes" in known["more"])  # type: ignore[operator]
    return f", gives={tuple(gives)}"


@pytest.mark.parametrize("known", [FUNNEL, REGRESSION, MIXTURE], ids=["funnel", "regression", "mixture"])
def test_their_right_forms_keep_the_contract(known: dict[str, object], tmp_path: Path) -> None:
    body = textwrap.dedent(DENSITY).format(**known)
    check_component("target", "it", registry_of(tmp_path, "target", body, record=record(known)))


@pytest.mark.parametrize(
    ("known", "change", "match"),
    [
        (FUNNEL, {"sample": FUNNEL["sample"].replace("(1.5", "(-1.5")}, "samples and density differ"),  # type: ignore[union-attr]
        (FUNNEL, {"sample": f"{FUNNEL['sample']}; x = x.clamp(-30, 30)"}, "one number came up"),
        (REGRESSION, {"density": REGRESSION["density"].replace("- 0.5 * x.square().sum(1)", "")}, "E score is not 0"),  # type: ignore[union-attr]
        (
            REGRESSION,
            {"density": REGRESSION["density"].replace("x.square().sum(1)", "(x[:, 1:] ** 2).sum(1)")},
            "not 0",
        ),  # type: ignore[union-attr]
        (MIXTURE, {"sample": f"{MIXTURE['sample']} * 1.3133"}, "E x.score is not -D"),  # one name, two widths
        (MIXTURE, {"sample": MIXTURE["sample"].replace("self.modes", "self.modes.roll(1, 1)")}, "samples and density"),  # type: ignore[union-attr]
        (MIXTURE, {"sample": MIXTURE["sample"].replace("u > 0.2", "u > 0.3")}, "modes have other shares"),  # type: ignore[union-attr]
    ],
    ids=["mirrored", "clipped", "no-prior", "no-prior-on-one", "width", "places", "weights"],
)
def test_a_published_mistake_is_told(
    known: dict[str, object], change: dict[str, object], match: str, tmp_path: Path
) -> None:
    breaks(tmp_path, "target", textwrap.dedent(DENSITY).format(**(known | change)), match, record=record(known))


PLANE = {
    "dimension": 2,
    "log_z": 0.0,
    "more": "",
    "sample": "x = noise",
    "density": "return -0.5 * x.square().sum(1) - 1.8378771",
}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"log_z": 0.05}, r"exp\(log_z\) is off by -"),
        ({"density": "return -0.5 * x.square().sum(1)"}, r"exp\(log_z\) is off by"),
        ({"density": "return -0.5 * x.square().sum(1) + (x.detach() * 0.1).sum(1)"}, "score and differences differ"),
        (
            {"density": "return (-0.5 * x.square().sum(1) - 1.8378771).masked_fill(x[:, 0] > 2, -torch.inf)"},
            "not finite at",
        ),
        ({"density": "return (-0.5 * x.square().sum(1) - 1.8378771).masked_fill(x[:, 0] > 4.5, torch.nan)"}, "NaN"),
    ],
    ids=["log-z", "normaliser", "score", "no-density", "nan"],
)
def test_a_density_that_is_not_what_it_says_is_told(change: dict[str, object], match: str, tmp_path: Path) -> None:
    body = textwrap.dedent(DENSITY).format(**(PLANE | change))
    breaks(tmp_path, "target", body, match, record=record(PLANE))


@pytest.mark.parametrize(("domain", "field"), [("torus", "a wave"), ("box", "vanishes at")])
def test_a_wave_on_a_compact_domain_is_held_to_fields_that_fit_it(domain: str, field: str, tmp_path: Path) -> None:
    turn, where = ("1.0", "x.abs() <= 9") if domain == "torus" else ("6.2831853", "(x >= 0) & (x <= 1)")
    right = {
        "dimension": 1,
        "log_z": 0.0,
        "more": f'domain = "{domain}"',
        "sample": 'u = draw.uniform("x", 1); keep = draw.uniform("keep", 1) < 0.5 + 0.4 * (6.2831853 * u).cos(); '
        f"u = torch.where(keep, u, (u + 0.5) % 1); x = (u - u.round()) * 6.2831853 if {turn} == 1 else u",
        "density": f"wave = (1 + 0.8 * ({turn} * x).cos()).sum(1) * {turn} / 6.2831853; "
        f"return wave.log().masked_fill(~({where}).all(1), -torch.inf)",
    }
    body = textwrap.dedent(DENSITY).format(**right)
    check_component("target", "it", registry_of(tmp_path, "target", body, record=record(right)))
    (tmp_path / "wrong").mkdir()
    breaks(tmp_path / "wrong", "target", body.replace("0.5 + 0.4", "0.5 + 0.3"), field, record=record(right))
