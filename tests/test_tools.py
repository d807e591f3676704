"""The tools beside the pipeline: recipes, the schema of params.yaml, a sweep's labels."""

import json
import sys
from typing import Any

from stages.shared.settings import Parameters

import jsonschema
import pytest
import yaml

from tests.support import ROOT, Clone
from tools import recipe, schema
from tools.sweeping.grid import Grid

PARAMETERS = (ROOT / "params.yaml").read_text("utf-8")
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_schema_is_up_to_date_and_in_use() -> None:
    assert json.loads((ROOT / "params.schema.json").read_bytes()) == schema.schema()
    assert PARAMETERS.startswith("# yaml-language-server: $schema=params.schema.json\n")
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    jsonschema.validate(yaml.safe_load(PARAMETERS), schema.schema())


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("download", "dataset", "mnits"),
        ("model", "dropout", [1.0]),
        ("train", "epochs", 0),
        ("train", "optimiser", "sgd"),
        ("plot", "mistakes", "all"),
    ],
)
def test_the_schema_refuses_values_that_the_stages_refuse(
    section: str, key: str, value: object
) -> None:
    content = yaml.safe_load(PARAMETERS)
    content[section][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema.schema())


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_fit_params_yaml(path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    content, changes = yaml.safe_load(PARAMETERS), yaml.safe_load(path.read_text("utf-8"))
    for section, keys in changes.items():
        assert set(keys) <= set(content[section])
        content[section] |= keys
    Parameters.model_validate(content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["recipe", path.stem])
        recipe.main()
    words = capsys.readouterr().out.split()
    assert set(words[::2]) == {"--set-param"}
    assert len(words) // 2 == sum(map(len, changes.values()))


def test_a_recipe_is_applied_in_one_command(clone: Clone) -> None:
    words = clone.run(sys.executable, "-m", "tools.recipe", "fast").stdout.split()
    clone.dvc("exp", "run", "--name", "quick", *words, "train")
    content = yaml.safe_load((clone.root / "params.yaml").read_text("utf-8"))
    for section, keys in yaml.safe_load((ROOT / "recipes/fast.yaml").read_text("utf-8")).items():
        assert {key: content[section][key] for key in keys} == keys
    assert "# images per step" in (clone.root / "params.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "params.yaml"),
        (["train.epochs=1", "model.hidden=[8,4]"], "epochs=1 hidden=[8,4]"),
        (["train.epochs=1,2", "model.hidden=[8,4]"], "epochs=1"),
        (["train.epochs=1,2", "model.hidden=[8,4],[9,4]"], "epochs=1 hidden=[8,4]"),
    ],
)
def test_a_setting_of_a_sweep_is_named_by_what_differs(options: list[str], first: str) -> None:
    grid = Grid(options, seeds=1)
    labels = [grid.label(setting) for setting in grid.settings]
    assert labels[0] == first
    assert len({*labels}) == len(labels)
