"""Commits, merges and worktrees, as docs/pipeline.md describes them."""

import re
import shlex
import sys

import pytest

from tests.support import ROOT, Clone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="for a POSIX shell")


def commands(beginning: str) -> str:
    """Return the commands of the page that begin with a text."""
    page = (ROOT / "docs/pipeline.md").read_text("utf-8")
    [found] = re.findall(rf"^```sh\n({beginning}.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


def test_branches_with_other_settings_are_merged(clone: Clone) -> None:
    branch = clone.run("git", "branch", "--show-current").stdout.strip()
    for name, change in (("other", {"train.seed": 1}), (branch, {"train.learning_rate": 0.03})):
        clone.run("git", "checkout", "--quiet", "-B", name)
        clone.set(**change)
        clone.repro("train")
        clone.run(*shlex.split(commands("git commit")))
        assert clone.run("git", "status", "--porcelain").stdout == ""
        clone.run("git", "checkout", "--quiet", branch)
    merge, repro, commit = commands("git merge").splitlines()
    merged = clone.run(*merge.split(), check=False)
    assert merged.returncode != 0
    assert "CONFLICT (content): Merge conflict in params.yaml" not in merged.stdout
    assert repro == "dvc repro"
    assert clone.repro("evaluate") == ["train", "evaluate"]
    clone.run(*commit.split())
    assert clone.run("git", "status", "--porcelain").stdout == ""
    text = (clone.root / "params.yaml").read_text("utf-8")
    assert re.search(r"seed: 1$", text, re.MULTILINE)
    assert re.search(r"learning_rate: 0.03$", text, re.MULTILINE)
    assert clone.repro("evaluate") == []


def test_a_worktree_uses_the_cache_of_the_first(clone: Clone) -> None:
    clone.run("sh", "-ec", commands("git worktree"))
    second = Clone(clone.root.with_name("second"))
    assert second.repro() == []
    assert second.outputs() == clone.outputs()
