"""The Makefile's environment, installed from a package index on loopback with a password."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package_index import Index, installed_wheel, wheel
from tests.support import ROOT, TRACING
from tools.install import parse_settings, uv_environment

LOCKS = {
    "pipeline": ["alpha"],
    "compute": ["beta"],
    "plot": ["gamma"],
    "dev": ["alpha", "beta", "gamma", "delta"],
    "fuzz": ["epsilon"],
    "uv": ["pip", "uv"],
}
SMALL = ["alpha", "beta", "gamma", "delta", "epsilon"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for name in SMALL:
        wheel(folder, name, "1", {f"{name}.py": b"value = 1\n"})
    for name in LOCKS["uv"]:
        installed_wheel(folder, name)
    return folder


@pytest.fixture
def index(wheels: Path) -> Iterator[Index]:
    with Index(wheels) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.given.set()
        server.shutdown()


class Project:
    """A project with this Makefile and small locks."""

    def __init__(self, root: Path, wheels: Path, cache: Path) -> None:
        self.root = root
        self.wheels = wheels
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
            "HOME": str(root),
            "PATH": os.environ["PATH"],
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(cache),
            **TRACING,
        }
        (root / "tools").mkdir(parents=True)
        (root / "requirements").mkdir()
        for name in ("Makefile", "tools/__init__.py", "tools/install.py"):
            shutil.copy(ROOT / name, root / name)
        for role, names in LOCKS.items():
            self.lock(role, names)

    def lock(self, role: str, names: list[str]) -> None:
        """Write the lock of a role: the newest wheel of each package, with its hash."""
        lines = []
        for name in names:
            path = max(self.wheels.glob(f"{name}-*"))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines.append(f"{name}=={path.name.split('-')[1]} --hash=sha256:{digest}\n")
        (self.root / f"requirements/{role}.txt").write_text("".join(lines))

    def start(self, *roles: str) -> subprocess.Popen[str]:
        """Start make for the roles, four jobs at a time."""
        command = ["make", "-j4", f"PYTHON={sys.executable}"]
        return subprocess.Popen(
            command + [f".venv/{role}.installed" for role in roles],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, *roles: str) -> str:
        """Install the roles; return what was printed."""
        process = self.start(*roles)
        output = process.communicate()[0]
        assert process.returncode == 0, output
        return output

    def installed(self) -> dict[str, str]:
        """Import each small package, and return the installer of each."""
        found = {}
        for info in self.root.glob(".venv/lib/python*/site-packages/*.dist-info"):
            name = info.name.partition("-")[0]
            if name in SMALL:
                python = self.root / ".venv/bin/python"
                subprocess.run([python, "-c", f"import {name}"], check=True)
                found[name] = (info / "INSTALLER").read_text().strip()
        return found


@pytest.fixture
def project(tmp_path: Path, wheels: Path) -> Project:
    return Project(tmp_path / "clone", wheels, tmp_path / "cache")


@pytest.fixture
def project_with_uv(project: Project, wheels: Path, tmp_path: Path) -> Project:
    """A project with uv itself in the cache, but no packages."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/own-wheels").symlink_to(wheels)
    return project


def test_targets_install_in_turn_and_again_offline(project: Project, index: Index) -> None:
    project.environment["PIP_INDEX_URL"] = index.url
    assert "uv failed" not in project.make("pipeline", "dev", "fuzz")
    assert project.installed() == dict.fromkeys(SMALL, "uv")

    index.refused = ""  # everyone
    shutil.rmtree(project.root / ".venv")
    assert "uv failed" not in project.make("pipeline", "dev")
    assert project.installed() == dict.fromkeys(LOCKS["dev"], "uv")


def test_pip_installs_where_uv_fails(
    project_with_uv: Project, index: Index, tmp_path: Path
) -> None:
    project = project_with_uv
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nindex-url = {index.url}\n")
    project.environment["PIP_CONFIG_FILE"] = str(configuration)
    index.refused = "uv/"
    output = project.make("pipeline")
    assert output.count("uv failed, so pip installs: error:") == 1
    assert project.installed() == dict.fromkeys(["alpha", "beta", "gamma"], "pip")

    lock = project.root / "requirements/dev.txt"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0").replace("0\n", "\n"))
    process = project.start("dev")
    output = process.communicate()[0]
    assert process.returncode != 0
    assert "delta" not in project.installed()


def test_an_interrupted_install_is_repeated(project_with_uv: Project, index: Index) -> None:
    project = project_with_uv
    project.environment["PIP_INDEX_URL"] = index.url
    project.make("pipeline")
    index.held = "delta-1-py3-none-any.whl"
    process = project.start("dev")
    assert index.asked.wait(60)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for module in project.root.glob(".venv/lib/python*/site-packages/alpha.py"):
        module.unlink()  # as if it was being written
    index.given.set()
    project.make("pipeline", "dev")
    assert project.installed() == dict.fromkeys(LOCKS["dev"], "uv")


def test_settings_of_pip_become_those_of_uv() -> None:
    listing = (
        "global.index-url='https://a/simple'\nglobal.timeout='7'\ninstall.timeout='8'\n"
        "install.find-links='\\n/x\\nhttps://y=z'\n:env:.index-url='https://b/simple'\n"
        ":env:.cert=''\ndownload.proxy='http://no'\n:env:.extra-index-url='https://c https://d'\n"
    )
    environment = uv_environment(parse_settings(listing), {"KEPT": "yes", "CURL_CA_BUNDLE": "ca"})
    expected = {
        "KEPT": "yes",
        "UV_DEFAULT_INDEX": "https://b/simple",
        "UV_INDEX": "https://c https://d",
        "UV_FIND_LINKS": "/x,https://y=z",
        "UV_HTTP_TIMEOUT": "8",
        "SSL_CERT_FILE": "ca",
    }
    assert environment.items() >= expected.items()
    assert "HTTPS_PROXY" not in environment
