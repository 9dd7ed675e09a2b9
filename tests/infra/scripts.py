"""The scripts of infra/, which azd runs and which belong to no package, as modules."""

import importlib.util
import sys
from types import ModuleType

from tests.infra.bicep import INFRA


def script(name: str) -> ModuleType:
    """The script infra/NAME.py."""
    spec = importlib.util.spec_from_file_location(f"infra_{name}", INFRA / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
