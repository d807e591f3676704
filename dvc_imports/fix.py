"""Write missing modules into dvc.yaml; comments and order are kept."""

import os
import re
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from dvc_imports.check import Report


def fix(root: Path, reports: list[Report]) -> list[str]:
    """Add the missing modules to the dependencies, and return the names of the changed files.

    Stages of one template get the modules of all of them.
    """
    changed = []
    for file in sorted({report.stage.file for report in reports if report.missing}):
        text = file.read_text(encoding="utf-8")
        yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, 1_000_000
        offset = 2 if re.search(r"^( *)\w+:[^\n]*\n\1 +- ", text, re.MULTILINE) else 0
        yaml.indent(mapping=2, sequence=2 + offset, offset=offset)
        data = yaml.load(text)
        for report in reports:
            if report.stage.file != file or not report.missing:
                continue
            entry = data["stages"][report.stage.entry]
            entry = entry.get("do", entry)
            if not entry.get("deps"):
                place = [*entry].index("cmd") + 1 if "cmd" in entry else len(entry)
                entry.pop("deps", None)
                entry.insert(place, "deps", [])
            for name in report.missing:
                path = Path(os.path.relpath(root / name, report.stage.wdir)).as_posix()
                if path not in entry["deps"]:
                    entry["deps"].append(path)
        stream = StringIO()
        yaml.dump(data, stream)
        file.write_text(stream.getvalue(), encoding="utf-8", newline="\n")
        changed.append(file.relative_to(root).as_posix())
    return changed
