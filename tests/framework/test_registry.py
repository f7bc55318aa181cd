"""Plugins are loaded one by one: a broken one is listed with its reason, and everything else works."""

import pytest

from pushforward.check import plan_recipe
from pushforward.problem import PluginError, UserError
from pushforward.records import Component, Kind
from pushforward.registry import Registry, load
from pushforward.signature import read_signature

FINE = """
from pushforward import Component, hook
PUSHFORWARD_API = 1
@hook
def components():
    return [Component("objective", "mine", ":Mine", "one of mine")]
class Mine:
    '''Mine.

    Args:
        strength: how much.
    '''
    def __init__(self, strength: float = 2.0): self.strength = strength
"""


def plugin(tmp_path, name, text):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return str(path)


def state(registry, name):
    found = next(p for p in registry.plugins if p.name == name)
    return found.state, found.reason


def test_a_local_file_is_a_plugin(tmp_path):
    path = plugin(tmp_path, "mine", FINE)
    registry = Registry([path])
    assert state(registry, "mine") == ("loaded", "")
    entry = registry.find("objective", "mine")
    assert load(entry.component.at)(strength=3.0).strength == 3.0
    signature = read_signature(entry.component.at)
    assert signature.parameters["strength"].hint == "float"
    assert signature.manual()[1] == {"strength": "how much."}


IMPORTS = "from pushforward import Component, Kind, hook\n@hook\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("import there_is_no_such_module", "ModuleNotFoundError: No module named 'there_is_no_such_module'"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        (f"{IMPORTS}def component(): return []", "there is no hook 'component'; did you mean 'components'?"),
        (f"{IMPORTS}def components(): return ['x']", "hook components gave str: expected Component"),
        (f"{IMPORTS}def components(): 1 / 0", "hook components: ZeroDivisionError: division by zero"),
        (
            f"{IMPORTS}def components(): return [Component('objectiv', 'x', ':X')]",
            "'x' is of kind 'objectiv', which there is not; did you mean 'objective'?",
        ),
        (f"{IMPORTS}def kinds(): return [Kind('target', 'a:B')]", "kind 'target' is there already"),
    ],
)  # fmt: skip
def test_a_plugin_that_raises_is_listed_with_its_reason_and_the_others_work(tmp_path, text, reason):
    registry = Registry([plugin(tmp_path, "bad", text), plugin(tmp_path, "mine", FINE)])
    found, why = state(registry, "bad")
    assert found == "broken" and reason in why
    assert registry.find("objective", "mine") is not None
    assert registry.find("objective", "hinge") is not None


def test_another_api_number_is_refused_with_a_sentence(tmp_path):
    registry = Registry([plugin(tmp_path, "future", FINE.replace("API = 1", "API = 9"))])
    assert state(registry, "future") == ("refused", "it is written for plugin API 9, this pushforward has API 1")


def test_a_name_from_a_broken_plugin_says_so_with_status_3(tmp_path):
    path = plugin(tmp_path, "bad", FINE + "\nraise RuntimeError('no luck')")
    with pytest.raises(UserError) as caught:
        plan_recipe("rings/gan", ["model.objective=mine"], [path])
    assert caught.value.status == 3
    assert "objective 'mine' comes from plugin 'bad', which is broken: RuntimeError: no luck" in str(caught.value)


def test_two_plugins_that_offer_one_name_are_both_named_and_a_qualified_name_resolves_it(tmp_path):
    one, two = plugin(tmp_path, "one", FINE), plugin(tmp_path, "two", FINE)
    registry = Registry([one, two])
    with pytest.raises(PluginError) as caught:
        registry.find("objective", "mine")
    assert one in str(caught.value) and two in str(caught.value) and "say which" in str(caught.value)
    assert registry.find("objective", "two/mine").plugin.name == "two"
    assert len(registry.conflicts()) == 1 and "objective 'mine'" in registry.conflicts()[0]
    assert registry.find("objective", "hinge") is not None


def test_first_party_families_load_through_the_same_loop():
    names = {p.name: p for p in Registry().plugins}
    for family in ("gan", "team", "flow", "gebm", "neis", "targets"):
        assert names[family].state == "loaded", names[family].reason
        assert names[family].distribution == "pushforward"


def test_no_two_first_party_plugins_offer_one_name():
    assert Registry().conflicts() == []


def test_every_record_points_to_something_and_every_kind_has_a_role():
    registry = Registry()
    for kind in registry.kinds.values():
        assert isinstance(kind, Kind) and read_signature(kind.role)
    for entry in registry.entries():
        assert isinstance(entry.component, Component)
        assert entry.component.summary, entry.component.name
        read_signature(entry.component.at)


def test_a_record_that_points_nowhere_is_the_plugins_fault(tmp_path):
    path = plugin(tmp_path, "mine", FINE.replace(":Mine", ":Other"))
    with pytest.raises(UserError, match="there is no 'Other'") as caught:
        plan_recipe("rings/gan", ["model.objective=mine"], [path])
    assert caught.value.status == 3
