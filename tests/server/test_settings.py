"""Settings: the environment, the limits, and who may reach the server."""

from pathlib import Path

import pytest

from music.errors import BadSetting
from server.settings import Settings, is_loopback
from tests.conftest import ROOT


def test_the_environment_sets_what_the_caller_leaves_open() -> None:
    environ = {"TRADEFOURS_PORT": "9000", "TRADEFOURS_MODEL": "tiny", "TRADEFOURS_UNKNOWN": "1", "PATH": "/bin"}
    settings = Settings.read(environ, model="other", max_sessions=None)
    assert (settings.port, settings.model, settings.max_sessions) == (9000, "other", 4)


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


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4"])
def test_a_public_host_needs_a_key_and_no_more(host: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("0123456789abcdef anna\n")
    assert Settings.read({"TRADEFOURS_KEY": "0123456789abcdef"}, host=host).host == host
    assert Settings.read({}, host=host, key_file=tmp_path / "keys").host == host


@pytest.mark.parametrize("key", ["", "short"])
def test_a_key_that_is_none_is_no_open_door(key: str) -> None:
    with pytest.raises(BadSetting, match="TRADEFOURS_KEY"):
        Settings.read({"TRADEFOURS_KEY": key})


def test_the_environment_has_lists_with_commas() -> None:
    settings = Settings.read({"TRADEFOURS_ALLOW_HOST": "a.example, B.example"}, allow_origin=["https://c.example:8"])
    assert (settings.allow_host, settings.allow_origin) == (("a.example", "b.example"), ("https://c.example:8",))


@pytest.mark.parametrize("wrong", [{"allow_host": ["http://a.example"]}, {"allow_host": ["a:80", ""]}])
def test_what_is_no_name_cannot_be_allowed(wrong: dict[str, list[str]]) -> None:
    with pytest.raises(BadSetting, match=r"^expected a name such as .* got"):
        Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["a.example", "https://a.example/", "*", "null", ""])
def test_what_is_no_origin_cannot_be_allowed(wrong: str) -> None:
    with pytest.raises(BadSetting, match=r"^expected an origin such as .* got"):
        Settings(allow_origin=(wrong,))
