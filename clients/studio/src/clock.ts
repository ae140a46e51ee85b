// Ticks and the audio clock. Knows no audio: seconds are handed in.

import { TICKS } from "./wire";

const MEMORY_S = 10; // how long a followed clock trusts the best message that it has heard

export class Clock {
  private anchor: number | null = null; // audio time of tick 0
  private heard: { at: number; zero: number }[] = [];

  constructor(public bpm: number) {}

  get runs(): boolean {
    return this.anchor !== null;
  }

  get ticksPerSecond(): number {
    return (this.bpm * TICKS) / 60;
  }

  /** `tick` is now at `seconds`. */
  set(tick: number, seconds: number): void {
    this.anchor = seconds - tick / this.ticksPerSecond;
  }

  stop(): void {
    this.anchor = null;
    this.heard = [];
  }

  /** Of a running clock; the tick that `seconds` is in goes on. */
  retime(bpm: number, seconds: number): void {
    const tick = this.tickAt(seconds);
    this.bpm = bpm;
    if (tick !== null) this.set(tick, seconds);
  }

  tickAt(seconds: number): number | null {
    return this.anchor === null ? null : (seconds - this.anchor) * this.ticksPerSecond;
  }

  timeAt(tick: number): number {
    return (this.anchor ?? 0) + tick / this.ticksPerSecond;
  }

  /** Somebody else's clock said `tick`, which was sent at `seconds` at the latest: the least delayed is believed. */
  follow(tick: number, seconds: number): void {
    this.heard = this.heard.filter((each) => each.at > seconds - MEMORY_S);
    this.heard.push({ at: seconds, zero: seconds - tick / this.ticksPerSecond });
    this.anchor = Math.min(...this.heard.map((each) => each.zero));
  }
}

export interface Meter {
  beats: number;
  beat: number; // ticks
  bar: number; // ticks
}

export function meterOf(text: string): Meter {
  const [beats = 4, unit = 4] = text.split("/").map(Number);
  const beat = (TICKS * 4) / unit;
  return { beats, beat, bar: beats * beat };
}
