"""Write ``params.schema.json``, with which an editor completes and checks ``params.yaml``.

It is generated from the models of the sections and the comments in ``params.yaml``.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from stages.shared.paths import PARAMETERS
from stages.shared.settings import Parameters

SCHEMA = Path("params.schema.json")


def main() -> None:
    """Write the schema."""
    argparse.ArgumentParser(prog="python -m tools.schema", description=__doc__).parse_args()
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    SCHEMA.write_text(text, encoding="utf-8", newline="\n")


def schema() -> dict[str, Any]:
    """Return the JSON schema of ``params.yaml``."""
    content = Parameters.model_json_schema()
    for name, section in content["properties"].items():
        keys = content["$defs"][section["$ref"].rpartition("/")[2]]["properties"]
        for key, comment in comments(name).items():
            keys[key]["description"] = comment
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}


def comments(section: str) -> dict[str, str]:
    """Return the comment of each key in a section of ``params.yaml``."""
    text = PARAMETERS.read_text(encoding="utf-8")
    lines = re.split(rf"^{section}:", text, flags=re.MULTILINE)[1].partition("\n\n")[0]
    return dict(re.findall(r"^  (\w+): .*?  # (.+)$", lines, flags=re.MULTILINE))


if __name__ == "__main__":
    main()
