"""Recipes: where every value stands, what extends and overrides do, and which traps of YAML are closed."""

import pytest

from pushforward.explain import scalar
from pushforward.nodes import is_plain_string, parse
from pushforward.problem import RecipeError
from pushforward.recipe import apply_override, find_recipe, list_recipes, merge, read_recipe


def plain(text):
    return parse(text, "r.yaml").plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-4", 2e-4), ("1E5", 1e5), ("-1e-08", -1e-8), (".5", 0.5), ("3.", 3.0), ("1_000", 1000), ("-3", -3),
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("off", "off"), ("true", True), ("null", None), ("~", None),
        ("2020-01-01", "2020-01-01"), ("0o17", "0o17"), ("1:30", "1:30"), ("012", 12), (".inf", float("inf")),
        ("non-saturating", "non-saturating"), ("'2e-4'", "2e-4"),
    ],
)  # fmt: skip
def test_scalars_are_read_as_people_mean_them(text, value):
    found = plain(f"key: {text}")["key"]
    assert found == value and type(found) is type(value)


def test_every_value_knows_its_line_and_column():
    root = parse("a: 1\nb:\n  c: [x, y]\n", "r.yaml")
    assert str(root.value["b"].value["c"].value[1].place) == "r.yaml:3:10"
    assert str(root.value["b"].keys["c"]) == "r.yaml:3:3"


def test_all_duplicate_keys_are_reported_together():
    with pytest.raises(RecipeError) as caught:
        parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "r.yaml")
    assert [str(p) for p in caught.value.problems] == [
        "r.yaml:2:1: a: duplicate key, first given on line 1",
        "r.yaml:3:11: b.c: duplicate key, first given on line 3",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff\xfe\x00binary", "not a text file"),
        (b"a: \x00", "not YAML"),
        ("a: [1, 2", "r.yaml:1:9: not YAML"),
        ("a: b: c", "not YAML"),
        ("a: 1\n---\nb: 2", "several YAML documents"),
        ("x" * 300_000, "too large for a recipe"),
        ("a: " + "[" * 5000, "nested deeper than 40"),
        ("\n".join(" " * i + "a:" for i in range(500)), "nested"),
        ("a: !!python/object/apply:os.system [ls]", "the tag"),
        ("a: !custom 3", "the tag '!custom' is not taken"),
        ("? [1, 2]\n: 3", "a key is a word"),
        ("a: &x [*x]", "nested"),
    ],
    ids=range(12),
)
def test_what_is_no_recipe_gets_one_sentence(text, message):
    with pytest.raises(RecipeError, match=message.replace("[", r"\[")) as caught:
        parse(text, "r.yaml")
    assert len(caught.value.problems) == 1


def test_a_small_text_of_many_aliases_is_not_unfolded():
    bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{y}: &{y} [{','.join(['*' + x] * 9)}]\n" for x, y in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(RecipeError, match="aliases"):
        parse(bomb, "r.yaml")


def merged(base, top):
    return merge(parse(base, "base"), parse(top, "top")).plain()


def test_extends_merges_mappings_and_replaces_lists():
    assert merged("{a: {x: 1, y: 2}, l: [1, 2]}", "{a: {y: 3}, l: [4]}") == {"a": {"x": 1, "y": 3}, "l": [4]}


def test_a_different_use_replaces_the_whole_component():
    assert merged("o: {use: adam, lr: 1}", "o: {use: sgd}") == {"o": {"use": "sgd"}}
    assert merged("o: {use: adam, lr: 1}", "o: {use: adam, eps: 2}") == {"o": {"use": "adam", "lr": 1, "eps": 2}}
    assert merged("o: {use: adam, lr: 1}", "o: sgd") == {"o": "sgd"}


def test_a_use_of_null_keeps_nothing_of_the_base():
    assert merged("o: {use: adam, lr: 1}", "o: {use: null, x: sgd}") == {"o": {"x": "sgd"}}


def test_a_bare_name_stands_for_its_use():
    assert merged("g: mlp", "g: {width: 3}") == {"g": {"use": "mlp", "width": 3}}


def write(folder, name, text):
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_recipe_extends_by_name_and_by_path(tmp_path):
    write(tmp_path / "all", "t/base", "about: base\nseed: 1\nmodel: {use: gan, clip: 1}")
    write(tmp_path / "all", "t/next", "extends: t/base\nmodel: {clip: 2}")
    last = write(tmp_path, "last", "extends: ./all/t/next.yaml\nabout: last")
    recipe = read_recipe(str(last), [tmp_path / "all"])
    assert recipe.root.plain() == {"about": "last", "seed": 1, "model": {"use": "gan", "clip": 2}}
    assert recipe.root.value["seed"].place.line == 2


def test_a_circle_of_extends_is_shown(tmp_path):
    write(tmp_path, "t/a", "extends: t/b")
    write(tmp_path, "t/b", "extends: t/a")
    with pytest.raises(RecipeError, match=r"circle: .*a\.yaml -> .*b\.yaml -> .*a\.yaml"):
        read_recipe("t/a", [tmp_path])


def test_an_unknown_base_is_located_and_suggested(tmp_path):
    write(tmp_path, "rings/gan", "about: x")
    top = write(tmp_path, "t/top", "about: y\nextends: rings/gam")
    with pytest.raises(
        RecipeError, match=r"top\.yaml:2:10: extends: there is no recipe 'rings/gam'; did you mean 'rings/gan'"
    ):
        read_recipe(str(top), [tmp_path])


@pytest.mark.parametrize("name", ["no/such", "./none.yaml", "/", "/etc", "..", "a//b", "x" * 300])
def test_a_missing_recipe_is_one_sentence(name, tmp_path):
    with pytest.raises(RecipeError, match=r"there is no recipe|is a folder"):
        find_recipe(name, [tmp_path])


def test_recipes_are_listed_by_target_and_idea(tmp_path):
    write(tmp_path, "rings/gan", "about: x")
    write(tmp_path, "rings/flow", "about: x")
    write(tmp_path, "readme", "about: x")
    assert list(list_recipes([tmp_path])) == ["rings/flow", "rings/gan"]


@pytest.mark.parametrize("text", ["", "# only a comment", "[1, 2]", "just words"])
def test_an_empty_recipe_or_one_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(RecipeError, match="empty|mapping"):
        read_recipe(str(write(tmp_path, "r", text)), [])


def overridden(text, *overrides):
    root = parse(text, "r.yaml")
    for override in overrides:
        problem = apply_override(root, override)
        assert problem is None, problem
    return root.plain()


def test_an_override_sets_one_value():
    assert overridden("{a: {b: 1, c: 2}}", "a.b=2e-4") == {"a": {"b": 2e-4, "c": 2}}
    assert overridden("{l: [{x: 1}, {x: 2}]}", "l.1.x=5") == {"l": [{"x": 1}, {"x": 5}]}
    assert overridden("{a: 1}", "m.n.o=[1, two]") == {"a": 1, "m": {"n": {"o": [1, "two"]}}}
    assert overridden("{g: mlp}", "g.width=3") == {"g": {"use": "mlp", "width": 3}}
    assert overridden("{g: {use: mlp, width: 3}}", "g.use=unet") == {"g": {"use": "unet"}}
    assert overridden("{a: 1}", "a=") == {"a": None}
    assert overridden("{a: x}", "a=b=c") == {"a": "b=c"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "expected key=value"),
        ("=3", "expected key=value"),
        ("a..b=3", "expected key=value"),
        ("l.7=1", "no element of a list of 2: expected 0 to 1"),
        ("l.x=1", "no element of a list"),
        ("n.deep=1", "nothing below 3"),
        ("a=[1", "not YAML"),
    ],
)
def test_a_wrong_override_says_so(override, message):
    problem = apply_override(parse("{l: [1, 2], n: 3, a: 1}", "r.yaml"), override)
    assert problem is not None and message in problem.what
    assert str(problem).startswith("command line: ")


def test_strings_that_yaml_would_read_otherwise_are_quoted():
    for text in ("on", "non-saturating", "rings/gan", "A sentence with words."):
        assert is_plain_string(text) and plain(f"k: {text}")["k"] == text
    for text in ("2e-4", "null", "true", "", "a: b", "- x", "#x", " x", "x ", "[x", "3", "*x", "a #b"):
        assert not is_plain_string(text)


@pytest.mark.parametrize("value", [{"label": "no zero, (1, .5, .2)"}, ["a, b", "it's"], {"a, b": [1.0, None]}, "a, b"])
def test_what_explain_writes_is_read_back_as_itself(value):
    assert plain(f"k: {scalar(value)}")["k"] == value
