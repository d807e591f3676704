"""Run a stage under an audit hook: ``python audit.py STAGE REPORT``, in a project's folder.

REPORT is written as JSON: the files of the project that the stage read and wrote, without modules,
the settings whose values it used, and the third-party packages that it imported.
"""

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

# distributions by the name that is imported
PACKAGES = {"kiwisolver": "kiwisolver", "matplotlib": "matplotlib", "numpy": "numpy"}
PACKAGES |= {"PIL": "pillow", "zlib_ng": "zlib-ng"}


class Touched:
    """The files and settings that a stage has used so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.settings: set[str] = set()

    def listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record the files opened and renamed, as an audit hook."""
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
        if not isinstance(path, str | bytes | os.PathLike) or path == os.devnull:
            return  # the descriptor of an open file, or a name that Windows has in every folder
        file = Path(os.fsdecode(path)).absolute()
        if file.suffix == ".py" or "__pycache__" in file.parts or file.is_dir():
            return
        if file.is_relative_to(self.root):
            names.add(file.relative_to(self.root).as_posix())

    def watch_settings(self) -> None:
        """Record each key of a section whose value is read, alone or with all others."""
        get = BaseModel.__getattribute__

        def watched_get(model: BaseModel, name: str) -> Any:
            section, keys = type(model).__name__.lower(), type(model).model_fields
            if name == "model_dump":
                self.settings |= {f"{section}.{key}" for key in keys}
            elif name in keys:
                self.settings.add(f"{section}.{name}")
            return get(model, name)

        setattr(BaseModel, "__getattribute__", watched_get)  # noqa: B010


def main() -> None:
    """Read the arguments, run the stage, and write the report."""
    stage, report = sys.argv[1:]
    touched = Touched(Path.cwd())
    touched.watch_settings()
    sys.argv = [stage]
    sys.addaudithook(touched.listen)
    runpy.run_module(stage, run_name="__main__", alter_sys=True)
    found = {
        "read": sorted(touched.read),
        "written": sorted(touched.written),
        "settings": sorted(touched.settings),
        "packages": sorted(PACKAGES[name] for name in PACKAGES if name in sys.modules),
    }
    Path(report).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
