"""Print a recipe as options of ``dvc exp run``: ``dvc exp run $(python -m tools.recipe fast)``.

A recipe is a file in ``recipes/`` with some of the keys of ``params.yaml``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

RECIPES = Path(__file__).parents[1] / "recipes"


def main() -> None:
    """Print the options of a recipe on one line."""
    parser = argparse.ArgumentParser(prog="python -m tools.recipe", description=__doc__)
    parser.add_argument("name", choices=sorted(path.stem for path in RECIPES.glob("*.yaml")))
    path = RECIPES / f"{parser.parse_args().name}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    print(" ".join(f"--set-param {override}" for override in overrides(content)))


def overrides(content: dict[str, dict[str, Any]]) -> list[str]:
    """Return each key as ``section.key=value``, without spaces."""
    return [
        f"{section}.{key}={json.dumps(value, separators=(',', ':')).strip(chr(34))}"
        for section, keys in content.items()
        for key, value in keys.items()
    ]


if __name__ == "__main__":
    main()
