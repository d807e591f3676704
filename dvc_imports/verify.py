"""Prove at the end of a stage that it has run the code that is recorded.

Imports the standard library alone, so that a stage can afford it.
"""

import json
import os
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dvc_imports.config import (
    CodeError,
    Config,
    find_root,
    is_excluded,
    is_installed,
    read_config,
)
from dvc_imports.fingerprint import PARSE_ERRORS, file_fingerprint

STARTED_IN = Path.cwd()
ITSELF = os.path.dirname(os.path.realpath(__file__))
CUSTOMIZATION = {"sitecustomize", "usercustomize"}  # the user's own, not the project's
LIBRARY = tuple(
    os.path.join(os.path.realpath(folder), "")
    for folder in (
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        os.path.join(sys.base_prefix, "DLLs"),  # the extension modules on Windows
    )
)


def verify(stage: str | None = None) -> None:
    """Check that this process has imported just what is recorded for its stage, unchanged.

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
    root = Path(os.path.realpath(find_root(*starts)))
    modules = [
        (name, file)
        for name, module in [*sys.modules.items()]
        if isinstance(file := getattr(module, "__file__", None), str)
    ]
    check_files(read_config(root), stage, modules, main)


def check_files(
    config: Config, stage: str | None, modules: Iterable[tuple[str, str]], main: str | None
) -> None:
    """Compare files that Python has run with the record of a stage.

    Parameters
    ----------
    modules : names and files
    main : the script that was started, by which the record is found if no stage is named
    """
    path, record = find_record(config, stage, main)
    try:
        _compare(config, record, modules)
    except CodeError:
        if "DVC_STAGE" in os.environ:
            path.unlink(missing_ok=True)
        raise


def find_record(config: Config, stage: str | None, main: str | None) -> tuple[Path, dict[str, Any]]:
    """Return the record of a stage, and its path.

    Raises
    ------
    CodeError
        if there is not exactly one
    """
    folder = config.root / config.output
    wanted = stage or os.environ.get("DVC_STAGE")
    records = {path: _read(path) for path in sorted(folder.rglob("*.json"))}
    found = records
    if wanted:
        # DVC gives the path of dvc.yaml relative to the folder in which it was started
        name = wanted.rpartition(":")[2]
        found = {p: r for p, r in records.items() if r["stage"].rpartition(":")[2] == name}
        exact = {p: r for p, r in found.items() if r["stage"] == wanted}
        if stage or (len(found) > 1 and ":" in wanted):
            found = exact or found
    script = config.name(os.path.realpath(main)) if main else None
    if len(found) != 1:
        found = {path: record for path, record in found.items() if script in record["runs"]}
    if wanted and len(found) > 1:
        found = {path: record for path, record in found.items() if record["stage"] == wanted}
    if len(found) != 1:
        what = f"stage {wanted}" if wanted else f"{script or 'this command'}"
        names = ", ".join(record["stage"] for record in found.values())
        count = f"several records ({names}); name the stage" if found else "no record"
        raise CodeError(f"{folder}: {count} of {what}; `dvc-imports record` writes it")
    return next(iter(found.items()))


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
        if all(isinstance(record[key], dict) for key in ("modules", "files", "packages")):
            return {"stage": str(record["stage"]), "runs": [*record["runs"]], **record}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise CodeError(f"{path}: no record of a stage's code; write it anew with `dvc-imports record`")


def _compare(config: Config, record: dict[str, Any], modules: Iterable[tuple[str, str]]) -> None:
    exclude = config.for_stage(record["stage"]).exclude
    recorded = record["modules"]
    own = {name for each in recorded for name in _top_names(each)}
    seen: set[str] = set()
    for name, file in modules:
        if file in seen:
            continue
        seen.add(file)
        if is_installed(file) and name.partition(".")[0] in own:
            _refuse_copy(recorded, name, file)
        if not is_own(file):
            continue
        path = os.path.realpath(file)
        relative = config.name(path)
        if is_excluded(relative, exclude) or (
            name in CUSTOMIZATION and not path.startswith(str(config.top))
        ):
            continue
        if relative not in recorded:
            raise CodeError(
                f"{relative}: imported as {name}, but by nothing that `dvc-imports` can see in"
                f" stage {record['stage']}; if `dvc-imports record` does not add it, declare"
                f' modules = ["{name}"] in [tool.dvc-imports] of pyproject.toml'
            )
        if _current(path) != recorded[relative]:
            raise CodeError(f"{relative}: changed since it was recorded; run `dvc repro`")
    for relative, expected in record["files"].items():
        if _current(config.root / relative) != expected:
            raise CodeError(f"{relative}: changed since it was recorded; run `dvc repro`")
    for name, expected in record["packages"].items():
        try:
            number = version(name)
        except PackageNotFoundError:
            number = "none"
        if number != expected:
            raise CodeError(f"{name}: version {number} is installed, must be {expected}")


def is_own(file: str) -> bool:
    """Return whether a file is neither installed, nor of Python itself, nor of this package."""
    if is_installed(file) or file.startswith(LIBRARY):
        return False
    path = os.path.realpath(file)
    return not (is_installed(path) or path.startswith((*LIBRARY, ITSELF + os.sep)))


def _top_names(path: str) -> list[str]:
    """Return the names by which a recorded module may be imported: those of its folders, too."""
    return [part.removesuffix(".py") for part in path.split("/")]


def _refuse_copy(recorded: dict[str, str], name: str, file: str) -> None:
    """Raise an error if an installed file is a copy of a recorded module."""
    parts = name.split(".")
    tails = ("/".join(parts) + ".py", "/".join([*parts, "__init__.py"]))
    copied = [each for each in recorded if any(f"/{each}".endswith(f"/{tail}") for tail in tails)]
    if copied:
        raise CodeError(
            f"{file}: imported as {name} from an installed copy, but {copied[0]} is recorded;"
            " install the project in editable mode (pip install --editable)"
        )


def _current(path: str | Path) -> str | None:
    """Return the fingerprint of a file, or None if there is none."""
    try:
        return file_fingerprint(Path(path))
    except (OSError, *PARSE_ERRORS):
        return None
