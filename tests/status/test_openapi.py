"""The OpenAPI document is true: schemathesis calls every operation with valid and with invalid parameters."""

import os
import re
import subprocess
import sys
from pathlib import Path

from shared.status.openapi import OPERATIONS, openapi_document
from tests.pipeline.world import CUSTOMER, World, numbered, tuples
from tests.status.client import KEY, Client

ROOT = Path(__file__).parents[2]
EXAMPLES, EXAMPLES_OF_A_CAMPAIGN = 4, 1_000


def test_the_document_is_served_as_it_is_made(client: Client) -> None:
    assert client.get("/api/openapi.json").json == openapi_document()


def test_every_parameter_and_field_is_described_in_words() -> None:
    document = openapi_document()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert all(parameter["description"] for parameter in operation["parameters"])
    assert all(schema.get("description") for schema in document["components"]["schemas"].values())


def test_the_handlers_keep_what_the_document_says(world: World, client: Client, tmp_path: Path, campaign: bool) -> None:
    for content, name in ((numbered(3), "a"), (tuples(["SN-1", "", "SN-1"]), "b"), ("nothing to see", "c")):
        world.drop_file(content, f"{CUSTOMER}/Test/{name}.csv")
    world.drop_file("x", "nowhere.csv")
    world.run()
    world.drop_file(numbered(5, "Q-"), f"{CUSTOMER}/Test/open.csv")
    examples = EXAMPLES_OF_A_CAMPAIGN if campaign else EXAMPLES
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"http://{client.host}/api/openapi.json"),
        *("--header", f"x-functions-key: {KEY}", "--max-examples", str(examples), "--mode", "all"),
        *("--exclude-checks", "positive_data_acceptance", "--no-color"),
        *(() if campaign else ("--generation-deterministic",)),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.status.schemathesis_checks"},
        capture_output=True,
        text=True,
        check=False,
    )
    (tmp_path / "schemathesis.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert f"Tested: {len(OPERATIONS)}" in done.stdout
    assert re.search(r"(\d+) generated, \1 passed", done.stdout)
