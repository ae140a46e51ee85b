// What the roll shows: our set; else a take that is played back; while neither plays, somebody else's set.

import { meterOf } from "./clock";
import type { View } from "./roll";
import type { Session } from "./session";

export function viewOf(session: Session): View {
  const { set, replay, clock, room, watch, settings, heardNow } = session;
  const measures = (stretches: { tick: number; meter: string }[]) => stretches.map(({ tick, meter }) => ({ tick, meter: meterOf(meter) }));
  if (replay.take) {
    return { notes: replay.notes, now: replay.tickAt(heardNow), stretches: measures(replay.take.stretches), chords: chartOf(replay.take.settings.chords) };
  }
  const watched = session.plays || set.notes.size ? undefined : watch.sessions.get(room.name || (room.others[0] ?? ""));
  if (watched) {
    return { notes: watched.notes, now: watched.clock.tickAt(heardNow) ?? 0, stretches: measures([{ tick: 0, meter: watched.start.meter }]), chords: [] };
  }
  // A set that has ended stands still where it ended.
  const stretches = set.stretches.length ? set.stretches : [{ tick: 0, meter: settings.meter }];
  return { notes: set.notes, now: clock.tickAt(heardNow) ?? set.notes.lastTick, stretches: measures(stretches), chords: chartOf(settings.chords) };
}

function chartOf(chords: string): string[] {
  return chords === "follow" || !chords ? [] : chords.split("|").map((bar) => bar.trim());
}

/** Bar and beat. */
export function position({ now, stretches }: View): string {
  let bars = 0;
  for (const [index, { tick: start, meter }] of stretches.entries()) {
    const end = stretches[index + 1]?.tick ?? Infinity;
    if (now < end) {
      const beats = Math.max(0, Math.floor((now - start) / meter.beat));
      return `${bars + Math.floor(beats / meter.beats) + 1} · ${(beats % meter.beats) + 1}`;
    }
    bars += Math.ceil((end - start) / meter.bar);
  }
  return "1 · 1";
}
