"""Find what the project's own packaging makes importable, and its console scripts."""

import ast
import configparser
import re
from pathlib import Path
from typing import Any

from dvc_imports.config import CodeError, read_toml

ENTRY = re.compile(r"^\s*([\w.-]+)\s*=\s*([\w.]+)\s*(?::[\w.]+)?\s*$")


def search_folders(top: Path) -> list[Path]:
    """Return the folders that an editable installation of the project puts on the search path."""
    folders: list[Path] = []
    for folder in _distributions(top):
        tools = _toml(folder).get("tool", {})
        finds = tools.get("setuptools", {}).get("packages", {})
        where = finds.get("find", {}).get("where", []) if isinstance(finds, dict) else []
        roots = tools.get("setuptools", {}).get("package-dir", {}).get("", [])
        froms = [each.get("from", "") for each in tools.get("poetry", {}).get("packages", [])]
        hatch = tools.get("hatch", {}).get("build", {}).get("targets", {}).get("wheel", {})
        wheels = [Path(each).parent.as_posix() for each in hatch.get("packages", [])]
        names = ["src", *where, *([roots] if isinstance(roots, str) else []), *froms, *wheels]
        names += [each for each in _setup_words(folder) if (folder / each).is_dir()]
        folders += [folder / name for name in names if name and (folder / name).is_dir()]
        folders.append(folder)
    return list(dict.fromkeys(folders))


def console_scripts(top: Path) -> dict[str, str]:
    """Return the module of each console script that the project declares."""
    found: dict[str, str] = {}
    for folder in _distributions(top):
        data = _toml(folder)
        for table in (data.get("project", {}), data.get("tool", {}).get("poetry", {})):
            for name, target in table.get("scripts", {}).items():
                text = target if isinstance(target, str) else target.get("reference", "")
                found[name] = text.partition(":")[0]
        for text in (_setup_cfg(folder, "options.entry_points", "console_scripts")).splitlines():
            found |= _entry(text)
        for text in _setup_strings(folder):
            found |= _entry(text) if ":" in text else {}
    return found


def pytest_option(top: Path, name: str) -> list[str]:
    """Return the words of an option of pytest in the folder's configuration."""
    options = _toml(top).get("tool", {}).get("pytest", {}).get("ini_options", {})
    for file, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest")):
        options = options or _ini(top / file).get(section, {})
    options = options or _ini(top / "setup.cfg").get("tool:pytest", {})
    value: str | list[str] = options.get(name, [])
    return value.split() if isinstance(value, str) else list(value)


def _distributions(top: Path) -> list[Path]:
    """Return the top folder, and the folders right below it, that can be installed."""
    below = sorted(each for each in top.iterdir() if each.is_dir() and each.name[0] != ".")
    files = ("pyproject.toml", "setup.py", "setup.cfg")
    return [each for each in [top, *below] if any((each / file).is_file() for file in files)]


def _toml(folder: Path) -> dict[str, Any]:
    try:
        return read_toml(folder / "pyproject.toml")
    except CodeError:
        return {}


def _ini(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}


def _setup_cfg(folder: Path, section: str, key: str) -> str:
    return _ini(folder / "setup.cfg").get(section, {}).get(key, "")


def _setup_strings(folder: Path) -> list[str]:
    """Return the strings in setup.py: it is a program, and is not run here."""
    try:
        tree = ast.parse((folder / "setup.py").read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    nodes = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [text for text in nodes if isinstance(text, str)]


def _setup_words(folder: Path) -> list[str]:
    """Return the folders that ``package_dir`` and ``where`` name, in setup.py and setup.cfg."""
    text = _setup_cfg(folder, "options", "package_dir") + "\n"
    text += _setup_cfg(folder, "options.packages.find", "where")
    words = re.findall(r"^\s*=?\s*([\w./-]+)\s*$", text, re.MULTILINE)
    try:
        source = (folder / "setup.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return words
    quoted = r"""["']([\w./-]+)["']"""
    words += re.findall(rf"""package_dir\s*=\s*\{{\s*["']["']\s*:\s*{quoted}""", source)
    return words + re.findall(
        rf"find_(?:namespace_)?packages\(\s*(?:where\s*=\s*)?{quoted}", source
    )


def _entry(text: str) -> dict[str, str]:
    match = ENTRY.match(text)
    return {match[1]: match[2]} if match else {}
