"""A server that all scenes share, and the network that plays in it."""

import os
from collections.abc import Iterator

import pytest

from model.registry import shipped
from tests.end_to_end.programs import Server


@pytest.fixture(scope="session")
def model() -> str:
    """The network that ships, or another that TRADEFOURS_MODEL names; a checkout without weights has random ones."""
    return os.environ.get("TRADEFOURS_MODEL") or ("small" if "small" in shipped() else "tiny")


@pytest.fixture(scope="session")
def shared_server(model: str) -> Iterator[Server]:
    server = Server(model)
    yield server
    server.close()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """It runs, whatever the test before did to it."""
    shared_server.start()
    return shared_server
