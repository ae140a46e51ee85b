// Who plays the machine's notes: the page's own instruments, or MIDI outputs, part by part. Lights the keys.

import { channelOf } from "./channels";
import type { Midi } from "./midi";
import type { Due, Instrument } from "./playout";
import type { Sound } from "./sound";

const NOTE_OFF = 0x80;
const NOTE_ON = 0x90;

export class Band implements Instrument {
  sound: Sound | null = null;
  routes = new Map<number, string>(); // part -> MIDI output; without one it sounds here

  constructor(
    private readonly midi: Midi,
    private readonly programOf: (part: number) => number,
    private readonly light: (pitch: number, on: boolean) => void,
  ) {}

  on(note: Due, at: number): void {
    const channel = this.channel(note);
    if (!this.send(note, [NOTE_ON | channel, note.pitch, note.velocity], at)) this.sound?.on(channel, note.pitch, note.velocity, at);
    this.lightAt(note.pitch, true, at);
  }

  off(note: Due, at: number): void {
    const channel = this.channel(note);
    this.send(note, [NOTE_OFF | channel, note.pitch, 0], at);
    this.sound?.off(channel, note.pitch, at); // also where the output was unplugged meanwhile
    this.lightAt(note.pitch, false, at);
  }

  private channel(note: Due): number {
    return channelOf(note.part, this.programOf(note.part));
  }

  private send(note: Due, bytes: number[], at: number): boolean {
    const output = this.routes.get(note.part);
    return Boolean(output && this.sound && this.midi.send(output, bytes, this.sound.heardAt(at)));
  }

  private lightAt(pitch: number, on: boolean, at: number): void {
    const wait = (this.sound?.heardAt(at) ?? 0) - performance.now();
    setTimeout(() => this.light(pitch, on), Math.max(0, wait));
  }
}
