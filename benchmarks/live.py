"""`tradefours bench live`: a human performance in real time; how soon and how punctually the machine plays.

What the figures mean, in milliseconds where they are times:

- `reaction`: from each human note to the plan that was reviewed against it (`reviewed_seq`): a note was added or taken
  back, or all that is promised next is decided, rests included. At the client; with `--ports`, at the bridge.
- `answer`: from the last key-up of a phrase to the machine's first note at the port. It contains the pause for which
  the machine waits (350 ms), and up to 200 ms in which the music may choose its moment.
- `lateness`: how long after its due time a note-on is handed to the port.
- `in_time_share`: of all notes that were to sound, those of which the player's side knew before they were due.
- `tokens_per_s`: tokens drawn in a second of computing, human notes and rewinds included.
  With `--ports`: in a second of music, as the server's heartbeats tell; the seconds without any are left out.

With `--players 16`: so many at once over WebSockets, then half as many, and so on until 99 % of their notes are in
time and p99 of `lateness` is 5 ms or less; `players_in_time` are so many. There, all times are at the clients: `margin`
is how long before its due time a note's promise arrives, `lateness` how long after. `not_sent` came too late in the
server already, and count as not in time. `notes_per_s` are those of one player's machine. Then the reactions, sixth by
sixth of the time: `--minutes 60` tells whether they are after an hour what they were at its beginning.
"""

from pathlib import Path
from typing import Final

from benchmarks.live_figures import ratios
from benchmarks.report import write_report

QUICK_S: Final = 15.0  # in each mode
FULL_S: Final = 75.0
QUICK_MANY_S: Final = 6.0  # for each number of players
FULL_MANY_S: Final = 30.0


def bench_live(
    *, model: str, ports: bool, quick: bool, json_file: Path | None, players: int = 0, minutes: float | None = None
) -> int:
    """Measure, print, write. Returns the exit code."""
    if players:
        from benchmarks.live_many import measure_many

        seconds = 60 * minutes if minutes else QUICK_MANY_S if quick else FULL_MANY_S
        found = measure_many(model, players, seconds)
        write_report("live_players", found.rows, found.ratios, json_file, further=found.stretches)
        return 0
    seconds = QUICK_S if quick else FULL_S
    if ports:
        from benchmarks.live_ports import measure_ports

        measured = measure_ports(model, seconds)
    else:
        from benchmarks.live_inside import measure_inside

        measured = measure_inside(model, seconds)
    write_report("live_ports" if ports else "live", [each.row() for each in measured], ratios(measured), json_file)
    return 0
