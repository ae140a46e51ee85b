"""What the intervals allow to say of a way, beside `mha` and beside the paper's claim."""

from typing import Final

from benchmarks.study.compare import Standing
from benchmarks.study.phrases import for_these
from benchmarks.study.plan import MHA

CLAIMED_LOSS: Final = 0.4  # percent of NMSI


def loss_verdict(row: Standing) -> str:
    """Of a loss as small as the paper's."""
    if -row.more_nmsi.high <= CLAIMED_LOSS < -row.more_nmsi.low:
        return "neither shown nor refuted"
    return ("refuted" if -row.more_nmsi.high > CLAIMED_LOSS else "shown") + for_these(len(row.seeds))


def nats_verdict(row: Standing) -> str:
    if row.more_nats.low <= 0 <= row.more_nats.high:
        return f"not told apart from `{MHA}`"
    return f"{'worse' if row.more_nats.value > 0 else 'better'} than `{MHA}`{for_these(len(row.seeds))}"
