"""A contract that cannot fail says nothing: for each, a component that breaks it and the sentence that says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from faulty import HEAD, breaks, registry_of

from pushforward import Draw
from pushforward.problem import UserError
from pushforward.registry import Registry
from pushforward.testing import ContractBroken, check_component
from pushforward.testing.stand_ins import Blobs, Looked

OBJECTIVE = '''
class It(Objective):
    """One line.{args}"""
    def __init__(self{parameters}) -> None:
        {init}
    def discriminator(self, real, fake):
        return {discriminator}
    def generator(self, fake, real=None):
        return {generator}
'''
GOOD = {
    "args": "",
    "parameters": "",
    "init": "pass",
    "discriminator": "softplus(-real).mean() + softplus(fake).mean()",
    "generator": "softplus(-fake).mean()",
}
FLOAT = "\n\n    Args:\n        margin: a margin.\n    "


def test_an_objective_without_a_fault_passes(tmp_path: Path) -> None:
    check_component("objective", "it", registry_of(tmp_path, "objective", OBJECTIVE.format(**GOOD)))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"discriminator": "softplus(-real) + 0 * fake.mean()"}, r"discriminator's has shape \(8,\)"),
        (
            {"discriminator": "(1 + (-real).exp()).log().mean() + softplus(fake).mean()"},
            "real -10000 and fake .* is inf",
        ),
        ({"discriminator": "softplus(real).mean()"}, "wants real data to score lower"),
        ({"generator": "softplus(fake).mean()"}, "wants its data to score lower"),
        ({"generator": "softplus(-fake).mean() + (0 if real is None else real.mean())"}, "depends on real logits"),
        ({"generator": "softplus(-fake).mean().detach()"}, "RuntimeError"),
        ({"parameters": ", margin: float = 1.0"}, "nothing under Args: about margin"),
        ({"args": FLOAT}, "which the constructor does not take"),
        ({"args": FLOAT, "parameters": ", margin: float = 1.0"}, "no attribute 'margin'"),
        ({"args": FLOAT, "parameters": ", margin: Any = 1.0"}, "names Any, which no recipe can write"),
        ({"args": FLOAT, "parameters": ", margin=1.0"}, "margin has no type hint"),
        ({"args": FLOAT, "parameters": ", margin: float = 1 / 2 + 0"}, "is no plain value"),
        (
            {"args": FLOAT, "parameters": ", margin: float = 1.0", "init": "self.margin = 2 * margin"},
            "margin is 2.0 where 1.0 was given",
        ),
    ],
)
def test_a_faulty_objective_is_told_its_fault(change: dict[str, str], match: str, tmp_path: Path) -> None:
    breaks(tmp_path, "objective", OBJECTIVE.format(**(GOOD | change)), match)


def test_a_class_without_the_role_is_refused(tmp_path: Path) -> None:
    breaks(tmp_path, "objective", 'class It:\n    """One line."""', "is no subclass of Objective")


def test_a_name_that_is_not_in_kebab_case_is_refused(tmp_path: Path) -> None:
    breaks(tmp_path, "objective", OBJECTIVE.format(**GOOD), "the name is 'It_Is'", name="It_Is")


PENALTY = '''
class It(Penalty):
    """One line.

    Args:
        weight: strength.
    """
    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight
    def __call__(self, critic, real, fake, draw):
        {body}
'''


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("return self.weight * (slope(critic, real).flatten(1).norm(dim=1) - 1).square().mean()", "it is 1"),
        ("return slope(critic, real).square().sum(1).mean()", "twice the weight"),
        ("return self.weight * slope(critic, real).detach().square().sum()", "RuntimeError"),
        ("return self.weight * slope(critic, real).square().sum()", "halves, .* they differ"),
        ("return self.weight * slope(critic, real).square().sum(1)", r"shape \(8,\)"),
    ],
)
def test_a_faulty_penalty_is_told_its_fault(body: str, match: str, tmp_path: Path) -> None:
    breaks(tmp_path, "penalty", PENALTY.format(body=body), match)


GAME = '''
class It(Game):
    """One line."""
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 1)
        self.register_buffer("memory", torch.zeros(1))
    @property
    def players(self):
        return {{"a": self.a, "b": self.b}}
    def costs(self, names, draw):
        x = self.a(draw.x)
        costs = {{"a": {{"c": -self.b(x).mean()}}, "b": {{"c": self.b(x).mean()}}}}
        {costs}
    def sample(self, n, draw, condition=None):
        {sample}
'''
PLAYS = {"costs": "return {n: costs[n] for n in names}", "sample": 'return self.a(draw.normal("z", 2))'}


def test_a_game_without_a_fault_passes(tmp_path: Path) -> None:
    check_component("model", "it", registry_of(tmp_path, "model", GAME.format(**PLAYS), record=', gives=("sample",)'))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"costs": "return costs"}, r"asked for a, it gave \['a', 'b'\]"),
        ({"costs": "self.memory += 1; return {n: costs[n] for n in names}"}, "they changed parameters or buffers"),
        ({"costs": "torch.rand(1); return {n: costs[n] for n in names}"}, "moved torch's global generator"),
        ({"costs": 'return {n: {"c": costs[n]["c"] * len(tuple(names))} for n in names}'}, "when all are asked"),
        ({"costs": 'return {n: {"c": self.b(draw.x).mean()} for n in names}'}, "'a' does not depend on its parameters"),
        ({"costs": 'return {n: {"c": costs[n]["c"].square()} for n in names}'}, "halves, .* they differ"),
        ({"sample": 'return self.a(draw.normal("z", 2))[:-1]'}, r"samples have shape \(7, 2\)"),
        ({"sample": "return self.a(torch.randn(n, 2))"}, "two samples of one draw differ"),
        ({"sample": 'self.memory += 1; return self.a(draw.normal("z", 2))'}, "sampling changed the game"),
    ],
)
def test_a_faulty_game_is_told_its_fault(change: dict[str, str], match: str, tmp_path: Path) -> None:
    breaks(tmp_path, "model", GAME.format(**(PLAYS | change)), match, record=', gives=("sample",)')


def test_a_game_that_does_not_hold_what_its_record_says_is_told(tmp_path: Path) -> None:
    breaks(tmp_path, "model", GAME.format(**PLAYS), "held.'generator'. fails", record=', holds=("generator",)')


FLOW = '''
class It(Flow):
    """One line."""
    {more}
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.n, self.s = shape, torch.Size(shape).numel(), nn.Parameter(torch.tensor(0.5))
    def push(self, z, condition=None):
        return {push}
    def pull(self, x, condition=None):
        return {pull}
'''
SCALES = {  # every coordinate scaled by exp(s), without a fault
    "more": "",
    "push": "z * self.s.exp(), (self.n * self.s).expand(len(z))",
    "pull": "x / self.s.exp(), -(self.n * self.s).expand(len(x))",
}


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        ({"push": "z * self.s.exp(), self.s.expand(len(z))"}, "there and back is off by 0.52 in torch.float64"),
        ({"push": "z * self.s.exp(), self.s.expand(len(z))"}, "to_data is off by 0.52 nats"),
        ({"pull": "x / self.s.exp(), -self.s.expand(len(x))"}, r"shape \(2,\) sums to 1.68"),
        ({"push": "z * self.s.exp(), self.n * self.s"}, r"shapes \(5, 2\) and \(\)"),
        (
            {"push": "(z * self.s.exp()).clamp(-9, 9), (self.n * self.s).expand(len(z))"},
            "off by .* in torch.float64, with numbers up to 54.5",
        ),
        ({"pull": "x / self.s.exp(), -(self.n * self.s).expand(len(x)).float()"}, "float64 and torch.float32 out"),
        ({"pull": "(x - 0 * x.sum()) / self.s.exp(), -(self.n * self.s).expand(len(x))"}, "beside a row of NaN"),
        ({"pull": "x.nan_to_num() / self.s.exp(), -(self.n * self.s).expand(len(x))"}, "a row of NaN has a density"),
        ({"more": "order = (0, 1)", "push": "z.flip(1), 0 * self.s.expand(len(z))"}, "not lower triangular"),
        ({"more": "order = (1, 2)"}, r"its order is \(1, 2\)"),
        ({"more": "conditional = True"}, "another class leaves a row where it was"),
        ({"more": "compiles = True", "push": "z * self.s.exp().tolist(), (self.n * self.s).expand(len(z))"}, "graph"),
        ({"pull": "x / self.s.exp().detach(), -(self.n * self.s).expand(len(x))"}, "differences say"),
        (
            {"pull": "x / self.s.exp(), self.s * (x - 9).flatten(1).amax(1).exp().exp()"},
            "not finite",
        ),
    ],
)
def test_a_faulty_flow_is_told_its_fault(fault: dict[str, str], match: str, tmp_path: Path) -> None:
    breaks(tmp_path, "flow", FLOW.format(**(SCALES | fault)), match)


MODULES = {
    "generator": (
        "self.latent = Latent(3); self.w = nn.Linear(3, 2); self.drop = nn.Dropout(0.5)",
        "self.drop(self.w(z))",
        "two calls differ",
    ),
    "discriminator": ("self.w = nn.Linear(2, 1)", "self.w(z) - self.w(z).mean()", "first logit moves"),
    "energy": ("self.w = nn.Linear(2, 1)", "self.w(z)", r"shape \(5, 1\): expected \(5,\)"),
}


@pytest.mark.parametrize("kind", MODULES)
def test_a_faulty_module_is_told_its_fault(kind: str, tmp_path: Path) -> None:
    init, out, match = MODULES[kind]
    body = f'''
    class It({kind.title()}):
        """One line."""
        def __init__(self) -> None:
            super().__init__()
            {init}
        def forward(self, z, condition=None):
            return {out}
    '''
    breaks(tmp_path, kind, body, match)


def test_what_is_not_in_the_state_makes_a_checkpoint_useless(tmp_path: Path) -> None:
    body = '''
    class It(Energy):
        """One line."""
        def __init__(self) -> None:
            super().__init__()
            self.w, self.hidden = nn.Linear(2, 1), torch.randn(())
        def forward(self, x, condition=None):
            return self.w(x).squeeze(1) * self.hidden
    '''
    breaks(tmp_path, "energy", body, "not in the state_dict makes a difference")


def test_a_velocity_field_with_a_wrong_divergence_is_told(tmp_path: Path) -> None:
    body = '''
    class It(VelocityField):
        """One line."""
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Linear(2, 2)
        def forward(self, t, x):
            return self.w(x).tanh()
        def divergence(self, t, x):
            return self.w.weight.trace().expand(len(x))
    '''
    breaks(tmp_path, "velocity-field", body, "the divergence is off by")


def test_a_network_of_another_shape_is_told(tmp_path: Path) -> None:
    body = '''
    class It(Network):
        """One line."""
        def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
            super().__init__()
            self.w = nn.LazyLinear(1)
        def forward(self, x):
            return self.w(x.flatten(1))
    '''
    breaks(tmp_path, "network", body, r"\(3,\) to \(\) gave \(5, 1\): expected \(5,\)")


TARGET = '''
class It(Target):
    """One line."""
    def __init__(self) -> None:
        self.shape, self.classes = (2,), {classes}
    def sample(self, n, draw):
        return Batch({x})
    def log_density(self, x):
        return {density}

def known():
    return Metadata({shape})
'''
SOUND = {"classes": "None", "x": 'draw.normal("x", 2)', "density": "-0.5 * x.square().sum(1)", "shape": "(2,)"}
RECORD = ', gives=("sample", "log_density"), metadata="plugin_known:known"'


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"x": "torch.randn(n, 2)"}, "one draw gave different data"),
        ({"x": 'draw.normal("x", 2).double()'}, "torch.float64"),
        ({"x": "torch.zeros(n, 2)"}, "different draws gave the same data"),
        ({"x": 'draw.normal("x", 2) + draw.n'}, "two halves of a draw are not the whole"),
        ({"density": "-x.square()"}, r"shape \(6, 2\): expected \(6,\)"),
        ({"density": "-x.detach().square().sum(1)"}, "RuntimeError"),
        ({"shape": "(3,)"}, r"shape \(3,\), then \(2,\)"),
    ],
)
def test_a_faulty_target_is_told_its_fault(
    change: dict[str, str], match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = f"from pushforward import Metadata\ndef known():\n    return Metadata({(SOUND | change)['shape']})\n"
    (tmp_path / f"known_{tmp_path.name}.py").write_text(known)
    monkeypatch.syspath_prepend(tmp_path)
    record = RECORD.replace("plugin_known", f"known_{tmp_path.name}")
    breaks(tmp_path, "target", TARGET.format(**(SOUND | change)), match, record=record)


def test_a_target_whose_modes_are_not_declared_is_told(tmp_path: Path) -> None:
    body = TARGET.format(**SOUND).replace("self.shape,", "self.mode_scale = 0.1; self.shape,")
    breaks(tmp_path, "target", body, "mode_scale is 0.1", record=', gives=("sample", "log_density")')


RULE = '''
class It(Rule):
    """One line."""
    def turns(self, field):
        return 1
    def start(self, field):
        return {start}
    def round(self, field, move, state):
        {body}
'''


@pytest.mark.parametrize(
    ("body", "start", "match"),
    [
        (
            "field.live['left.values'].data.mul_(1.01); return move(field(at=state.point), state)",
            "{}",
            "they differ by",
        ),
        ("return move(field(at=state.point), state)", "{'count': 0}", "count, which are no tensors"),
    ],
)
def test_a_faulty_rule_is_told_its_fault(body: str, start: str, match: str, tmp_path: Path) -> None:
    breaks(tmp_path, "rule", RULE.format(body=body, start=start), match)


def test_an_optimizer_whose_two_forms_differ_is_told(tmp_path: Path) -> None:
    body = '''
    class It(Optimizer):
        """One line.

        Args:
            lr: step.
        """
        def __init__(self, lr: float = 0.1) -> None:
            self.lr = lr
        def in_place(self, parameters):
            return torch.optim.SGD(parameters, lr=self.lr)
        def start(self, parameter):
            return {}
        def step(self, parameter, gradient, memory):
            return parameter - 1.01 * self.lr * gradient, memory
    '''
    breaks(tmp_path, "optimizer", body, "step 1 differs by")


def test_a_schedule_that_ends_in_infinity_is_told(tmp_path: Path) -> None:
    body = '''
    class It(Schedule):
        """One line."""
        def __call__(self, t):
            return 1 / (1 - t) if t < 1 else float("inf")
    '''
    breaks(tmp_path, "schedule", body, "at t = 1.0 it is inf")


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("torch.rand(1); return {'value': 1.0, 'n': 1}", "it moved a global random generator"),
        ("look.game.memory.add_(1); return {'value': 1.0, 'n': 1}", "it changed memory"),
        ("return {'value': 1.0}", "neither standard_error nor n"),
        ("self.n = getattr(self, 'n', 0) + 1; return {'value': float(self.n), 'n': 1}", "two looks at one model"),
    ],
)
def test_a_measure_that_touches_is_told(body: str, match: str, tmp_path: Path) -> None:
    text = f'''
    class It(Measure):
        """One line."""
        def __init__(self) -> None:
            super().__init__()
        def compute(self):
            return {{}}
        def measure(self, look):
            {body}
    '''
    breaks(tmp_path, "measure", text, match)


LOOKS = '''
class It(Measure):
    """One line."""
    def __init__(self) -> None:
        super().__init__()
    def compute(self):
        return {{}}
    def measure(self, look):
        return {{"value": {value}, "n": 1}}
'''


def test_a_measure_sees_play_and_its_orbit(tmp_path: Path) -> None:
    body = LOOKS.format(value="float(len(look.play.trace.rounds))")
    check_component("measure", "it", registry_of(tmp_path, "measure", body))


def test_a_measure_that_needs_what_no_model_gives_is_told(tmp_path: Path) -> None:
    needs = ', needs={"model": ("wings",)}'
    breaks(tmp_path, "measure", LOOKS.format(value=1.0), "no registered model gives wings", record=needs)


def test_a_measure_looks_at_a_registered_game_that_gives_what_it_needs(tmp_path: Path) -> None:
    body = (
        LOOKS.format(value="float(look.game.phases)")
        + """
class Winged(Game):
    needs_data = False
    phases = 7
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(1, 1)
    @property
    def players(self):
        return {"left": self.left}
    def costs(self, names, draw):
        return {name: {"size": self.left.weight.square().sum() + self.left.bias.sum()} for name in names}

@hook
def components():
    return [
        Component("measure", "it", ":It", "a summary", needs={"model": ("wings",)}),
        Component("model", "winged", ":Winged", "a summary", gives=("wings",)),
    ]
"""
    )
    file = tmp_path / "winged_plugin.py"
    file.write_text(HEAD + body)
    registry = Registry([str(file)])
    assert registry.plugins[-1].state == "loaded", registry.plugins[-1].reason
    check_component("measure", "it", registry)


def test_a_measure_looks_at_the_game_and_the_data_that_are_given(tmp_path: Path) -> None:
    body, target = LOOKS.format(value="float(look.target.shape[0] / (look.target.shape == (5,)))"), Blobs((5,))
    registry = registry_of(tmp_path, "measure", body)
    check_component("measure", "it", registry, {"target": target, "model": Looked(target)})
    with pytest.raises(ContractBroken, match="ZeroDivisionError"):
        check_component("measure", "it", registry)


def test_the_stand_in_knows_where_its_cost_is_least_and_what_it_is_there() -> None:
    target = Blobs()
    game, n = Looked(target), 200_000
    for name, value in game.equilibrium().items():
        game.get_parameter(name).data.copy_(value)
    draw = Draw(0, ("equilibrium",), n)
    (cost,) = game.costs(("flow",), draw.with_data(*target.batch(draw)))["flow"].values()
    assert float(cost.detach()) == pytest.approx(game.answers()["least-likelihood"], abs=0.01)  # four standard errors
    slopes = torch.autograd.grad(cost, list(game.flow.parameters()))
    assert max(float(slope.abs().max()) for slope in slopes) < 0.015


def test_every_contract_that_is_broken_is_told_at_once(tmp_path: Path) -> None:
    faults = {"generator": "softplus(fake)", "discriminator": "softplus(real).mean()"}
    with pytest.raises(ContractBroken) as found:
        check_component("objective", "it", registry_of(tmp_path, "objective", OBJECTIVE.format(**(GOOD | faults))))
    lines = str(found.value).splitlines()
    assert lines[0].startswith("objective 'it' (") and len(lines) >= 3


def test_an_unknown_component_is_a_users_mistake_with_a_suggestion() -> None:
    with pytest.raises(UserError, match="did you mean 'hinge'"):
        check_component("objective", "hing")
    with pytest.raises(UserError, match="did you mean 'objective'"):
        check_component("objectiv", "hinge")
