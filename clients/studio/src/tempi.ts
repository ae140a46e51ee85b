// A set's tempi and meters, one after the other: ticks to seconds and back.

import { TICKS } from "./wire";

/** From `tick` on, this tempo and this meter. The first begins at 0. */
export interface Stretch {
  tick: number;
  bpm: number;
  meter: string;
}

/** Seconds from tick 0. */
export function secondsAt(stretches: Stretch[], tick: number): number {
  return stretches.reduce((sum, { tick: from, bpm }, index) => {
    const until = Math.min(tick, stretches[index + 1]?.tick ?? Infinity);
    return sum + (Math.max(0, until - from) * 60) / (bpm * TICKS);
  }, 0);
}

export function tickAt(stretches: Stretch[], seconds: number): number {
  const last = stretches.findLast(({ tick }) => secondsAt(stretches, tick) <= seconds);
  return last ? last.tick + ((seconds - secondsAt(stretches, last.tick)) * last.bpm * TICKS) / 60 : 0;
}
