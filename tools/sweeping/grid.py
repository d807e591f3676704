"""The runs of a grid of parameters, and the experiments of DVC that are their results."""

import hashlib
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
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
        settings = _combine(options)
        _check_use([*(option.partition("=")[0] for option in options), SEED])
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
        """Return the part of a setting in which it differs from others.

        Where that is more than one key, they are without their sections.
        """
        if len(self.settings) == 1:
            return textwrap.shorten(" ".join(setting), WIDEST, placeholder=" …") or str(PARAMETERS)
        common = set.intersection(*map(set, self.settings))
        texts = [each for each in setting if each not in common]
        if len(texts) > 1:
            texts = [re.sub(r"^\w+\.", "", text) for text in texts]
        return " ".join(texts)

    def calls(self, runs: Iterable[Run]) -> list[list[str]]:
        """Return the options of the fewest calls of ``dvc exp run --queue`` for some runs."""
        seeds: dict[Setting, list[str]] = {}
        for run in runs:
            seeds.setdefault(run.setting, []).append(str(run.seed))
        if len(seeds) == len(self.settings) and len({*map(tuple, seeds.values())}) == 1:
            return [[*self._options, f"{SEED}={','.join(seeds[self.settings[0]])}"]]
        return [[*setting, f"{SEED}={','.join(few)}"] for setting, few in seeds.items()]

    def experiments(self) -> Iterator[tuple[Run, dict[str, Any]]]:
        """Yield the experiments on the present commit, in any state, as DVC's rows."""
        for row in dvc.api.exp_show():
            run = self._runs.get(tuple(row.get(key) for key in self._keys))
            if run and row["Experiment"]:  # neither the workspace nor a commit
                yield run, row

    def results(self) -> dict[Run, dict[str, float]]:
        """Return the metrics of the runs that have ended with the present code."""
        code = {(path, _md5(path)) for path in (f"data/code/{stage}.json" for stage in STAGES)}
        return {
            run: {name: row[name] for name in METRICS}
            for run, row in self.experiments()
            if row["State"] in (None, "Success") and _is_complete(row["rev"], code)
        }


def _combine(options: list[str]) -> list[Setting]:
    """Return the combinations of the values of all options."""
    for option in options:
        key = option.partition("=")[0]
        if ":" in key:
            sys.exit(f"error: --set-param {option}: must be in {PARAMETERS}")
        if key == SEED:
            sys.exit(f"error: --set-param {option}: --seeds sets it")
    try:
        sweeps = get_hydra_sweeps(to_path_overrides(options))
    except (DvcException, HydraException) as error:
        sys.exit(f"error: --set-param {' '.join(options)}: {str(error).splitlines()[0]}")
    return [*dict.fromkeys(tuple(sweep.get(str(PARAMETERS), ())) for sweep in sweeps)]


def _check_use(keys: Iterable[str]) -> None:
    """Exit if a key changes no run, or the stage that uses it is frozen."""
    pipeline = read_pipeline()
    for key in keys:
        users = [
            name
            for name in STAGES
            if any(f"{key}.".startswith(f"{used}.") for used in pipeline[name].get("params", []))
        ]
        if not users:
            sys.exit(f"error: --set-param {key}: no stage up to {TARGET} depends on it")
        if frozen := [name for name in users if pipeline[name].get("frozen")]:
            sys.exit(f"error: dvc.yaml: {frozen[0]} is frozen: dvc unfreeze {frozen[0]}")


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


def _md5(path: str) -> str:
    return hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


def _is_complete(revision: str, code: set[tuple[str, str]]) -> bool:
    """Return whether an experiment has run that code, and each stage with what another wrote.

    The second fails where an experiment has run ``train`` alone: its test scores are older ones.
    """
    lock = yaml.safe_load(git("show", f"{revision}:./dvc.lock"))["stages"]
    files = {
        (file["path"], file["md5"])
        for stage in STAGES
        for kind in ("deps", "outs")
        for file in lock.get(stage, {}).get(kind, [])
    }
    return code <= files and len(files) == len(dict(files))
