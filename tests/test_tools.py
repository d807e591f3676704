"""The tools beside the pipeline: recipes, the schema of params.yaml, the report."""

import base64
import json
import re
import sys
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support import ROOT, Clone
from tools import recipe, report, schema

PICTURES = len(report.PICTURES)

PARAMETERS = (ROOT / "params.yaml").read_text()
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
    content, changes = yaml.safe_load(PARAMETERS), yaml.safe_load(path.read_text())
    for section, keys in changes.items():
        assert set(keys) <= set(content[section])
        content[section] |= keys
    schema.Parameters.model_validate(content)
    if path.stem == "reference":
        assert content == yaml.safe_load(PARAMETERS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["recipe", path.stem])
        recipe.main()
    words = capsys.readouterr().out.split()
    assert set(words[::2]) == {"--set-param"}
    assert len(words) // 2 == sum(map(len, changes.values()))


def test_a_recipe_is_applied_in_one_command(clone: Clone) -> None:
    words = clone.run(sys.executable, "-m", "tools.recipe", "fast").stdout.split()
    clone.dvc("exp", "run", "--name", "quick", *words, "train")
    content = yaml.safe_load((clone.root / "params.yaml").read_text())
    for section, keys in yaml.safe_load((ROOT / "recipes/fast.yaml").read_text()).items():
        assert {key: content[section][key] for key in keys} == keys
    assert "# images per step" in (clone.root / "params.yaml").read_text()


def test_the_report_compares_the_workspace_with_a_revision(clone: Clone) -> None:
    before = (clone.root / "plots/loss.png").read_bytes()
    clone.set(**{"train.learning_rate": 0.05})
    clone.dvc("repro", "evaluate", "plot_loss")
    stdout = clone.run(sys.executable, "-m", "tools.report").stdout
    assert stdout == "report.html: the workspace against HEAD\n"

    page = (clone.root / "report.html").read_text()
    pictures = {base64.b64decode(code) for code in re.findall('base64,(.+?)"', page)}
    assert before in pictures
    assert pictures >= {path.read_bytes() for path in (clone.root / "plots").glob("*.png")}
    assert "<tr><td>train.learning_rate</td><td>0.02</td><td>0.05</td></tr>" in page
    accuracy = json.loads((clone.root / "metrics/test.json").read_bytes())["test"]["accuracy"]
    assert f"<b>{accuracy:.6g}</b>" in page
    assert not re.findall(r'(?:src|href)=(?!"data:)|url\(|@import|<script', page)


def test_the_report_states_that_nothing_differs(clone: Clone) -> None:
    clone.run(sys.executable, "-m", "tools.report", "HEAD", "--output", "same.html")
    page = (clone.root / "same.html").read_text()
    assert "No parameter differs." in page
    assert page.count("<figcaption>both</figcaption>") == page.count("<img") == PICTURES


def test_the_report_compares_with_a_revision_without_results(clone: Clone) -> None:
    clone.run(sys.executable, "-m", "tools.report", "HEAD~1")
    page = (clone.root / "report.html").read_text()
    assert page.count("<figcaption>workspace</figcaption>") == page.count("<img") == PICTURES
    accuracy = json.loads((clone.root / "metrics/test.json").read_bytes())["test"]["accuracy"]
    assert f"<td>test.accuracy</td><td>–</td><td>{accuracy:.6g}</td>" in page


def test_the_report_names_an_unknown_revision(clone: Clone) -> None:
    done = clone.run(sys.executable, "-m", "tools.report", "nosuch", check=False)
    assert done.returncode == 1
    assert done.stderr == "error: nosuch: unknown Git revision 'nosuch'\n"
    assert not (clone.root / "report.html").exists()
