"""The documentation is true: its tables are those of the registry, and its examples register, check and run."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pushforward.check import plan_recipe
from pushforward.docs import ROOT, filled, hooks, pages
from pushforward.hooks import Hooks
from pushforward.problem import UserError
from pushforward.registry import Registry
from pushforward.testing import check_component, run_recipe_text

DOCS = ROOT / "docs"
HOOKS = list(hooks())


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def example(page: Path, folder: Path) -> Path:
    """The page's example of a plugin, as a file."""
    (code,) = [block for block in blocks(page, "python") if "@hook" in block]
    file = folder / f"{page.stem}_example.py"
    file.write_text(code, encoding="utf-8")
    return file


def loaded(*files: Path) -> Registry:
    registry = Registry([str(file) for file in files])
    assert [(p.name, p.reason) for p in registry.plugins[-len(files) :] if p.state != "loaded"] == []
    return registry


def module_of(registry: Registry) -> ModuleType:
    module = registry.plugins[-1].module
    assert module is not None
    return module


def test_every_generated_table_is_that_of_the_registry() -> None:
    drifted = [str(p.relative_to(ROOT)) for p, text in pages(ROOT).items() if p.read_text("utf-8") != text]
    assert drifted == [], "run `python -m pushforward.docs`"


def test_tables_stand_between_their_markers_and_nothing_else_changes() -> None:
    text = "before\n<!-- hooks -->\nwas here\n<!-- end -->\nafter\n"
    made = filled(text, Registry(), ROOT, ROOT)
    assert made.startswith("before\n<!-- hooks -->\n| hook |") and made.endswith("\n<!-- end -->\nafter\n")
    assert "was here" not in made and "(docs/hooks/plan.md)" in made
    assert filled(made, Registry(), ROOT, ROOT) == made
    with pytest.raises(ValueError, match="has no <!-- end -->"):
        filled("<!-- recipes -->\n", Registry(), ROOT, ROOT)


def test_checking_the_tables_writes_nothing_and_imports_no_torch() -> None:
    code = "import sys; from pushforward.docs import main; main(['--check']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_every_hook_has_a_page_and_every_page_a_hook() -> None:
    assert sorted(path.stem for path in (DOCS / "hooks").glob("*.md")) == sorted(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_page_says_when_its_hook_is_called_and_its_example_implements_it(hook: str, tmp_path: Path) -> None:
    page = DOCS / "hooks" / f"{hook}.md"
    text = page.read_text("utf-8")
    assert text.startswith(f"# The hook `{hook}`\n") and "**When it is called.**" in text
    arguments = [name for name in hooks()[hook].__code__.co_varnames if name != "self"]
    (signature,) = re.findall(rf"^{hook}\((.*)\) -> ", text, re.MULTILINE)
    assert [part.partition(":")[0].strip() for part in signature.split(",") if part] == arguments
    registry = loaded(example(page, tmp_path))
    found = registry.manager.parse_hookimpl_opts(module_of(registry), hook)
    assert found is not None


def test_links_between_pages_lead_somewhere() -> None:
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize(
    "page", ["estimator.md", "hooks/components.md", "hooks/kinds.md", "plugin.md", "target.md", "trackers.md"]
)
def test_components_of_the_examples_keep_their_contracts(page: str, tmp_path: Path) -> None:
    registry = loaded(example(DOCS / page, tmp_path))
    offered = [e for e in registry.entries() if e.plugin is registry.plugins[-1]]
    assert offered
    for entry in offered:
        check_component(entry.component.kind, entry.component.name, registry)


def test_a_recipe_can_write_a_component_of_a_new_kind(tmp_path: Path) -> None:
    file = example(DOCS / "hooks" / "kinds.md", tmp_path)
    (tmp_path / "r.yaml").write_text(
        "about: A new kind.\nextends: rings/gan\nmeasure: []\nwatch: []\n"
        "target: {use: from-prior, prior: {use: uniform, width: 2.0}}\n"
    )
    plan = plan_recipe(str(tmp_path / "r.yaml"), plugins=[str(file)])
    assert plan.target.argument("prior").component.name == "uniform"


def test_the_example_of_recipes_is_found_by_name(tmp_path: Path) -> None:
    file = example(DOCS / "hooks" / "recipes.md", tmp_path)
    recipe = tmp_path / "recipes" / "my-losses" / "first.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("about: Mine.\nextends: rings/gan\n")
    assert plan_recipe("my-losses/first", plugins=[str(file)]).about == "Mine."


def test_the_example_of_commands_counts_rounds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = loaded(example(DOCS / "hooks" / "commands.md", tmp_path))
    parser = argparse.ArgumentParser()
    for _ in registry.ask("commands", verbs=parser.add_subparsers()):
        pass
    args = parser.parse_args(["count-rounds", str(tmp_path)])
    with pytest.raises(UserError, match=r"has no results\.json"):
        args.act(args)
    (tmp_path / "results.json").write_text('{"rounds": 12}')
    args.act(args)
    assert capsys.readouterr().out == "12\n"


def test_the_example_of_plan_refuses_what_it_says_with_its_place(tmp_path: Path) -> None:
    file = str(example(DOCS / "hooks" / "plan.md", tmp_path))
    wrong = ["model.penalties=[wgan-gp]"]
    with pytest.raises(UserError, match="command line: model.penalties.0: wgan-gp holds the slope at one"):
        plan_recipe("rings/gan", wrong, [file])
    plan_recipe("rings/gan", [*wrong, "model.objective=wasserstein"], [file])
    plan_recipe("two-modes/neis", plugins=[file])


def test_the_examples_of_run_hooks_leave_what_they_say(tmp_path: Path) -> None:
    files = [str(example(DOCS / "hooks" / f"{name}.md", tmp_path)) for name in ("run_start", "run_end", "report")]
    run = run_recipe_text(f"about: A run.\nextends: rings/gan\nwatch: []\nplugins: {json.dumps(files)}\n", tmp_path)
    sizes: dict[str, Any] = json.loads((run.folder / "parameters.json").read_text())
    assert sizes["generator"] == sum(p.numel() for p in run.game.generator.parameters())
    logbook = (run.folder.parent / "logbook.txt").read_text()
    assert logbook.startswith(f"{run.folder.name}: completed after 3 rounds")
    assert "What it cost" in (run.folder / "report.html").read_text()


@pytest.mark.parametrize("page", [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))])
def test_recipes_of_a_page_are_recipes(page: str, tmp_path: Path) -> None:
    example_file = DOCS / "plugin.md"
    (tmp_path / "my_loss.py").write_text(example(example_file, tmp_path).read_text("utf-8"))
    if page == "estimator.md":
        example(DOCS / page, tmp_path).rename(tmp_path / "my_estimator.py")
    for i, text in enumerate(blocks(DOCS / page, "yaml")):
        file = tmp_path / f"{i}.yaml"
        file.write_text(text if "about:" in text else f"about: A part.\nextends: rings/gan\n{text}")
        plan_recipe(str(file))


def test_the_page_on_plugins_shows_tests_that_pass(tmp_path: Path) -> None:
    (code,) = [block for block in blocks(DOCS / "plugin.md", "python") if "def test_" in block]
    names: dict[str, Any] = {}
    exec(compile(code, "plugin.md", "exec"), names)  # the reader's own test file
    names["test_it_keeps_the_contract_of_its_kind"]()
    names["test_it_trains"](tmp_path)


def test_every_key_and_every_trap_of_the_recipe_page_is_as_it_says() -> None:
    from pushforward.check import KEYS
    from pushforward.nodes import parse

    text = (DOCS / "recipes.md").read_text("utf-8")
    section = text.partition("## Keys")[2].partition("##")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(KEYS)
    read = parse("[2e-4, 1e3, yes, no, on, off, 2024-01-01, 010, 1_000, true]", "x").plain()
    assert read == [2e-4, 1e3, "yes", "no", "on", "off", "2024-01-01", 10, 1000, True]


def test_the_specification_is_what_the_pages_are_made_from() -> None:
    assert [name for name in vars(Hooks) if not name.startswith("_")] == HOOKS
