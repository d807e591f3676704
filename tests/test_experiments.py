"""The uses of DVC's experiments, on the small data set: docs/experiments.md."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import yaml

from tests.support import ROOT, Clone


def table(clone: Clone, *options: str) -> list[dict[str, str]]:
    """Read ``dvc exp show``: the workspace, the commit and then its experiments."""
    return list(csv.DictReader(io.StringIO(clone.dvc("exp", "show", "--csv", *options))))


def learning_rate(clone: Clone) -> str:
    content = yaml.safe_load((clone.root / "params.yaml").read_text(encoding="utf-8"))
    return str(content["train"]["learning_rate"])


def test_an_experiment_is_shown_compared_shared_applied_and_made_a_branch(
    clone: Clone, tmp_path: Path
) -> None:
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    clone.commit("remote")
    clone.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "hub"))
    clone.run("git", "remote", "add", "hub", str(tmp_path / "hub"))

    faster = ("--set-param", "train.learning_rate=0.05", "--name", "faster")
    said = clone.dvc("exp", "run", *faster, "evaluate")
    assert "Ran experiment(s): faster" in said
    tried = clone.outputs()
    clone.run("git", "checkout", "--quiet", "--force", "HEAD")
    clone.dvc("checkout")
    assert learning_rate(clone) == "0.02"

    order = ("--sort-by", "validation.accuracy", "--sort-order", "desc")
    workspace, _, experiment = table(clone, "--only-changed", *order)
    assert (workspace["train.learning_rate"], experiment["train.learning_rate"]) == ("0.02", "0.05")
    assert experiment["Experiment"] == "faster"
    assert workspace["validation.accuracy"] != experiment["validation.accuracy"]
    assert "train.epochs" not in workspace

    differences = json.loads(clone.dvc("exp", "diff", "HEAD", "faster", "--json"))
    assert differences["params"]["params.yaml"]["train.learning_rate"]["new"] == 0.05
    assert {Path(name).name for name in differences["metrics"]} == {"test.json", "train.json"}

    clone.dvc("exp", "branch", "faster", "kept")
    clone.run("git", "checkout", "--quiet", "kept")
    clone.dvc("checkout")
    assert learning_rate(clone) == "0.05"
    assert clone.repro("evaluate") == []

    clone.dvc("exp", "push", "hub", "faster")
    clone.run("git", "clone", "--quiet", str(tmp_path / "hub"), str(tmp_path / "other"))
    other = Clone(tmp_path / "other")
    other.dvc("exp", "pull", "origin", "faster")
    other.dvc("exp", "apply", "faster")
    assert learning_rate(other) == "0.05"
    assert other.outputs() == tried
    assert other.repro("evaluate") == []


def test_a_search_by_optuna_runs_as_documented(clone: Clone) -> None:
    page = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    [script] = re.findall(r"^```python\n(.+?)^```", page, re.MULTILINE | re.DOTALL)
    # the second search finds the trial of the first
    scripts = [script.replace("n_trials=20", f"n_trials={trials}") for trials in (1, 0)]
    said = clone.run(sys.executable, "-c", "\n".join(scripts)).stdout
    first, second = re.findall(r"^\{'train.learning_rate': .*", said, re.MULTILINE)
    assert first == second
    assert [row["Experiment"] for row in table(clone)[2:]] == ["search-0"]
