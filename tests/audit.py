"""Run a stage under an audit hook: ``python audit.py STAGE REPORT``, in a project's folder.

REPORT is written as JSON: the files of the project that the stage read and wrote, without modules,
the settings whose values it used, and the third-party packages that it imported.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stages.settings.section

from pydantic import BaseModel

# distributions by the name that is imported
PACKAGES = {"kiwisolver": "kiwisolver", "matplotlib": "matplotlib", "numpy": "numpy"}
PACKAGES["PIL"] = "pillow"


class Touched:
    """The files and settings that a stage has used so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.settings: set[str] = set()
        self._sections: dict[int, str] = {}

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
        if not isinstance(path, str | bytes | os.PathLike):
            return  # the descriptor of an open file
        file = Path(os.fsdecode(path)).absolute()
        if file.suffix == ".py" or "__pycache__" in file.parts or file.is_dir():
            return
        if file.is_relative_to(self.root):
            names.add(str(file.relative_to(self.root)))

    def watch_settings(self) -> None:
        """Record each key of a loaded section whose value is read, alone or with all others."""
        load: Callable[..., BaseModel] = stages.settings.section.load
        get = BaseModel.__getattribute__

        def watched_load(name: str, model: type[BaseModel]) -> BaseModel:
            section = load(name, model)
            self._sections[id(section)] = name
            return section

        def watched_get(model: BaseModel, name: str) -> Any:
            section = self._sections.get(id(model))
            if section and name in type(model).model_fields:
                self.settings.add(f"{section}.{name}")
            elif section and name == "model_dump":
                return lambda **options: self._note_keys(section, get(model, name)(**options))
            return get(model, name)

        setattr(stages.settings.section, "load", watched_load)  # noqa: B010
        setattr(BaseModel, "__getattribute__", watched_get)  # noqa: B010

    def _note_keys(self, section: str, values: dict[str, Any]) -> dict[str, Any]:
        self.settings |= {f"{section}.{key}" for key in values}
        return values


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
    Path(report).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
