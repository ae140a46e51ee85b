"""The keys that open a server: one to a line of a file, or one in the environment. Knows no socket and no server."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from music.errors import BadSetting

KEY_VARIABLE: Final = "TRADEFOURS_KEY"
FILE_VARIABLE: Final = "TRADEFOURS_KEY_FILE"
SHORTEST: Final = 16  # so that nobody guesses one
LONGEST: Final = 256
_KEY: Final = re.compile(rf"[!-~]{{{SHORTEST},{LONGEST}}}")  # what stands in a header as it is


@dataclass(frozen=True, slots=True)
class AccessKey:
    secret: str = field(repr=False)
    name: str  # of who has it, for the log


def checked_key(secret: str, name: str) -> AccessKey:
    """Raises BadSetting, without a word of the key itself."""
    if not _KEY.fullmatch(secret):
        raise BadSetting(
            f"expected {SHORTEST} to {LONGEST} letters, digits and signs as the key of {name}, got {len(secret)} "
            "that are none: `openssl rand -hex 16` makes a good one"
        )
    return AccessKey(secret, name)


def read_keys(path: Path) -> list[AccessKey]:
    """A line is a key, perhaps with a name behind it; empty ones and those that begin with # are nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise BadSetting(f"expected a file of keys at {path}, got: {reason}") from None
    keys = []
    for number, line in enumerate(lines, 1):
        secret, _, name = line.strip().partition(" ")
        if secret and not secret.startswith("#"):
            keys.append(checked_key(secret, name.strip() or f"line {number} of {path.name}"))
    if not keys:
        raise BadSetting(f"expected a key in {path}, got none: `openssl rand -hex 16 >> {path}` adds one")
    return keys


def own_key(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """The key that a client shows: of the file's first line, else of the environment; empty where there is none."""
    if file is None and (secret := environ.get(KEY_VARIABLE)):
        return checked_key(secret, KEY_VARIABLE).secret
    if file is None and (named := environ.get(FILE_VARIABLE)):
        file = Path(named)
    return read_keys(file)[0].secret if file else ""


def bearer(key: str) -> dict[str, str]:
    """The header that shows it."""
    return {"authorization": f"Bearer {key}"} if key else {}
