// A take played back, on the page's own instruments.

import { channelOf } from "./channels";
import type { Light } from "./keys";
import { Notes, type Who } from "./notes";
import type { PastNote } from "./past";
import { Playout, type Due } from "./playout";
import type { Sound } from "./sound";
import { notesOf, type Take, type Voice } from "./take";
import { secondsAt, tickAt } from "./tempi";

const LEAD_S = 0.3;
const AHEAD_S = 1; // notes are handed on so early

export class Replay {
  take: Take | null = null;
  notes = new Notes();
  private sound: Sound | null = null;
  private zero = 0; // the audio time of tick 0
  private waiting: PastNote[] = []; // the earliest last
  private voices = new Map<number, Voice>();
  private readonly playout = new Playout({ on: (note, at) => this.on(note, at), off: (note, at) => this.off(note, at) });

  constructor(
    private readonly light: (pitch: number, light: Light, on: boolean) => void,
    private readonly ended: () => void,
  ) {}

  start(take: Take, sound: Sound): void {
    this.stop();
    this.take = take;
    this.sound = sound;
    this.notes = new Notes();
    this.voices = new Map(take.voices.map((voice) => [voice.part, voice]));
    const notes = notesOf(take);
    for (const note of notes) this.notes.put(note, this.who(note.part));
    this.waiting = notes.reverse();
    for (const { part, program } of take.voices) sound.program(channelOf(part, program), program);
    this.zero = sound.now + LEAD_S - secondsAt(take.stretches, this.waiting.at(-1)?.tick ?? 0); // no long silence before the first
  }

  stop(): void {
    if (!this.take) return;
    this.playout.silence(this.sound?.now ?? 0);
    this.sound?.hush();
    this.take = null;
    this.ended();
  }

  wake(now: number): void {
    const { take } = this;
    if (!take) return;
    const seconds = (tick: number) => this.zero + secondsAt(take.stretches, tick);
    for (let note = this.waiting.at(-1); note && seconds(note.tick) < now + AHEAD_S; note = this.waiting.at(-1)) {
      this.waiting.pop();
      this.playout.add({ ...note, on: seconds(note.tick), off: seconds(note.end) }, now);
    }
    this.playout.wake(now);
    if (now > this.zero + take.seconds) this.stop();
  }

  /** What one hears at this audio time. */
  tickAt(seconds: number): number {
    return this.take ? tickAt(this.take.stretches, Math.max(0, seconds - this.zero)) : 0;
  }

  private who(part: number): Who {
    return this.voices.get(part)?.who ?? "machine";
  }

  private channel(part: number): number {
    return channelOf(part, this.voices.get(part)?.program ?? 0);
  }

  private on({ part, pitch, velocity }: Due, at: number): void {
    this.sound?.on(this.channel(part), pitch, velocity, at);
    this.lightAt(part, pitch, true, at);
  }

  private off({ part, pitch }: Due, at: number): void {
    this.sound?.off(this.channel(part), pitch, at);
    this.lightAt(part, pitch, false, at);
  }

  private lightAt(part: number, pitch: number, on: boolean, at: number): void {
    const wait = (this.sound?.heardAt(at) ?? 0) - performance.now();
    setTimeout(() => this.light(pitch, this.who(part), on), Math.max(0, wait));
  }
}
