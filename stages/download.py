"""Download the data set: mirrors → the four IDX files in data/raw, decompressed and verified."""

import sys

from stages.dataset.datasets import DATASETS
from stages.dataset.reader import SourceError, one_line
from stages.dataset.sources import connect, copy_verified
from stages.files.paths import RAW, RAW_CLASSES
from stages.files.writing import write_json
from stages.running.errors import StageError
from stages.running.runner import run
from stages.settings.download import Download
from stages.settings.section import load


def main() -> None:
    settings = load("download", Download)
    dataset = DATASETS[settings.dataset]
    sources = dataset.mirrors if settings.source == "auto" else (settings.source,)

    missing = dict(dataset.files)
    failures = []
    for source in sources:
        shown, file = one_line(source), ""
        print(f"{settings.dataset}: trying {shown}", file=sys.stderr)
        try:
            with connect(source, missing) as stream:
                for path, expected in list(missing.items()):
                    file = f"{path.name}: "
                    copy_verified(stream, expected, path)
                    del missing[path]
        except SourceError as error:
            failures.append(f"{shown}: {file}{error}")
            print(f"warning: {failures[-1]}", file=sys.stderr)
        if not missing:
            write_json(RAW_CLASSES, dataset.classes)
            print(f"{settings.dataset}: {len(dataset.files)} files verified, from {shown}")
            return
    raise StageError(
        f"{RAW}: no source had {settings.dataset}:\n  "
        + "\n  ".join(failures)
        + f"\nput {', '.join(path.name for path in dataset.files)}, plain or .gz, into a folder"
        " and name it as download.source in params.yaml"
    )


if __name__ == "__main__":
    run(main)
