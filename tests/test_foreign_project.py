"""The module ``code_key`` alone, copied into a DVC project of another layout."""

import shutil
from pathlib import Path

import pytest

from tests.support import ROOT, Clone

FILES = {
    "dvc.yaml": """\
stages:
  code:
    cmd: python scripts/code_key.py --output keys --path src flow.steps.count scripts/draw.py
    deps: [flow, scripts, src]
    outs:
    - keys:
        cache: false
  count:
    cmd: python -m flow.steps.count
    deps: [keys/count.json, words.txt]
    outs: [count.txt]
  draw:
    cmd: python scripts/draw.py
    deps: [keys/draw.json, count.txt]
    outs: [bar.txt]
""",
    ".dvcignore": "__pycache__/\n",
    "words.txt": "one two three\n",
    # a namespace package with relative imports, run by its name
    "flow/steps/count.py": """\
from pathlib import Path

from scripts.code_key import verify

from ..text import split

Path("count.txt").write_text(str(len(split(Path("words.txt").read_text()))))
verify(Path("keys/count.json"))
""",
    "flow/text.py": "def split(text):\n    from flow import space\n    return text.split(space.N)",
    "flow/space.py": "N = None\n",
    # a script, run by its path, and a package in a folder of its own
    "scripts/draw.py": """\
import sys
from pathlib import Path

sys.path.append("src")

from code_key import verify
from pictures import bar

Path("bar.txt").write_text(bar(int(Path("count.txt").read_text())))
verify(Path("keys/draw.json"))
""",
    "src/pictures/__init__.py": "from .marks import MARK\n\n\ndef bar(n):\n    return n * MARK\n",
    "src/pictures/marks.py": "MARK = '#'\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    root = tmp_path_factory.mktemp("foreign")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    shutil.copy(ROOT / "stages/running/code_key.py", root / "scripts")
    clone = Clone(root)
    clone.run("git", "init", "--quiet")
    clone.dvc("init", "--quiet")
    assert clone.repro() == ["code", "count", "draw"]
    return clone


@pytest.mark.parametrize(
    ("name", "edit", "stages"),
    [
        ("flow/text.py", ("def split(text):", 'def split(text):\n    """Split."""'), ["code"]),
        ("flow/space.py", ("None", "'e'"), ["code", "count", "draw"]),
        ("src/pictures/marks.py", ("'#'", "'*'"), ["code", "draw"]),
    ],
)
def test_a_change_reruns_the_stages_that_import_the_module(
    name: str, edit: tuple[str, str], stages: list[str], project: Clone, tmp_path: Path
) -> None:
    clone = project.copy(tmp_path / "clone")
    text = (clone.root / name).read_text()
    (clone.root / name).write_text(text.replace(*edit))
    assert clone.repro() == stages


def test_an_edit_during_a_stage_is_refused(project: Clone, tmp_path: Path) -> None:
    clone = project.copy(tmp_path / "clone")
    module = clone.root / "flow/steps/count.py"
    edit = "open('flow/space.py', 'a').write('LATE = 1')\nverify("
    module.write_text(module.read_text().replace("verify(", edit))
    assert "flow/space.py: changed while the pipeline ran" in clone.try_dvc("repro").stderr
