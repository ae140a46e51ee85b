"""Keys in files and in the environment: which counts, what is refused, and that nothing tells them."""

from pathlib import Path

import pytest

from clients.access import AccessKey, bearer, own_key, read_keys
from music.errors import BadSetting

FIRST, SECOND, THIRD = "a1" * 16, "b+/=" * 6, "c~!" * 9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(f"# who may play\n\n{FIRST}\n  {SECOND}  anna of the band \r\n")
    return path


def test_a_line_is_a_key_with_or_without_a_name(file: Path) -> None:
    assert read_keys(file) == [AccessKey(FIRST, "line 3 of keys.txt"), AccessKey(SECOND, "anna of the band")]


def test_the_option_goes_before_the_environment_and_a_key_there_before_a_file(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(THIRD)
    environ = {"TRADEFOURS_KEY": SECOND, "TRADEFOURS_KEY_FILE": str(other)}
    assert own_key(file, environ) == FIRST
    assert own_key(None, environ) == SECOND
    assert own_key(None, environ | {"TRADEFOURS_KEY": ""}) == THIRD
    assert own_key(None, {}) == ""


@pytest.mark.parametrize("key", ["secret", "x" * 257, "sécrètsécrètsécrèt", "\x07" * 20])
def test_a_key_that_could_be_guessed_or_fits_no_header_is_refused_without_being_told(tmp_path: Path, key: str) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(key, encoding="utf-8")
    with pytest.raises(BadSetting, match=r"^expected 16 to 256 .*keys\.txt, got .*openssl") as refusal:
        read_keys(path)
    assert key not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"# nobody\n", b"\xff\xfe\xfa"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(content)
    with pytest.raises(BadSetting, match=r"^expected a .*got"):
        read_keys(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="No such file"):
        read_keys(tmp_path / "none.txt")


def test_nothing_that_is_printed_tells_a_key() -> None:
    assert FIRST not in repr(AccessKey(FIRST, "anna"))


def test_who_has_no_key_shows_none() -> None:
    assert bearer("") == {}
    assert bearer(FIRST) == {"authorization": f"Bearer {FIRST}"}
