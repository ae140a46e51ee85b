// The machine's part of a session: its plan becomes sound, on the instruments that it is given.

import { Band } from "./band";
import { channelOf } from "./channels";
import type { Note } from "./notes";
import { Playout } from "./playout";
import type { Session } from "./session";
import type { Plan } from "./wire";

export class Machine {
  readonly band: Band;
  readonly playout: Playout;
  isFrozen = false;

  constructor(private readonly session: Session) {
    const { midi, surface } = session;
    this.band = new Band(midi, (part) => this.programOf(part), (pitch, on) => surface.light(pitch, "machine", on));
    this.playout = new Playout(this.band);
  }

  follow(plan: Plan, at: number): void {
    const { set } = this.session;
    if (plan.silence) this.silence(); // of what was before this plan
    for (const note of plan.add) {
      const tick = note.tick + set.base;
      if (tick >= set.countIn) set.notes.add({ ...note, tick }, at); // the count-in is ours
    }
    for (const id of plan.commit) {
      const note = set.notes.commit(id, at);
      if (note && !this.schedule(note)) set.notes.fade(note, at);
    }
    for (const id of plan.cancel) set.notes.cancel(id, at);
  }

  private schedule({ tick, end, ...note }: Note): boolean {
    const { sound, clock, phrase } = this.session;
    if (!sound || !clock.runs) return false;
    phrase.done(); // whoever is answered needs no hints
    return this.playout.add({ ...note, on: clock.timeAt(tick), off: clock.timeAt(end ?? tick + 1) }, sound.now);
  }

  /** What sounds ends, what was to come does not. */
  silence(): void {
    const { sound, clock, set } = this.session;
    const now = sound?.now ?? 0;
    this.playout.silence(now);
    sound?.hush();
    set.notes.silence(Math.round(clock.tickAt(now) ?? 0), performance.now());
  }

  /** To a last chord. */
  end(): void {
    this.session.tellTransport("end");
    this.isFrozen = false;
  }

  /** Its last bar again and again, until it is let go. */
  freeze(freeze: boolean): void {
    this.isFrozen = this.session.connection.send({ type: "control", freeze }) && freeze;
    this.session.surface.changed();
  }

  /** Where a part sounds: on a MIDI output, or here. */
  route(part: number, output: string): void {
    this.playout.silence(this.session.sound?.now ?? 0);
    this.band.routes.set(part, output);
    this.session.surface.changed();
  }

  programOf(part: number): number {
    const { room, settings } = this.session;
    return room.start?.machine.find((each) => each.part === part)?.program ?? settings.parts[part - 1]?.program ?? 0;
  }

  applyPrograms(): void {
    const { room, settings, sound } = this.session;
    const parts = room.start?.machine ?? settings.parts.map(({ program }, index) => ({ part: index + 1, program }));
    for (const { part, program } of parts) sound?.program(channelOf(part, program), program);
  }
}
