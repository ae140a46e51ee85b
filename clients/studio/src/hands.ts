// The human's hands: keys sound at once, and become notes of the set, which the server is told.

import { channelOf } from "./channels";
import type { Player } from "./keys";
import type { Session } from "./session";

const TIMES = 100;

export class Hands implements Player {
  keyMs: number[] = []; // from a key to the synthesizer, of the newest
  private held = new Set<number>();
  private sustained: Set<number> | null = null; // up, but the pedal is down: their notes last

  constructor(private readonly session: Session) {}

  down(pitch: number, velocity: number, at: number): void {
    const { session } = this;
    const { sound, clock, room } = session;
    if (!sound) return;
    if (this.held.has(pitch)) this.up(pitch, at);
    this.held.add(pitch);
    sound.on(channelOf(room.you, 0), pitch, velocity);
    this.keyMs = [...this.keyMs.slice(1 - TIMES), performance.now() - at];
    session.surface.light(pitch, "you", true);
    const seconds = sound.heard(at);
    if (!session.plays && !room.isGuest) session.begin(seconds);
    const tick = clock.tickAt(seconds);
    if (tick === null) return;
    session.phrase.heard(pitch);
    session.notes.press(Math.max(0, Math.round(tick)), room.you, pitch, velocity, "you");
    this.tell(seconds, pitch, velocity);
  }

  up(pitch: number, at: number): void {
    const { sound, clock, room, notes, surface, plays } = this.session;
    if (!this.held.delete(pitch) || !sound) return;
    sound.off(channelOf(room.you, 0), pitch);
    surface.light(pitch, "you", false);
    const seconds = sound.heard(at);
    if (this.sustained) this.sustained.add(pitch);
    else notes.release(Math.round(clock.tickAt(seconds) ?? 0), room.you, pitch);
    if (plays) this.tell(seconds, pitch, 0);
  }

  pedal(down: boolean, at: number): void {
    const { sound, clock, room, connection, notes } = this.session;
    sound?.pedal(channelOf(room.you, 0), down);
    if (!down) {
      const now = Math.round(clock.tickAt(sound?.heard(at) ?? 0) ?? 0);
      for (const pitch of this.sustained ?? []) if (!this.held.has(pitch)) notes.release(now, room.you, pitch);
    }
    this.sustained = down ? (this.sustained ?? new Set()) : null;
    const tick = this.session.wireTick(sound?.heard(at) ?? 0);
    if (tick !== null) connection.send({ type: "pedal", tick, part: room.you, down });
  }

  lift(): void {
    for (const pitch of [...this.held]) this.up(pitch, performance.now());
    if (this.sustained) this.pedal(false, performance.now());
  }

  private tell(seconds: number, pitch: number, velocity: number): void {
    const tick = this.session.wireTick(seconds) ?? 0;
    this.session.connection.send({ type: "note", tick, part: this.session.room.you, pitch, velocity });
  }
}
