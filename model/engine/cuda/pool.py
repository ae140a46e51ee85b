"""The caches of all sequences, in one stretch of device memory that is asked for once. A slot is one sequence's share.

Position p of slot s lies in line s * context + p. One more line, the last, takes what pads a pass.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.networks.attention import Tags
from model.networks.config import GROUPS, NetworkConfig, Sharing


@dataclass(frozen=True, slots=True)
class Rows:
    """A pass's rows, one for each new token, and which keys each of them sees: a run of positions, and a list of them.

    The run is `start` to `position`; the list, of partitioned networks alone, is the first `listed` of the group's own.
    """

    base: Tensor  # (R,) the line of its sequence's first token
    line: Tensor  # (R,) its own
    position: Tensor  # (R,)
    group: Tensor  # (R,) of its attribute
    start: Tensor  # (R,)
    listed: Tensor | None  # (groups, R)


class Pool:
    """Rewinding is forgetting a length; nothing here is touched by it."""

    def __init__(self, config: NetworkConfig, slots: int, dtype: torch.dtype, device: torch.device) -> None:
        self._config = config
        self.lines = slots * config.context + 1
        parts = GROUPS if config.sharing is Sharing.PARTITIONED else 0
        # A layer's keys, turned by position, then its values.
        shape = (2 * config.layers, config.kv_heads, self.lines, config.head_size)
        self.memory = torch.zeros(shape, dtype=dtype, device=device)
        self.attributes = torch.zeros(self.lines, dtype=torch.int32, device=device)  # grouped asks for them
        # Partitioned: positions of each group's own tokens and the header's, without gaps; how many up to a position.
        self.own = torch.zeros((parts, self.lines), dtype=torch.int32, device=device)
        self.own_so_far = torch.zeros((parts, self.lines), dtype=torch.int32, device=device)

    @property
    def slot_bytes(self) -> int:
        return sum(each.nbytes for each in self._all()) // self.lines * self._config.context

    def copy(self, source: int, target: int, length: int) -> None:
        """The first `length` tokens of one slot to another."""
        start, to = source * self._config.context, target * self._config.context
        for each in self._all():
            lines = each.movedim(-2, 0) if each.dim() == 4 else each.movedim(-1, 0)
            lines[to : to + length] = lines[start : start + length]

    def enter(self, rows: Tensor, tags: Tags) -> Rows:
        """Write down of the new tokens what attention will ask. rows: (ROW_FACTS, R), as they were told."""
        _, slot, position, first = rows.unbind()
        base = slot * self._config.context
        line = base + position
        if self._config.sharing is Sharing.GROUPED:
            self.attributes.index_copy_(0, line, tags.attribute.int())
        if self._config.sharing is not Sharing.PARTITIONED:
            return Rows(base, line, position, tags.group, torch.zeros_like(position), None)
        self._list(tags, base, position, first)
        start = (position + 1 - self._config.window).clamp_(min=0)
        return Rows(base, line, position, tags.group, start, self._own_before(base, start))

    def _list(self, tags: Tags, base: Tensor, position: Tensor, first: Tensor) -> None:
        groups = torch.arange(GROUPS, device=base.device)[:, None]
        is_own = (tags.group == groups) | tags.in_header  # (groups, R)
        counted = is_own.cumsum(1)
        before_pass = self._own_before(base, position[first])
        so_far = before_pass + counted - (counted - is_own.long())[:, first]
        self.own_so_far.index_copy_(1, base + position, so_far.int())
        to = torch.where(is_own, base + so_far - 1, self.lines - 1)
        self.own.scatter_(1, to, position.int().expand_as(to))

    def _own_before(self, base: Tensor, position: Tensor) -> Tensor:
        """How many of its own a group has before the position: (groups, R)."""
        return self.own_so_far[:, (base + position - 1).clamp(min=0)] * (position > 0)

    def _all(self) -> tuple[Tensor, ...]:
        return self.memory, self.attributes, self.own, self.own_so_far
