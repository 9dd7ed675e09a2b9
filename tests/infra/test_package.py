"""The deployed package: every file of the app, its bytecode for Azure's Python, and nothing else of the checkout."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.infra.bicep import ROOT, bicep_files
from tests.infra.scripts import script

LYING_ABOUT = (
    "shared/customer devices.csv",
    "shared/device_files/AutoPilotHWID.csv",
    "shared/status/page/templates/results.csv",
    "shared/.env",
    "shared/notes.txt",
    "shared/__pycache__/settings.cpython-311.pyc",
    "out/results.csv",
    "drop/devices.csv",
    "local.settings.json",
    "key.pem",
    "devices.xlsx",
    ".azure/production/.env",
    "tests/test_settings.py",
    "local/run.py",
)


@pytest.fixture(scope="module")
def package() -> ModuleType:
    return script("package")


def committed(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(filter(None, listed.stdout.split("\0")))


def files_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The committed files of the app, among files that nobody meant to deploy."""
    for name in committed("function_app.py", "host.json", "shared"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    for name in LYING_ABOUT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret")
    return tmp_path


def test_the_package_holds_the_committed_files_of_the_app_and_nothing_that_lies_about(
    package: ModuleType, checkout: Path
) -> None:
    folder = checkout / package.PACKAGE
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "left.py").touch()
    package.lay_out(checkout, folder)
    assert files_in(folder) == committed("function_app.py", "host.json", "shared") | {".funcignore"}


def test_every_source_has_bytecode_that_is_used_unchecked(package: ModuleType, checkout: Path) -> None:
    folder = checkout / package.PACKAGE
    package.lay_out(checkout, folder)
    assert package.compile_bytecode(folder, sys.executable) == 0
    tag = sys.implementation.cache_tag
    sources = list(folder.rglob("*.py"))
    assert len(sources) > 100
    for source in sources:
        bytecode = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        flags = int.from_bytes(bytecode.read_bytes()[4:8], "little")
        assert flags == 1, "a hash, which is not checked"


def test_bytecode_is_made_by_the_python_that_is_deployed(package: ModuleType) -> None:
    version = package.python_version(ROOT)
    assert version == bicep_files()["main.bicep"].parameters["pythonVersion"].default
    running = "{}.{}".format(*sys.version_info[:2])
    assert package.python_of(running) == sys.executable
    assert package.python_of("2.4") is None


def test_azd_makes_its_archive_of_that_folder_and_keeps_bytecode(package: ModuleType, checkout: Path) -> None:
    service = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"]["app"]
    assert service["project"] == "."
    assert service["dist"] == package.PACKAGE
    assert {hook["run"].split()[1] for hook in service["hooks"]["prepackage"].values()} == {"infra/package.py"}
    assert f"{package.PACKAGE}/" in (ROOT / ".gitignore").read_text().split()
    folder = checkout / package.PACKAGE
    package.lay_out(checkout, folder)
    lines = (folder / ".funcignore").read_text().splitlines()
    assert all(line.startswith("#") for line in lines), "without this file azd leaves __pycache__ out"


def test_a_package_without_bytecode_is_said_to_start_slower(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkout: Path
) -> None:
    (checkout / "infra").mkdir()
    shutil.copyfile(ROOT / "infra" / "main.bicep", checkout / "infra" / "main.bicep")
    monkeypatch.setattr(package, "PROJECT", checkout)
    monkeypatch.setattr(package, "install", lambda *_: 0)
    monkeypatch.setattr(package, "python_of", lambda _: None)
    assert package.main() == 0
    assert "There is no Python 3.13 on this machine" in capsys.readouterr().err
    monkeypatch.setattr(package, "install", lambda *_: 3)
    assert package.main() == 3
