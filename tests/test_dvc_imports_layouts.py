"""Ten projects of different layouts: found, completed, recorded and proven by ``dvc-imports``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dvc_imports.__main__ import main
from tests.support import ROOT, TRACING, Clone

CODE = "import {} as other\nprint(other.VALUE)\n"
VALUE = "VALUE = 1\n"
TRAIN = "  train:\n    cmd: {}\n    deps:\n    - data.txt  # the data\n"


def app(folder: str) -> dict[str, str]:
    """Return a package whose module ``leaf`` is imported through another."""
    files = {"__init__": "", "net": "from app.leaf import VALUE\n", "leaf": VALUE}
    return {f"{folder}app/{name}.py": text for name, text in files.items()}


BESIDE = {"code/train.py": CODE.format("app.net"), **app("code/")}
# the stages in dvc.yaml, and the files: a module named `leaf` is always imported through another
LAYOUTS = {
    "src layout": (
        TRAIN.format("python scripts/train.py"),
        {
            "pyproject.toml": "[project]\nname = 'app'\n",
            "scripts/train.py": CODE.format("app.net"),
            **app("src/"),
        },
    ),
    "packages beside the script": (TRAIN.format("python code/train.py"), BESIDE),
    "sys.path": (
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
    ),
    "wdir": (
        "  train:\n    wdir: work\n    cmd: python -m net\n    outs: [x]\n",
        {
            "work/net.py": "import leaf\nopen('x', 'w').write(str(leaf.VALUE))\n",
            "work/leaf.py": VALUE,
        },
    ),
    "foreach and matrix": (
        "  plot:\n    foreach: [a, b]\n    do:\n      cmd: python -m plots.${item}\n"
        "  grid:\n    matrix:\n      x: [1, 2]\n    cmd: python -m plots.a ${item.x}\n",
        {
            "plots/__init__.py": "",
            "plots/a.py": "from . import leaf\n",
            "plots/b.py": "from importlib import import_module\nimport_module('plots.leaf')\n",
            "plots/leaf.py": VALUE,
        },
    ),
    "several dvc.yaml": (
        TRAIN.format("python train.py"),
        {
            "train.py": "import leaf\n",
            "leaf.py": VALUE,
            "sub/dvc.yaml": "stages:\n  train:\n    cmd: cd .. && python sub/train.py\n",
            "sub/train.py": "import leaf\n",
            "sub/leaf.py": VALUE,
        },
    ),
    "uv run": (
        TRAIN.format("PYTHONPATH=lib uv run --quiet python -u -m app.net && ./tool.py"),
        {"tool.py": "#!/usr/bin/env python\nimport leaf\n", "leaf.py": VALUE, **app("lib/")},
    ),
    "pytest": (
        TRAIN.format("python -m pytest -q checks"),
        {
            "checks/conftest.py": "import helper\n",
            "checks/helper.py": VALUE,
            "checks/test_app.py": "import app.net\ndef test():\n    assert app.net.VALUE\n",
            **app(""),
        },
    ),
    "namespace package": (
        TRAIN.format("python -m space.inner.train"),
        {"space/inner/train.py": "from ..other import leaf\n", "space/other/leaf.py": VALUE},
    ),
    "console script": (
        TRAIN.format("app-train --fast"),
        {
            "pyproject.toml": "[project]\nname = 'app'\nscripts = {app-train = 'app.net:main'}\n",
            **app(""),
        },
    ),
}
# where it is not that the stage `train` imports all modules
MODULES = {
    "foreach and matrix": {
        "plot@a": "plots/__init__.py plots/a.py plots/leaf.py",
        "plot@b": "plots/__init__.py plots/b.py plots/leaf.py",
        "grid@1": "plots/__init__.py plots/a.py plots/leaf.py",
        "grid@2": "plots/__init__.py plots/a.py plots/leaf.py",
    },
    "several dvc.yaml": {
        "train": "leaf.py train.py",
        "sub/dvc.yaml:train": "sub/leaf.py sub/train.py",
    },
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
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def dvc_imports(*arguments: str) -> str | int | None:
    """Run the command in this process, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dvc-imports", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return ended.value.code


def reports(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, list[str]]]:
    capsys.readouterr()
    dvc_imports("check", "--json")
    return {each["stage"]: each for each in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_check_fix_and_record(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages, files = LAYOUTS[name]
    write(root, {**files, "dvc.yaml": f"stages:  # ours\n{stages}"})
    python = sorted(each for each in files if each.endswith(".py"))
    modules = MODULES.get(name, {"train": " ".join(python)})
    expected = {stage: names.split() for stage, names in modules.items()}

    found = reports(capsys)
    assert {stage: each["modules"] for stage, each in found.items()} == expected
    assert {stage: each["missing"] for stage, each in found.items()} == expected
    assert all(not each["unresolved"] for each in found.values())

    assert dvc_imports("fix") == 0
    assert dvc_imports("check") == 0
    text = (root / "dvc.yaml").read_text(encoding="utf-8")
    assert "# ours" in text
    assert ("# the data" in text) == ("# the data" in stages)

    def records() -> dict[str, bytes]:
        assert dvc_imports("record") == 0
        folder = root / ".dvc-imports"
        return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*.json")}

    before = records()
    assert len(before) == len(expected)
    leaf = next(root / each for each in files if each.endswith("leaf.py"))
    leaf.write_text(f'"""A comment."""\n\n{VALUE}  # and another\n', encoding="utf-8")
    assert records() == before
    leaf.write_text("VALUE = 2\n", encoding="utf-8")
    changed = {each for each, content in records().items() if content != before[each]}
    relative = leaf.relative_to(root).as_posix()
    assert len(changed) == sum(relative in modules for modules in expected.values())


# code at the start of the script, and the message
PROOFS = {
    "as recorded": ("", ""),
    "os.chdir": ("import os; os.chdir('/')", ""),
    "an edit": (
        "open(__file__.replace('train', 'app/leaf'), 'a').write('LATE = 1')",
        "code/app/leaf.py: changed since it was recorded",
    ),
    "a declared file": (
        "open('data.txt', 'a').write('2')",
        "data.txt: changed since it was recorded",
    ),
    "another version": (
        "record = open('.dvc-imports/train.json', 'r+')\n"
        'text = record.read().replace(\'"packages": {\', \'"packages": {"dvc": "0.1"\')\n'
        "record.seek(0); record.write(text); record.close()",
        "is installed, must be 0.1",
    ),
    "a module outside": (
        "import sys; sys.path.insert(0, '../outside'); __import__('for' + 'eign')",
        "../outside/foreign.py: imported as foreign, but by nothing",
    ),
    "a module that is left out": ("import excluded", ""),
    "an installed copy": (
        "import sys; sys.path.insert(0, 'site-packages')",
        "from an installed copy, but code/app/",
    ),
    "an installed namesake": (
        "import sys; sys.path.append('site-packages'); __import__('le' + 'af')",
        "",
    ),
    "a symbolic link": (
        "import sys; sys.path.insert(0, 'link'); __import__('uns' + 'een')",
        "code/hidden/unseen.py: imported as unseen",
    ),
    "a spawned worker": (
        "import multiprocessing as m\nif __name__ == '__main__':\n    m.set_start_method('spawn')\n"
        "    p = m.Process(target=__import__, args=('unused',)); p.start(); p.join()",
        "code/unused.py: imported as unused",
    ),
}


@pytest.mark.parametrize("command", ["run", "verify"])
@pytest.mark.parametrize("name", PROOFS)
def test_the_proof(name: str, command: str, root: Path) -> None:
    change, message = PROOFS[name]
    if name == "a spawned worker" and command == "verify":
        message = ""  # only `run` sees other processes
    end = "import dvc_imports\ndvc_imports.verify()\n" if command == "verify" else ""
    lists = "modules = []\nfiles = ['data.txt']\nexclude = ['code/excluded.py']\n"
    empty = ("code/unused.py", "code/excluded.py", "code/hidden/unseen.py", "../outside/foreign.py")
    write(
        root,
        {
            **BESIDE,
            "code/train.py": f"{change}\n{BESIDE['code/train.py']}{end}",
            "dvc.yaml": "stages:\n" + TRAIN.format("python code/train.py"),
            "pyproject.toml": f"[tool.dvc-imports]\n{lists}",
            **dict.fromkeys((*empty, "site-packages/leaf.py"), ""),
            **app("site-packages/"),
        },
    )
    (root / "link").symlink_to("code/hidden", target_is_directory=True)
    assert dvc_imports("record") == 0
    assert b"dvc_imports" not in (root / ".dvc-imports/train.json").read_bytes()
    runner = [sys.executable, "-m", "dvc_imports", "run", "--"]
    done = subprocess.run(
        [*([] if end else runner), sys.executable, "code/train.py"],
        env={**os.environ, **TRACING},
        capture_output=True,
        text=True,
        check=False,
    )
    assert message in done.stderr
    assert bool(done.returncode) == bool(message), done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", 2),
        ("-- absent", "error: absent: cannot be started"),
        ("-- python -c 1/0", 1),
        ("-- python -E -c pass", "error: no Python took part that can be watched"),
        ("-- python other.py", "no record of other.py; `dvc-imports record` writes it"),
        (
            "-- python net.py",
            "several records of net.py (sub/dvc.yaml:train, train); name the stage",
        ),
        ("--stage train -- python net.py", 0),
        ("--stage sub/dvc.yaml:train -- python net.py", 0),
        ("--stage test -- python net.py", "no record of stage test"),
    ],
)
def test_run_finds_the_record(arguments: str, expected: str | int, root: Path) -> None:
    stages = "stages:\n  train:\n    cmd: {}python net.py\n"
    write(root, {"dvc.yaml": stages.format(""), "sub/dvc.yaml": stages.format("cd .. && ")})
    write(root, {"net.py": "", "other.py": "", ".dvc-imports/none.json": "{}"})
    assert dvc_imports("record") == 0
    words = [sys.executable if word == "python" else word for word in arguments.split()]
    assert str(expected) in str(dvc_imports("run", *words))


def test_a_stage_that_cannot_be_read_stops_no_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = (
        "stages:\n  each:\n    foreach: ${absent}\n    do: {cmd: python a.py}\n"
        "  one:\n    cmd: python ${absent}\n  train:\n    cmd: python a.py\n"
    )
    write(root, {"dvc.yaml": stages, "sub/dvc.yaml": "stages: 1\n", "a.py": ""})
    assert dvc_imports("check") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == ["each", "one", "train", "sub/dvc.yaml"]
    assert "dvc.yaml: train: imports a.py, which no dependency names" in lines
    assert lines[-1] == "4 stages, 1 missing modules, 3 unresolved imports"


def test_two_stages_with_one_record_are_refused(root: Path) -> None:
    stages = "".join(f"  {name}:\n    cmd: python a.py\n" for name in ("train", "Train"))
    write(root, {"dvc.yaml": f"stages:\n{stages}", "a.py": ""})
    assert "is the record of two stages on some file systems" in str(dvc_imports("record"))


def test_a_folder_without_dvc_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "not in a DVC project" in str(dvc_imports("run", "--", "python"))
    assert "contains no dvc.yaml" in str(dvc_imports("check"))


@pytest.fixture
def piped(root: Path) -> Clone:
    """A project whose stages depend on their records."""
    pipeline = (
        "stages:\n  code:\n    cmd: python -m dvc_imports record\n"
        "    deps: [code, pyproject.toml]\n    outs: [keys: {cache: false}]\n"
        "  train:\n    cmd: python -m dvc_imports run -- python code/train.py\n"
        "    deps: [keys/train.json]\n"
    )
    settings = "[tool.dvc-imports]\noutput = 'keys'\n"
    files = {"pyproject.toml": settings, ".dvcignore": "__pycache__/\n", "dvc.yaml": pipeline}
    write(root, {**BESIDE, **files})
    return Clone(root)


def test_a_stage_that_depends_on_its_record(piped: Clone) -> None:
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
    piped.edit("dvc.yaml", "deps: [code/app]", "always_changed: true")
    assert reports(capsys)["code"]["missing"] == []
