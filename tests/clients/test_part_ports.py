"""To those who play, a port for each part is one port."""

from collections.abc import Sequence

from clients.part_ports import PartPorts
from music.messages import ACTIVE_SENSING, note_off, note_on
from music.time import Nanos


class RecordingPort:
    ahead = Nanos(7)

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Nanos | None]] = []

    def send(self, message: Sequence[int], due: Nanos | None = None) -> None:
        self.sent.append((bytes(message), due))


def test_each_part_leaves_by_its_port_on_its_channel() -> None:
    bass, drums = RecordingPort(), RecordingPort()
    ports = PartPorts([bass, drums], [1, 9])
    ports.send(note_on(0, 33, 80), Nanos(5))
    ports.send(note_on(1, 36, 90), Nanos(6))
    ports.send(note_off(0, 33))
    assert bass.sent == [(note_on(1, 33, 80), Nanos(5)), (note_off(1, 33), None)]
    assert drums.sent == [(note_on(9, 36, 90), Nanos(6))]
    assert ports.ahead == 7


def test_two_parts_of_drums_stay_apart() -> None:
    ports = [RecordingPort(), RecordingPort()]
    both = PartPorts(ports, [9, 9])
    both.send(note_on(1, 36, 90))
    assert [port.sent for port in ports] == [[], [(note_on(9, 36, 90), None)]]


def test_what_is_no_channels_goes_to_all_and_a_channel_without_a_port_to_none() -> None:
    ports = [RecordingPort(), RecordingPort()]
    both = PartPorts(ports, [0, 1])
    both.send([ACTIVE_SENSING])
    both.send(note_off(2, 60))
    assert [port.sent for port in ports] == [[(bytes([ACTIVE_SENSING]), None)]] * 2
