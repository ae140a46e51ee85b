"""What kind of processor this is, as far as the system tells."""

import platform
from pathlib import Path

FEATURES = ("avx2", "avx512f", "avx512_vnni", "amx_int8", "asimddp")  # what a fast engine would use


def processor_name() -> str:
    return next(iter(_cpu_lines("model name")), platform.processor() or platform.machine())


def cpu_features() -> tuple[str, ...]:
    """Of those that matter here, what this processor has; empty where the system does not say."""
    present = set(" ".join([*_cpu_lines("flags"), *_cpu_lines("Features")]).split())
    return tuple(feature for feature in FEATURES if feature in present)


def _cpu_lines(name: str) -> list[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(name)]
