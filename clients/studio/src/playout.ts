// Committed notes, until they are over: handed on shortly before they are due, each note-on with exactly one note-off.
// Knows neither instruments nor plans.

export const AHEAD_S = 0.2; // notes leave this early: so long may the page be busy. What is cancelled later than that is hushed by its instrument
const LATEST_S = 0.05; // a note later than this is noise: better not played
const LATENESS = 400;

export interface Due {
  on: number; // audio time, in seconds
  off: number;
  part: number;
  pitch: number;
  velocity: number;
}

export interface Instrument {
  on(note: Due, at: number): void;
  off(note: Due, at: number): void;
}

export class Playout {
  late = 0; // left out
  lateness: number[] = []; // of the newest notes, in seconds
  private waiting: Due[] = []; // earliest first
  private sounding = new Map<number, Due>(); // by part and pitch

  constructor(private readonly instrument: Instrument) {}

  /** False when it came too late to be played. */
  add(note: Due, now: number): boolean {
    if (note.on < now - LATEST_S) {
      this.late++;
      return false;
    }
    const place = this.waiting.findLastIndex((each) => each.on <= note.on) + 1;
    this.waiting.splice(place, 0, note);
    this.wake(now);
    return true;
  }

  wake(now: number): void {
    for (const [key, note] of this.sounding) if (note.off <= now + AHEAD_S) this.end(key, note.off);
    while (this.waiting[0] && this.waiting[0].on <= now + AHEAD_S) {
      const note = this.waiting.shift() as Due;
      const key = note.part * 128 + note.pitch;
      this.end(key, Math.min(note.on, this.sounding.get(key)?.off ?? note.on)); // struck again
      this.lateness = [...this.lateness.slice(1 - LATENESS), Math.max(0, now - note.on)];
      this.instrument.on(note, Math.max(note.on, now));
      this.sounding.set(key, note);
    }
  }

  /** Nothing sounds, nothing waits. */
  silence(now: number): void {
    this.waiting = [];
    for (const [key, note] of this.sounding) this.end(key, Math.max(now, note.on + 0.001));
  }

  private end(key: number, at: number): void {
    const note = this.sounding.get(key);
    this.sounding.delete(key);
    if (note) this.instrument.off(note, at);
  }
}
