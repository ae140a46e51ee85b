"""Whether a file can be written, asked before the work that fills it. Knows nothing of what is written."""

import os
from pathlib import Path

from music.errors import TradefoursError


def check_output(path: Path | None, *, ending: str = "") -> None:
    """Raises TradefoursError when `path` cannot be written or has another ending. None needs no check."""
    if path is None:
        return
    if not path.name.lower().endswith(ending):
        raise TradefoursError(f"expected a file name that ends with {ending}, got {path}")
    if path.is_dir():
        raise TradefoursError(f"expected the name of a file to write, got the folder {path}")
    if not path.parent.is_dir():
        raise TradefoursError(f"expected a folder to write {path.name} into, found none at {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise TradefoursError(f"expected leave to write {path}, got none")
