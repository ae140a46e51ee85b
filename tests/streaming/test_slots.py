"""The machine's parts are written before the humans', whatever their numbers."""

from collections import Counter

import pytest

from model.tokens.codec import Header, decode
from model.tokens.grammar import mask_of
from music.errors import BadSetting
from music.events import NoteOn
from streaming.messages import Control, PlayerPart, Start
from streaming.settings import Settings
from tests.streaming.live_set import live_set, scribe_of
from tests.streaming.test_modes import steady

BAR = 1920


def players(*parts: int) -> tuple[PlayerPart, ...]:
    return tuple(PlayerPart(part=part, program=part) for part in parts)


def test_the_machines_parts_have_the_first_slots() -> None:
    header = Settings.of(Start(human=players(0, 9), machine=players(12, 3))).header
    assert header.order == (3, 12, 0, 9)
    assert [header.slot_of(part) for part in header.order] == [0, 1, 2, 3]
    assert header.slots_of(mask_of([12, 9])) == 0b1010
    programs = {3: 0, 12: 1, 0: 2, 9: 3}
    assert header.tokens()[3:] == Header(programs={slot: part for part, slot in programs.items()}).tokens()[3:]


def test_an_order_names_every_part_once() -> None:
    with pytest.raises(BadSetting, match=r"an order of parts \[0, 1\], got \(1, 1\)"):
        Header(programs={0: 0, 1: 0}, order=(1, 1))


def test_only_a_new_player_makes_a_new_order() -> None:
    before = Settings.of(Start(human=players(0), machine=players(1, 2)))
    fewer = before.changed(Control(machine=players(2)))
    assert fewer.header == before.header
    assert fewer.joined(PlayerPart(part=5)).header.order == (2, 0, 1, 5)
    assert before.changed(Control(machine=players(1, 2, 7))).header.order == (1, 2, 7, 0)


def test_a_machine_that_changes_its_parts_keeps_what_everybody_has_played() -> None:
    played, arrivals = live_set(Start(mode="duet"), seed=3), steady(0, 3 * BAR)
    played.play(arrivals, until=2 * BAR)
    played.listener.machine = frozenset({1, 2, 3})
    played.session.receive(Control(machine=players(1, 2, 3)), played.now)
    played.play([(at, event) for at, event in arrivals if at >= 2 * BAR], until=3 * BAR)
    transcript = scribe_of(played.session).transcript
    assert transcript.header.order == (1, 2, 3, 0)
    human = Counter(note.pitch for note in decode(transcript.tokens).notes if note.part == 3)
    assert human == Counter(event.pitch for _, event in arrivals if isinstance(event, NoteOn))
    assert tuple(played.engine.tokens[: len(transcript)]) == transcript.tokens
