"""A file for one process alone, for as long as that has it open. What holds it dies with the process."""

import sys
from io import FileIO

if sys.platform == "win32":
    import msvcrt

    FAR = 2**40  # a locked byte can be neither read nor written, so one that no file has

    def lock(file: FileIO) -> None:
        """Raises OSError where another one has it."""
        at = file.tell()
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(at)

else:
    import fcntl

    def lock(file: FileIO) -> None:
        """Raises OSError where another one has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
