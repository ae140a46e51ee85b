"""How loud a recording is to a listener: ITU-R BS.1770-4, gated, of one channel. Knows no files.

The two filters of the recommendation only weigh frequencies, so they are applied to the energies of each block.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
BLOCK_S, HOP_S = 0.4, 0.1
SILENCE_LUFS = -70.0  # blocks below it do not count, nor
QUIETER_LU = 10.0  # those so far below the mean of the rest
# At 48 kHz: numerators and denominators of the shelf, which is the head's, and of the high pass.
SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
FILTERS_HZ = 48_000


def loudness(samples: Samples, rate: int) -> float:
    """LUFS of samples of -1 to 1; minus infinity for silence and for less than a block."""
    size, hop = round(BLOCK_S * rate), round(HOP_S * rate)
    starts = range(0, len(samples) - size + 1, hop)
    weight = _weight(np.arange(size // 2 + 1) * rate / size)
    power = np.array([_power(samples[start : start + size], weight) for start in starts])
    kept = power[power > _power_of(SILENCE_LUFS)]
    if not kept.size:
        return float("-inf")
    kept = kept[kept > kept.mean() * 10 ** (-QUIETER_LU / 10)]
    return float(-0.691 + 10 * np.log10(kept.mean()))


def level(clips: list[Samples], rate: int, target: float, peak: float) -> list[Samples]:
    """All as loud as the target, or as loud as is possible where none may exceed the peak."""
    gains = [_gain(clip, rate, target) for clip in clips]
    highest = max(gain * np.abs(clip).max() for gain, clip in zip(gains, clips, strict=True))
    shared = min(1.0, peak / highest)
    return [clip * gain * shared for gain, clip in zip(gains, clips, strict=True)]


def _gain(clip: Samples, rate: int, target: float) -> float:
    """1 for silence. Twice, since what was too quiet to count may count when it is louder."""
    gain = 1.0
    for _ in range(2):
        found = loudness(gain * clip, rate)
        gain *= 10 ** ((target - found) / 20) if np.isfinite(found) else 1.0
    return gain


def _power(block: Samples, weight: Samples) -> float:
    """Mean square after weighing, by Parseval."""
    energy = np.abs(np.fft.rfft(block)) ** 2 * weight
    both_sides = 2 * energy.sum() - energy[0] - (energy[-1] if len(block) % 2 == 0 else 0)
    return float(both_sides / len(block) ** 2)


def _power_of(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _weight(frequencies: Samples) -> Samples:
    """(f,): what the filters make of each frequency's energy; the same in Hz at whatever rate."""
    z = np.exp(-2j * np.pi * np.minimum(frequencies, FILTERS_HZ / 2) / FILTERS_HZ)
    gain = np.ones(len(frequencies))
    for above, below in (SHELF, HIGH_PASS):
        gain = gain * np.abs(np.polyval(above[::-1], z) / np.polyval(below[::-1], z)) ** 2
    return gain
