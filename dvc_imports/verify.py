"""Prove at the end of a stage that it has run the code that is recorded.

Imports the standard library alone, so that a stage can afford it.
"""

import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dvc_imports.config import ITSELF, CodeError, Config, find_root, is_installed, read_config
from dvc_imports.fingerprint import PARSE_ERRORS, file_fingerprint

STARTED_IN = Path.cwd()
INSTALLED = re.compile("/(?:site|dist)-packages/")
CUSTOMIZATION = {"sitecustomize", "usercustomize"}  # the user's own, not the project's
# folders of modules that are not the project's
PYTHON = [
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("platstdlib"),
    os.path.join(sys.base_prefix, "DLLs"),  # the extension modules on Windows
]
FOREIGN = (ITSELF, *(os.path.join(os.path.realpath(folder), "") for folder in PYTHON))


def verify(stage: str | None = None) -> None:
    """Check that this process has imported just the modules recorded for its stage, unchanged.

    To be called at the end of a stage: it also finds a module that was edited since it was
    imported. Under DVC, a record that fails is removed, so that the next ``dvc repro`` writes it
    anew and runs the stage again.

    Parameters
    ----------
    stage : its address, as in ``dvc repro``; found by DVC's variables or the script if not given

    Raises
    ------
    CodeError
        if a module is not recorded, comes from elsewhere or has changed, or a package has another
        version than recorded
    """
    main = getattr(sys.modules["__main__"], "__file__", None)
    starts = [Path(main).parent if main else STARTED_IN, STARTED_IN]  # the script may be elsewhere
    # not DVC_ROOT, which for a queued experiment is the repository that queued it
    root = find_root(*starts)
    modules = [
        (name, file)
        for name, module in [*sys.modules.items()]
        if isinstance(file := getattr(module, "__file__", None), str)
    ]
    check_files(read_config(root), stage, modules, main)


def check_files(
    config: Config, stage: str | None, modules: Iterable[tuple[str, str]], main: str | None
) -> None:
    """Compare files that Python has run, and their modules' names, with the record of a stage.

    If no stage is named, the record is found by ``main``, the script that was started.
    """
    path, record = _find_record(config, stage, main)
    try:
        _compare(config, record, modules)
    except CodeError:
        if "DVC_STAGE" in os.environ:
            path.unlink(missing_ok=True)
        raise


def _find_record(
    config: Config, stage: str | None, main: str | None
) -> tuple[Path, dict[str, Any]]:
    """Return the record of a stage, and its path; raise an error if there is not just one."""
    folder = config.root / config.output
    wanted = stage or os.environ.get("DVC_STAGE", "")
    script = config.name(os.path.realpath(main)) if main else "this command"

    def matches(record: dict[str, Any]) -> bool:
        address: str = record["stage"]
        if stage or not wanted:
            return address == stage if stage else script in record["runs"]
        # DVC gives the path of dvc.yaml relative to the folder in which it was started
        return address.rpartition(":")[2] == wanted.rpartition(":")[2]

    def rank(record: Any) -> tuple[bool, bool]:
        return script in record["runs"], record["stage"] == wanted

    records = [(path, read_record(path)) for path in sorted(folder.rglob("*.json"))]
    found = [(path, record) for path, record in records if record and matches(record)]
    best = max((rank(record) for _, record in found), default=None)
    found = [(path, record) for path, record in found if rank(record) == best]
    if len(found) == 1:
        return found[0]
    what = f"stage {wanted}" if wanted else script
    if not found:
        raise CodeError(f"{folder}: no record of {what}; `dvc-imports record` writes it")
    names = ", ".join(record["stage"] for _, record in found)
    raise CodeError(f"{folder}: several records of {what} ({names}); name the stage")


def read_record(path: Path) -> dict[str, Any]:
    """Return a stage's record; empty if the file is none."""
    try:
        record = json.loads(path.read_bytes())
        if {*record} == {"stage", "runs", "modules", "files", "packages"}:
            return dict(record)
    except (OSError, ValueError, TypeError):
        pass
    return {}


def _compare(config: Config, record: dict[str, Any], modules: Iterable[tuple[str, str]]) -> None:
    settings, recorded = config.for_stage(record["stage"]), record["modules"]
    copies = {tail: path for path in recorded for tail in _tails(path, recorded)}
    for file, name in {file: name for name, file in modules}.items():
        copied = is_installed(file) and copies.get(INSTALLED.split(Path(file).as_posix())[-1])
        if copied:
            raise CodeError(
                f"{file}: imported as {name} from an installed copy, but {copied} is recorded;"
                " install the project in editable mode (pip install --editable)"
            )
        if not is_own(file):
            continue
        path = os.path.realpath(file)
        relative = config.name(path)
        if settings.excludes(relative) or (
            name in CUSTOMIZATION and not path.startswith(str(config.top))
        ):
            continue
        if relative not in recorded:
            raise CodeError(
                f"{relative}: imported as {name}, but by nothing that `dvc-imports` can see in"
                f" stage {record['stage']}; if `dvc-imports record` does not add it, declare"
                f' modules = ["{name}"] in [tool.dvc-imports] of pyproject.toml'
            )
        _assert_unchanged(config, relative, recorded[relative])
    for relative, expected in record["files"].items():
        _assert_unchanged(config, relative, expected)
    for name, expected in record["packages"].items():
        number = installed_version(name)
        if number != expected:
            raise CodeError(f"{name}: version {number} is installed, must be {expected}")


def _tails(path: str, recorded: dict[str, str]) -> list[str]:
    """Return the ends of a path that an installed copy may have: a package stays whole."""
    parts = path.split("/")
    tails = {"/".join(parts[:count]): "/".join(parts[count:]) for count in range(len(parts))}
    return [tail for folder, tail in tails.items() if f"{folder}/__init__.py" not in recorded]


def _assert_unchanged(config: Config, relative: str, expected: str) -> None:
    try:
        unchanged = file_fingerprint(config.root / relative) == expected
    except (OSError, *PARSE_ERRORS):
        unchanged = False
    if not unchanged:
        raise CodeError(f"{relative}: changed since it was recorded; run `dvc repro`")


def is_own(file: str) -> bool:
    """Return whether a file is neither installed, nor of Python itself, nor of this package."""

    def is_foreign(path: str) -> bool:
        return is_installed(path) or path.startswith(FOREIGN)

    return not (is_foreign(file) or is_foreign(os.path.realpath(file)))


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, or ``none``."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"
