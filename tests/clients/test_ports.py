"""Ports by name, against a recording stand-in for python-rtmidi; real ports are in the tests marked `jack`."""

import sys
from contextlib import ExitStack
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from clients.ports import APIS, choose_api, find_port, list_ports, open_input, open_output, plain_name
from music.errors import PortError
from music.time import Nanos
from tests.clients.midi_peers import Keyboard

ON, OFF = b"\x90\x3c\x40", b"\x80\x3c\x00"


class FakeError(Exception):
    pass


class FakeSystem:
    """What python-rtmidi would find: which systems answer, and the ports there."""

    def __init__(self, *answering: str, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.callback: Any = None
        self.taken = False
        self.complaints: list[int] = []  # kinds of errors that opening and sending report
        self.living = 0
        system = self

        class Driver:
            ports: tuple[str, ...] = ()

            def __init__(self, api: str, name: str) -> None:
                if api not in [APIS[each] for each in answering]:
                    raise FakeError(f"{api} is not there")
                system.living += 1

            def get_ports(self) -> list[str]:
                return list(self.ports)

            def open_virtual_port(self, name: str) -> None:
                self.complain()
                system.done.append(("virtual", name))

            def open_port(self, index: int, name: str) -> None:
                if system.taken:
                    raise FakeError("busy")
                system.done.append(("open", index))

            def set_callback(self, callback: Any) -> None:
                system.callback = callback

            def set_error_callback(self, callback: Any) -> None:
                self.on_error = callback

            def complain(self) -> None:
                for kind in system.complaints:
                    self.on_error(kind, "out of luck", None)

            def ignore_types(self, **kinds: bool) -> None:
                assert not any(kinds.values())

            def cancel_callback(self) -> None:
                system.done.append(("no callback",))

            def close_port(self) -> None:
                system.done.append(("close",))

            def delete(self) -> None:
                system.living -= 1

            def send_message(self, message: Any) -> None:
                self.complain()
                system.done.append(("send", bytes(message)))

        self.module = SimpleNamespace(
            MidiIn=type("MidiIn", (Driver,), {"ports": inputs}),
            MidiOut=type("MidiOut", (Driver,), {"ports": outputs}),
            RtMidiError=FakeError,
            ERRORTYPE_WARNING=0,
            ERRORTYPE_DEBUG_WARNING=1,
            get_compiled_api=lambda: list(APIS.values()),
            **{constant: constant for constant in APIS.values()},
        )


@pytest.fixture(autouse=True)
def _no_choice_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEFOURS_MIDI_API", raising=False)


def install(monkeypatch: pytest.MonkeyPatch, system: FakeSystem) -> FakeSystem:
    monkeypatch.setitem(sys.modules, "rtmidi", system.module)
    return system


def ignore(message: bytes, at: Nanos) -> None:
    pass


def test_the_first_system_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeSystem("jack", "winmm"))
    assert choose_api() == "jack"


def test_the_environment_may_choose_and_the_option_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeSystem("alsa", "jack", "winmm"))
    monkeypatch.setenv("TRADEFOURS_MIDI_API", "jack")
    assert choose_api() == "jack"
    assert choose_api("winmm") == "winmm"


@pytest.mark.parametrize(
    ("wanted", "says"), [(None, "start a JACK server"), ("jack", "jack to answer"), ("oss", "got 'oss'")]
)
def test_without_a_midi_system_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None, says: str
) -> None:
    install(monkeypatch, FakeSystem())
    with pytest.raises(PortError, match=says):
        choose_api(wanted)


def test_without_python_rtmidi_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(PortError, match="pip install python-rtmidi"):
        list_ports()


def test_ports_are_made_under_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    system = install(monkeypatch, FakeSystem("coremidi"))
    assert open_input("Tradefours In", ignore).name == "Tradefours In"
    assert open_output("Tradefours Out").name == "Tradefours Out"
    assert system.done == [("virtual", "Tradefours In"), ("virtual", "Tradefours Out")]


@pytest.mark.parametrize("there", ["Tradefours In", "Tradefours In:Tradefours In 128:0"])
def test_a_second_bridge_is_told_of_the_first(monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    """A virtual input is an output to everyone else."""
    install(monkeypatch, FakeSystem("alsa", outputs=(there,)))
    with pytest.raises(PortError, match="stop the other bridge"):
        open_input("Tradefours In", ignore)


def test_windows_needs_a_port_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeSystem("winmm", outputs=("loopMIDI Port",)))
    with pytest.raises(PortError, match="loopMIDI"):
        open_output("Tradefours Out")
    assert open_output("loopmidi", virtual=False).name == "loopMIDI Port"


def test_an_existing_port_is_found_by_part_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    system = install(monkeypatch, FakeSystem("alsa", inputs=("Midi Through:0 14:0", "Digital Piano:MIDI 1 24:0")))
    assert open_input("piano", ignore, virtual=False).name == "Digital Piano:MIDI 1"
    assert system.done == [("open", 1)]


def test_a_port_that_is_not_there_is_answered_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeSystem("alsa", inputs=("Midi Through:0 14:0",)))
    with pytest.raises(PortError, match=r"'piano', got Midi Through:0$"):
        open_input("piano", ignore, virtual=False)


def test_a_port_that_another_program_holds_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    system = install(monkeypatch, FakeSystem("winmm", outputs=("Synth",)))
    system.taken = True
    with pytest.raises(PortError, match="another program may hold it"):
        open_output("synth", virtual=False)


@pytest.mark.parametrize("kind", [2, 6, 8])
def test_what_the_driver_reports_as_an_error_is_one(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    """rtmidi raises nothing of its own: whoever replaces its callback must."""
    system = install(monkeypatch, FakeSystem("jack"))
    out = open_output("Out")
    before = system.living
    system.complaints = [kind]
    with pytest.raises(PortError, match="'In' to open, got: out of luck"):
        open_input("In", ignore)
    assert system.living == before
    with pytest.raises(PortError, match="'Out' to take a message, got: out of luck"):
        out.send(ON)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_warning_of_the_driver_changes_nothing(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    system = install(monkeypatch, FakeSystem("jack"))
    system.complaints = [kind]
    open_output("Out").send(ON)
    assert system.done == [("virtual", "Out"), ("send", ON)]


def test_what_a_bridge_plays_is_no_bridges_input_and_what_it_hears_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, alien = "Tradefours Out:Tradefours Out 128:0", "a2j:Tradefours Out [128] (capture): Tradefours Out"
    ears = "Tradefours In (connected):Tradefours In (connected)"
    system = install(monkeypatch, FakeSystem("alsa", inputs=(mine, alien, "Router out"), outputs=(ears, "In the box")))
    assert list_ports().inputs == ("Router out",)
    assert list_ports().outputs == ("In the box",)
    before = system.living
    for name in ("tradefours", "Tradefours Out", "(capture)"):
        with pytest.raises(PortError, match=r"another program, got .*Tradefours Out.*: Tradefours would hear itself$"):
            open_input(name, ignore, virtual=False)
    with pytest.raises(PortError, match="would hear itself"):
        open_output("tradefours in", virtual=False)
    with pytest.raises(PortError, match=r"'piano', got Router out$"):
        open_input("piano", ignore, virtual=False)
    assert system.living == before
    assert open_input("out", ignore, virtual=False).name == "Router out"
    assert open_output("in", virtual=False).name == "In the box"


def test_who_answers_nothing_may_listen_to_a_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeSystem("jack", inputs=("Tradefours Out",), outputs=("Tradefours In",)))
    assert open_input("Tradefours Out", ignore, virtual=False, own_too=True).name == "Tradefours Out"
    assert open_output("Tradefours In", virtual=False, own_too=True).name == "Tradefours In"


@pytest.mark.jack
def test_a_connection_to_a_synthesiser_is_nobodys_keyboard(jack_server: dict[str, str]) -> None:
    """JACK shows the near end of a connection as a port like any other."""
    with ExitStack() as ports:
        synthesiser = open_input("Piano", ignore)
        ports.callback(synthesiser.close)
        ports.callback(open_output("piano", virtual=False).close)
        assert list_ports().inputs == ()
        with pytest.raises(PortError, match=r"'piano', got no ports at all$"):
            open_input("piano", ignore, virtual=False)
        with pytest.raises(PortError, match="Tradefours would hear itself"):
            open_input("connected", ignore, virtual=False)


def test_an_exact_name_goes_before_one_that_contains_it() -> None:
    assert find_port("piano", ["Piano Left", "PIANO"]) == (1, "PIANO")


def test_the_numbers_of_alsa_are_no_part_of_a_name() -> None:
    assert plain_name("Digital Piano:MIDI 1 24:0") == "Digital Piano:MIDI 1"
    assert plain_name("Port 1") == "Port 1"


def test_bytes_come_with_the_moment_they_were_played(monkeypatch: pytest.MonkeyPatch) -> None:
    system, heard = install(monkeypatch, FakeSystem("jack")), list[tuple[bytes, Nanos]]()
    open_input("In", lambda message, at: heard.append((message, at)))
    system.callback(([0x90, 60, 80], 0.0), None)
    system.callback(([0x80, 60, 0], 0.0), None)
    assert [message for message, _ in heard] == [b"\x90\x3c\x50", b"\x80\x3c\x00"]
    assert heard[0][1] == heard[1][1]  # no time passed between them at the driver


def test_what_is_neither_a_channels_nor_a_clocks_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    system, heard = install(monkeypatch, FakeSystem("jack")), list[bytes]()
    open_input("In", lambda message, at: heard.append(message))
    for message in ([0xF8], [0xFE], [0xF0, 0x7E, 0xF7], [0x90, 60, 80], [0xF2, 0, 1], [0xF1, 3], [0xFF]):
        system.callback((message, 0.001), None)
    assert heard == [b"\xf8", b"\x90\x3c\x50", b"\xf2\x00\x01"]


@pytest.mark.jack
def test_a_clock_between_two_notes_takes_no_time_from_them(jack_server: dict[str, str]) -> None:
    heard: SimpleQueue[tuple[bytes, Nanos]] = SimpleQueue()
    port = open_input("In", lambda message, at: heard.put((message, at)))
    try:
        with Keyboard("In") as keyboard:
            first, _, _, second = keyboard.play([(0, ON), (0.036, b"\xf8"), (0.038, b"\xfe"), (0.042, OFF)])
        stamps = {message: at for message, at in (heard.get(timeout=5) for _ in range(3))}
    finally:
        port.close()
    assert abs(stamps[OFF] - stamps[ON] - (second - first)) < 20_000_000


def test_a_port_that_was_closed_is_looked_for_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks may come late; the driver is gone, and to ask it would end the process."""
    install(monkeypatch, FakeSystem("jack", inputs=("Piano",), outputs=("Synth",)))
    for port in (open_input("piano", ignore, virtual=False), open_output("synth", virtual=False)):
        assert port.is_there()
        port.close()
        assert not port.is_there()


def test_the_callback_goes_before_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    system = install(monkeypatch, FakeSystem("jack"))
    open_input("In", ignore).close()
    assert system.done[-2:] == [("no callback",), ("close",)]


def test_what_is_there_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeSystem("alsa", inputs=("A 14:0",), outputs=("B 20:0",)))
    ports = list_ports()
    assert (ports.api, ports.inputs, ports.outputs) == ("alsa", ("A",), ("B",))
