"""What people do with DVC's experiments, on the small data set: docs/experiments.md."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT, Clone

FASTER = ("--set-param", "train.learning_rate=0.05")


def table(clone: Clone, *options: str) -> list[dict[str, str]]:
    """Read ``dvc exp show``: the workspace, the commit and then its experiments."""
    return list(csv.DictReader(io.StringIO(clone.dvc("exp", "show", "--csv", *options))))


def learning_rate(clone: Clone) -> str:
    content = yaml.safe_load((clone.root / "params.yaml").read_text(encoding="utf-8"))
    return str(content["train"]["learning_rate"])


@pytest.fixture
def tried(clone: Clone) -> Clone:
    """A clone that has tried another learning rate, and gone back."""
    said = clone.dvc("exp", "run", *FASTER, "--name", "faster", "evaluate")
    assert "Ran experiment(s): faster" in said
    clone.run("git", "checkout", "--quiet", "--force", "HEAD")
    clone.dvc("checkout")
    assert learning_rate(clone) == "0.02"
    return clone


def test_an_experiment_is_shown_compared_applied_and_made_a_branch(tried: Clone) -> None:
    order = ("--sort-by", "validation.accuracy", "--sort-order", "desc")
    workspace, _, experiment = table(tried, "--only-changed", *order)
    assert (workspace["train.learning_rate"], experiment["train.learning_rate"]) == ("0.02", "0.05")
    assert experiment["Experiment"] == "faster"
    assert workspace["validation.accuracy"] != experiment["validation.accuracy"]
    assert "train.epochs" not in workspace

    differences = json.loads(tried.dvc("exp", "diff", "HEAD", "faster", "--json"))
    assert differences["params"]["params.yaml"]["train.learning_rate"]["new"] == 0.05
    assert {Path(name).name for name in differences["metrics"]} == {"test.json", "train.json"}

    tried.dvc("exp", "apply", "faster")
    assert learning_rate(tried) == "0.05"
    assert tried.repro("evaluate") == []

    tried.run("git", "checkout", "--quiet", "--force", "HEAD")
    tried.dvc("exp", "branch", "faster", "kept")
    tried.run("git", "checkout", "--quiet", "kept")
    tried.dvc("checkout")
    assert learning_rate(tried) == "0.05"
    assert tried.repro("evaluate") == []


def test_a_search_by_optuna_runs_as_documented(clone: Clone) -> None:
    page = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    [script] = re.findall(r"^```python\n(.+?)^```", page, re.MULTILINE | re.DOTALL)
    said = [
        clone.run(sys.executable, "-c", script.replace("n_trials=20", f"n_trials={trials}")).stdout
        for trials in (1, 0)  # the second finds the trial of the first
    ]
    first, second = [each.splitlines()[-1] for each in said]
    assert "train.learning_rate" in first
    assert first == second
    assert [row["Experiment"] for row in table(clone)[2:]] == ["search-0"]
