// One conversation with the server over `/v1/live`, whatever connection carries it: heartbeats, silence, coming back.
// What is said while the connection is lost is said when it is back. Knows no music.

import type { Access } from "./access";
import type { ClientMessage, ServerMessage } from "./wire";

const BEAT_MS = 250;
const SILENCE_MS = 750; // a server that is silent for so long is gone
const ASLEEP_MS = 2000; // the page itself did not run for so long: that says nothing of the server
const KEEP_S = 30; // so long the session waits for us
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;
const TRIPS = 40;
const SAID = 1024; // messages that are remembered, to be said again
const PASSING = new Set(["hello", "join", "heartbeat", "bye"]); // never said again

export type Link = "off" | "connecting" | "on" | "lost" | "refused";

interface Listener {
  heard(message: ServerMessage, at: number): void;
  /** Connected. Not resumed: the server knows nothing of a set that plays. */
  welcomed(resumed: boolean): void;
  linked(link: Link): void;
  tick(): number | null;
}

export class Connection {
  link: Link = "off";
  why = ""; // the link is as it is: a sentence for people
  session = "";
  model = "";
  trips: number[] = []; // the newest round trips, in milliseconds
  private socket: WebSocket | null = null;
  private resume = "";
  private seq = 0;
  private said: { seq: number; text: string }[] = [];
  private lastSeq = 0;
  private heardAt = 0;
  private beatAt = 0;
  private wokeAt = 0;
  private retryAt = Infinity;
  private retryMs = FIRST_RETRY_MS;

  constructor(
    private readonly access: Access,
    private readonly listener: Listener,
  ) {}

  open(): void {
    this.retryAt = Infinity;
    if (this.link !== "lost") this.turn("connecting", "");
    const socket = this.access.socket("/v1/live");
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () =>
      this.say({ type: "hello", client: "studio", keep_s: KEEP_S, resume: this.resume, last_seq: this.lastSeq });
    socket.onmessage = (event) => socket === this.socket && this.read(JSON.parse(event.data) as ServerMessage);
    socket.onclose = () => socket === this.socket && this.lose();
  }

  /** Try at once, instead of when the next attempt is due. */
  again(): void {
    this.retryMs = FIRST_RETRY_MS;
    this.link = "lost";
    this.open();
  }

  close(): void {
    this.send({ type: "bye" });
    this.drop();
    this.forget();
    this.turn("off", "");
  }

  /** Now, or when the connection is back. False where there is no session that could go on. */
  send(message: ClientMessage): boolean {
    if (this.link !== "on" && !(this.link === "lost" && this.resume)) return false;
    this.say(message);
    return true;
  }

  /** Often: sends heartbeats, notices silence, tries again. */
  wake(now: number): void {
    const slept = now - this.wokeAt > ASLEEP_MS;
    this.wokeAt = now;
    if (slept) this.heardAt = Math.max(this.heardAt, now - BEAT_MS);
    if (now >= this.retryAt) this.open();
    else if (this.link === "on" && now - this.heardAt > SILENCE_MS) this.lose();
    else if (this.link === "on" && now - this.beatAt >= BEAT_MS) this.beat(now);
  }

  beat(now: number): void {
    this.beatAt = now;
    const trip = this.trips.length ? percentile(this.trips, 0.95) : null;
    this.say({
      type: "heartbeat",
      tick: this.listener.tick(),
      ping_ns: Math.round(now * 1e6),
      round_trip_ms: trip === null ? null : Math.min(trip, 10_000),
    });
  }

  private say(message: ClientMessage): void {
    const numbered = { seq: this.seq, text: JSON.stringify({ ...message, seq: this.seq++ }) };
    if (!PASSING.has(message.type)) this.said = [...this.said.slice(1 - SAID), numbered];
    if (this.link === "on" || message.type === "hello") this.put(numbered.text);
  }

  private put(text: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  private sayAgain(after: number): void {
    for (const { seq, text } of this.said) if (seq > after) this.put(text);
  }

  private forget(): void {
    this.resume = "";
    this.said = [];
  }

  private read(message: ServerMessage): void {
    const now = performance.now();
    this.heardAt = now;
    this.lastSeq = message.seq;
    if (message.type === "welcome") {
      Object.assign(this, { session: message.session, resume: message.resume, model: message.model });
      this.retryMs = FIRST_RETRY_MS;
      if (message.resumed) this.sayAgain(message.last_seq ?? -1);
      else this.said = [];
      this.turn("on", "");
      this.beat(now);
      this.listener.welcomed(message.resumed);
    } else if (message.type === "heartbeat") {
      this.trips = [...this.trips.slice(1 - TRIPS), now - message.ping_ns / 1e6];
    } else if (message.type === "bye" || (message.type === "error" && message.code === "silence")) {
      this.lose(); // it goes, or this page has slept: either way there may be a session to go on with
    } else if (message.type === "error" && message.code === "idle") {
      this.drop();
      this.open(); // nobody played for long; whoever is still there may
      return;
    } else if (message.type === "error" && message.fatal) {
      this.drop();
      this.forget();
      this.turn("refused", message.reason);
    }
    this.listener.heard(message, now);
  }

  private lose(): void {
    this.drop();
    if (this.link === "refused" || this.link === "off") return;
    this.turn("lost", "The server is gone. Your keys still sound; the set goes on when it is back.");
    this.retryAt = performance.now() + this.retryMs;
    this.retryMs = Math.min(this.retryMs * 1.6, LAST_RETRY_MS);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.trips = [];
    socket?.close();
  }

  private turn(link: Link, why: string): void {
    Object.assign(this, { link, why });
    this.listener.linked(link);
  }
}

export function percentile(values: number[], share: number): number {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? 0;
}
