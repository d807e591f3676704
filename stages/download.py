"""Download the data set: mirrors → the four IDX files in data/raw, decompressed and verified."""

import sys

from stages.files.paths import RAW, RAW_DATASET
from stages.files.writing import replacing, write_json
from stages.running.errors import StageError
from stages.running.runner import run
from stages.settings.download import Download
from stages.settings.section import load
from stages.shared.datasets import DATASETS
from stages.shared.sources import SourceError, located, read


def main() -> None:
    settings = load("download", Download)
    dataset = DATASETS[settings.dataset]
    sources = dataset.mirrors if settings.source == "auto" else (settings.source,)

    missing = dict(dataset.files)
    failures = []
    for source in sources:
        try:
            with located(source) as place:
                for path, expected in list(missing.items()):
                    content = read(place, path.name, expected)
                    with replacing(path) as file:
                        file.write(content)
                    del missing[path]
        except SourceError as error:
            failures.append(f"{source}: {error}")
            print(f"warning: {failures[-1]}", file=sys.stderr)
        if not missing:
            classes, preparation = dataset.classes, dataset.preparation
            write_json(RAW_DATASET, {"classes": classes, "preparation": preparation})
            print(f"{settings.dataset}: {len(dataset.files)} files verified, from {source}")
            return
    raise StageError(
        f"{RAW}: no source had {settings.dataset}:\n  "
        + "\n  ".join(failures)
        + f"\nput {', '.join(path.name for path in dataset.files)}, plain or .gz, into a folder"
        " and name it as download.source in params.yaml"
    )


if __name__ == "__main__":
    run(main)
