"""What ``dvc-imports`` reads, what it refuses, and what it leaves to be declared."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from dvc_imports.closure import Closure, Project
from dvc_imports.config import CodeError, Config, read_config
from dvc_imports.record import _read_lock, record, write_records
from dvc_imports.stages import Stage


def write(root: Path, files: Mapping[str, str | bytes]) -> Config:
    """Write files; modules are named without ``.py``."""
    for name, content in files.items():
        path = root / (name if "." in name else f"{name}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Config(root)


def configure(root: Path, text: str) -> Config:
    return read_config(write(root, {"pyproject.toml": f"[tool.dvc-imports]\n{text}\n"}).root)


def stage(root: Path, command: str = "python train.py", name: str = "train") -> Stage:
    return Stage(name, root / "dvc.yaml", root, (command,))


def closure(config: Config, command: str = "python train.py") -> tuple[set[str], Closure]:
    found = Project(config).closure(stage(config.root, command))
    return {config.name(path).removesuffix(".py") for path in found.modules}, found


PACKAGE = {"p/i": "", "p/x": "", "p/y": ""}


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import p.x", "p/x"),
        ("from p import x, y", "p/x p/y"),
        ("if TYPE_CHECKING:\n    import p.x\nelse:\n    import p.y", "p/y"),
        ("try:\n    import p.x\nexcept ImportError:\n    import x", "p/x"),
        ("try:\n    import p.absent\nexcept (ImportError, OSError):\n    pass", ""),
        ("try:\n    from . import x\nexcept:\n    from p import y", "p/y"),
        ("from importlib import import_module\nNAME = 'p.y'\nimport_module(NAME)", "p/y"),
        ("import importlib\nimportlib.import_module('.x', package='p')", "p/x"),
        ("import importlib\nimportlib.import_module('..x', 'p.i')", "p/x"),
        ("import sys\nsys.path.append('p')\nimport x", "p/x"),
        ("import sys\nfrom pathlib import Path\n"
         "sys.path.insert(0, str(Path(__file__).resolve().parent / 'p'))\nimport y", "p/y"),
        ("import sys\nHERE = f'{Path.cwd()}'\nsys.path.append(HERE + os.sep + 'p')\nimport x",
         "p/x"),
        ("import sys\nsys.path.append(os.path.join(os.getcwd(), 'q', os.pardir, 'p'))\nimport x",
         "p/x"),
        ("import sys\nsys.path.append(str(Path(os.path.abspath('p/i')).parents[0]))\nimport x",
         "p/x"),
        ("import searching, x", "searching p/x"),
        ("from q import *", "q/__init__ q/a q/b"),
        ("import json, time, random", "random"),  # a built-in module comes before any file
    ],
)  # fmt: skip
def test_imports_that_are_followed(source: str, modules: str, tmp_path: Path) -> None:
    package = "__all__ = ['a', 'f']\n__all__ += ['b']\n__all__ += f.__all__\n\ndef f(): pass\n"
    searching = "import sys\nsys.path.insert(0, 'p')"
    write(
        tmp_path, {"random": "", "time": "", "q/__init__": package, "q/a": "", "q/b": "", **PACKAGE}
    )
    config = write(tmp_path, {"train": source, "searching": searching})
    names, found = closure(config)
    assert names == {"train", *modules.split()}
    assert found.problems == []


@pytest.mark.parametrize(
    ("command", "source", "problem"),
    [
        ("", "import deep", 'deep, which is on no search path, but in lib; declare paths = ["lib"'),
        ("", "import p.absent", "imports p.absent, which is on no search path"),
        ("", "import sys\nsys.path.append(x)\nimport deep", "deep, which is on no search path"),
        ("", "import q.absent", "train.py: line 1: imports q.absent, which is not found"),
        ("", "import q.relative", "q/relative.py: line 1: imports ..absent, which is not found"),
        ("", "try:\n  from .a import x\nexcept ImportError:\n  import deep", "line 4: imports"),
        ("", "import importlib as i\ni.import_module(x)", "line 2: imports a name that is"),
        ("", "X = 'p'\nX = 'q'\n__import__(X)", "line 3: imports a name that is computed"),
        ("", "from q import *", "line 1: imports names that are computed"),
        ("", "import runpy\nrunpy.run_path('lib/deep.py')", "line 2: imports a name that is"),
        ("", "import hydra\nhydra.utils.instantiate(x)", "line 2: imports a name"),
        ("", "import broken", "broken.py: not valid Python: line 1: "),
        ("", "import latin", "latin.py: not valid Python: "),
        ("", "import nested", "nested.py: not valid Python: "),
        ("LIB=lib python train.py", "import deep", "imports deep, which is on no search path"),
        ("python 'a.py", "", "is not a command that can be read: No closing quotation"),
        ("cat train.py | python", "", "runs Python from its standard input, which is not followed"),
        ("python < train.py", "", "runs Python from its standard input, which is not followed"),
        ("uv run python -Wignore -c 'import p'", "", "runs python -c, which is not followed"),
        ("python absent.py", "", "runs absent.py, which does not exist"),
        ("uv run absent.py", "", "runs absent.py, which does not exist"),
        ("pytest sub/test_absent.py", "", "test_absent.py, which does not exist"),
        ("bash < run.sh", "", "runs a shell from its standard input, which is not followed"),
        ("", "m = 'p'\ndef f(m): importlib.import_module(m)", "line 2: imports a name that is"),
        ("bash -e absent.sh", "", "runs absent.sh, which does not exist"),
        ("python -m deep", "", "runs python -m deep, which is on no search path, but in lib"),
    ],
)  # fmt: skip
def test_an_incomplete_closure_is_no_secret(
    command: str, source: str, problem: str, tmp_path: Path
) -> None:
    nested = f"x = {'(' * 5000}{')' * 5000}"
    write(tmp_path, {"train": source, "lib/deep": "", "lib/p/absent": ""})
    write(tmp_path, {"broken": "x = (", "latin": b"x = '\xff'", "nested": nested})
    write(tmp_path, {"q/__init__": "__all__ = dir()", "q/relative": "from ..absent import x"})
    _, found = closure(Config(tmp_path), command or "python train.py")
    assert any(problem in each for each in found.problems), found.problems
    assert str(tmp_path) not in found.problems[0]


@pytest.mark.parametrize("change", ["+= ['lib']", "[:0] = ['lib']", "= ['lib', *sys.path]"])
def test_a_changed_search_path_is_followed(change: str, tmp_path: Path) -> None:
    write(tmp_path, {"train": f"import sys\nsys.path {change}\nimport deep", "lib/deep": ""})
    names, found = closure(Config(tmp_path))
    assert (names, found.problems) == ({"train", "lib/deep"}, [])


def test_declarations_complete_it(tmp_path: Path) -> None:
    source = "import importlib\nimport deep\nimportlib.import_module(x)\nimport vendored"
    write(tmp_path, {"train": source, "lib/deep": "", "vendored": "import broken", **PACKAGE})
    config = configure(
        tmp_path,
        'exclude = ["vendored.py"]\n[tool.dvc-imports.stages."tr*"]\n'
        'paths = ["lib"]\nmodules = ["p.*"]',
    )
    names, found = closure(config)
    assert names == {"train", "lib/deep", "p/i", "p/x", "p/y"}
    assert found.problems == []
    assert config.for_stage("other").modules is None
    assert config.for_stage("train@a").modules == ("p.*",)

    config = configure(tmp_path, 'modules = []\nexclude = ["later.*", "lib"]')
    write(tmp_path, {"other": "import deep"})
    for command in (
        "python -c 1",
        "cat | python",
        "python later.py",
        "bash later.sh",
        "./other.py",
    ):
        assert closure(config, command)[1].problems == []
    assert closure(config, "python 'a.py")[1].problems != []

    _, found = closure(configure(tmp_path, 'modules = ["absent"]'))
    assert "pyproject.toml declares module absent, which is not found" in found.problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path = []", "tool.dvc-imports: unknown key 'path'"),
        ("paths = 'lib'", "tool.dvc-imports.paths: must be a list of strings"),
        ("output = 1", "tool.dvc-imports.output: must be a folder's name"),
        ("stages.train = 1", "tool.dvc-imports.stages.train: must be a table"),
        ("stages = 1", "tool.dvc-imports.stages: must be a table"),
        ("packages = ['numpy']", "tool.dvc-imports.packages: must be a table"),
        ("packages.numpy = 1", "tool.dvc-imports.packages.numpy: must be a list of strings"),
        ("paths = [", "pyproject.toml: not valid TOML"),
    ],
)
def test_settings_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CodeError, match=message):
        configure(tmp_path, text)


@pytest.mark.parametrize(
    "command",
    [
        "python a.py",
        "python3.12 -u -W ignore a.py --x 1 > log 2>&1",
        "python \\\n  a.py --x 1",
        "python 2> log a.py",
        "X=1 python -Xdev -um a",
        "cd sub && python ../a.py",
        "poetry run python a.py; echo absent.py",
        "env X=1 uv run --python python3.12 --with pytest -m a",
        "srun -m block python a.py",
        "env PYTHONPATH=sub accelerate launch --config ./run.sh a.py",
        "python -m torch.distributed.run --nproc-per-node 2 a.py",
        "bash -eo pipefail run.sh data.txt",
        "taskset 1 torchrun --nproc-per-node 2 --module a",
        "mkdir -p out && nohup python a.py &",
        "PYTHONPATH=sub python a.py",
        "PYTHONPATH=site-packages python e.py",
        "sh -c 'python a.py'",
        "./run.sh",
        "bin/tool.x",
        "sh there.sh",
        "PYTHONPATH=sub bash export.sh",
        "python folder",
        "python link.py",
        "streamlit run a.py",
        "papermill book.ipynb out/book.ipynb",
        "python -m jupyter nbconvert --execute book.ipynb",
        "pytest -q checks/test_a.py::test",
        "cd checks && pytest --cov ../bin",
        "tool --config a.py b.py",
        "uv run -n a.py",
        "python -m cProfile -s time a.py",
    ],
)
def test_commands(command: str, tmp_path: Path) -> None:
    write(tmp_path, {"a": "import b", "b": "", "sub/c": "", "sub/d": "import a"})
    write(tmp_path, {"e": "import a, absent", "site-packages/absent": ""})
    write(tmp_path, {"checks/__init__": "", "checks/test_a": "from . import a", "checks/a": ""})
    write(tmp_path, {"checks/conftest": ""})
    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", "import a\n"]}]
    scripts = {
        "run.sh": "#!/bin/sh\nset -e  # don't: python c.py\npython a.py\n",
        "there.sh": "cd sub\npython ../a.py\ncd ..\nsh there.sh\n",
        "export.sh": "export PYTHONPATH=$PWD\npython sub/d.py\n",
        "bin/tool.x": "#!/usr/bin/env python\n",
        "book.ipynb": json.dumps({"cells": cells}),
    }
    write(tmp_path, scripts)
    append = "import sys\nsys.path.append(str(Path(__file__).resolve().parents[1] / 'sub'))\n"
    write(tmp_path, {"links/real": f"{append}import c"})
    (tmp_path / "link.py").symlink_to(tmp_path / "links/real.py")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/__main__.py").symlink_to(tmp_path / "b.py")
    tests = "checks/__init__ checks/conftest checks/test_a checks/a"
    expected = {
        "PYTHONPATH=site-packages python e.py": "a b e",
        "PYTHONPATH=sub bash export.sh": "a b sub/d",
        "bin/tool.x": "bin/tool.x",
        "python folder": "b",
        "python link.py": "links/real sub/c",
        "papermill book.ipynb out/book.ipynb": "a b book.ipynb",
        "python -m jupyter nbconvert --execute book.ipynb": "a b book.ipynb",
        "pytest -q checks/test_a.py::test": tests,
        "cd checks && pytest --cov ../bin": tests,
    }
    names, found = closure(Config(tmp_path), command)
    assert names == {*expected.get(command, "a b").split()}
    assert found.problems == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("setup.py", "setup(entry_points={'x': ['go = p.main:run']})"),
        ("lib/setup.cfg", "[options.entry_points]\nconsole_scripts =\n  go = p.main:run\n"),
        ("pyproject.toml", '[project.scripts]\ngo = "p.main:run"\n'),
        ("pyproject.toml", '[tool.poetry.scripts]\ngo = {reference = "p.main:run", x = ""}\n'),
    ],
)
def test_packaging_of_any_age_names_scripts(file: str, text: str, tmp_path: Path) -> None:
    folder = "".join(file.rpartition("/")[:2])
    modules = {f"{folder}src/p/main": "import q, r", f"{folder}src/q": "", f"{folder}r": ""}
    write(tmp_path, {**modules, file: text})
    names, _ = closure(Config(tmp_path), "uv run go --fast")
    assert names == {*modules}


def test_an_editable_installation_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"train": "import installed_editable", "deep/down/installed_editable": ""})
    monkeypatch.syspath_prepend(tmp_path / "deep/down")
    names, _ = closure(Config(tmp_path))
    assert names == {"train", "deep/down/installed_editable"}


@pytest.mark.parametrize(
    ("lock", "line"),
    [
        ("requirements.txt", "NumPy=={} \\\n"),
        ("uv.lock", '[[package]]\nname = "numpy"\nversion = "{}"\n'),
    ],
)
def test_a_version_is_recorded_and_compared_with_the_lock(
    lock: str, line: str, tmp_path: Path
) -> None:
    write(tmp_path, {"train": "import numpy, yaml", lock: line.format(version("numpy"))})
    project = Project(configure(tmp_path, f'packages.numpy = ["NumPy"]\nlocks = ["{lock}"]'))
    assert record(project, stage(tmp_path))["packages"] == {"NumPy": version("numpy")}

    write(tmp_path, {lock: line.format("0.1")})
    _read_lock.cache_clear()
    with pytest.raises(CodeError, match=r"names NumPy 0.1, but .* is installed; install the lock"):
        record(project, stage(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('locks = ["uv.lock"]', "uv.lock: no such lock"),
        ('files = ["*.csv"]', r"tool.dvc-imports.files: no file matches '\*.csv'"),
    ],
)
def test_a_declared_file_that_does_not_exist_is_named(
    text: str, message: str, tmp_path: Path
) -> None:
    write(tmp_path, {"train": ""})
    with pytest.raises(CodeError, match=message):
        write_records(Project(configure(tmp_path, text)), [stage(tmp_path)])


def test_a_module_that_does_not_parse_stops_only_its_stages(tmp_path: Path) -> None:
    config = write(tmp_path, {"good": "", "bad": "x = (", ".dvc-imports/other.json": "[]"})
    folder = tmp_path / ".dvc-imports"
    stages = [stage(tmp_path, f"python {name}.py", name) for name in ("good", "bad")]
    write_records(Project(config), [stage(tmp_path, "python good.py", "old")])
    written, problems = write_records(Project(config), stages)
    assert written == ["good"]
    assert [each.partition(": ")[0] for each in problems] == ["bad"]
    assert {each.name for each in folder.iterdir()} == {"good.json", "other.json"}
    assert json.loads((folder / "good.json").read_bytes())["runs"] == ["good.py"]


def test_a_module_that_changes_meanwhile_is_not_recorded(tmp_path: Path) -> None:
    project = Project(write(tmp_path, {"train": ""}))
    write_records(project, [stage(tmp_path)])
    os.utime(tmp_path / "train.py", (0, 0))
    with pytest.raises(CodeError, match=r"train\.py: changed while it was recorded"):
        write_records(project, [stage(tmp_path)])


def test_a_name_is_safe_on_every_file_system() -> None:
    assert stage(Path(), name="sub/dvc.yaml:plot@a/b*").record == "sub/plot@a%2Fb%2A.json"


def test_the_proof_imports_no_dvc() -> None:
    code = "import dvc_imports, sys; sys.exit('dvc' in sys.modules or 'ruamel.yaml' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
