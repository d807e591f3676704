"""Find what the project's own packaging makes importable, and its console scripts.

The files are searched as text, whether they are TOML, INI or Python: setup.py is a program, and is
not run here.
"""

import re
from pathlib import Path

PACKAGING = ("pyproject.toml", "setup.cfg", "setup.py")
# package_dir = {"": "lib"}, where = ["lib"], from = "lib", find_packages("lib")
FOLDER = re.compile(
    r"""(?:\b(?:package[_-]dir|where|from)["']?\s*[=:\]]|find_(?:namespace_)?packages\()"""
    r"""[\s=:"'\[{]*([\w./-]+)(?![\w./-]|["']?\s*[=:])"""
)
PACKAGES = re.compile(r"\bpackages\s*=\s*\[([^\]]*)")  # packages = ["lib/app"], of Hatch
# go = "package.module:main", go = {reference = "package.module:main"}
SCRIPT = re.compile(r"""([\w.-]+)["']?\s*=\s*(?:\{\s*reference\s*=\s*)?["']?([\w.]+):[\w.]+""")


def search_folders(top: Path) -> list[Path]:
    """Return the folders that an editable installation of the project puts on the search path."""
    folders: list[Path] = []
    for folder, text in _packaging(top).items():
        packages = re.findall(r"[\w./-]+", " ".join(PACKAGES.findall(text)))
        names = ["src", *FOLDER.findall(text), *(Path(each).parent for each in packages)]
        folders += [folder / name for name in names if (folder / name).is_dir()]
        folders.append(folder)
    return list(dict.fromkeys(folders))


def console_scripts(top: Path) -> dict[str, str]:
    """Return the module of each console script that the project declares."""
    return dict(SCRIPT.findall("\n".join(_packaging(top).values())))


def pytest_option(top: Path, name: str) -> list[str]:
    """Return the words of an option of pytest in the folder's configuration."""
    for file in ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg"):
        match = re.search(rf"^{name}\s*=(.*(?:\n[ \t].*)*)", _text(top / file), re.MULTILINE)
        if match:
            return re.findall(r"[^\s\"'\[\],]+", re.sub(r"#.*", "", match[1]))
    return []


def _packaging(top: Path) -> dict[Path, str]:
    """Return the packaging files' text, for the top folder and the folders right below it."""
    below = sorted(each for each in top.iterdir() if each.is_dir() and each.name[0] != ".")
    texts = {each: "\n".join(_text(each / file) for file in PACKAGING) for each in [top, *below]}
    return {folder: text for folder, text in texts.items() if text.strip()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
