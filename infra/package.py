# noqa: INP001 - a script of its own
"""Lays the package of the app into .package: the files that are deployed, their packages, and bytecode for both.

`azd package` runs it, and makes an archive of that folder (`dist` in azure.yaml). It needs pip and a package index. The
packages are those of requirements.lock, for the Python and platform of Azure, with hashes checked; none of them is run.
In Azure the package is mounted read-only, so Python could not keep the bytecode that it compiles at a start.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGE = ".package"
"""The folder of the package; azure.yaml names it."""

PACKAGES = Path(".python_packages", "lib", "site-packages")
"""The folder in which the Functions host on Linux searches for them."""

DEPLOYED = (
    "function_app.py",
    "host.json",
    "shared/**/*.py",
    "shared/device_files/placeholders.csv",
    "shared/device_files/formats/file_types.csv",
    "shared/device_files/tables/header_names.csv",
    "shared/status/page/static/*.css",
    "shared/status/page/static/*.js",
    "shared/status/page/static/*.svg",
    "shared/status/page/templates/*.html",
)
"""Everything of the project that is deployed. A device file or a key that lies in the checkout is not."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
"""Flex Consumption runs x86-64 Linux with a newer glibc than these require."""


def main() -> int:
    """Make the package from scratch; returns the exit code of the program that failed, or 0."""
    folder, version = PROJECT / PACKAGE, python_version(PROJECT)
    lay_out(PROJECT, folder)
    if code := install(PROJECT, folder, version):
        return code
    python = python_of(version)
    if python is None:
        sys.stderr.write(
            f"There is no Python {version} on this machine, so the package has no bytecode, and each start of an "
            f"instance takes some seconds longer. Install Python {version} and package again.\n"
        )
        return 0
    return compile_bytecode(folder, python)


def deployed_files(project: Path) -> Iterator[Path]:
    """The files of the project that are deployed, relative to it."""
    for pattern in DEPLOYED:
        yield from (file.relative_to(project) for file in sorted(project.glob(pattern)))


def lay_out(project: Path, folder: Path) -> None:
    """Copy the files that are deployed into a new `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in deployed_files(project):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project / file, folder / file)
    # Without an ignore file of its own in the folder, azd would leave all bytecode out.
    (folder / ".funcignore").write_text("# Everything in this folder is deployed.\n", encoding="utf-8")


def install(project: Path, folder: Path, version: str) -> int:
    """Install the packages of requirements.lock for Azure; returns pip's exit code."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--target", str(folder / PACKAGES), "--requirement", str(project / "requirements.lock")]
    # pip would compile for the Python that runs it.
    command += ["--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:", "--implementation", "cp"]
    # The lock was made for that Python; pip would check the packages' requirements against the Python that runs it.
    command += ["--python-version", version, "--ignore-requires-python"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - its own command


def compile_bytecode(folder: Path, python: str) -> int:
    """Compile everything in `folder` with `python`; returns compileall's exit code.

    The bytecode names no time of its source, which an archive rounds, and Python uses it unchecked.
    """
    command = [python, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", str(folder)]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - its own command


def python_of(version: str) -> str | None:
    """A Python of that version on this machine, None if there is none: bytecode is good for one version alone."""
    for candidate in (sys.executable, shutil.which(f"python{version}"), *_installed_beside(version)):
        if candidate and _version_of(candidate) == version:
            return candidate
    return None


def _installed_beside(version: str) -> Iterator[str]:
    """The Pythons of Windows' launcher and of pyenv, which need not be on the path."""
    launcher = shutil.which("py")
    if launcher:
        command = [launcher, f"-{version}", "-c", "import sys; print(sys.executable)"]
        yield subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - likewise
    yield from map(str, sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}")))


def _version_of(python: str) -> str:
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - likewise


def python_version(project: Path) -> str:
    """The Python version of the app, from infra/main.bicep."""
    for line in (project / "infra" / "main.bicep").read_text(encoding="utf-8").splitlines():
        if line.startswith("param pythonVersion string = "):
            return line.split("'")[1]
    raise SystemExit("infra/main.bicep has no parameter pythonVersion with a default: add it")


if __name__ == "__main__":
    sys.exit(main())
