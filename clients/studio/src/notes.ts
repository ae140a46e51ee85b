// Every note of a set, human and machine, played and planned. Ticks count from the beginning of the set.

import type { PlannedNote } from "./wire";

export const FADE_MS = 900;

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
  all: Note[] = []; // what has sounded or will, in the order of coming
  private planned = new Map<number, Note>(); // the machine's, by their ids
  private down = new Map<number, Note>();
  private fading: Note[] = [];
  private from = 0; // all before are out of sight

  constructor(private readonly remembers = true) {}

  clear(): void {
    this.all = [];
    this.fading = [];
    this.from = 0;
    this.forgetPlan();
    this.down.clear();
  }

  press(tick: number, part: number, pitch: number, velocity: number, who: Who): void {
    this.release(tick, part, pitch);
    const note: Note = { tick, end: null, pitch, velocity, part, who, state: "committed", since: performance.now() };
    this.all.push(note);
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
    this.all.push({ ...note, who, state: "committed", since: 0 });
  }

  add({ id, tick, duration, ...rest }: PlannedNote, since: number): void {
    this.planned.set(id, { ...rest, tick, end: tick + duration, who: "machine", state: "tentative", since });
  }

  commit(id: number, since: number): Note | undefined {
    const note = this.planned.get(id);
    if (!note || note.state !== "tentative") return undefined;
    this.all.push(Object.assign(note, { state: "committed", since }));
    return note;
  }

  cancel(id: number, since: number): void {
    const note = this.planned.get(id);
    this.planned.delete(id);
    if (note) this.fade(note, since);
  }

  fade(note: Note, since: number): void {
    if (note.state === "committed") this.all.splice(this.all.lastIndexOf(note), 1);
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

  /** What is to be drawn from this tick on. */
  inView(tick: number, at: number): Note[] {
    while (this.all[this.from] && (this.all[this.from]?.end ?? Infinity) < tick) this.from++;
    if (!this.remembers) this.all.splice(0, this.from), (this.from = 0);
    this.fading = this.fading.filter((note) => at - note.since < FADE_MS);
    for (const [id, note] of this.planned) if ((note.end ?? 0) < tick) this.planned.delete(id);
    const tentative = [...this.planned.values()].filter((note) => note.state === "tentative");
    return [...this.fading, ...tentative, ...this.all.slice(this.from)];
  }

  /** How far the plan reaches. */
  get planEnd(): number {
    return Math.max(0, ...[...this.planned.values()].map((note) => note.end ?? 0));
  }

  count(state: State): number {
    return [...this.planned.values(), ...this.fading].filter((note) => note.state === state).length;
  }
}
