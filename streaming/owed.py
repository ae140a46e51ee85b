"""What the player is owed besides changes of the plan: a word on each wish, a review of each note. Knows no music."""

from streaming.messages import Plan


class Owed:
    """Never blocks; use from one thread."""

    def __init__(self, heard_seq: int | None = None) -> None:
        self._heard_seq = heard_seq  # of the newest message
        self._word = False  # a wish is to be answered, even if it changes nothing
        self._review = False  # so is a note, when it has changed the plan or what follows it is decided

    def hear(self, seq: int | None) -> None:
        if seq is not None:
            self._heard_seq = max(seq, self._heard_seq or 0)

    def answer_wish(self) -> None:
        """A control or transport was heard."""
        self._word = True

    def review_note(self) -> None:
        """A note was heard; where nobody numbers them, nobody waits for a review."""
        self._review = self._heard_seq is not None

    def is_due(self, *, is_decided: bool) -> bool:
        """`told` has something to say."""
        return self._word or (self._review and is_decided)

    @property
    def heard_seq(self) -> int | None:
        return self._heard_seq

    def told(self, plan: Plan | None, *, is_decided: bool) -> Plan | None:
        """The plan with what is owed; one that says only this, where it is due and nothing else has changed.

        `is_decided`: all that is promised next stands.
        """
        has_changed = plan is not None and bool(plan.add or plan.cancel)
        is_reviewed = self._review and (has_changed or is_decided)
        if plan is None and (self._word or is_reviewed):
            plan = Plan(answers_seq=self._heard_seq)
        if plan is not None and is_reviewed:
            plan = plan.model_copy(update={"reviewed_seq": self._heard_seq})
            self._review = False
        self._word = False
        return plan
