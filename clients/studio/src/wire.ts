// The messages of `/v1/live` and `/v1/watch` that the studio says and hears: docs/protocol.md describes them.

export const TICKS = 480; // to the quarter note
export const DRUMS = 128; // the program of a drummer

export type Mode = "answer" | "duet" | "accompany" | "trade" | "continue";

export interface PlayerPart {
  part: number;
  program: number;
  low?: number;
  high?: number;
}

export interface PlannedNote {
  id: number;
  tick: number;
  duration: number;
  part: number;
  pitch: number;
  velocity: number;
}

export type PromptNote = Omit<PlannedNote, "id">;

export interface Start {
  type: "start";
  mode: Mode;
  bpm: number;
  meter: string;
  human: PlayerPart[];
  machine: PlayerPart[];
  seed: number;
  temperature: number;
  silence_ms: number;
  trade_bars: number;
  count_in_bars: number;
  prompt: PromptNote[];
  key: string;
  chords: string;
  density: number;
  dynamics: number;
  leave_space: number;
}

export type Control = { type: "control"; mute?: number[]; freeze?: boolean } & Partial<
  Pick<Start, "mode" | "machine" | "key" | "chords" | "density" | "dynamics" | "leave_space" | "temperature">
>;

export interface Played {
  type: "note";
  tick: number;
  part: number;
  pitch: number;
  velocity: number; // 0: the key came up
}

export type ClientMessage =
  | { type: "hello"; client: string; keep_s: number; resume: string; last_seq: number }
  | Start
  | { type: "join"; session: string; player: PlayerPart }
  | Played
  | { type: "pedal"; tick: number; part: number; down: boolean }
  | { type: "transport"; action: "stop" | "end"; tick: number }
  | Control
  | { type: "heartbeat"; tick: number | null; ping_ns: number; round_trip_ms: number | null }
  | { type: "bye" };

export interface Plan {
  type: "plan";
  add: PlannedNote[];
  commit: number[];
  cancel: number[];
  silence: boolean;
}

export interface Beat {
  type: "heartbeat";
  tick: number | null;
  ping_ns: number;
  tokens_per_second: number;
  late: number;
  rested: number;
}

export type ServerMessage = { seq: number } & (
  | { type: "welcome"; session: string; server: string; model: string; resume: string; resumed: boolean; last_seq: number | null }
  | Plan
  | Beat
  | { type: "error"; code: string; reason: string; fatal: boolean }
  | { type: "bye"; reason: string }
);

export type WatchMessage =
  | { type: "began"; session: string; start: Start }
  | { type: "ended"; session: string }
  | { type: "note"; session: string; note: Played }
  | { type: "plan"; session: string; plan: Plan }
  | {
      type: "status";
      model: string;
      backend: string;
      sessions: number;
      max_sessions: number;
      tokens_per_second: number;
      busy_share: number;
      reaction_p50_ms: number | null;
      reaction_p95_ms: number | null;
      trouble: string | null;
      ticks: Record<string, number | null>;
    };

export function address(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}
