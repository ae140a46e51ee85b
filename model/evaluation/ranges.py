"""The keys that each General MIDI instrument has, sounding pitch; wide, as good players reach further than books say.

Synthesisers and sound effects have every key.
"""

from music.score import DRUMS

EVERY = (0, 127)
_BY_PROGRAMS: dict[range, tuple[int, int]] = {
    range(0, 8): (21, 108),  # pianos, harpsichord, clavinet
    range(8, 9): (60, 108),  # celesta
    range(9, 10): (72, 108),  # glockenspiel
    range(10, 11): (60, 96),  # music box
    range(11, 12): (53, 89),  # vibraphone
    range(12, 13): (36, 96),  # marimba
    range(13, 14): (53, 108),  # xylophone
    range(14, 15): (48, 84),  # tubular bells
    range(15, 16): (36, 96),  # dulcimer
    range(16, 21): (24, 108),  # organs
    range(21, 24): (36, 105),  # accordions, harmonica
    range(24, 32): (38, 91),  # guitars, the sixth string down to D
    range(32, 40): (23, 67),  # basses, five strings
    range(40, 41): (55, 105),  # violin
    range(41, 42): (48, 93),  # viola
    range(42, 43): (36, 84),  # cello
    range(43, 44): (24, 67),  # contrabass
    range(44, 46): (24, 105),  # string sections
    range(46, 47): (23, 104),  # harp
    range(47, 48): (33, 60),  # timpani
    range(48, 52): (24, 105),  # string ensembles
    range(52, 55): (36, 86),  # choirs
    range(55, 56): EVERY,  # orchestra hit
    range(56, 57): (52, 89),  # trumpet
    range(57, 58): (34, 79),  # trombone
    range(58, 59): (26, 65),  # tuba
    range(59, 60): (52, 89),  # muted trumpet
    range(60, 61): (30, 81),  # horn
    range(61, 64): (28, 89),  # brass sections
    range(64, 65): (54, 92),  # soprano saxophone
    range(65, 66): (46, 87),  # alto saxophone
    range(66, 67): (42, 82),  # tenor saxophone
    range(67, 68): (34, 75),  # baritone saxophone
    range(68, 69): (58, 93),  # oboe
    range(69, 70): (52, 84),  # cor anglais
    range(70, 71): (34, 77),  # bassoon
    range(71, 72): (48, 98),  # clarinet, in A
    range(72, 73): (74, 110),  # piccolo
    range(73, 74): (59, 98),  # flute
    range(74, 76): (53, 98),  # recorder, pan flute
    range(76, 80): (48, 103),  # bottle, shakuhachi, whistle, ocarina
    range(104, 108): (36, 96),  # sitar, banjo, shamisen, koto
    range(108, 112): (48, 100),  # kalimba, bagpipe, fiddle, shanai
}
_RANGES = {program: keys for programs, keys in _BY_PROGRAMS.items() for program in programs} | {DRUMS: (27, 87)}


def in_range(pitch: int, program: int) -> bool:
    low, high = _RANGES.get(program, EVERY)
    return low <= pitch <= high
