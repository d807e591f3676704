"""Commits, merges and worktrees, as docs/pipeline.md describes them."""

import re
import sys

import pytest

from tests.support import ROOT, Clone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="for a POSIX shell")


@pytest.fixture
def owned(clone: Clone) -> Clone:
    """A clone in which git knows the user."""
    clone.run("git", "config", "user.name", "somebody")
    clone.run("git", "config", "user.email", "somebody@localhost")
    return clone


def commands(beginning: str) -> str:
    """Return the commands of the page that begin with a text."""
    page = (ROOT / "docs/pipeline.md").read_text("utf-8")
    [found] = re.findall(rf"^```sh\n({beginning}.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


def test_branches_with_other_settings_are_merged(owned: Clone) -> None:
    branch = owned.run("git", "branch", "--show-current").stdout.strip()
    for name, change in (("other", {"train.seed": 1}), (branch, {"train.learning_rate": 0.03})):
        owned.run("git", "checkout", "--quiet", "-B", name)
        owned.set(**change)
        owned.repro("evaluate")
        owned.run("sh", "-c", commands("git commit"))
        assert owned.run("git", "status", "--porcelain").stdout == ""
        owned.run("git", "checkout", "--quiet", branch)
    merge, *rest = commands("git merge").splitlines()
    merged = owned.run(*merge.split(), check=False)
    assert merged.returncode != 0
    assert "CONFLICT (content): Merge conflict in params.yaml" not in merged.stdout
    owned.run("sh", "-ec", "\n".join(rest))
    assert owned.run("git", "status", "--porcelain").stdout == ""
    text = (owned.root / "params.yaml").read_text("utf-8")
    assert re.search(r"seed: 1$", text, re.MULTILINE)
    assert re.search(r"learning_rate: 0.03$", text, re.MULTILINE)
    assert owned.repro() == []


def test_a_worktree_uses_the_cache_of_the_first(owned: Clone) -> None:
    owned.run("sh", "-ec", commands("git worktree"))
    second = Clone(owned.root.with_name("second"))
    assert second.repro() == []
    assert second.outputs() == owned.outputs()
