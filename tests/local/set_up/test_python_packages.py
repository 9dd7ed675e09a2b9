"""What an environment is good for, and when it is made again."""

import base64
import hashlib
import itertools
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.processes import PROJECT
from local.set_up import python_packages
from local.set_up.installing import SetUpError
from local.set_up.python_packages import (
    LOCK_OF_COMMANDS,
    LOCK_OF_TESTS,
    Condition,
    PythonEnvironment,
    condition_of,
    is_link,
    running_python,
)
from local.toolchain import answer_of
from tests.local.set_up.conftest import Commands

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")

VERSION = "3.11"


def tick() -> None: ...


@pytest.fixture
def environment(tmp_path: Path) -> PythonEnvironment:
    (tmp_path / "requirements.lock").write_text("one two\n")
    return PythonEnvironment(tmp_path / ".venv", (tmp_path / "requirements.lock",))


def with_tests(environment: PythonEnvironment) -> PythonEnvironment:
    lock = environment.folder.parent / "tests.lock"
    lock.write_text("one two three\n")
    return PythonEnvironment(environment.folder, (*environment.locks, lock))


def test_an_environment_is_made_once(environment: PythonEnvironment, commands: Commands) -> None:
    assert environment.condition(VERSION) is Condition.UNUSABLE
    environment.make(VERSION, tick)
    assert commands.take() == "venv install"
    assert environment.condition(VERSION) is Condition.READY
    environment.make(VERSION, tick)
    assert commands.take() == ""


def test_what_tests_need_is_added_to_what_running_needs(environment: PythonEnvironment, commands: Commands) -> None:
    environment.make(VERSION, tick)
    commands.take()
    both = with_tests(environment)
    assert both.condition(VERSION) is Condition.LACKS_PACKAGES
    both.make(VERSION, tick)
    assert commands.take() == "install"
    assert both.condition(VERSION) is environment.condition(VERSION) is Condition.READY


def test_what_running_needs_is_there_after_what_tests_need(environment: PythonEnvironment, commands: Commands) -> None:
    with_tests(environment).make(VERSION, tick)
    assert commands.take() == "venv install"
    assert environment.condition(VERSION) is Condition.READY


def test_every_package_has_its_hash_checked_and_none_is_compiled(
    environment: PythonEnvironment, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment.make(VERSION, tick)
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(commands.seen[-1])
    assert not {"PIP_TARGET", "PYTHONPATH"} & commands.environments[-1].keys()


@pytest.mark.usefixtures("commands")
def test_line_ends_of_a_lock_do_not_count(environment: PythonEnvironment) -> None:
    environment.make(VERSION, tick)
    [lock] = environment.locks
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    assert environment.condition(VERSION) is Condition.READY


def _packages(environment: PythonEnvironment) -> Path:
    return environment.folder / "lib" / "python3.11" / "site-packages"


def _stamp(environment: PythonEnvironment) -> Path:
    return environment.folder / "device-drop-set-up.json"


def _link_to_nowhere(python: Path) -> None:
    python.unlink()
    python.symlink_to("/nowhere")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGE: dict[str, Callable[[PythonEnvironment], object]] = {
    "another lock": lambda given: given.locks[0].write_text("one two2\n"),
    "half a stamp": lambda given: _stamp(given).write_text('{"python": "3.1'),
    "a stamp of an earlier version": lambda given: _stamp(given).write_text('{"python": "3.11", "requirements": "1"}'),
    "no stamp": lambda given: _stamp(given).unlink(),
    "no interpreter": lambda given: given.python.unlink(),
    "an interpreter that fails": lambda given: given.python.write_text("#!/bin/sh\nexit 127\n"),
    "an interpreter of another Python": lambda given: given.python.write_text(f"#!/bin/sh\necho 3.12 {given.folder}\n"),
    "an interpreter without environment": lambda given: given.python.write_text("#!/bin/sh\necho 3.11 /usr\n"),
    "an interpreter of a removed Python": lambda given: _link_to_nowhere(given.python),
    "a module is missing": lambda given: (_packages(given) / "one.py").unlink(),
    "a module is cut": lambda given: (_packages(given) / "one.py").write_text(""),
    "a package is missing": lambda given: shutil.rmtree(_packages(given) / "two-1.dist-info"),
    "a package has another version": lambda given: (_packages(given) / "two-1.dist-info").rename(
        _packages(given) / "two-2.dist-info"
    ),
    "only a folder": lambda given: _empty(given.folder),
}


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_or_old_environment_is_made_again(
    damage: Callable[[PythonEnvironment], object], environment: PythonEnvironment
) -> None:
    environment.make(VERSION, tick)
    damage(environment)
    if environment.folder.exists():
        (environment.folder / "leftover").touch()
    _is_made_again(environment, VERSION)


@pytest.mark.usefixtures("commands")
def test_an_environment_of_another_python_is_made_again(environment: PythonEnvironment, commands: Commands) -> None:
    environment.make(VERSION, tick)
    commands.version = "3.13"
    _is_made_again(environment, "3.13")


@pytest.mark.usefixtures("commands")
def test_a_moved_environment_is_made_again(environment: PythonEnvironment, tmp_path: Path) -> None:
    environment.make(VERSION, tick)
    environment.folder.rename(tmp_path / "elsewhere")
    _is_made_again(PythonEnvironment(tmp_path / "elsewhere", environment.locks), VERSION)


def _is_made_again(environment: PythonEnvironment, version: str) -> None:
    assert environment.condition(version) is Condition.UNUSABLE
    environment.make(version, tick)
    assert environment.condition(version) is Condition.READY
    assert not (environment.folder / "leftover").exists()
    assert not environment.folder.with_name(f"{environment.folder.name}.old").exists()


@pytest.mark.usefixtures("commands")
def test_packages_that_a_person_added_do_not_matter(environment: PythonEnvironment) -> None:
    environment.make(VERSION, tick)
    (environment.folder / "lib" / "python3.11" / "site-packages" / "mine-1.dist-info").mkdir()
    assert environment.condition(VERSION) is Condition.READY


@pytest.mark.parametrize("target", ["complete for another lock", "complete but lacks packages", "empty", "missing"])
def test_a_linked_environment_is_never_written_to(
    target: str, environment: PythonEnvironment, commands: Commands, tmp_path: Path
) -> None:
    elsewhere = PythonEnvironment(tmp_path / "elsewhere", environment.locks)
    match target:
        case "complete for another lock":
            elsewhere.make(VERSION, tick)
            environment.locks[0].write_text("one\n")
        case "complete but lacks packages":
            elsewhere.make(VERSION, tick)
            environment = with_tests(environment)
        case "empty":
            elsewhere.folder.mkdir()
        case _:
            pass
    before = sorted(tmp_path.rglob("*"))
    environment.folder.symlink_to(elsewhere.folder, target_is_directory=True)
    commands.take()
    with pytest.raises(SetUpError, match="is a link to"):
        environment.make(VERSION, tick)
    with pytest.raises(SetUpError, match="is a link"):
        environment.add(environment.locks[0], tick)
    assert commands.take() == ""
    assert sorted(path for path in tmp_path.rglob("*") if path != environment.folder) == before


@pytest.mark.usefixtures("commands")
def test_a_linked_environment_that_fits_is_used(environment: PythonEnvironment, tmp_path: Path) -> None:
    PythonEnvironment(tmp_path / "elsewhere", environment.locks).make(VERSION, tick)
    environment.folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert is_link(environment.folder)
    assert environment.condition(VERSION) is Condition.READY


@pytest.mark.usefixtures("commands")
def test_a_folder_below_a_link_is_no_link(environment: PythonEnvironment, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    below = PythonEnvironment(tmp_path / "link" / ".venv", environment.locks)
    below.make(VERSION, tick)
    assert below.condition(VERSION) is Condition.READY


def test_a_file_in_the_place_of_the_environment_is_left_alone(
    environment: PythonEnvironment, commands: Commands
) -> None:
    environment.folder.write_text("mine")
    with pytest.raises(SetUpError, match="is not a folder"):
        environment.make(VERSION, tick)
    assert environment.folder.read_text() == "mine"
    assert commands.take() == ""


def test_an_environment_in_use_stays_whole(
    environment: PythonEnvironment, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.make(VERSION, tick)
    environment.locks[0].write_text("one\n")
    commands.take()

    def in_use(_from: Path, _to: Path) -> None:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "rename", in_use)
    with pytest.raises(SetUpError, match="End the programs that use it"):
        environment.make(VERSION, tick)
    assert environment.python.exists()
    assert commands.take() == ""


def test_a_failed_installation_is_told_with_its_output_and_not_taken_for_complete(
    environment: PythonEnvironment, commands: Commands
) -> None:
    commands.failing = "install"
    with pytest.raises(SetUpError, match="the reason"):
        environment.make(VERSION, tick)
    assert environment.condition(VERSION) is Condition.UNUSABLE


def test_an_installer_that_succeeds_and_installs_nothing_is_told_of(
    environment: PythonEnvironment, commands: Commands
) -> None:
    environment.locks[0].write_text("One.two==1 \\\n    --hash=sha256:0\nthree==1 ; sys_platform == 'win32' \\\n")
    commands.idle = "install"
    with pytest.raises(SetUpError, match=r"the first that is missing is one_two\. .*pip config list"):
        environment.make(VERSION, tick)
    assert environment.condition(VERSION) is Condition.UNUSABLE


def test_every_lock_names_what_every_system_needs() -> None:
    for lock in (LOCK_OF_COMMANDS, LOCK_OF_TESTS):
        found = python_packages.packages_everywhere(lock.read_text(encoding="utf-8"))
        assert {"azure_core", "msgspec", "typing_extensions"} <= found
        assert "colorama" not in found


@pytest.mark.parametrize(
    ("folder", "words"),
    [("/home/a:b/drop", "separates folders"), ("/home/caf\udce9", "not UTF-8"), ("/home/a\nb", "line end")],
)
def test_a_folder_whose_name_rules_an_environment_out_is_told_of_before_anything_is_made(
    folder: str, words: str, environment: PythonEnvironment, commands: Commands
) -> None:
    with pytest.raises(SetUpError, match=words) as raised:
        PythonEnvironment(Path(folder) / ".venv", environment.locks).make(VERSION, tick)
    assert "Move the project" in str(raised.value)
    assert str(raised.value).isprintable()
    assert commands.take() == ""


@pytest.mark.parametrize("folder", ["/home/ünd da/日本", "C\u00a0D/100% 'a' \"b\" $x (1)\t;"])
def test_any_other_name_of_a_folder_is_taken(folder: str) -> None:
    assert python_packages.fault_of_name(folder) is None


def test_a_command_inside_the_environment_takes_modules_from_there_and_this_project_alone() -> None:
    given = {"PYTHONHOME": "/usr", "PYTHONPATH": "/opt/ros/site-packages", "PATH": "/bin", "PYTHONUTF8": "1"}
    kept = {"PATH": "/bin", "PYTHONUTF8": "1"}
    assert python_packages.variables_inside(given) == {**kept, "PYTHONPATH": str(PROJECT)}
    assert python_packages.variables_inside(kept) == kept


def _install_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_options: name)
    monkeypatch.setattr(
        python_packages, "answer_of", lambda command: "uv 0.9.0" if command[0] == "uv" else answer_of(command)
    )


def test_uv_is_used_where_it_is(
    environment: PythonEnvironment, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_uv(monkeypatch)
    environment.make(VERSION, tick)
    assert [command[0] for command in commands.seen] == ["uv", "uv"]


def test_where_uv_fails_pip_is_used(
    environment: PythonEnvironment, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install_uv(monkeypatch)
    commands.failing = "uv"
    environment.make(VERSION, tick)
    assert [command[0] == "uv" for command in commands.seen] == [True, False, False]
    assert environment.condition(VERSION) is Condition.READY


def test_an_old_pip_is_not_asked_to_install_elsewhere(
    environment: PythonEnvironment, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_packages, "_pip_version", lambda _python: (22, 2))
    commands.failing = "install"
    with pytest.raises(SetUpError):
        environment.make(VERSION, tick)
    assert "--without-pip" not in commands.seen[0]
    assert commands.seen[1][0] == str(environment.python)


@given(
    installed=st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
    wanted=st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), min_size=1),
    is_sound=st.booleans(),
)
def test_an_environment_is_ready_only_with_all_that_is_wanted(
    installed: dict[str, str], wanted: dict[str, str], is_sound: bool
) -> None:
    condition = condition_of(installed, wanted, is_sound=is_sound)
    assert (condition is Condition.READY) == (is_sound and wanted.items() <= installed.items())
    if condition is Condition.LACKS_PACKAGES:
        assert is_sound
        assert installed
        assert all(installed[name] == wanted[name] for name in installed.keys() & wanted.keys())


def test_a_real_environment_in_a_folder_with_a_blank_and_an_umlaut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Geräte für Ölmühle"
    folder.mkdir()
    wheel = wheel_of("one_of_ours", folder)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = folder / "requirements.lock"
    lock.write_text(f"one-of-ours==1 --hash=sha256:{digest}\n", encoding="utf-8")
    monkeypatch.setattr("local.set_up.installing.WORK", folder / ".local")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setattr("shutil.which", lambda _name, **_options: None)
    environment = PythonEnvironment(folder / ".venv", (lock,))
    environment.make(running_python(), tick)
    assert environment.condition(running_python()) is Condition.READY
    [module] = environment.folder.rglob("one_of_ours.py")
    module.write_text("changed, and longer than it was\n")
    assert environment.condition(running_python()) is Condition.UNUSABLE
    module.write_text("one = 1\n")
    assert environment.condition(running_python()) is Condition.READY
    # Its interpreter still runs, as that of the machine.
    (environment.folder / "pyvenv.cfg").unlink()
    assert environment.condition(running_python()) is Condition.UNUSABLE
    lock.write_text(f"one-of-ours==1 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    with pytest.raises(SetUpError, match="HASH"):
        environment.make(running_python(), tick)


def wheel_of(name: str, folder: Path) -> Path:
    """A wheel with one module."""
    wheel = folder / f"{name}-1-py3-none-any.whl"
    parts = {
        f"{name}.py": "one = 1\n",
        f"{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{name}-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{part},sha256={_digest(text)},{len(text)}\n" for part, text in parts.items())
    with zipfile.ZipFile(wheel, "w") as archive:
        for part, text in (parts | {f"{name}-1.dist-info/RECORD": record}).items():
            archive.writestr(part, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def test_the_tests_run_in_an_environment_whose_files_are_all_there() -> None:
    names = [found.name for found in python_packages._distributions(Path(sys.prefix))]
    assert len(names) > len(list(itertools.islice(LOCK_OF_COMMANDS.open(), 3)))
    assert python_packages.missing_files(Path(sys.prefix), names) == []
