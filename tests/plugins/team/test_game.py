"""Two teams: shares, costs, and the same game as a GAN where each team is one player."""

import pytest
import torch

from pushforward import Draw, UserError
from pushforward.adapters import NetworkDiscriminator, NetworkGenerator
from pushforward.field import Field
from pushforward.play import Play
from pushforward_gan.game import GAN
from pushforward_gan.networks import MLP
from pushforward_gan.objectives import NonSaturating, RelativisticPaired
from pushforward_gan.penalties import R1
from pushforward_team.game import TeamGAN


def nets(n, m, seed=0):
    torch.manual_seed(seed)
    net = lambda i, o: MLP(i, o, width=6, depth=1)  # noqa: E731
    generators = [NetworkGenerator(net, (2,), latent=3).double() for _ in range(n)]
    return generators, [NetworkDiscriminator(net, (2,)).double() for _ in range(m)]


def turn(n=12):
    draw = Draw(0, (0, 0), n, dtype=torch.float64)
    return draw.with_data(draw.normal("data", 2))


def test_a_team_of_one_is_a_gan():
    (g,), (d,) = nets(1, 1)
    team, gan = TeamGAN([g], [d], NonSaturating(), [R1()]), GAN(g, d, NonSaturating(), [R1()])
    ours, theirs = team.costs(team.players, turn()), gan.costs(gan.players, turn())
    for a, b in (("generator-0", "generator"), ("discriminator-0", "discriminator")):
        assert {k: float(v) for k, v in ours[a].items()} == pytest.approx({k: float(v) for k, v in theirs[b].items()})


@pytest.mark.parametrize("objective", [NonSaturating(), RelativisticPaired()])
def test_costs_are_means_over_the_other_team(objective):
    generators, critics = nets(2, 3)
    game, draw = TeamGAN(generators, critics, objective), turn()
    costs = game.costs(game.players, draw)
    fake, own = game.sample(12, draw), game.made_by(draw) == 1
    earned = [objective.generator(c(fake)[own], c(draw.x)[own]) for c in critics]
    assert float(costs["generator-1"]["objective"]) == pytest.approx(float(sum(earned) / 3))
    one = objective.discriminator(critics[2](draw.x), critics[2](fake))
    assert float(costs["discriminator-2"]["objective"]) == pytest.approx(float(one))


def test_every_generator_makes_its_rows_whichever_part_of_the_draw_is_asked():
    generators, critics = nets(3, 1)
    game, draw = TeamGAN(generators, critics, NonSaturating()), turn(10)
    whole = game.sample(10, draw)
    parts = torch.cat([game.sample(part.n, part) for part in draw.parts(3)])
    z = draw.normal("latent", 3)
    assert torch.equal(z, torch.cat([part.normal("latent", 3) for part in draw.parts(3)]))
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-14)  # a product of fewer rows may round otherwise
    for i, generator in enumerate(generators):
        torch.testing.assert_close(whole[i::3], generator(z[i::3]))


@pytest.mark.parametrize("parts", [2, 4])
def test_parts_of_a_turn_give_the_gradient_of_the_whole_however_the_rows_fall(parts):
    generators, critics = nets(2, 1)
    game = TeamGAN(generators, critics, NonSaturating(), [R1(), R1()])
    whole, cut = Field(game), Field(game, accumulate=parts)
    whole.deal([turn(6)]), cut.deal([turn(6)])
    a, b = whole(), cut()
    for key in a.gradients:
        torch.testing.assert_close(a.gradients[key], b.gradients[key], rtol=1e-10, atol=1e-12)
    alone = TeamGAN(generators, critics, NonSaturating(), [R1()])
    one = alone.costs(["discriminator-0"], turn(6))["discriminator-0"]["r1"]
    assert float(a.terms["discriminator-0"]["r1"]) == pytest.approx(2 * float(one))


def test_a_team_moves_at_once_and_in_its_order():
    generators, critics = nets(2, 3)
    play = Play(TeamGAN(generators, critics, NonSaturating()))
    assert play.turns == 2
    assert play.rule.sequence(play.field) == [
        ("discriminator-0", "discriminator-1", "discriminator-2"),
        ("generator-0", "generator-1"),
    ]


def test_a_generator_that_is_not_asked_gets_no_graph():
    generators, critics = nets(2, 1)
    game = TeamGAN(generators, critics, NonSaturating())
    field = Field(game)
    field.deal([turn()])
    direction = field(["generator-1"])
    assert set(direction.terms) == {"generator-1"}
    assert all(name.startswith("generators.1.") for name in direction.gradients)


def test_an_empty_team_is_refused():
    generators, critics = nets(1, 1)
    with pytest.raises(UserError, match="at least one player"):
        TeamGAN([], critics, NonSaturating())
    with pytest.raises(UserError, match="at least one player"):
        TeamGAN(generators, [], NonSaturating())
