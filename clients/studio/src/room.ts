// Several humans in one session: how a guest gets in and which part is theirs, and what the others play.
// The others are heard by way of the watchers.

import { channelOf } from "./channels";
import type { Session } from "./session";
import { YOU } from "./settings";
import type { Start, WatchMessage } from "./wire";

const HIGHEST_PART = 15; // a guest asks for this part, then for the ones below
const MOST_GUESTS = 4;
const AGAIN_MS = 1000;

/** Where humans sound: the host on the first, guests on the last channels. */
export const HUMAN_CHANNELS: ReadonlySet<number> = new Set(
  [YOU, ...Array.from({ length: MOST_GUESTS }, (_, guest) => HIGHEST_PART - guest)].map((part) => channelOf(part, 0)),
);

export class Room {
  name = ""; // somebody else's session, which we joined or are about to
  you = YOU; // our part

  constructor(private readonly session: Session) {}

  get isGuest(): boolean {
    return this.name !== "";
  }

  /** What the host plays with. */
  get start(): Start | null {
    return this.isGuest ? (this.session.watch.sessions.get(this.name)?.start ?? null) : null;
  }

  /** Sessions that one may watch: not ours. */
  get others(): string[] {
    return [...this.session.watch.sessions.keys()].filter((name) => name !== this.session.connection.session);
  }

  join(part = HIGHEST_PART): void {
    const { connection, settings } = this.session;
    this.session.finish();
    this.you = part;
    connection.send({ type: "join", session: this.name, player: { part, program: settings.program } });
    this.adopt();
  }

  leave(): void {
    this.name = "";
    this.you = YOU;
  }

  /** Whether it was an answer to our wish to join. */
  refused(code: string): boolean {
    if (!this.isGuest) return false;
    if (code === "bad_setting" && this.you > 1) this.join(this.you - 1);
    else if (code === "session_over" || code === "no_session") this.comeBack();
    else return false;
    return true;
  }

  overhear(message: WatchMessage): void {
    const { connection, isOn, clock, surface } = this.session;
    if (message.type === "note" && message.session === (this.name || connection.session) && isOn) this.hear(message.note);
    else if (message.type === "began" && message.session === this.name && clock.runs) this.adopt();
    else if (message.type !== "plan") surface.changed();
  }

  private hear({ tick, part, pitch, velocity }: Extract<WatchMessage, { type: "note" }>["note"]): void {
    const { set, sound, surface } = this.session;
    if (part === this.you) return;
    const channel = channelOf(part === YOU && this.isGuest ? HIGHEST_PART - MOST_GUESTS + 1 : part, 0);
    if (velocity) set.notes.press(tick + set.base, part, pitch, velocity, "guest");
    else set.notes.release(tick + set.base, part, pitch);
    if (velocity) sound?.on(channel, pitch, velocity);
    else sound?.off(channel, pitch);
    surface.light(pitch, "guest", velocity > 0);
  }

  private adopt(): void {
    const { start, session } = this;
    if (!start) return;
    session.keep(); // where the host began anew
    session.clock.bpm = start.bpm;
    session.set.begin({ ...start, countIn: 0 });
    session.applyPrograms();
  }

  private comeBack(): void {
    const { session } = this;
    session.machine.silence();
    session.finish();
    session.tell("Nobody plays in that room now; you are in as soon as somebody does.");
    setTimeout(() => this.isGuest && session.connection.link === "on" && this.join(), AGAIN_MS);
  }
}
