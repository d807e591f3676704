"""Run a stage under an audit hook: ``python audit.py STAGE REPORT``, in a project's folder.

REPORT becomes JSON with the files of the project that the stage read and wrote, the parameters
whose values it used, and the third-party packages that it imported.
"""

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

PACKAGES = ("matplotlib", "numpy")


class Touched:
    """What has been touched so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.parameters: set[str] = set()

    def listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note the files opened and renamed, as an audit hook."""
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR) or set(mode or "") & set("wax+")
            self._note(path, self.written if writes else self.read)
        elif event == "os.rename":
            source, target, *_ = arguments
            partial: set[str] = set()
            self._note(source, partial)
            self.written -= partial
            self._note(target, self.written)

    def _note(self, path: object, names: set[str]) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor of what has been opened before
        file = Path(os.fsdecode(path)).absolute()
        if file.parent.name == "__pycache__":
            file = file.parents[1] / f"{file.name.partition('.')[0]}.py"
        if file.is_relative_to(self.root) and not file.is_dir():
            names.add(str(file.relative_to(self.root)))

    def watch_parameters(self) -> None:
        """Note each key of a section whose value is asked for."""
        sections: dict[int, str] = {}
        get = BaseModel.__getattribute__

        def watched(model: BaseModel, name: str) -> Any:
            value = get(model, name)
            if name in type(model).model_fields:
                if isinstance(value, BaseModel):
                    sections[id(value)] = name
                else:
                    self.parameters.add(f"{sections[id(model)]}.{name}")
            return value

        setattr(BaseModel, "__getattribute__", watched)  # noqa: B010


def main() -> None:
    stage, report = sys.argv[1:]
    touched = Touched(Path.cwd())
    touched.watch_parameters()
    sys.path[0] = str(touched.root)
    sys.argv = [stage]
    sys.addaudithook(touched.listen)
    runpy.run_module(stage, run_name="__main__", alter_sys=True)
    found = {
        "read": sorted(touched.read),
        "written": sorted(touched.written),
        "parameters": sorted(touched.parameters),
        "packages": [name for name in PACKAGES if name in sys.modules],
    }
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
