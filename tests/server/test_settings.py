"""Settings: the environment, the limits, and who may reach the server."""

import pytest

from music.errors import BadSetting
from server.settings import Settings, is_loopback
from tests.conftest import ROOT


def test_the_environment_sets_what_the_caller_leaves_open() -> None:
    environ = {"TRADEFOURS_PORT": "9000", "TRADEFOURS_MODEL": "tiny", "TRADEFOURS_UNKNOWN": "1", "PATH": "/bin"}
    settings = Settings.read(environ, model="other", threads=None)
    assert (settings.port, settings.model, settings.threads) == (9000, "other", 1)


@pytest.mark.parametrize("environ", [{"TRADEFOURS_PORT": "70000"}, {"TRADEFOURS_MAX_SESSIONS": "many"}])
def test_a_bad_value_is_one_sentence_that_names_it(environ: dict[str, str]) -> None:
    (value,) = environ.values()
    with pytest.raises(BadSetting, match=f"^expected another .* got '{value}'$"):
        Settings.read(environ)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_host_needs_no_permission(host: str) -> None:
    assert is_loopback(host)
    assert Settings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "studio.example"])
def test_a_public_host_is_refused_unless_it_is_meant(host: str) -> None:
    with pytest.raises(BadSetting, match="--public"):
        Settings.read({}, host=host)
    assert Settings.read({"TRADEFOURS_ALLOW_PUBLIC": "true"}, host=host).host == host


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_where_it_is_defined_and_for_operators(name: str) -> None:
    field = Settings.model_fields[name]
    row = f"| `{name}` | `{field.default}` | {field.description} |"
    assert row in (ROOT / "docs/operations.md").read_text()
