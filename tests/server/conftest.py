"""A whole server for a test."""

from collections.abc import Iterator

import pytest

from tests.server.running import Running, run_server


@pytest.fixture
def running() -> Iterator[Running]:
    with run_server() as server:
        yield server
