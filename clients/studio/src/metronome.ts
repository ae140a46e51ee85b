// Clicks on the beat, handed to the audio clock shortly before they are due.

import type { Clock, Meter } from "./clock";
import { AHEAD_S } from "./playout";
import type { Sound } from "./sound";

export class Metronome {
  private clicked = -1; // the audio time up to which all beats have clicked

  reset(): void {
    this.clicked = -1;
  }

  /** `origin` is the tick of a bar line. */
  wake(sound: Sound, clock: Clock, origin: number, meter: Meter): void {
    const from = Math.max(this.clicked, sound.now);
    const until = sound.now + AHEAD_S;
    if (until <= from) return;
    let beat = Math.max(0, Math.ceil(((clock.tickAt(from) ?? 0) - origin) / meter.beat));
    for (; clock.timeAt(origin + beat * meter.beat) < until; beat++) {
      const at = clock.timeAt(origin + beat * meter.beat);
      if (at >= from) sound.click(at, beat % meter.beats === 0);
    }
    this.clicked = until;
  }
}
