"""What ``dvc-imports`` reads, what it refuses, and what it leaves to be declared."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from dvc_imports.closure import Project
from dvc_imports.config import Config, read_config
from dvc_imports.record import record, write_records
from dvc_imports.stages import Stage, file_name


def stage(root: Path, command: str, name: str = "train") -> Stage:
    return Stage(name, root / "dvc.yaml", root, (command,))


def write(root: Path, **files: str | bytes) -> Config:
    for name, content in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Config(root)


PACKAGE = {"p__i": "", "p__x": "", "p__y": ""}


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import p.x", "p/x"),
        ("from p import x, y", "p/x p/y"),
        ("if TYPE_CHECKING:\n    import p.x\nelse:\n    import p.y", "p/y"),
        ("try:\n    import p.x\nexcept ImportError:\n    import x", "p/x"),
        ("from importlib import import_module\nNAME = 'p.y'\nimport_module(NAME)", "p/y"),
        ("import importlib\nimportlib.import_module('.x', package='p')", "p/x"),
        ("import sys\nsys.path.append('p')\nimport x", "p/x"),
        ("import sys\nfrom pathlib import Path\n"
         "sys.path.insert(0, str(Path(__file__).resolve().parent / 'p'))\nimport y", "p/y"),
        ("import runpy\nrunpy.run_path('p/x.py')", "p/x"),
        ("from q import *", "q/__init__ q/a"),
        ("import json, random", "random"),
    ],
)  # fmt: skip
def test_imports_that_are_followed(source: str, modules: str, tmp_path: Path) -> None:
    config = write(tmp_path, train=source, random="", q__a="", **PACKAGE)
    (tmp_path / "q/__init__.py").write_text("__all__ = ['a', 'f']\n\ndef f(): pass\n")
    closure = Project(config).closure(stage(tmp_path, "python train.py"))
    names = {config.name(path).removesuffix(".py") for path in closure.modules}
    assert names == {"train", *modules.split()}
    assert closure.problems == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import deep", 'deep, which is on no search path, but in lib; declare paths = ["lib"]'),
        ("import p.absent", "imports p.absent, which is on no search path"),
        ("from importlib import import_module as i\nimport importlib\nimportlib.import_module(x)",
         "line 3: imports a name that is computed"),
        ("import broken", "broken.py: not valid Python: line 1: "),
        ("import latin", "latin.py: not valid Python: "),
        ("import nested", "nested.py: not valid Python: "),
    ],
)  # fmt: skip
def test_an_incomplete_closure_is_no_secret(source: str, message: str, tmp_path: Path) -> None:
    nested = f"x = {'(' * 5000}{')' * 5000}"
    write(tmp_path, train=source, lib__deep="", broken="x = (", latin=b"x = '\xff'", nested=nested)
    write(tmp_path, lib__p__absent="")
    closure = Project(Config(tmp_path)).closure(stage(tmp_path, "python train.py"))
    assert any(message in problem for problem in closure.problems), closure.problems
    assert str(tmp_path) not in closure.problems[0]


def test_declarations_complete_it(tmp_path: Path) -> None:
    source = "import importlib\nimport deep\nimportlib.import_module(x)\nimport vendored"
    write(tmp_path, train=source, lib__deep="", vendored="import broken", broken="(", **PACKAGE)
    (tmp_path / "p/__init__.py").touch()
    everywhere = {"paths": ("lib",), "modules": ("p.*",), "exclude": ("vendored.py",)}
    closure = Project(Config(tmp_path, everywhere=everywhere)).closure(
        stage(tmp_path, "python train.py")
    )
    names = {Path(path).relative_to(tmp_path).as_posix() for path in closure.modules}
    assert names == {"train.py", "lib/deep.py", "p/__init__.py", "p/i.py", "p/x.py", "p/y.py"}
    assert closure.problems == []


@pytest.mark.parametrize(
    "command",
    [
        "python a.py",
        "python3.12 -u -W ignore a.py --x 1 > log 2>&1",
        "X=1 python -m a",
        "cd sub && python ../a.py",
        "poetry run python a.py; echo a.py",
        "env X=1 uv run --with numpy -m a",
        "bash run.sh",
        "torchrun --nproc-per-node 2 a.py",
        "python -c 'import a'",
        "mkdir -p out && nohup python a.py &",
        "PYTHONPATH=sub python a.py",
        "sh -c 'python a.py'",
        "./run.sh",
        "sh there.sh",
        "python folder",
        "papermill book.ipynb out/book.ipynb",
    ],
)
def test_commands(command: str, tmp_path: Path) -> None:
    write(tmp_path, a="import b", b="", sub__c="")
    (tmp_path / "run.sh").write_text("#!/bin/sh\nset -e  # python c.py\npython a.py\n")
    (tmp_path / "there.sh").write_text("cd sub\npython ../a.py\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/__main__.py").symlink_to(tmp_path / "b.py")
    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", "import a\n"]}]
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": cells}))
    closure = Project(Config(tmp_path)).closure(stage(tmp_path, command))
    names = {Path(path).name for path in closure.modules}
    assert names | {"a.py"} == {"a.py", "b.py"} | (names & {"book.ipynb"})
    assert closure.problems == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("python 'a.py", "not a command that can be read: No closing quotation"),
        ("cat a.py | python", "runs Python code from its standard input, which is not followed"),
    ],
)
def test_a_command_that_cannot_be_read_is_named(command: str, problem: str, tmp_path: Path) -> None:
    write(tmp_path, a="")
    closure = Project(Config(tmp_path)).closure(stage(tmp_path, command))
    assert any(problem in each for each in closure.problems)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("setup.py", "setup(package_dir={'': 'lib'}, entry_points={'x': ['go = p.main:run']})"),
        (
            "setup.cfg",
            "[options]\npackage_dir =\n  = lib\n[options.entry_points]\n"
            "console_scripts =\n  go = p.main:run\n",
        ),
        (
            "pyproject.toml",
            '[project.scripts]\ngo = "p.main:run"\n[tool.setuptools.package-dir]\n"" = "lib"\n',
        ),
    ],
)
def test_packaging_of_any_age_names_folders_and_scripts(
    file: str, text: str, tmp_path: Path
) -> None:
    write(tmp_path, lib__p__main="import q", lib__q="")
    (tmp_path / file).write_text(text)
    closure = Project(Config(tmp_path)).closure(stage(tmp_path, "go --fast"))
    names = {Path(path).relative_to(tmp_path).as_posix() for path in closure.modules}
    assert names == {"lib/p/main.py", "lib/q.py"}


@pytest.mark.parametrize("lock", ["requirements.txt", "uv.lock"])
def test_a_version_is_recorded_and_compared_with_the_lock(lock: str, tmp_path: Path) -> None:
    write(tmp_path, train="import numpy")
    installed = version("numpy")
    lines = {
        "requirements.txt": "NumPy=={} \\\n",
        "uv.lock": '[[package]]\nname = "numpy"\nversion = "{}"\n',
    }
    (tmp_path / lock).write_text(lines[lock].format(installed))
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.dvc-imports]\npackages = ["numpy"]\nlocks = ["{lock}"]\n'
    )
    project = Project(read_config(tmp_path))
    assert record(project, stage(tmp_path, "python train.py"))["packages"] == {"numpy": installed}

    (tmp_path / lock).write_text(lines[lock].format("0.1"))
    from dvc_imports.record import _read_lock  # noqa: PLC0415

    _read_lock.cache_clear()
    with pytest.raises(Exception, match=r"names numpy 0.1, but .* is installed; install the lock"):
        record(project, stage(tmp_path, "python train.py"))


def test_a_module_that_does_not_parse_stops_only_its_stages(tmp_path: Path) -> None:
    config = write(tmp_path, good="", bad="x = (")
    (tmp_path / ".dvc-imports").mkdir()
    other = tmp_path / ".dvc-imports/other.json"
    other.write_text("[]")
    stages = [stage(tmp_path, f"python {name}.py", name) for name in ("good", "bad")]
    written, problems = write_records(Project(config), stages)
    assert written == ["good"]
    assert [each.partition(": ")[0] for each in problems] == ["bad"]
    assert other.exists()  # it is no record
    assert json.loads((tmp_path / ".dvc-imports/good.json").read_bytes())["runs"] == ["good.py"]


def test_a_name_is_safe_on_every_file_system() -> None:
    assert file_name("plot@a/b:c") == "plot@a%2Fb%3Ac"


def test_the_proof_imports_no_dvc() -> None:
    import subprocess  # noqa: PLC0415

    code = "import dvc_imports, sys; sys.exit('dvc' in sys.modules or 'ruamel.yaml' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
