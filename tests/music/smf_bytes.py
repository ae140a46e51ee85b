"""Standard MIDI Files by hand: whole ones, and the ways in which they break."""

import struct

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x40\x40\x10\x80\x40\x00"
HUGE = b"\xff\xff\xff\x7f"  # 268,435,455 as a variable-length quantity


def head(form: int = 1, tracks: int = 1, division: int = 480) -> bytes:
    return b"MThd" + struct.pack(">IHHH", 6, form, tracks, division)


def track(body: bytes, length: int | None = None) -> bytes:
    return b"MTrk" + struct.pack(">I", len(body) if length is None else length) + body


def one_track(body: bytes, division: int = 480) -> bytes:
    return head(division=division) + track(body + END)


# What is wrong -> the bytes, and words of the sentence that must say so.
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "begins with MThd"),
    "text": (b"Dear diary, today I wrote a fugue.", "begins with MThd"),
    "riff": (b"RIFF" + bytes(40), "begins with MThd"),
    "header only": (head(), "1 tracks, got 0"),
    "header cut short": (head()[:9], "14 bytes, got 9"),
    "header of 8 bytes": (b"MThd\x00\x00\x00\x08\x00\x01\x00\x01\x01\xe0ab" + track(NOTE + END), "at byte 4"),
    "65535 tracks claimed": (head(1, 65535) + track(NOTE + END), "1 to 128 tracks, got 65535"),
    "65535 tracks present": (head(1, 65535) + track(END) * 65535, "1 to 128 tracks, got 65535"),
    "129 tracks": (head(1, 129) + track(NOTE + END) * 129, "1 to 128 tracks, got 129"),
    "no tracks": (head(1, 0), "1 to 128 tracks, got 0"),
    "a track missing": (head(1, 2) + track(NOTE + END), "2 tracks, got 1"),
    "track of 4 GB": (head() + track(NOTE, 0xFFFFFFFF), "4294967295 bytes of chunk at byte 22, got 8"),
    "track cut in an event": (head() + track(b"\x00\x90\x40"), "end of the track at byte 25"),
    "track cut after a time": (head() + track(NOTE + b"\x00"), "end of the track"),
    "chunk header cut": (head() + b"MTrk\x00", "1 tracks, got 0"),
    "huge sysex": (one_track(b"\x00\xf0" + HUGE + bytes(20)), "65536 bytes in one event, got 268435455"),
    "huge meta": (one_track(b"\x00\xff\x01" + HUGE + b"a" * 20), "65536 bytes in one event, got 268435455"),
    "sysex of 64 KiB and 1": (one_track(b"\x00\xf0\x84\x80\x01" + bytes(65537)), "got 65537"),
    "meta beyond the track": (one_track(b"\x00\xff\x01\x7fabc"), "127 bytes of event"),
    "time of 11 bytes": (one_track(b"\xff" * 10 + b"\x7f\x90\x40\x40"), "at most 4 bytes, got more at byte 22"),
    "length of 5 bytes": (one_track(b"\x00\xff\x01\x80\x80\x80\x80\x01a"), "at most 4 bytes, got more at byte 25"),
    "centuries": (one_track((HUGE + b"\x90\x40\x40") * 1000), "ticks of at most"),
    "data byte over 127": (one_track(b"\x00\x90\x40\xff"), "at most 127, got 255"),
    "running status without status": (one_track(b"\x00\x40\x40"), "status byte, got 64 at byte 23"),
    "division 0": (head(division=0) + track(NOTE + END), "SMPTE time, got 0"),
    "SMPTE division": (head(division=0xE728) + track(NOTE + END), "SMPTE time, got 59176"),
    "tempo 0": (one_track(b"\x00\xff\x51\x03\x00\x00\x00" + NOTE), "above 0, got 000000"),
    "tempo of 1 byte": (one_track(b"\x00\xff\x51\x01\x07" + NOTE), "3 bytes and above 0, got 07"),
    "tempo of no bytes": (one_track(b"\x00\xff\x51\x00" + NOTE), "got none"),
    "meter 4 over 2 to the 255": (one_track(b"\x00\xff\x58\x04\x04\xff\x18\x08" + NOTE), "meter such as"),
    "meter 0/4": (one_track(b"\x00\xff\x58\x04\x00\x02\x18\x08" + NOTE), "meter such as"),
    "meter of no bytes": (one_track(b"\x00\xff\x58\x00" + NOTE), "meter such as"),
    "format 2": (head(2, 2) + track(NOTE + END) * 2, "format 0 or 1, got 2"),
    "format 9": (head(9, 1) + track(NOTE + END), "format 0 or 1, got 9"),
    "a million events": (one_track(b"\x00\x90\x40\x40\x01\x80\x40\x00" * 500_000), "200000 events"),
    "status F4": (one_track(b"\x00\xf4" + NOTE), "got status 0xf4 at byte 23"),
    "no notes": (one_track(b""), "with notes, got none"),
    "key signature without notes": (one_track(b"\x00\xff\x59\x02\x7f\x09"), "with notes, got none"),
    "notes of velocity 0": (one_track(b"\x00\x90\x40\x00"), "with notes, got none"),
    "three hours": (one_track((b"\xff\xff\x7f\x90\x40\x40" + b"\x00\x80\x40\x00") * 5), "at most 7200 seconds"),
}

# Odd, but music.
ACCEPTED: dict[str, bytes] = {
    "plain": one_track(NOTE),
    "format 0": head(0) + track(NOTE + END),
    "no end of track": head() + track(NOTE),
    "no note-off": one_track(b"\x00\x90\x40\x40"),
    "5000 ons, no off": one_track(b"\x00\x90\x40\x40" * 5000),
    "unknown chunk": head() + b"XFIH\x00\x00\x00\x02ab" + track(NOTE + END),
    "bytes after the last track": one_track(NOTE) + b"abc",
    "bytes after the end of the track": head() + track(NOTE + END + b"abc"),
    "more tracks than claimed": one_track(NOTE) + track(NOTE + END),
    "sysex and its continuation": one_track(b"\x00\xf0\x02a\xf7\x00\xf7\x01a" + NOTE),
    "name not UTF-8": one_track(b"\x00\xff\x03\x04\xff\xfe\x80\x00" + NOTE),
    "running status over a meta event": one_track(b"\x00\x90\x40\x40\x10\xff\x01\x01a\x00\x40\x00"),
    "bends, pressure and controllers": one_track(
        b"\x00\xe0\x00\x40\x00\xd0\x01\x00\xa0\x01\x01\x00\xb0\x07\x64" + NOTE
    ),
    "bad key signature": one_track(b"\x00\xff\x59\x02\x7f\x09" + NOTE),
    "division 32767": one_track(NOTE, division=32767),
    "division 1": one_track(NOTE, division=1),
    "sysex of 64 KiB": one_track(b"\x00\xf0\x84\x80\x00" + bytes(65536) + NOTE),
}
