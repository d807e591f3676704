"""Install locked packages: ``python3 -m tools.install ENVIRONMENT LOCK…``.

The virtual environment is created if there is none, and recreated if an earlier install was
interrupted. uv installs the packages, or pip if uv fails. Every package needs a hash in its lock.
"""

import ast
import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if sys.version_info < (3, 11):  # noqa: UP036 - make may start any Python 3
    version = sys.version.split()[0]
    sys.exit(f"error: needs Python 3.11 or newer, got {version}; name one: make PYTHON=python3.12")

UV_LOCK = "requirements/uv.txt"

# not the environment's own Python, which is first on the path if the environment is active
OUTSIDE = getattr(sys, "_base_executable", sys.executable)

# pip's options, and uv's environment variables for them
VARIABLES = {
    "index-url": ["UV_DEFAULT_INDEX"],
    "extra-index-url": ["UV_INDEX"],
    "find-links": ["UV_FIND_LINKS"],
    "trusted-host": ["UV_INSECURE_HOST"],
    "cert": ["SSL_CERT_FILE"],
    "client-cert": ["SSL_CLIENT_CERT"],
    "proxy": ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"],
    "timeout": ["UV_HTTP_TIMEOUT"],
    "default-timeout": ["UV_HTTP_TIMEOUT"],
    "retries": ["UV_HTTP_RETRIES"],
}


def parse_settings(listing: str) -> dict[str, str]:
    """Parse the output of ``pip config list`` into the options of ``pip install``, by name."""
    settings = {}
    for section in ("global.", "install.", ":env:."):  # a later one wins, as with pip
        for line in listing.splitlines():
            name, _, value = line.partition("=")
            text = str(ast.literal_eval(value)) if name.startswith(section) else ""
            if text:
                settings[name.removeprefix(section)] = text
    return settings


def uv_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables for uv, with pip's settings, which uv does not read itself.

    Parameters
    ----------
    settings : the options of ``pip install``, by name
    environ : this process's environment variables
    """
    result = {
        **environ,
        "UV_NO_CONFIG": "true",
        "UV_SYSTEM_CERTS": "true",
        # as with pip, the version may be on any index; the hash verifies the file
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    if bundle:  # pip reads these, too
        result["SSL_CERT_FILE"] = bundle
    for option, names in VARIABLES.items():
        if option in settings:
            separator = "," if option == "find-links" else " "
            result.update(dict.fromkeys(names, separator.join(settings[option].split())))
    return result


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that holds the lock until it ends, even if this process is killed."""
    return subprocess.run(command, text=True, check=False, close_fds=False, **options)


def succeeds(*command: str | Path) -> bool:
    """Run a command without output, and return whether it succeeds."""
    return run(*command, capture_output=True).returncode == 0


def install_uv(python: Path) -> bool:
    """Install uv and pip into the environment, from wheels in uv's cache.

    The pip of the Python outside the environment is used, if there is one: it takes long to install
    the environment's own.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    wheels = Path(os.environ.get("UV_CACHE_DIR") or home / "uv") / "own-wheels"
    lock = ["--require-hashes", "--only-binary=:all:", f"--requirement={UV_LOCK}"]
    install = ["install", "--no-compile", "--no-index", f"--find-links={wheels}", *lock]
    download = ["download", f"--dest={wheels}", *lock]

    def installs(*pip: str | Path) -> bool:
        return (wheels.exists() and succeeds(*pip, *install)) or (
            succeeds(*pip, *download) and succeeds(*pip, *install)
        )

    return installs(OUTSIDE, "-m", "pip", f"--python={python}") or (
        succeeds(python, "-m", "ensurepip") and installs(python, "-m", "pip")
    )


def run_uv(python: Path, arguments: list[str]) -> str:
    """Install with uv; return the reason of a failure, or an empty string."""
    listing = run(python, "-m", "pip", "config", "list", stdout=subprocess.PIPE).stdout
    settings = parse_settings(listing)
    command = [str(python.with_name("uv")), "pip", "install", f"--python={python}"]
    command += [f"--requirement={UV_LOCK}", *arguments]
    if settings.get("no-index", "false").lower() in ("1", "true", "yes", "on"):
        command.append("--no-index")
    environment = uv_environment(settings, os.environ)
    for network in (["--offline"], []):  # packages in the cache need no network
        try:
            result = run(*command, *network, env=environment, capture_output=True)
        except OSError as error:
            return str(error)
        if result.returncode == 0:
            return ""
    return " ".join(result.stderr.split("\n")[:2]) or f"exit code {result.returncode}"


def install(root: Path, locks: list[str]) -> None:
    """Install the locks into the environment, or exit with pip's exit code."""
    complete = root / "complete"  # missing while packages are installed
    try:
        complete.unlink()
    except FileNotFoundError:
        run(OUTSIDE, "-m", "venv", "--clear", "--without-pip", root)
    python = root / "bin/python"
    packages = next(root.glob("lib/python*/site-packages"))
    arguments = ["--quiet", "--require-hashes", *(f"--requirement={lock}" for lock in locks)]

    has_uv = (root / "bin/uv").exists() or install_uv(python)
    before = packages.stat().st_mtime_ns
    failure = run_uv(python, arguments) if has_uv else "it could not be installed"
    if failure:
        print(f"uv failed, so pip installs: {failure}", file=sys.stderr, flush=True)
        if not succeeds(python, "-m", "pip", "--version"):
            succeeds(python, "-m", "ensurepip")
        if packages.stat().st_mtime_ns != before:
            # packages that uv has half written look installed
            arguments.append("--ignore-installed")
        pip = run(python, "-m", "pip", "install", "--disable-pip-version-check", *arguments)
        if pip.returncode != 0:
            sys.exit(pip.returncode)
    complete.touch()


def main() -> None:
    """Install, one process at a time."""
    root = Path(sys.argv[1])
    root.mkdir(exist_ok=True)
    folder = os.open(root, os.O_RDONLY)
    os.set_inheritable(folder, True)
    with contextlib.suppress(OSError):  # not every file system has locks
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        install(root, sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit("error: interrupted; the next run recreates the environment")


if __name__ == "__main__":
    main()
