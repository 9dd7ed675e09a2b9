"""Azurite's packages: installed once, and again when they are not as they were."""

import json
from pathlib import Path

import pytest

from local.processes import PROJECT
from local.set_up.installing import SetUpError
from local.set_up.npm_packages import NpmPackages
from local.toolchain import NodeJs
from tests.local.set_up.conftest import Commands


@pytest.fixture
def packages(tmp_path: Path) -> NpmPackages:
    source = tmp_path / "source"
    (source / "not-used").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "not-used/package.json", "requirements.txt"):
        (source / name).write_text("{}")
    return NpmPackages(source, tmp_path / "ünd da" / "npm")


@pytest.fixture
def node(tmp_path: Path) -> NodeJs:
    (tmp_path / "node").touch()
    return NodeJs(tmp_path / "node", ("npm",), "v20.0.0")


def install(packages: NpmPackages, node: NodeJs) -> None:
    packages.start(node).finish(lambda: None)
    packages.complete(node)


def test_npm_packages_are_installed_from_a_copy_of_their_lock(
    packages: NpmPackages, node: NodeJs, commands: Commands
) -> None:
    assert packages.ready() is None
    install(packages, node)
    assert commands.take() == "npm"
    assert packages.ready() == node.node
    assert (packages.folder / "not-used" / "package.json").exists()
    assert not (packages.folder / "requirements.txt").exists()


@pytest.mark.parametrize("change", ["lock", "node", "a package", "the list of packages", "the stamp"])
@pytest.mark.usefixtures("commands")
def test_npm_packages_that_no_longer_fit_are_installed_again(change: str, packages: NpmPackages, node: NodeJs) -> None:
    install(packages, node)
    match change:
        case "lock":
            (packages.source / "package-lock.json").write_text('{"changed": true}')
        case "node":
            node.node.unlink()
        case "a package":
            (packages.folder / "node_modules" / "one" / "package.json").unlink()
        case "the list of packages":
            (packages.folder / "node_modules" / ".package-lock.json").write_text("{")
        case _:
            (packages.folder / "device-drop-set-up.json").write_text("[]")
    assert packages.ready() is None
    node.node.touch()
    install(packages, node)
    assert packages.ready() is not None


def test_an_interrupted_installation_is_not_complete(packages: NpmPackages, node: NodeJs, commands: Commands) -> None:
    install(packages, node)
    commands.failing = "ci"
    with pytest.raises(SetUpError, match="npm registry"):
        install(packages, node)
    assert packages.ready() is None


@pytest.mark.parametrize(
    "content", ["[]", "null", "5", "{}", '{"packages": null}', '{"packages": 5}', '{"packages": []}', "[" * 100_000]
)
@pytest.mark.usefixtures("commands")
def test_a_list_of_packages_of_any_other_form_is_not_complete(
    content: str, packages: NpmPackages, node: NodeJs
) -> None:
    install(packages, node)
    (packages.folder / "node_modules" / ".package-lock.json").write_text(content)
    assert packages.ready() is None


def test_npm_that_succeeds_and_installs_nothing_is_told_of(
    packages: NpmPackages, node: NodeJs, commands: Commands
) -> None:
    commands.idle = "ci"
    with pytest.raises(SetUpError, match="npm config list"):
        install(packages, node)
    assert packages.ready() is None


def test_every_package_of_the_lock_has_a_hash_and_none_a_place_to_fetch_it_from() -> None:
    lock = json.loads((PROJECT / "local" / "node" / "package-lock.json").read_text(encoding="utf-8"))
    fetched = {name: entry for name, entry in lock["packages"].items() if name.startswith("node_modules/")}
    assert len(fetched) > 100
    for name, entry in fetched.items():
        assert entry.get("link") or entry["integrity"].startswith("sha512-"), name
        assert not entry.get("resolved", "").startswith("http"), name
        assert not entry.get("hasInstallScript"), name
    assert not {"node_modules/sequelize/node_modules", "node_modules/@azure/identity"} & fetched.keys()
