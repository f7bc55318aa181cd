"""Pairing, credit, shares, ties, and what pictures and measures show of a team."""

import itertools

import pytest
import torch
from torch.func import functional_call

from pushforward import Draw, Look, UserError
from pushforward.adapters import NetworkDiscriminator, NetworkGenerator
from pushforward.expected import read_expected
from pushforward.field import Field
from pushforward.play import Play
from pushforward.registry import own_recipes
from pushforward.rules.stabilised import KPV
from pushforward.testing.stand_ins import Blobs
from pushforward_gan.networks import MLP
from pushforward_gan.objectives import NonSaturating, RelativisticPaired
from pushforward_gan.penalties import R1
from pushforward_team.game import TeamGAN
from pushforward_team.pictures import PayOff, Specialisation, TeamScatter


def nets(n, m, seed=0, depth=1):
    torch.manual_seed(seed)
    net = lambda i, o: MLP(i, o, width=6, depth=depth)  # noqa: E731
    generators = [NetworkGenerator(net, (2,), latent=3).double() for _ in range(n)]
    return generators, [NetworkDiscriminator(net, (2,)).double() for _ in range(m)]


def turn(n=12):
    draw = Draw(0, (0, 0), n, dtype=torch.float64)
    return draw.with_data(draw.normal("data", 2))


@pytest.mark.parametrize("objective", [NonSaturating(), RelativisticPaired()])
@pytest.mark.parametrize(("n", "m", "met"), [(4, 2, [[0, 2], [1, 3]]), (2, 3, [[0], [1], [0]])])
def test_in_pairs_a_discriminator_only_meets_its_own_generators(objective, n, m, met):
    generators, critics = nets(n, m)
    game, draw = TeamGAN(generators, critics, objective, pairing="own"), turn()
    costs = game.costs(game.players, draw)
    fake, makers = game.sample(12, draw), game.made_by(draw)
    for j, own in enumerate(met):
        rows = torch.isin(makers, torch.tensor(own))
        exact = objective.discriminator(critics[j](draw.x[rows]), critics[j](fake[rows]))
        torch.testing.assert_close(costs[f"discriminator-{j}"]["objective"], exact)
    for i in range(n):
        rows = makers == i
        against = [
            objective.generator(c(fake[rows]), c(draw.x[rows])) for c, own in zip(critics, met, strict=True) if i in own
        ]
        torch.testing.assert_close(costs[f"generator-{i}"]["objective"], torch.stack(against).mean())


def test_credit_of_the_hardest_opponent_and_of_their_mean_logit():
    generators, critics = nets(2, 3)
    draw, objective = turn(), NonSaturating()
    for credit in ("hardest", "joint"):
        game = TeamGAN(generators, critics, objective, credit=credit)
        found = game.costs(["generator-0"], draw)["generator-0"]["objective"]
        own = game.sample(12, draw)[game.made_by(draw) == 0]
        logits = torch.stack([c(own) for c in critics])
        each = torch.stack([objective.generator(v) for v in logits])
        torch.testing.assert_close(found, each.max() if credit == "hardest" else objective.generator(logits.mean(0)))


def test_learned_shares_follow_the_costs_downhill_and_are_kept_from_zero():
    """Of the sum of pi_i c_i it is pi_k (c_k - mean cost), of the evenness pi_k - 1 / n."""
    generators, critics = nets(3, 1)
    game = TeamGAN(generators, critics, NonSaturating(), mixture="learned", evenness=0.3).double()
    with torch.no_grad():
        game.shares.logits.copy_(torch.tensor([0.3, -0.2, 0.1]))
    field = Field(game)
    field.deal([turn(64)])
    direction = field(["shares", "generator-0", "generator-1", "generator-2"])
    chances = game.shares.chances.detach()
    paid = torch.stack([direction.terms[f"generator-{i}"]["objective"] for i in range(3)])
    exact = chances * (paid - (chances * paid).sum()) + 0.3 * (chances - 1 / 3)
    torch.testing.assert_close(direction.gradients["shares.logits"], exact)


def test_rows_are_shared_out_by_the_learned_chances_whichever_part_is_asked():
    generators, critics = nets(3, 1)
    game = TeamGAN(generators, critics, NonSaturating(), mixture="learned")
    with torch.no_grad():
        game.shares.logits.copy_(torch.tensor([1.0, 0.0, -1.0]))
    draw = turn(30_000)
    makers = game.made_by(draw)
    found, exact = torch.bincount(makers, minlength=3) / 30_000, game.shares.chances.detach()
    assert bool(((found - exact).abs() < 4 * (exact * (1 - exact) / 30_000).sqrt()).all())
    assert torch.equal(makers, torch.cat([game.made_by(part) for part in draw.parts(7)]))


def test_with_learned_shares_the_mean_cost_of_many_rows_is_the_generators_own():
    generators, critics = nets(2, 1)
    game = TeamGAN(generators, critics, NonSaturating(), mixture="learned").double()
    with torch.no_grad():
        game.shares.logits.copy_(torch.tensor([0.5, -0.5]))
    draw = turn(40_000)
    cost = game.costs(["generator-0"], draw)["generator-0"]["objective"]
    rows = game.made_by(draw) == 0
    own = NonSaturating().generator(critics[0](game.sample(40_000, draw)[rows]))
    share = float(rows.double().mean() / game.shares.chances[0])
    torch.testing.assert_close(cost, own * share)
    assert share == pytest.approx(1.0, abs=0.02)


def test_tied_layers_are_the_same_and_follow_the_mean_of_all_costs():
    generators, critics = nets(3, 1, depth=2)
    game = TeamGAN(generators, critics, NonSaturating(), tied=2)
    names = [[id(p) for p in g.parameters()] for g in generators]
    assert all(a[2:] == b[2:] and not set(a[:2]) & set(b[:2]) for a, b in itertools.combinations(names, 2))
    field, draw = Field(game), turn()
    assert {len(field.own[f"generator-{i}"]) for i in range(3)} == {2} and len(field.own["tied"]) == 4
    field.deal([draw])
    direction = field(["tied"])
    key = next(iter(field.own["tied"]))
    names = ["generator-0", "generator-1", "generator-2"]

    def mean_cost(weight):
        costs = functional_call(game, {key: weight}, (names, draw))
        return sum(costs[name]["objective"] for name in names) / 3

    weight, step = field.live[key].detach(), 1e-6
    for place in (0, 3):
        push = torch.zeros_like(weight).flatten()
        push[place] = step
        push = push.view_as(weight)
        slope = float(mean_cost(weight + push) - mean_cost(weight - push)) / (2 * step)
        assert float(direction.gradients[key].flatten()[place]) == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_layers_that_cannot_be_tied_are_refused():
    with pytest.raises(UserError, match="have 2 layers, and one must stay"):
        TeamGAN(*nets(2, 1), NonSaturating(), tied=2)
    generators, critics = nets(1, 1)
    generators += [NetworkGenerator(lambda i, o: MLP(i, o, width=5, depth=1), (2,), latent=3)]
    with pytest.raises(UserError, match="generator 1 has no layer"):
        TeamGAN(generators, critics, NonSaturating(), tied=1)


@pytest.mark.parametrize("arguments", [{"mixture": "learned"}, {"tied": 1}, {"pairing": "own"}])
def test_any_rule_plays_a_team_and_kpv_too(arguments):
    play = Play(TeamGAN(*nets(2, 2), NonSaturating(), [R1()], **arguments), rule=KPV(k=-1.1, p=0.3))
    play.configure_optimizers()
    before = {key: p.clone() for key, p in play.field.live.items()}
    play.training_step([turn(16) for _ in range(play.turns)], 0)
    assert all(not torch.equal(before[key], p) for key, p in play.field.live.items())


def test_parts_of_a_turn_give_the_gradient_of_the_whole_with_learned_shares():
    game = TeamGAN(*nets(2, 1), NonSaturating(), [R1()], mixture="learned").double()
    whole, cut = Field(game), Field(game, accumulate=4)
    whole.deal([turn(24)]), cut.deal([turn(24)])
    a, b = whole(), cut()
    for key in a.gradients:
        torch.testing.assert_close(a.gradients[key], b.gradients[key], rtol=1e-10, atol=1e-12)


def test_the_pay_off_matrix_holds_what_each_pays_against_each():
    generators, critics = nets(2, 3)
    game, draw = TeamGAN(generators, critics, RelativisticPaired()), turn()
    table = game.pay_off(draw)
    rows = game.made_by(draw) == 1
    fake = game.sample(12, draw)
    exact = game.objective.generator(critics[2](fake[rows]), critics[2](draw.x[rows]))
    assert float(table[1, 2]) == pytest.approx(float(exact.detach()))
    costs = game.costs(["generator-0"], draw)["generator-0"]["objective"]
    assert float(table[0].mean()) == pytest.approx(float(costs.detach()))


def looked(game):
    return Look(game.float(), Blobs((2,)), "validation", 3, 0)


def test_pictures_show_every_generator_and_every_pair():
    game = TeamGAN(*nets(3, 2), NonSaturating())
    scatter, table = TeamScatter(200).picture(looked(game)), PayOff(200).picture(looked(game))
    assert scatter.size == (480, 480) and table.size[0] > 100
    colours = {c for _, c in scatter.getcolors(maxcolors=10**6)}
    assert {(0, 114, 178), (213, 94, 0), (0, 158, 115)} <= colours


def test_pictures_of_a_team_refuse_other_models():
    from pushforward_gan.game import GAN

    (g,), (d,) = nets(1, 1)
    for watcher in (TeamScatter(), PayOff()):
        with pytest.raises(UserError, match="looks at the model team-gan"):
            watcher.picture(looked(GAN(g, d)))


def test_specialisation_is_one_where_every_generator_has_its_mode_and_a_share_where_all_do_the_same():
    makers = torch.arange(40) % 4
    apart = torch.ones(40, 4).scatter_(1, makers[:, None], 0.0)
    measure = Specialisation()
    measure.update(apart, makers)
    assert measure.compute()["value"] == 1.0 and measure.compute()["dominated"] == 4
    alike = torch.ones(40, 4).scatter_(1, (torch.arange(40) // 4 % 2)[:, None], 0.0)
    measure.reset()
    measure.update(alike, makers)
    assert measure.compute()["value"] == 0.5 and measure.compute()["least-share"] == 0.25


def test_the_measured_team_is_better_than_one_net_of_its_size_by_two_standard_errors():
    measured = read_expected([own_recipes()])["eight-gaussians/team"].measured["seeds"].values()
    gaps = torch.tensor([m["team: mode-coverage/quality"] - m["equal: mode-coverage/quality"] for m in measured])
    assert len(gaps) == 5 and float(gaps.mean()) > 2 * float(gaps.std()) / 5**0.5
