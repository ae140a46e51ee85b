"""The compiled part and its C interface, as ctypes sees it. Knows no network.

ctypes, because the library then needs neither Python's headers nor a binding generator to build, and every call
lets go of the interpreter's lock.
"""

import ctypes
from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Final

from music.errors import TradefoursError

FOLDER: Final = Path(__file__).resolve().parent
NAME: Final = "tradefours_engine"  # setup.py builds it as this
SUFFIXES: Final = (".so", ".dylib", ".dll")


class NativeUnavailable(TradefoursError):
    """No native engine here: it was not built, or cannot run this network."""


class CShape(Structure):
    _fields_ = (
        *((name, c_int32) for name in ("sharing", "layers", "width", "heads", "head_size", "hidden", "context")),
        *((name, c_int32) for name in ("window", "vocabulary", "groups", "attributes", "weights", "cache")),
        ("rope_base", c_float),
    )


class CTokenTable(Structure):
    _fields_ = (("attribute", c_char_p), ("group", c_char_p), ("in_header", c_char_p))


class CLayer(Structure):
    _fields_ = tuple(
        (name, c_void_p) for name in ("norm_attention", "qkv", "out", "leaning", "norm_mlp", "gate_up", "down")
    )


class CPerceiverShape(Structure):
    _fields_ = (("stack", CShape), ("context", c_int32), ("shorter", c_int32))


class CCross(Structure):
    _fields_ = tuple(
        (name, c_void_p)
        for name in ("norm_query", "norm_key", "query", "key_value", "out", "norm_mlp", "gate_up", "down")
    )


class CDraw(Structure):
    pass


class CFollower(Structure):
    _fields_ = (("first", c_int32), ("stop", c_int32), ("draw", POINTER(CDraw)))


CDraw._fields_ = (
    ("ranges", POINTER(c_int32)),
    ("range_count", c_int32),
    ("bias_count", c_int32),
    ("bias_tokens", POINTER(c_int32)),
    ("bias", POINTER(c_float)),
    ("temperature", c_float),
    ("top_p", c_float),
    ("min_p", c_float),
    ("follower_count", c_int32),
    ("followers", POINTER(CFollower)),
)


class CWork(Structure):
    _fields_ = (
        ("sequence", c_void_p),
        ("append", POINTER(c_int32)),
        ("append_count", c_int32),
        ("keep", c_int32),
        ("draw", POINTER(CDraw)),
        ("uniforms", POINTER(c_double)),
        ("tokens", POINTER(c_int32)),
        ("drawn", c_int32),
        ("logits", c_void_p),
    )


@cache
def library() -> ctypes.CDLL:
    """Raises NativeUnavailable where it was not built."""
    for suffix in SUFFIXES:
        path = FOLDER / (NAME + suffix)
        if path.exists():
            try:
                return _declared(ctypes.CDLL(str(path)))
            except OSError as error:
                raise NativeUnavailable(f"expected a library that loads at {path}, got: {error}") from error
    raise NativeUnavailable("expected the native engine, got none: make setup builds it, and says why where it cannot")


def paths() -> tuple[str, ...]:
    """The kernels that this processor can run, fastest first."""
    names = list[str]()
    while name := library().tradefours_path(len(names)):
        names.append(name.decode())
    return tuple(names)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    for name, result, arguments in (
        ("path", c_char_p, (c_int,)),
        ("decoder", c_void_p, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int)),
        ("perceiver", c_void_p, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int)),
        ("free_network", None, (c_void_p,)),
        ("pair", c_bool, (c_void_p, c_bool)),
        ("weight_bytes", c_int64, (c_void_p,)),
        ("sequence", c_void_p, (c_void_p,)),
        ("fork", c_void_p, (c_void_p, c_void_p)),
        ("sequence_bytes", c_int64, (c_void_p,)),
        ("free_sequence", None, (c_void_p,)),
        ("run", None, (c_void_p, c_void_p, c_int)),
    ):
        try:
            function = getattr(found, f"tradefours_{name}")
        except AttributeError as error:
            raise NativeUnavailable("expected a native engine of this version, got an older one: make setup") from error
        function.restype, function.argtypes = result, arguments
    return found
