// Every note of a set, human and machine, played and planned. Ticks count from the beginning of the set.

import { notesIn, Past } from "./past";
import { TICKS, type PlannedNote } from "./wire";

export const FADE_MS = 900;
const SIGHT = 64 * TICKS; // no roll shows so much of the past

export type Who = "you" | "guest" | "machine";
export type State = "tentative" | "committed" | "cancelled";

export interface Note {
  tick: number;
  end: number | null; // null while the key is down
  pitch: number;
  velocity: number;
  part: number;
  who: Who;
  state: State;
  since: number; // when its state began, by performance.now()
}

export class Notes {
  near: Note[] = []; // what has sounded lately or will, in the order of coming
  past = new Past(); // what sounded before
  private planned = new Map<number, Note>(); // the machine's, by their ids
  private down = new Map<number, Note>();
  private fading: Note[] = [];

  constructor(private readonly remembers = true) {}

  clear(): void {
    this.near = [];
    this.past = new Past();
    this.fading = [];
    this.forgetPlan();
    this.down.clear();
  }

  press(tick: number, part: number, pitch: number, velocity: number, who: Who): void {
    this.release(tick, part, pitch);
    const note: Note = { tick, end: null, pitch, velocity, part, who, state: "committed", since: performance.now() };
    this.near.push(note);
    this.down.set(part * 128 + pitch, note);
  }

  release(tick: number, part: number, pitch: number): void {
    const note = this.down.get(part * 128 + pitch);
    if (note) note.end = Math.max(tick, note.tick + 1);
    this.down.delete(part * 128 + pitch);
  }

  /** Time ends here for keys that are down. */
  releaseAll(tick: number): void {
    for (const { part, pitch } of [...this.down.values()]) this.release(tick, part, pitch);
  }

  /** A note of the past. */
  put(note: Pick<Note, "tick" | "end" | "part" | "pitch" | "velocity">, who: Who): void {
    this.near.push({ ...note, who, state: "committed", since: 0 });
  }

  add({ id, tick, duration, ...rest }: PlannedNote, since: number): void {
    this.planned.set(id, { ...rest, tick, end: tick + duration, who: "machine", state: "tentative", since });
  }

  commit(id: number, since: number): Note | undefined {
    const note = this.planned.get(id);
    if (!note || note.state !== "tentative") return undefined;
    this.near.push(Object.assign(note, { state: "committed", since }));
    return note;
  }

  cancel(id: number, since: number): void {
    const note = this.planned.get(id);
    this.planned.delete(id);
    if (note) this.fade(note, since);
  }

  fade(note: Note, since: number): void {
    if (note.state === "committed") this.near.splice(this.near.lastIndexOf(note), 1);
    this.fading.push(Object.assign(note, { state: "cancelled", since }));
  }

  /** The machine stops here: what sounds ends, what was to come does not. */
  silence(tick: number, since: number): void {
    for (const [id, note] of this.planned) {
      if (note.tick >= tick || note.state === "tentative") this.cancel(id, since);
      else note.end = Math.min(note.end ?? tick, Math.max(tick, note.tick + 1));
    }
  }

  /** Ids mean something else from now on. */
  forgetPlan(): void {
    this.planned.clear();
  }

  /** It is `now`: what ended long ago is out of sight, and from here on a row of numbers. */
  settle(now: number): void {
    const from = now - SIGHT;
    this.near = this.near.filter(({ end, who, ...note }) => {
      if (end === null || end >= from) return true;
      if (this.remembers) this.past.add({ ...note, end }, who);
      return false;
    });
    for (const [id, { end }] of this.planned) if ((end ?? 0) < from) this.planned.delete(id);
    this.forgetFaded(performance.now()); // also where nobody looks
  }

  /** What is to be drawn from this tick on. */
  inView(tick: number, at: number): Note[] {
    const lasts = ({ end }: Note) => end === null || end >= tick;
    this.forgetFaded(at);
    const tentative = [...this.planned.values()].filter((note) => note.state === "tentative" && lasts(note));
    return [...this.fading, ...tentative, ...this.near.filter(lasts)];
  }

  private forgetFaded(at: number): void {
    this.fading = this.fading.filter((note) => at - note.since < FADE_MS);
  }

  /** What has sounded or will, every note made anew: for what happens seldom. */
  get all(): Note[] {
    const past = notesIn(this.past.rows).map((note): Note => {
      return { ...note, who: this.past.players.get(note.part) ?? "machine", state: "committed", since: 0 };
    });
    return [...past, ...this.near];
  }

  get size(): number {
    return this.past.size + this.near.length;
  }

  get lastTick(): number {
    return this.near.reduce((last, note) => Math.max(last, note.end ?? note.tick), this.past.lastEnd);
  }

  has(who: Who): boolean {
    return [...this.past.players.values()].includes(who) || this.near.some((note) => note.who === who);
  }

  /** How far the plan reaches. */
  get planEnd(): number {
    return Math.max(0, ...[...this.planned.values()].map((note) => note.end ?? 0));
  }

  count(state: State): number {
    return [...this.planned.values(), ...this.fading].filter((note) => note.state === state).length;
  }
}
