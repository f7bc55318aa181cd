"""What there is: recipes, components, kinds, plugins, and the state of the machine."""

import json

import pytest

from pushforward.check import Checker
from pushforward.manual import component_manual, example
from pushforward.nodes import parse
from pushforward.recipe import Recipe
from pushforward.registry import Registry

REGISTRY = Registry()
ENTRIES = [entry for entry in REGISTRY.entries() if entry.component.name != "trained"]


def test_recipes_are_listed_with_their_sentence(say):
    said = say("recipes", "rings/g*")
    assert said.out.splitlines()[0].split()[:2] == ["rings/gan", "A"]
    listed = json.loads(say("recipes", "--json").out)
    assert {"name", "about", "file"} == set(listed[0])
    assert [r["about"] for r in listed if r["name"] == "rings/gan"] == [
        "A non-saturating GAN learns three concentric rings."
    ]
    assert all(r["about"] and not r["about"].startswith("(") for r in listed)


def test_a_recipe_that_cannot_be_read_does_not_hide_the_others(say, tmp_path):
    folder = tmp_path / "recipes" / "odd"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("about: [unclosed\n")
    (folder / "long.yaml").write_text("about: >\n  one\n  two\nseed: [unclosed\n")
    (folder / "heir.yaml").write_text("extends: rings/gan\nseed: 1\n")
    (tmp_path / "more.py").write_text(
        "from pathlib import Path\nfrom pushforward import hook\n\n\n@hook\ndef recipes():\n"
        "    return [Path(__file__).parent / 'recipes']\n"
    )
    listed = json.loads(say("recipes", "--plugin", "more.py", "--json").out)
    about = {recipe["name"]: recipe["about"] for recipe in listed}
    assert about["odd/broken"].startswith("(cannot be read: ")
    assert about["odd/long"].strip() == "one two"
    assert about["odd/heir"] == about["rings/gan"]


def test_components_are_filtered_by_kind_and_by_pattern(say):
    rows = [line.split()[:3] for line in say("components", "penalty").out.splitlines()]
    assert rows[0] == ["kind", "name", "plugin"]
    assert ["penalty", "r1", "gan"] in rows and all(row[0] == "penalty" for row in rows[1:])
    assert [c["name"] for c in json.loads(say("components", "penalty", "r?", "--json").out)] == ["r1", "r2"]
    kinds = {c["kind"] for c in json.loads(say("components", "*wasserstein", "--json").out)}
    assert {"measure", "objective"} <= kinds
    assert len(json.loads(say("components", "--json").out)) == len(REGISTRY.entries())


def test_describe_gives_text_arguments_paper_and_an_example(say):
    said = say("describe", "r1")
    assert "Penalise the discriminator's slope on real data." in said.out
    row = next(line for line in said.out.splitlines() if line.strip().startswith("weight"))
    assert row.split()[:6] == ["weight", "float", ">=", "0", "=", "1.0"] and "the strength gamma" in row
    assert "penalties: [{use: r1, weight: 1.0}]" in said.out
    assert "arXiv:1801.04406" in said.out


def test_describe_tells_what_adapter_and_wrapper_take_beside(say):
    network = json.loads(say("describe", "network", "mlp", "--json").out)
    assert [a["name"] for a in network["beside"]["as generator"]] == ["latent", "law", "conditional"]
    assert network["bound"] == ["inputs", "outputs"]
    model = json.loads(say("describe", "model", "gan", "--json").out)
    names = [a["name"] for a in model["beside"]["of every model"]]
    assert names[0] == "rule" and {"optimizer", "clip", "average"} <= set(names) and "game" not in names
    assert model["gives"] == ["critic", "sample"] and model["needs"] == {"target": ["sample"]}


def test_a_kind_says_where_it_stands_and_what_fills_it(say):
    kind = json.loads(say("describe", "penalty", "--json").out)
    assert "model gan: penalties (list[Penalty] | None)" in kind["slots"]
    assert "r1" in [c["name"] for c in kind["components"]]
    generator = json.loads(say("describe", "generator", "--json").out)
    assert "model gan: generator (Generator)" in generator["slots"]
    assert ("network", "mlp") in [(c["kind"], c["name"]) for c in generator["components"]]
    assert "recipe: measure" in json.loads(say("describe", "measure", "--json").out)["slots"][0]
    assert "`pushforward describe watcher velocity-field`" in say("describe", "velocity-field").out


@pytest.mark.parametrize("kind", sorted(REGISTRY.kinds))
def test_every_kind_can_be_described(say, kind):
    said = say("describe", kind)
    assert said.status == 0 and said.out.startswith(f"kind {kind}: ")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.component.kind}:{e.component.name}")
def test_every_components_example_is_yaml_that_the_checker_takes(entry, tmp_path):
    line = example(entry, REGISTRY)
    root = parse(line, "example")
    (value,) = root.value.values()
    node = value.value[0] if value.is_list else value
    checker = Checker(REGISTRY, Recipe("example", root, tmp_path / "example"))
    planned = checker._component(entry.component.kind, node, "example")
    blanks = [p for p in checker.problems if any(word.isupper() for word in p.what.replace("'", " ").split())]
    assert checker.problems == blanks
    assert planned is not None and planned.component.name == entry.component.name
    described = component_manual(entry, REGISTRY)
    assert described["summary"] and described["text"]


def test_plugins_are_listed_with_version_state_and_reason(say, tmp_path, objective):
    (tmp_path / "bad.py").write_text("raise RuntimeError('out of order')\n")
    (tmp_path / "old.py").write_text("PUSHFORWARD_API = 99\n")
    files = [word for name in ("bad.py", "old.py", "margin.py") for word in ("--plugin", name)]
    said = say("plugins", *files, "--json")
    assert said.status == 3
    fared = {plugin["name"]: plugin for plugin in json.loads(said.out)["plugins"]}
    assert fared["bad"]["state"] == "broken" and fared["bad"]["reason"] == "RuntimeError: out of order"
    assert fared["old"]["state"] == "refused" and "API 99" in fared["old"]["reason"]
    assert fared["margin"]["state"] == "loaded" and fared["gan"]["version"]
    table = say("plugins", *files).out.splitlines()
    assert table[0].split() == ["name", "version", "distribution", "state", "reason"]


def test_a_name_that_two_plugins_offer_is_said(say, objective, tmp_path):
    (tmp_path / "twin.py").write_text(objective.read_text().replace("greet", "welcome"))
    said = say("plugins", "--plugin", "margin.py", "--plugin", "twin.py")
    assert "conflict: objective 'margin' is offered by" in said.out
    said = say("describe", "margin", "--plugin", "margin.py", "--plugin", "twin.py")
    assert said.status == 3 and "say which" in said.err
    assert say("describe", "twin/margin", "--plugin", "margin.py", "--plugin", "twin.py").status == 0


def test_a_hook_that_raises_makes_its_plugin_broken_and_no_other(say, tmp_path):
    (tmp_path / "loud.py").write_text(
        "from pushforward import hook\n\n\n@hook\ndef recipes():\n    raise OSError('no disk')\n"
    )
    said = say("plugins", "--plugin", "loud.py")
    assert said.status == 3 and "hook recipes: OSError: no disk" in said.out
    assert say("recipes", "--plugin", "loud.py").status == 0


def test_describing_what_a_broken_plugin_offers_says_so(say, tmp_path):
    (tmp_path / "bad.py").write_text('from pushforward import Component\nComponent("objective", "odd", ":X")\n1 / 0\n')
    said = say("describe", "odd", "--plugin", "bad.py")
    assert said.status == 3 and "which is broken: ZeroDivisionError" in said.err


def test_doctor_names_versions_times_trackers_and_folders(say, monkeypatch, tmp_path):
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    said = say("doctor", "--json")
    data = json.loads(said.out)
    packages = {package["name"]: package for package in data["packages"]}
    assert packages["torch"]["version"] and packages["torch"]["problem"] == ""
    assert all(plugin["seconds"] < 5 for plugin in data["plugins"])
    assert set(data["trackers"]) == {"wandb", "tensorboard", "mlflow"}
    assert data["folders"]["PUSHFORWARD_DATA"] == {"set": True, "folder": str(tmp_path), "exists": True}
    text = say("doctor")
    assert text.status == said.status and str(tmp_path) in text.out and "pytorch-lightning" in text.out


def test_a_package_that_is_missing_or_too_old_is_what_doctor_finds():
    from pushforward.commands.doctor import package

    assert package("no-such-package-of-ours>=1")["problem"] == "missing"
    assert package("numpy<0.1")["problem"] == "expected <0.1"
    assert package("numpy>=1")["problem"] == ""
