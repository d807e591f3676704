"""The runs of a grid of parameters, and the experiments of DVC that are their results."""

import hashlib
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

from stages.shared.paths import PARAMETERS
from stages.shared.settings import Parameters, Section, load

import dvc.api
import yaml
from dvc.exceptions import DvcException, InvalidArgumentError
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.flatten import flatten
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from hydra.errors import HydraException

from tools.sweeping.programs import git, read_pipeline

SEED = "train.seed"
WIDEST = 60  # characters of the name of a single setting
METRICS = ("validation.accuracy", "validation.loss", "test.accuracy", "test.loss")
STAGES = ("download", "preprocess", "train", "evaluate")  # the stages of a run
TARGET = STAGES[-1]
Setting = tuple[str, ...]  # section.key=value of each key that an option sets


class Run(NamedTuple):
    """One training: a setting and a seed."""

    setting: Setting
    seed: int

    @property
    def overrides(self) -> list[str]:
        """All parameters that may differ from params.yaml."""
        return [*self.setting, f"{SEED}={self.seed}"]


class Grid:
    """The product of the values of some keys and of the seeds.

    Parameters
    ----------
    options : list of str
        ``section.key=value,value``, as ``dvc exp run --set-param`` reads them
    seeds : int
        runs per setting

    Attributes
    ----------
    settings : list of tuple of str
    runs : list of Run
    """

    def __init__(self, options: list[str], seeds: int) -> None:
        self._options = options
        self._pipeline = read_pipeline()
        self._varied = [option.partition("=")[0] for option in (*options, SEED)]
        settings = _read(options)
        for key in self._varied:
            self._check_use(key)
        self._keys = [*_apply(settings[0])]
        self._runs: dict[tuple[float | str, ...], Run] = {}  # by the values of the keys
        for setting in settings:
            parameters = _apply(setting)
            for seed in range(seeds):
                values = (parameters | {SEED: float(seed)}).values()
                self._runs.setdefault(tuple(values), Run(setting, seed))  # 0.1 and 0.10 are one
        self.runs = [*self._runs.values()]
        self.settings = [*dict.fromkeys(run.setting for run in self.runs)]

    def label(self, setting: Setting) -> str:
        """Return the part of a setting in which it differs from others."""
        if len(self.settings) == 1:
            return textwrap.shorten(" ".join(setting), WIDEST, placeholder=" …") or str(PARAMETERS)
        common = set.intersection(*map(set, self.settings))
        return " ".join(each for each in setting if each not in common)

    def calls(self, runs: Iterable[Run]) -> list[list[str]]:
        """Return the options of the fewest calls of ``dvc exp run --queue`` for some runs."""
        seeds: dict[Setting, list[str]] = {}
        for run in runs:
            seeds.setdefault(run.setting, []).append(str(run.seed))
        if len(seeds) == len(self.settings) and len({*map(tuple, seeds.values())}) == 1:
            return [[*self._options, f"{SEED}={','.join(seeds[self.settings[0]])}"]]
        return [[*setting, f"{SEED}={','.join(few)}"] for setting, few in seeds.items()]

    def names(self) -> Iterator[tuple[Run, str]]:
        """Yield the experiments on the present commit, in any state, as runs and names."""
        for run, row in self._rows():
            yield run, row["Experiment"]

    def results(self) -> dict[Run, dict[str, float]]:
        """Return the metrics of the runs that have ended with the present code and data."""
        inputs = self._inputs()
        return {
            run: {name: row[name] for name in METRICS}
            for run, row in self._rows()
            if row["State"] in (None, "Success") and _records(row["rev"], inputs)
        }

    def _rows(self) -> Iterator[tuple[Run, dict[str, Any]]]:
        for row in dvc.api.exp_show():
            run = self._runs.get(tuple(row.get(key) for key in self._keys))
            if run and row["Experiment"]:  # neither the workspace nor a commit
                yield run, row

    def _check_use(self, key: str) -> None:
        users = [name for name in STAGES if _uses(self._pipeline[name], key)]
        if not users:
            sys.exit(f"error: --set-param {key}: no stage up to {TARGET} depends on it")
        if frozen := [name for name in users if self._pipeline[name].get("frozen")]:
            sys.exit(f"error: dvc.yaml: {frozen[0]} is frozen: dvc unfreeze {frozen[0]}")

    def _inputs(self) -> dict[str, str]:
        """Return the MD5 of each input of a run, unless a key of the grid changes it."""
        lock = Path("dvc.lock").read_text(encoding="utf-8")
        recorded = dict(_files(yaml.safe_load(lock)["stages"]))
        changed: list[str] = []
        read: set[str] = set()
        for name in STAGES:
            stage = self._pipeline[name]
            others = {path for path in stage["deps"] if path.startswith(tuple(changed))}
            read |= {*stage["deps"]} - others
            if others or any(_uses(stage, key) for key in self._varied):
                changed += stage["outs"]
        # those of folders are in dvc.lock, because the data was made a moment ago
        return {path: recorded[path] if Path(path).is_dir() else _md5(path) for path in read}


def _read(options: Iterable[str]) -> list[Setting]:
    """Return the combinations of the values of all options."""
    for option in options:
        key = option.partition("=")[0]
        if ":" in key:
            sys.exit(f"error: --set-param {option}: must be in {PARAMETERS}")
        if key == SEED:
            sys.exit(f"error: --set-param {option}: --seeds sets it")
        try:
            get_hydra_sweeps(to_path_overrides([option]))
        except (DvcException, HydraException) as error:
            sys.exit(f"error: --set-param {option}: {str(error).splitlines()[0]}")
    sweeps = get_hydra_sweeps(to_path_overrides(options))
    return [*dict.fromkeys(tuple(sweep.get(str(PARAMETERS), ())) for sweep in sweeps)]


def _apply(setting: Setting) -> dict[str, float | str]:
    """Return all parameters, as ``dvc.api.exp_show`` does; exit if DVC or a stage refuses one."""
    content = PARAMETERS.read_bytes()
    with TemporaryDirectory() as folder, chdir(folder):
        PARAMETERS.write_bytes(content)
        try:
            apply_overrides(PARAMETERS, [*setting])
        except InvalidArgumentError as error:
            reason = " ".join(str(error.__cause__ or error).splitlines()[:2])
            sys.exit(f"error: --set-param {' '.join(setting)}: {reason}")
        for field in Parameters.model_fields.values():
            load(cast(type[Section], field.annotation))
        values = flatten(yaml.safe_load(PARAMETERS.read_text(encoding="utf-8")))
    if values["preprocess.validation_size"] == 0:
        sys.exit(f"error: {PARAMETERS}: preprocess.validation_size: must be above 0 for a sweep")
    return {key: _cell(value) for key, value in values.items()}


def _cell(value: object) -> float | str:
    try:
        return float(str(value))
    except ValueError:
        return str(value)


def _uses(stage: Mapping[str, Any], key: str) -> bool:
    return any(key == used or key.startswith(f"{used}.") for used in stage.get("params", []))


def _records(revision: str, inputs: Mapping[str, str]) -> bool:
    """Return whether an experiment has read these files, and each stage what another has written.

    The second fails where an experiment has run ``train`` alone: its test scores are older ones.
    """
    lock = yaml.safe_load(git("show", f"{revision}:./dvc.lock"))["stages"]
    files = _files(lock)
    return inputs.items() <= files and len(files) == len({path for path, _ in files})


def _files(lock: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return path and MD5 of the dependencies and outputs in a lock file."""
    return {
        (file["path"], file["md5"])
        for stage in STAGES
        for kind in ("deps", "outs")
        for file in lock.get(stage, {}).get(kind, [])
    }


def _md5(path: str) -> str:
    return hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
