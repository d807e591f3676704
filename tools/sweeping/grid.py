"""The runs of a grid of parameters, and the experiments of DVC that are their results."""

import hashlib
import re
import textwrap
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

from stages.shared.errors import StageError
from stages.shared.paths import PARAMETERS
from stages.shared.settings import Parameters, Section, load

import dvc.api
import yaml
from dvc.exceptions import DvcException, InvalidArgumentError
from dvc.utils.flatten import flatten
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from hydra.errors import HydraException

from tools.sweeping.programs import NAME, STAGES, TARGET, read_pipeline

SEED = "train.seed"
# names that the queue and Slurm give: a user's own run, sweep-x, may be of `train` alone
OWN = re.compile(rf"{NAME}-([0-9a-f]{{6}}(-\d+)?|\d+-\d+)")
WIDEST = 60  # characters of a label
METRICS = ("validation.accuracy", "validation.loss", "test.accuracy", "test.loss")
Setting = tuple[str, ...]  # section.key=value of each key that an option sets


class Run(NamedTuple):
    """One training: a setting and a seed."""

    setting: Setting
    seed: int


class Grid:
    """The settings that some options combine to, and their runs with the seeds from 0.

    An option is ``section.key=value,value``, as ``dvc exp run --set-param`` reads it.
    """

    def __init__(self, options: list[str], seeds: int) -> None:
        keys = [option.partition("=")[0] for option in options]
        if SEED in keys:
            raise StageError(f"--set-param {SEED}: --seeds sets it")
        _check_use([*keys, SEED])
        self.options, self.settings = options, _combine(options)
        self.runs = [Run(setting, seed) for setting in self.settings for seed in range(seeds)]
        parameters = {setting: _apply(setting) for setting in self.settings}
        self._keys = [*parameters[self.settings[0]]]
        self._runs: dict[tuple[float | str, ...], Run] = {}  # by the values of the keys
        for run in self.runs:
            values = (parameters[run.setting] | {SEED: float(run.seed)}).values()
            self._runs[tuple(values)] = run
        if len(self._runs) < len(self.runs):
            raise StageError(f"--set-param {' '.join(options)}: has a value twice")

    def label(self, setting: Setting) -> str:
        """Return the part of a setting in which it differs from others, without the sections."""
        common = set.intersection(*map(set, self.settings)) if len(self.settings) > 1 else set()
        words = [re.sub(r"^\w+\.", "", each) for each in setting if each not in common]
        text = " ".join(words) or str(PARAMETERS)
        return text if len(self.settings) > 1 else textwrap.shorten(text, WIDEST, placeholder=" …")

    def missing(self) -> list[Run]:
        """Return the runs that have no results."""
        done = self.results()
        return [run for run in self.runs if run not in done]

    def results(self) -> dict[Run, dict[str, float]]:
        """Return the metrics of the runs of sweeps that have ended with the present code."""
        code = {}
        for path in (f"data/code/{stage}.json" for stage in STAGES):
            md5 = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False)
            code[path] = _cell(md5.hexdigest())
        results = {}
        for row in dvc.api.exp_show():
            run = self._runs.get(tuple(row.get(key) for key in self._keys))
            ended = OWN.fullmatch(str(row["Experiment"])) and row["State"] in (None, "Success")
            used = {name.replace("\\", "/"): value for name, value in row.items()}
            if run and ended and code.items() <= used.items():
                results[run] = {name: row[name] for name in METRICS}
        return results


def set_params(options: Iterable[str], seeds: Iterable[int]) -> list[str]:
    """Return options and seeds as those of ``dvc exp run``."""
    return [f"--set-param={each}" for each in (*options, f"{SEED}={','.join(map(str, seeds))}")]


def _combine(options: list[str]) -> list[Setting]:
    """Return the combinations of the values of all options."""
    try:
        sweeps = get_hydra_sweeps({str(PARAMETERS): options})
    except (DvcException, HydraException) as error:
        raise StageError(f"--set-param {' '.join(options)}: {str(error).splitlines()[0]}") from None
    return [tuple(sweep[str(PARAMETERS)]) for sweep in sweeps]


def _check_use(keys: Iterable[str]) -> None:
    """Raise a StageError if a key changes no run, or the stage that uses it is frozen."""
    pipeline = read_pipeline()
    for key in keys:
        users = [
            name
            for name in STAGES
            if any(f"{key}.".startswith(f"{used}.") for used in pipeline[name].get("params", []))
        ]
        if not users:
            raise StageError(f"--set-param {key}: no stage up to {TARGET} depends on it")
        if frozen := [name for name in users if pipeline[name].get("frozen")]:
            raise StageError(f"dvc.yaml: {frozen[0]} is frozen: dvc unfreeze {frozen[0]}")


def _apply(setting: Setting) -> dict[str, float | str]:
    """Return all parameters, as ``dvc.api.exp_show`` does, if DVC and the stages accept them."""
    content = PARAMETERS.read_bytes()
    with TemporaryDirectory() as folder, chdir(folder):
        PARAMETERS.write_bytes(content)
        try:
            apply_overrides(PARAMETERS, [*setting])
        except InvalidArgumentError as error:
            reason = " ".join(str(error.__cause__ or error).splitlines()[:2])
            raise StageError(f"--set-param {' '.join(setting)}: {reason}") from None
        for field in Parameters.model_fields.values():
            load(cast(type[Section], field.annotation))
        values = flatten(yaml.safe_load(PARAMETERS.read_text(encoding="utf-8")))
    if values["preprocess.validation_size"] == 0:
        raise StageError(f"{PARAMETERS}: preprocess.validation_size: must be above 0 for a sweep")
    return {key: _cell(value) for key, value in values.items()}


def _cell(value: object) -> float | str:
    try:
        return float(str(value))
    except ValueError:
        return str(value)
