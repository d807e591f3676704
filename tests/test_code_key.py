"""Import closures, and the check of the code at the end of a stage."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from stages.running import code_key
from stages.running.code_key import CodeError, Project, check_lock, main

import pytest

from tests.support import ROOT


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


FOREIGN = {
    "app/__init__.py": "",
    "app/run.py": "from . import parts\nfrom .tools.deep import f\nimport numpy.linalg",
    "app/parts.py": "def late():\n    from app import lazy\nx = 1",
    "app/lazy.py": "",
    "app/tools/__init__.py": "from ..up import x",
    "app/tools/deep.py": "import space.inner.leaf as leaf\nf = 1",
    "app/up.py": "x = 1\nif TYPE_CHECKING:\n    import app.typed\nelse:\n    import app.untyped",
    "app/typed.py": "",
    "app/untyped.py": "",
    "app/unused.py": "",
    "app/__main__.py": "import app.up",
    "space/inner/leaf.py": "",
    "scripts/draw.py": "import helper\nimport space.inner",
    "scripts/helper.py": "import library",
    "src/library/__init__.py": "",
}


def modules(root: Path, stage: str) -> set[str]:
    project = Project(root, {"numpy": ["numpy"]}, [root, root / "src"])
    return set(project.record(stage)["modules"])


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (
            "app.run",
            "app/__init__ app/run app/parts app/lazy app/tools/__init__ app/tools/deep app/up"
            " app/untyped space/inner/leaf",
        ),
        ("app", "app/__init__ app/__main__ app/up app/untyped"),
        ("app.parts", "app/__init__ app/parts app/lazy"),
        ("scripts/draw.py", "scripts/draw scripts/helper src/library/__init__"),
    ],
)
def test_the_closure_follows_every_import(stage: str, expected: str, tmp_path: Path) -> None:
    assert modules(write(tmp_path, FOREIGN), stage) == {f"{name}.py" for name in expected.split()}


def test_the_closure_holds_every_module_that_python_loads(tmp_path: Path) -> None:
    """Compare the record with the modules that Python has loaded."""
    root = write(tmp_path, FOREIGN)
    code = "import app.run, app.parts, sys; app.parts.late(); print(*sys.modules)"
    typing = {"TYPE_CHECKING": ""}
    write(root, {"sitecustomize.py": "import builtins\nbuiltins.TYPE_CHECKING = False"})
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(root), **typing},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] in ("app", "space")}
    recorded = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in modules(root, "app.run")
    }
    assert loaded - {"space", "space.inner"} == recorded


def test_versions_are_recorded_where_the_package_is_imported(tmp_path: Path) -> None:
    project = Project(write(tmp_path, FOREIGN), {"numpy": ["numpy"]}, [])
    assert project.record("app.run")["packages"] == {"numpy": version("numpy")}
    assert project.record("app.up")["packages"] == {}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"^app.run: no such module or script$"),
        ({"app/run.py": "x = ("}, r"^app/run.py: line 1: not valid Python: '\(' was never closed"),
        ({"app/run.py": "x = '\0'"}, r"^app/run.py: not valid Python: source code .* null bytes"),
        ({"app/run.py": "import a", "a.py": "é = \xff"}, None),
        ({"app/run.py": "import absent_package"}, r"^absent-distribution: is not installed$"),
    ],
)
def test_an_error_names_the_file(
    files: dict[str, str], message: str | None, tmp_path: Path
) -> None:
    project = Project(write(tmp_path, files), {"absent_package": ["absent-distribution"]})
    if message is None:
        (tmp_path / "a.py").write_bytes(b"x = '\xff'")
        message = r"^a.py: .*not valid Python: "
    with pytest.raises(CodeError, match=message):
        project.record("app.run")


def test_an_installed_version_must_be_the_locked_one(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    record = {"modules": {}, "packages": {"numpy": version("numpy")}}
    lock.write_text(f"# lock\nnumpy=={version('numpy')} ; python_version >= '3' \\\n  --hash=x\n")
    check_lock(record, lock)
    lock.write_text("NumPy==0.1\nother==2\n")
    with pytest.raises(CodeError, match=r"lock.txt: names numpy 0.1, but .* is installed"):
        check_lock(record, lock)


def test_help_begins_with_the_purpose(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["code_key", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert code_key.__doc__
    assert code_key.__doc__.partition("\n")[0] in capsys.readouterr().out.replace("\n", " ")


def test_a_record_is_written_for_each_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path, FOREIGN))
    (tmp_path / "lock.txt").write_text(f"numpy=={version('numpy')}\n")
    options = ["--output=keys/new", "--package=numpy", "--path=src", "--lock=lock.txt"]
    monkeypatch.setattr(sys, "argv", ["code_key", "app.run", "scripts/draw.py", *options])
    main()
    records = {path.name: json.loads(path.read_text()) for path in Path("keys/new").iterdir()}
    assert records.keys() == {"run.json", "draw.json"}
    assert records["run.json"]["packages"] == {"numpy": version("numpy")}
    assert set(records["draw.json"]["modules"]) == modules(tmp_path, "scripts/draw.py")

    Path("lock.txt").write_text("numpy==0.1\n")
    with pytest.raises(SystemExit, match=r"^error: lock.txt: names numpy 0.1, but "):
        main()


VERIFY = """
import pathlib, sys
sys.path.insert(0, {folder!r})
import code_key
def edit(text):
    open("app/parts.py", "a").write(text)
{before}
try:
    code_key.verify(pathlib.Path("key.json"))
except code_key.CodeError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("import app.parts", ""),
        ("import app.parts, json, pathlib", ""),
        ("import app.unused", "app/unused.py: imported, but by no import statement of the stage"),
        ("import app.parts; edit(' or 2')", "app/parts.py: changed while the pipeline ran; run"),
        ("import app.parts; edit('(')", "app/parts.py: changed while the pipeline ran; run"),
        (
            "import app.parts, os; os.remove('app/parts.py')",
            "app/parts.py: changed while the pipeline ran; run it again",
        ),
        ("import app.parts; edit('  # x')", ""),
        ("sys.path.insert(0, 'other'); import app.parts", "other/app/__init__.py: imported"),
        (
            "sys.path.insert(0, '../elsewhere'); import app.parts",
            "{folder}/elsewhere/app/__init__.py: imported as app, must come from {folder}/project",
        ),
        ("open('key.json', 'w').write('[]')", "key.json: no record of a stage's code"),
        (
            "import json; r = json.load(open('key.json')); r['packages'] = {'numpy': '0.1'};"
            "json.dump(r, open('key.json', 'w'))",
            f"numpy: version {version('numpy')} is installed, must be 0.1",
        ),
    ],
)
def test_the_code_is_checked_at_the_end_of_a_stage(
    before: str, message: str, tmp_path: Path
) -> None:
    root = write(tmp_path / "project", FOREIGN)
    for other in (root / "other", tmp_path / "elsewhere"):
        write(other, {"app/__init__.py": "", "app/parts.py": ""})
    record = Project(root, {}).record("app.parts")
    (root / "key.json").write_text(json.dumps(record))
    code = VERIFY.format(folder=str(ROOT / "stages/running"), before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stderr.startswith(message.format(folder=tmp_path))
    assert bool(done.returncode) == bool(message)
    assert done.stderr.count("\n") <= 1
