"""Rules are written once and played twice: in place by torch's optimizers, and as a pure function."""

import itertools

import pytest
import torch
from torch import nn

from pushforward import Batch, Draw, Game
from pushforward.average import Average
from pushforward.field import Field
from pushforward.functional import FunctionalPlay
from pushforward.ledger import Ledger, NonFinite
from pushforward.optimizers import SGD, Adam, RMSprop
from pushforward.play import Play
from pushforward.problem import RunFailed, UserError
from pushforward.rounds import Rounds
from pushforward.rules import Alternating, Simultaneous
from pushforward.schedules import Constant, Cosine, InverseDecay, Linear
from pushforward_gan.objectives import RelativisticPaired


class Bilinear(Game):
    """min over x, max over y of x y: its answers are known."""

    averaged = ("x",)

    def __init__(self, x=1.0, y=1.0):
        super().__init__()
        self.x, self.y = _Number(x), _Number(y)
        self.asked = []

    @property
    def players(self):
        return {"y": self.y, "x": self.x}

    def costs(self, names, draw):
        names = tuple(names)
        self.asked.append(names)
        product = self.x.value * self.y.value
        return {name: {"product": product if name == "x" else -product} for name in names}


class _Number(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))


def turns(play, round=0, n=4):
    return [Draw(0, (round, i), n) for i in range(play.turns)]


def play_rounds(game, rule, optimizer, rounds):
    play = Play(game, rule, optimizer)
    play.configure_optimizers()
    for k in range(rounds):
        play.training_step(turns(play, k), 0)
    return play


def radius(game):
    return float(game.x.value.detach() ** 2 + game.y.value.detach() ** 2) ** 0.5


def test_simultaneous_descent_on_the_bilinear_game_grows_by_its_closed_form():
    h, rounds = 0.1, 50
    game = Bilinear()
    start = radius(game)
    play_rounds(game, Simultaneous(), SGD(h), rounds)
    assert radius(game) / start == pytest.approx((1 + h**2) ** (rounds / 2), rel=1e-12)


@pytest.mark.parametrize(("order", "sign"), [(["x", "y"], -1), (["y", "x"], +1)])
def test_alternating_descent_conserves_a_form_whose_sign_tells_who_moves_first(order, sign):
    h = 0.1
    game = Bilinear(0.7, -0.4)

    def form():
        x, y = float(game.x.value.detach()), float(game.y.value.detach())
        return x * x + y * y + sign * h * x * y

    before = form()
    play_rounds(game, Alternating(order=order), SGD(h), 1000)
    assert form() == pytest.approx(before, rel=1e-10)


def test_steps_of_a_player_conserve_the_form_of_that_ratio():
    h, steps = 0.05, 5
    game = Bilinear(0.7, -0.4)

    def form():
        x, y = float(game.x.value.detach()), float(game.y.value.detach())
        return steps * x * x + y * y - steps * h * x * y

    before = form()
    play_rounds(game, Alternating(order=["x", "y"], steps={"y": steps}), SGD(h), 200)
    assert form() == pytest.approx(before, rel=1e-10)


def test_an_alternating_round_asks_for_no_cost_that_it_does_not_use():
    game = Bilinear()
    play_rounds(game, Alternating(steps={"y": 2}), SGD(0.1), 1)
    assert game.asked == [("y",), ("y",), ("x",)]


def test_a_simultaneous_round_asks_for_all_costs_at_one_point():
    game = Bilinear()
    play_rounds(game, Simultaneous(), SGD(0.1), 1)
    assert game.asked == [("y", "x")]


@pytest.mark.parametrize(
    "rule", [Alternating(steps={"discriminator": 2}), Simultaneous()], ids=["alternating", "simultaneous"]
)
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.05),
        SGD(0.05, momentum=0.9),
        Adam(0.01, (0.0, 0.99)),
        Adam(0.01, (0.5, 0.9), weight_decay=0.1),
        RMSprop(0.01),
    ],
    ids=["sgd", "momentum", "adam", "adamw", "rmsprop"],
)
def test_a_round_in_place_and_as_a_pure_function_are_the_same(rule, optimizer, small_gan):
    game = small_gan()
    pure = FunctionalPlay(small_gan(), rule, dict.fromkeys(game.players, optimizer))
    state = pure.start()
    play = Play(game, rule, optimizer)
    play.configure_optimizers()
    for k in range(4):
        dealt = [d.with_data(d.normal("data", 2)) for d in double_turns(play, k)]
        play.training_step(dealt, 0)
        state = pure.round(state, dealt)
    for name, value in play.field.live.items():
        torch.testing.assert_close(state.point[name], value.detach(), rtol=1e-12, atol=1e-12)


class Lookahead(Simultaneous):
    """Two steps, then half the way back: a rule that sets the point itself."""

    def turns(self, field):
        return 2

    def round(self, field, move, state):
        slow = {key: value.detach().clone() for key, value in state.point.items()}
        for _ in range(2):
            state = move(field(), state)  # at the present point, wherever the executor keeps it
        return state._replace(point={key: (slow[key] + value) / 2 for key, value in state.point.items()})


@pytest.mark.parametrize("clip", [None, 0.3])
def test_a_rule_that_sets_the_point_is_the_same_in_both_executors(clip, small_gan):
    game = small_gan()
    rule, optimizer = Lookahead(), Adam(0.02, (0.0, 0.9))
    pure = FunctionalPlay(small_gan(), rule, dict.fromkeys(game.players, optimizer), clip=clip)
    state = pure.start()
    play = Play(game, rule, optimizer, clip=clip)
    play.configure_optimizers()
    for k in range(3):
        dealt = [d.with_data(d.normal("data", 2)) for d in double_turns(play, k)]
        play.training_step(dealt, 0)
        state = pure.round(state, dealt)
    for name, value in play.field.live.items():
        torch.testing.assert_close(state.point[name], value.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cut", [(0, 3, 7), (0, 1, 7)])
def test_uneven_slices_of_processes_add_up_to_the_gradient_of_the_whole(cut, small_gan):
    """The messages of two processes, added by hand."""
    game = small_gan()
    draw = Draw(0, (0, 0), 7, dtype=torch.float64)
    draw = draw.with_data(draw.normal("data", 2))
    sent = []
    for first, last in itertools.pairwise(cut):
        field = Field(game, reduce=lambda tensors, share: sent.append([t * share for t in tensors]) or tensors)
        field.deal([draw._slice(first, last)])
        field()
    whole = Field(game)
    whole.deal([draw])
    direction = whole()
    expected = [*direction.gradients.values(), *(v for own in direction.terms.values() for v in own.values())]
    for a, b, total in zip(*sent, expected, strict=True):
        torch.testing.assert_close(a + b, total, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "number"),
    [(Adam(0.1), "weight_decay"), (Adam(0.1), "eps"), (RMSprop(0.1), "alpha"), (SGD(0.1, 0.5), "momentum")],
)
def test_every_number_of_an_optimizer_can_be_scheduled(optimizer, number):
    play = Play(Bilinear(), Simultaneous(), optimizer)
    play.prepare(2, 0, 1, [(optimizer, number, Linear(0.5, 0.1))])
    play.configure_optimizers()
    for k in range(2):
        play.training_step(turns(play, k), 0)
    assert play._torch["x"].param_groups[0][number] == pytest.approx(0.3)


def test_a_term_that_comes_and_goes_is_averaged_over_the_rounds_in_which_it_came():
    ledger = Ledger()
    for k in range(4):
        terms = {"c": torch.tensor(1.0)} | ({"lazy": torch.tensor(8.0)} if k % 2 else {})
        ledger.note("x", terms, torch.tensor(0.5))
        ledger.close_round(k)
    assert ledger.report() == {"cost/x/c": 1.0, "cost/x/lazy": 8.0, "gradient-norm/x": 0.5}


def double_turns(play, k, n=6):
    return [Draw(0, (k, i), n, dtype=torch.float64) for i in range(play.turns)]


def test_a_pure_round_leaves_its_state_and_the_game_alone(small_gan):
    game = small_gan()
    before = {k: v.clone() for k, v in game.state_dict().items()}
    pure = FunctionalPlay(game, Simultaneous(), dict.fromkeys(game.players, SGD(0.1)))
    state = pure.start()
    kept = {k: v.clone() for k, v in state.point.items()}
    draw = Draw(0, (0, 0), 5, dtype=torch.float64)
    new = pure.round(state, [draw.with_data(draw.normal("data", 2))])
    assert all(torch.equal(state.point[k], kept[k]) for k in kept)
    assert all(torch.equal(game.state_dict()[k], before[k]) for k in before)
    assert any(not torch.equal(new.point[k], kept[k]) for k in kept)


def test_a_differentiable_round_has_the_jacobian_of_its_closed_form():
    game, h = Bilinear(0.3, 0.2), 0.1
    pure = FunctionalPlay(game, Alternating(order=["x", "y"]), {"x": SGD(h), "y": SGD(h)}, create_graph=True)
    state = pure.start()

    def step(x, y):
        new = pure.round(state._replace(point={"x.value": x, "y.value": y}), [Draw(0, (0, i), 1) for i in range(2)])
        return new.point["x.value"], new.point["y.value"]

    point = tuple(torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, 0.2))
    out = step(*point)
    entries = [float(g) for o in out for g in torch.autograd.grad(o, point, retain_graph=True)]
    assert entries == pytest.approx([1.0, -h, h, 1 - h * h])  # x first, then y at the new x


def test_accumulated_micro_batches_give_the_gradient_of_the_whole_batch(small_gan):
    game = small_gan()
    draw = Draw(0, (0, 0), 7, dtype=torch.float64)
    draw = draw.with_data(draw.normal("data", 2))
    whole, cut = Field(game), Field(game, accumulate=3)
    whole.deal([draw]), cut.deal([draw])
    a, b = whole(), cut()
    for name in a.gradients:
        torch.testing.assert_close(a.gradients[name], b.gradients[name], rtol=1e-12, atol=1e-14)
    for player, terms in a.terms.items():
        for term in terms:
            torch.testing.assert_close(terms[term], b.terms[player][term])


def test_the_field_at_another_point_leaves_the_game_where_it_is():
    game = Bilinear(2.0, 3.0)
    field = Field(game)
    field.deal([Draw(0, (0,), 1)])
    there = {"x.value": torch.tensor(5.0, dtype=torch.float64)}
    direction = field(at=there, draw=0)
    assert float(direction.gradients["y.value"]) == -5.0  # cost of y is -x y
    assert float(direction.gradients["x.value"]) == 3.0
    assert float(game.x.value.detach()) == 2.0


def test_a_parameter_shared_by_two_players_belongs_to_the_first():
    class Shared(Bilinear):
        @property
        def players(self):
            return {"x": nn.ModuleList([self.x, self.y]), "y": nn.ModuleList([self.y, self.extra])}

        def __init__(self):
            super().__init__()
            self.extra = _Number(1.0)

    assert [list(own) for own in Field(Shared()).own.values()] == [["x.value", "y.value"], ["extra.value"]]


def test_a_cost_that_does_not_depend_on_its_player_is_said():
    class Blind(Bilinear):
        def costs(self, names, draw):
            return {"x": {"c": self.y.value**2}, "y": {"c": self.y.value**2}}

    field = Field(Blind())
    field.deal([Draw(0, (0,), 1)])
    with pytest.raises(RunFailed, match="'x' does not depend on its parameters"):
        field(["x"])


def test_a_cost_that_is_not_one_number_is_refused():
    class Wide(Bilinear):
        def costs(self, names, draw):
            return {n: {"c": self.x.value * self.y.value * torch.ones(3, dtype=torch.float64)} for n in names}

    field = Field(Wide())
    field.deal([Draw(0, (0,), 1)])
    with pytest.raises(RunFailed, match=r"cost y/c has shape \(3,\)"):
        field(["y"])


def test_clipping_bounds_the_norm_of_each_players_gradient():
    game = Bilinear(30.0, 40.0)
    play = Play(game, Simultaneous(), SGD(1.0), clip=0.5)
    play.configure_optimizers()
    play.training_step(turns(play), 0)
    assert float(game.x.value.detach()) == pytest.approx(29.5)
    assert float(game.y.value.detach()) == pytest.approx(40.5)


def test_optimizers_may_be_given_by_player_and_names_are_checked():
    game = Bilinear()
    play = Play(game, Simultaneous(), {"x": SGD(0.1), "y": SGD(0.2)})
    play.configure_optimizers()
    play.training_step(turns(play), 0)
    assert float(game.x.value.detach()) == pytest.approx(0.9)
    assert float(game.y.value.detach()) == pytest.approx(1.2)
    with pytest.raises(UserError, match="'z' is no player"):
        Play(Bilinear(), optimizer={"z": SGD(0.1)})
    with pytest.raises(UserError, match="none is given for y"):
        Play(Bilinear(), optimizer={"x": SGD(0.1)})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Alternating(order=["x", "w"]), "'w' is no player"),
        (Alternating(steps={"yy": 2}), "did you mean 'y'"),
        (Alternating(steps={"y": 0}), "at least 1"),
        (Alternating(order=["x"], steps={"y": 2}), "not in the order"),
    ],
)
def test_a_rule_for_other_players_is_refused(rule, message):
    with pytest.raises(UserError, match=message):
        Play(Bilinear(), rule)


def test_a_scheduled_number_is_followed_round_by_round():
    game, optimizer = Bilinear(1.0, 0.0), SGD(0.1)
    play = Play(game, Simultaneous(), optimizer)
    play.prepare(4, 0, 1, [(optimizer, "lr", Linear(0.4, 0.0))])
    play.configure_optimizers()
    rates = []
    for k in range(4):
        play.training_step(turns(play, k), 0)
        rates.append(play._torch["x"].param_groups[0]["lr"])
    assert rates == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_schedules_begin_and_end_where_they_say():
    for schedule in (Linear(2.0, 1.0), Cosine(2.0, 1.0), InverseDecay(2.0, 1.0)):
        assert (schedule(0.0), schedule(1.0)) == pytest.approx((2.0, 1.0))
    assert Constant(3.0)(0.7) == 3.0
    assert Cosine(1.0, 0.0)(0.5) == pytest.approx(0.5)
    assert Linear(1.0, 0.0, over=0.5)(0.75) == 0.0


def test_the_average_follows_and_gives_back_the_live_weights():
    game = Bilinear(0.0, 0.0)
    average = Average(decay=0.5)
    average.follow(game)
    game.x.value.data = torch.tensor(1.0, dtype=torch.float64)
    average.update(100)  # late enough for the full decay
    assert float(average.shadow["x.value"]) == pytest.approx(0.5)
    assert "y.value" not in average.shadow  # the critic is not averaged
    with average.in_place():
        assert float(game.x.value.detach()) == pytest.approx(0.5)
    assert float(game.x.value.detach()) == 1.0


def test_the_average_takes_buffers_along():
    class Normed(Bilinear):
        def __init__(self):
            super().__init__()
            self.x.norm = nn.BatchNorm1d(2)

    game = Normed()
    average = Average(decay=0.0)
    average.follow(game)
    game.x.norm.running_mean.fill_(3.0)
    game.x.norm.num_batches_tracked.fill_(7)
    average.update(1)
    with average.in_place():
        assert game.x.norm.running_mean.tolist() == [3.0, 3.0]
        assert int(game.x.norm.num_batches_tracked) == 7


def test_the_guard_names_round_player_and_term():
    game = Bilinear(1e300, 1e300)
    with pytest.raises(NonFinite, match=r"round 1: cost term 'product' of player 'y' is -inf"):
        play_rounds(game, Simultaneous(), SGD(0.1), 1)


def test_the_guard_names_a_gradient_that_is_not_finite():
    ledger = Ledger()
    ledger.note("x", {"c": torch.tensor(1.0)}, torch.tensor(float("nan")))
    with pytest.raises(NonFinite, match="round 3: gradient of player 'x' is nan"):
        ledger.close_round(3)


def test_the_ledger_gives_means_since_the_last_report():
    ledger = Ledger()
    for k, value in enumerate([1.0, 2.0, 6.0]):
        ledger.note("x", {"c": torch.tensor(value)}, torch.tensor(0.5))
        ledger.close_round(k)
    assert ledger.report() == {"cost/x/c": 3.0, "gradient-norm/x": 0.5}
    assert ledger.report() == {}


class Counted:
    """A target that counts how often it is read, and may give too few rows."""

    def __init__(self, rows):
        self.rows, self.read = rows, 0

    def batch(self, draw):
        self.read += 1
        return Batch(draw.normal("data", 2)[: self.rows], None)


@pytest.mark.parametrize(("objective", "reads"), [(None, 3), (RelativisticPaired(), 6)])
def test_data_are_read_for_the_moves_that_look_at_them(objective, reads, small_gan):
    play = Play(small_gan(objective).float(), optimizer=SGD(0.1))
    play.configure_optimizers()
    target = Counted(8)
    for k in range(3):
        play.training_step(Rounds(play, target, 8, 1).deal(k), 0)
    assert target.read == reads


def test_a_batch_that_is_short_is_refused(small_gan):
    play = Play(small_gan().float(), optimizer=SGD(0.1))
    play.configure_optimizers()
    with pytest.raises(UserError, match="a batch of 5 where 8 samples were asked for"):
        play.training_step(Rounds(play, Counted(5), 8, 1).deal(0), 0)


def test_one_backward_serves_objective_and_penalties(small_gan, monkeypatch):
    game = small_gan()
    play = Play(game, Alternating(), SGD(0.1))
    play.configure_optimizers()
    steps = []
    original = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a: (steps.append(self), original(self, *a))[1])
    play.training_step([d.with_data(d.normal("data", 2)) for d in double_turns(play, 0)], 0)
    assert len(steps) == 2


@pytest.mark.parametrize(
    "make",
    [lambda: Linear(1, 0, over=0), lambda: Cosine(1, 0, over=2), lambda: InverseDecay(1, 0), lambda: Average(decay=1.5),
     lambda: SGD(lr=-1), lambda: Play(Bilinear(), clip=-1)],
)  # fmt: skip
def test_numbers_without_meaning_are_refused(make):
    with pytest.raises(UserError, match="expected"):
        make()
