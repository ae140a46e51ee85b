"""Which way the next weights should share: a rule, what it finds in the tables, and whether what is shipped agrees."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.study.claims import nats_verdict
from benchmarks.study.compare import Standing
from benchmarks.study.phrases import for_these, signed
from benchmarks.study.plan import MHA, Match
from benchmarks.study.speed import SHIPPED
from model.networks.config import Sharing
from model.registry import load


@dataclass(frozen=True, slots=True)
class Shipped:
    """What the tables are to decide about."""

    sharing: Sharing
    context: int


def shipped() -> Shipped:
    config = load(SHIPPED).config
    return Shipped(config.sharing, config.context)


def verdict(everything: Sequence[Standing], ours: Shipped) -> list[str]:
    """A section of the page."""
    rows = sorted((row for row in everything if row.match is Match.TIME), key=lambda row: row.nats_per_token)
    rule = (
        f"What a player is asked to wait for is a token, so the rule is: the way that predicts best where all take as "
        f"long as `{MHA}` does in `{SHIPPED}`, for one player and a context of {ours.context:,}."
    )
    found = _finding(rows, ours) if len(rows) > 1 else "That table is not there yet."
    return ["## Which way should be the default?", f"{rule} {found}"]


def _finding(rows: Sequence[Standing], ours: Shipped) -> str:
    best = rows[0]
    parts = [f"It chooses `{best.way}`{for_these(len(best.seeds))}"]
    if best.way != MHA:
        parts.append(f", with {signed(best.more_nats)} % nats a token ({nats_verdict(best)})")
    spread = next(row.spread for row in rows if row.way == MHA)
    near = [f"`{row.way}`" for row in rows[1:] if row.nats_per_token - best.nats_per_token < spread]
    if near:
        parts.append(f"; {' and '.join(near)} differ from it by less than seeds of `{MHA}` do")
    if best.way == ours.sharing.value:
        parts.append(f". `{SHIPPED}` shares so: **they agree**.")
    else:
        parts.append(
            f". `{SHIPPED}` is `{ours.sharing.value}`: **they do not agree**. Weights that share one way cannot be "
            f"made to share another, so the shipped ones stay; the next are to be trained with `--sharing {best.way}`."
        )
    return "".join(parts)
