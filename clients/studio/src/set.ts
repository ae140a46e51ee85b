// A set as it is played: its notes, its tempi and meters, and where in it the server's ticks begin.
// Knows neither sound nor server.

import { meterOf, type Meter } from "./clock";
import { promptBefore } from "./midifile";
import { Notes, type Note } from "./notes";
import { YOU, type Settings } from "./settings";
import type { Stretch } from "./tempi";
import type { PromptNote } from "./wire";

export interface Stroke {
  tick: number;
  pitch: number;
  velocity: number; // 0: the key came up
}

export class PlayedSet {
  readonly notes = new Notes();
  stretches: Stretch[] = [];
  base = 0; // the tick of ours that is the server's tick 0
  countIn = 0; // ticks
  at = 0; // when it began, by the calendar

  begin({ bpm, meter, countIn }: Pick<Settings, "bpm" | "meter" | "countIn">): void {
    this.notes.clear();
    this.stretches = [{ tick: 0, bpm, meter }];
    this.base = 0;
    this.countIn = countIn * meterOf(meter).bar;
    this.at = Date.now();
  }

  /** Other settings hold from the newest line before `tick` on: a bar's, or a beat's where the meter changes. */
  turn(tick: number, { bpm, meter }: Pick<Settings, "bpm" | "meter">): void {
    const before = this.stretches.at(-1);
    if (!before) return;
    const grid = before.meter === meter ? meterOf(meter).bar : meterOf(before.meter).beat;
    const line = before.tick + Math.max(0, Math.floor((tick - before.tick) / grid)) * grid;
    if (before.bpm !== bpm || before.meter !== meter) {
      this.stretches = [...this.stretches.filter((each) => each.tick < line), { tick: line, bpm, meter }];
    }
    this.base = line;
    this.countIn = 0;
  }

  /** The newest meter. */
  meter(otherwise: string): Meter {
    return meterOf(this.stretches.at(-1)?.meter ?? otherwise);
  }

  /** What a server that begins at `base` should know of before. */
  prompt(): PromptNote[] {
    const before = this.notes.all.filter((note) => note.tick < this.base).map(asPrompt);
    return promptBefore(before, this.base, this.meter("4/4").bar);
  }

  /** What the human has done since `base`. */
  strokes(): Stroke[] {
    const strokes = this.notes.all.flatMap(({ who, tick, end, pitch, velocity }) => {
      if (who !== "you" || tick < this.base) return [];
      const down = { tick, pitch, velocity };
      return end === null ? [down] : [down, { tick: end, pitch, velocity: 0 }];
    });
    return strokes.sort((a, b) => a.tick - b.tick || a.velocity - b.velocity);
  }
}

function asPrompt({ tick, end, part, pitch, velocity, who }: Note): PromptNote {
  return { tick, duration: Math.max(1, (end ?? tick + 1) - tick), part: who === "guest" ? YOU : part, pitch, velocity };
}
