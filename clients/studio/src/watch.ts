// What the house plays, over `/v1/watch`: other sessions on the roll, and the notes of those who joined ours.

import type { Access } from "./access";
import { Clock } from "./clock";
import { Notes } from "./notes";
import type { Start, WatchMessage } from "./wire";

const RETRY_MS = 1000;

export type Status = Extract<WatchMessage, { type: "status" }>;

/** A session as one sees it from outside. */
export interface Watched {
  start: Start;
  notes: Notes;
  clock: Clock;
}

export class Watch {
  sessions = new Map<string, Watched>();
  status: Status | null = null;

  constructor(
    private readonly access: Access,
    private readonly seconds: () => number,
    private readonly heard: (message: WatchMessage) => void,
  ) {
    this.open();
  }

  private open(): void {
    const socket = this.access.socket("/v1/watch");
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = (event) => this.read(JSON.parse(event.data) as WatchMessage);
    socket.onclose = () => {
      this.sessions.clear();
      this.status = null;
      if (!opened) void this.access.look();
      setTimeout(() => this.open(), RETRY_MS);
    };
  }

  private read(message: WatchMessage): void {
    if (message.type === "status") {
      this.status = message;
      for (const [session, tick] of Object.entries(message.ticks)) {
        const watched = this.sessions.get(session);
        if (tick === null || !watched) continue;
        watched.clock.follow(tick, this.seconds());
        watched.notes.settle(tick);
      }
    } else if (message.type === "began") {
      const { session, start } = message;
      this.sessions.set(session, { start, notes: new Notes(false), clock: new Clock(start.bpm) });
    } else if (message.type === "ended") {
      this.sessions.delete(message.session);
    } else {
      const watched = this.sessions.get(message.session);
      if (watched) see(watched, message, this.seconds());
    }
    this.heard(message);
  }
}

function see({ notes, clock }: Watched, message: WatchMessage, seconds: number): void {
  if (message.type === "note") {
    const { tick, part, pitch, velocity } = message.note;
    if (velocity) notes.press(tick, part, pitch, velocity, "you");
    else notes.release(tick, part, pitch);
  } else if (message.type === "plan") {
    const at = performance.now();
    if (message.plan.silence) notes.silence(clock.tickAt(seconds) ?? 0, at);
    for (const note of message.plan.add) notes.add(note, at);
    for (const id of message.plan.commit) notes.commit(id, at);
    for (const id of message.plan.cancel) notes.cancel(id, at);
  }
}
