"""Download the data set: mirrors → the four IDX files in data/raw, decompressed and verified."""

import sys
from typing import Annotated

from pydantic import BaseModel

from stages.common.datasets import DATASETS
from stages.common.errors import StageError, run
from stages.common.parameters import OneOf, Section, load
from stages.common.paths import RAW
from stages.common.sources import SourceError, connect, copy_verified


class Download(Section):
    dataset: Annotated[str, OneOf(DATASETS)]
    source: str


class Parameters(BaseModel):
    download: Download


def main() -> None:
    parameters = load(Parameters).download
    dataset = DATASETS[parameters.dataset]
    sources = dataset.mirrors if parameters.source == "auto" else (parameters.source,)

    missing = dict(dataset.files)
    failures = []
    for source in sources:
        name = ""
        try:
            with connect(source) as open_file:
                for name, expected in list(missing.items()):
                    with open_file(name) as stream:
                        copy_verified(stream, expected, RAW / name)
                    del missing[name]
        except SourceError as error:
            failures.append(f"{source}: {name and name + ': '}{error}")
            print(f"warning: {failures[-1]}", file=sys.stderr)
        if not missing:
            print(f"{parameters.dataset}: {len(dataset.files)} files verified, from {source}")
            return
    raise StageError(
        f"{RAW}: no source had {parameters.dataset}:\n  "
        + "\n  ".join(failures)
        + f"\nput {', '.join(dataset.files)}, plain or .gz, into a folder"
        " and name it as download.source in params.yaml"
    )


if __name__ == "__main__":
    run(main)
