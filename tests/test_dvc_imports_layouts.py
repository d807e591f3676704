"""Ten projects of different layouts: what ``dvc-imports`` finds, adds, records and proves."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dvc_imports.__main__ import main
from tests.support import ROOT, TRACING, Clone

CODE = "import {} as other\nprint(other.VALUE)\n"


@dataclass
class Layout:
    """A small project: the command of its stages, and its modules.

    Attributes
    ----------
    stages : the part of dvc.yaml after ``stages:``; or several files of that name
    files : texts by path
    modules : what each stage imports
    leaf : a module that is imported through another
    """

    stages: str
    files: dict[str, str]
    modules: dict[str, str]
    leaf: str


VALUE = "VALUE = 1\n"
VIA = {"app/__init__.py": "", "app/net.py": "from app.leaf import VALUE\n", "app/leaf.py": VALUE}
TRAIN = "  train:\n    cmd: {}\n    deps:\n    - data.txt  # the data\n"

LAYOUTS = {
    "src layout": Layout(
        TRAIN.format("python scripts/train.py"),
        {
            "pyproject.toml": "[project]\nname = 'app'\n",
            "scripts/train.py": CODE.format("app.net"),
            **{f"src/{name}": text for name, text in VIA.items()},
        },
        {"train": "scripts/train.py src/app/__init__.py src/app/leaf.py src/app/net.py"},
        "src/app/leaf.py",
    ),
    "packages beside the script": Layout(
        TRAIN.format("python code/train.py"),
        {
            "code/train.py": CODE.format("app.net"),
            **{f"code/{name}": text for name, text in VIA.items()},
        },
        {"train": "code/app/__init__.py code/app/leaf.py code/app/net.py code/train.py"},
        "code/app/leaf.py",
    ),
    "sys.path": Layout(
        TRAIN.format("python run/train.py"),
        {
            "run/train.py": (
                "import os, sys\nROOT = os.path.dirname(os.path.dirname("
                "os.path.abspath(__file__)))\nsys.path.append(os.path.join(ROOT, 'lib'))\n"
                + CODE.format("net")
            ),
            "lib/net.py": "from leaf import *\n",
            "lib/leaf.py": VALUE,
        },
        {"train": "lib/leaf.py lib/net.py run/train.py"},
        "lib/leaf.py",
    ),
    "wdir": Layout(
        "  train:\n    wdir: work\n    cmd: python -m net\n    outs: [x]\n",
        {
            "work/net.py": "import leaf\nopen('x', 'w').write(str(leaf.VALUE))\n",
            "work/leaf.py": VALUE,
        },
        {"train": "work/leaf.py work/net.py"},
        "work/leaf.py",
    ),
    "foreach and matrix": Layout(
        "  plot:\n    foreach: [a, b]\n    do:\n      cmd: python -m plots.${item}\n"
        "  grid:\n    matrix:\n      x: [1, 2]\n    cmd: python -m plots.a ${item.x}\n",
        {
            "plots/__init__.py": "",
            "plots/a.py": "from . import leaf\n",
            "plots/b.py": "from importlib import import_module\nimport_module('plots.leaf')\n",
            "plots/leaf.py": VALUE,
        },
        {
            "plot@a": "plots/__init__.py plots/a.py plots/leaf.py",
            "plot@b": "plots/__init__.py plots/b.py plots/leaf.py",
            "grid@1": "plots/__init__.py plots/a.py plots/leaf.py",
            "grid@2": "plots/__init__.py plots/a.py plots/leaf.py",
        },
        "plots/leaf.py",
    ),
    "several dvc.yaml": Layout(
        TRAIN.format("python train.py"),
        {
            "train.py": "import leaf\n",
            "leaf.py": VALUE,
            "sub/dvc.yaml": "stages:\n  train:\n    cmd: cd .. && python sub/train.py\n",
            "sub/train.py": "import leaf\n",
            "sub/leaf.py": VALUE,
        },
        {"train": "leaf.py train.py", "sub/dvc.yaml:train": "sub/leaf.py sub/train.py"},
        "sub/leaf.py",
    ),
    "uv run": Layout(
        TRAIN.format("PYTHONPATH=lib uv run --quiet python -u -m app.net && ./tool"),
        {
            **{f"lib/{name}": text for name, text in VIA.items()},
            "tool": "#!/usr/bin/env python\nimport leaf\n",
            "leaf.py": VALUE,
        },
        {"train": "leaf.py lib/app/__init__.py lib/app/leaf.py lib/app/net.py tool"},
        "lib/app/leaf.py",
    ),
    "pytest": Layout(
        TRAIN.format("python -m pytest -q checks"),
        {
            "checks/conftest.py": "import helper\n",
            "checks/helper.py": VALUE,
            "checks/test_app.py": "import app.net\ndef test():\n    assert app.net.VALUE\n",
            **VIA,
        },
        {
            "train": "app/__init__.py app/leaf.py app/net.py checks/conftest.py checks/helper.py"
            " checks/test_app.py"
        },
        "app/leaf.py",
    ),
    "namespace package": Layout(
        TRAIN.format("python -m space.inner.train"),
        {
            "space/inner/train.py": "from ..other import leaf\n",
            "space/other/leaf.py": VALUE,
        },
        {"train": "space/inner/train.py space/other/leaf.py"},
        "space/other/leaf.py",
    ),
    "console script": Layout(
        TRAIN.format("app-train --fast"),
        {
            "pyproject.toml": "[project]\nname = 'app'\nscripts = {app-train = 'app.net:main'}\n",
            **VIA,
        },
        {"train": "app/__init__.py app/leaf.py app/net.py"},
        "app/leaf.py",
    ),
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8", newline="\n")
    return root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    write(folder, {".dvc/config": "[core]\n    no_scm = true\n", "data.txt": "1\n"})
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    return folder


def dvc_imports(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dvc-imports", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


def reports(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, list[str]]]:
    capsys.readouterr()
    dvc_imports("check", "--json")
    return {each["stage"]: each for each in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_check_fix_and_record(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = LAYOUTS[name]
    write(root, {**layout.files, "dvc.yaml": f"stages:  # ours\n{layout.stages}"})
    expected = {stage: modules.split() for stage, modules in layout.modules.items()}

    found = reports(capsys)
    assert {stage: each["modules"] for stage, each in found.items()} == expected
    assert {stage: each["missing"] for stage, each in found.items()} == expected
    assert all(not each["unresolved"] for each in found.values())

    assert dvc_imports("fix") == 0
    assert dvc_imports("check") == 0
    text = (root / "dvc.yaml").read_text()
    assert "# ours" in text
    assert ("# the data" in text) == ("# the data" in layout.stages)

    def records() -> dict[str, bytes]:
        assert dvc_imports("record") == 0
        folder = root / ".dvc-imports"
        return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*.json")}

    before = records()
    assert len(before) == len(expected)
    leaf = root / layout.leaf
    leaf.write_text(f'"""A comment."""\n\n{leaf.read_text()}  # and another\n')
    assert records() == before
    leaf.write_text("VALUE = 2\n")
    changed = {each for each, content in records().items() if content != before[each]}
    assert len(changed) == sum(layout.leaf in modules for modules in expected.values())


# command, changes before it, and the message; run by hand, with the record of the stage
PROOFS = {
    "as recorded": ("python code/train.py", "", ""),
    "os.chdir": ("python code/train.py", "import os; os.chdir('/')", ""),
    "an edit": (
        "python code/train.py",
        "open(__file__.replace('train', 'app/leaf'), 'a').write('LATE = 1')",
        "code/app/leaf.py: changed since it was recorded",
    ),
    "a module outside": (
        "python code/train.py",
        "import os, sys; sys.path.insert(0, os.path.abspath('../outside')); import foreign",
        "../outside/foreign.py: imported as foreign, but by nothing",
    ),
    "an installed copy": (
        "python code/train.py",
        "import os, sys; sys.path.insert(0, os.path.abspath('site-packages'))",
        "from an installed copy, but code/app/",
    ),
    "a symbolic link": (
        "python code/train.py",
        "import os, sys; sys.path.insert(0, os.path.abspath('link')); import unseen",
        "code/hidden/unseen.py: imported as unseen",
    ),
    "a spawned worker": (
        "python code/train.py",
        "import multiprocessing as m; m.set_start_method('spawn')\n"
        "    p = m.Process(target=__import__, args=('unused',)); p.start(); p.join()",
        "code/unused.py: imported as unused",
    ),
}


@pytest.mark.parametrize("name", PROOFS)
def test_the_proof(name: str, root: Path) -> None:
    command, change, message = PROOFS[name]
    layout = LAYOUTS["packages beside the script"]
    change = f"if __name__ == '__main__':\n    {change}\n" if change else ""
    declared = "[tool.dvc-imports]\nmodules = []\n"
    files = {
        **layout.files,
        "dvc.yaml": f"stages:\n{layout.stages}",
        "pyproject.toml": declared,
        "code/unused.py": "",
        "code/hidden/unseen.py": "",
        "../outside/foreign.py": "",
        "code/train.py": change + layout.files["code/train.py"],
        **{f"site-packages/{path}": text for path, text in VIA.items()},
    }
    if "import foreign" in change or "import unseen" in change:
        # hidden from the import statements
        files["code/train.py"] = files["code/train.py"].replace(
            "import foreign", "__import__('for' + 'eign')"
        )
        files["code/train.py"] = files["code/train.py"].replace(
            "import unseen", "__import__('uns' + 'een')"
        )
    write(root, files)
    if name == "a symbolic link":
        (root / "link").symlink_to("code/hidden", target_is_directory=True)
    assert dvc_imports("record") == 0
    for end in ("", "import dvc_imports\ndvc_imports.verify()\n"):
        if end and name == "a spawned worker":
            continue  # which only `run` sees
        write(root, files)
        (root / "code/train.py").write_text(files["code/train.py"] + end)
        if end:
            assert dvc_imports("record") == 0
        start = [sys.executable, *command.split()[1:]]
        runner = [sys.executable, "-m", "dvc_imports", "run", "--"]
        done = subprocess.run(
            start if end else [*runner, *start],
            env={**os.environ, **TRACING, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert message in done.stderr
        assert bool(done.returncode) == bool(message), done.stderr


@pytest.fixture
def piped(root: Path) -> Clone:
    """A project whose stages depend on their records."""
    layout = LAYOUTS["packages beside the script"]
    write(
        root,
        {
            **layout.files,
            "pyproject.toml": "[tool.dvc-imports]\noutput = 'keys'\n",
            ".dvcignore": "__pycache__/\n",
            "dvc.yaml": (
                "stages:\n  code:\n    cmd: python -m dvc_imports record\n"
                "    deps: [code, pyproject.toml]\n    outs: [keys: {cache: false}]\n"
                "  train:\n    cmd: python -m dvc_imports run -- python code/train.py\n"
                "    deps: [keys/train.json]\n"
            ),
        },
    )
    return Clone(root)


def test_a_stage_that_depends_on_its_record(piped: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert dvc_imports("check") == 0
    assert piped.repro() == ["code", "train"]
    assert piped.repro() == []
    piped.append("code/app/leaf.py", "# a comment\n")
    assert piped.repro() == ["code"]
    piped.append("code/app/leaf.py", "MORE = 1\n")
    assert piped.repro() == ["code", "train"]
    piped.edit("code/train.py", "print", "open('code/app/leaf.py', 'a').write('LATE = 1')\nprint")
    failed = piped.try_dvc("repro")
    assert "error: code/app/leaf.py: changed since it was recorded" in failed.stderr
    assert not (piped.root / "keys/train.json").exists()
    piped.edit("code/train.py", "open('code/app/leaf.py', 'a').write('LATE = 1')\n", "")
    assert piped.repro() == ["code", "train"]

    # an edit before a run of the stage alone
    piped.append("code/app/leaf.py", "\nMORE = 2\n")
    failed = piped.try_dvc("repro", "--force", "--single-item", "train")
    assert "leaf.py: changed since it was recorded; run `dvc repro`" in failed.stderr
    assert piped.repro() == ["code", "train"]


def test_check_wants_the_writer_of_the_records_to_depend_on_all_modules(
    piped: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    piped.edit("dvc.yaml", "deps: [code, pyproject.toml]", "deps: [code/app]")
    assert reports(capsys)["code"]["missing"] == ["code/train.py", "pyproject.toml"]
