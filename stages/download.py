"""Download the data set: mirrors → the four IDX files in data/raw, decompressed and verified."""

import sys

from stages.shared.datasets import DATASETS
from stages.shared.errors import StageError
from stages.shared.files import replacing, write_json
from stages.shared.paths import PARAMETERS, RAW, RAW_DATASET
from stages.shared.running import run
from stages.shared.settings import Download, load
from stages.shared.sources import SourceError, located, read


def main() -> None:
    settings = load(Download)
    dataset = DATASETS[settings.dataset]
    sources = dataset.mirrors if settings.source == "auto" else (settings.source,)

    missing = dict(dataset.files)
    for source in sources:
        try:
            with located(source) as place:
                for path, sha256 in list(missing.items()):
                    content = read(place, path.name, sha256)
                    with replacing(path) as file:
                        file.write(content)
                    del missing[path]
        except SourceError as error:
            print(f"warning: {source}: {error}", file=sys.stderr)
        if not missing:
            classes, preparation = dataset.classes, dataset.preparation
            write_json(RAW_DATASET, {"classes": classes, "preparation": preparation})
            print(f"{settings.dataset}: {len(dataset.files)} files verified, from {source}")
            return
    names = ", ".join(path.name for path in dataset.files)
    raise StageError(
        f"{RAW}: no source has {settings.dataset}: put {names}, plain or .gz, into a folder and"
        f" name it as download.source in {PARAMETERS}"
    )


if __name__ == "__main__":
    run(main)
