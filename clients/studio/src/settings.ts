// What the player chose, how it is written into a link, and the `start` and `control` messages that follow from it.

import { type Control, type Mode, type PlayerPart, type PromptNote, type Start } from "./wire";

export interface Part {
  program: number;
  muted: boolean;
  solo: boolean;
}

export interface Settings {
  mode: Mode;
  bpm: number;
  meter: string;
  metronome: boolean;
  countIn: number; // bars
  trade: number; // bars
  key: string;
  chords: string;
  density: number;
  dynamics: number;
  space: number;
  temperature: number;
  seed: number;
  program: number; // the human's
  parts: Part[]; // the machine's: 1, 2, ...
}

export const MODES: Record<Mode, { name: string; tells: string }> = {
  answer: { name: "Answer", tells: "Play a phrase and pause: it replies." },
  duet: { name: "Duet", tells: "It plays while you play." },
  accompany: { name: "Accompany", tells: "It plays as long as you do." },
  trade: { name: "Trade", tells: "You take turns, from bar line to bar line." },
  continue: { name: "Continue", tells: "It plays on by itself; join in." },
};
export const METERS = ["4/4", "3/4", "2/4", "5/4", "6/8", "7/8", "12/8"];
export const SCALES = ["major", "minor", "harmonic minor", "dorian", "mixolydian", "blues", "minor pentatonic"];
export const TONICS = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
export const INSTRUMENTS: Record<number, string> = {
  0: "Grand piano",
  4: "Electric piano",
  33: "Bass",
  48: "Strings",
  128: "Drums",
};
// Where each sounds best; the page has no sounds below 21 and above 108.
const RANGES: Record<number, [number, number]> = { 0: [28, 100], 4: [28, 96], 33: [28, 60], 48: [36, 96], 128: [0, 127] };
const SILENCE_MS = 600; // who plays on the computer's keys is no fast player
export const YOU = 0; // the human's part
export const MOST_PARTS = 4;

export function defaults(): Settings {
  return {
    mode: "answer",
    bpm: 100,
    meter: "4/4",
    metronome: false,
    countIn: 0,
    trade: 4,
    key: "follow",
    chords: "",
    density: 0,
    dynamics: 0,
    space: 0,
    temperature: 0.95,
    seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
    program: 0,
    parts: [{ program: 0, muted: false, solo: false }],
  };
}

/** Numbers within their limits, words among those we know; the rest stays as it was. */
export function fromLink(hash: string): Settings {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const settings = defaults();
  const number = (name: keyof Settings, low: number, high: number) => {
    const value = Number(said.get(name));
    if (said.has(name) && value >= low && value <= high) Object.assign(settings, { [name]: value });
  };
  const among = (name: "mode" | "meter", words: string[]) => {
    const value = said.get(name) ?? "";
    if (words.includes(value)) Object.assign(settings, { [name]: value });
  };
  among("mode", Object.keys(MODES));
  among("meter", METERS);
  number("bpm", 20, 400);
  number("countIn", 0, 4);
  number("trade", 1, 64);
  number("density", -1, 1);
  number("dynamics", -1, 1);
  number("space", 0, 1);
  number("temperature", 0.1, 5);
  number("seed", 0, Number.MAX_SAFE_INTEGER);
  settings.metronome = said.get("metronome") === "true";
  settings.key = said.get("key") ?? settings.key;
  settings.chords = (said.get("chords") ?? "").slice(0, 1000);
  settings.program = program(said.get("program")) ?? 0;
  const parts = (said.get("parts") ?? "").split(".").map(program).filter((each) => each !== null);
  if (parts.length) settings.parts = parts.slice(0, MOST_PARTS).map((each) => ({ program: each, muted: false, solo: false }));
  return settings;
}

export function toLink(settings: Settings): string {
  const plain = defaults();
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...settings, parts: settings.parts.map((each) => each.program).join(".") })) {
    const usual = name === "parts" ? "0" : plain[name as keyof Settings];
    if (String(value) !== String(usual)) said.set(name, String(value));
  }
  return said.toString();
}

function program(text: string | null): number | null {
  return text && Number(text) in INSTRUMENTS ? Number(text) : null;
}

export function machineParts(settings: Settings): PlayerPart[] {
  return settings.parts.map(({ program }, index) => {
    const [low, high] = RANGES[program] ?? [0, 127];
    return { part: index + 1, program, low, high };
  });
}

/** Parts that are silent: muted, or not solo where another is. */
export function mutedParts(settings: Settings): number[] {
  const solo = settings.parts.some((part) => part.solo);
  return settings.parts.flatMap((part, index) => (part.muted || (solo && !part.solo) ? [index + 1] : []));
}

export function startMessage(settings: Settings, prompt: PromptNote[], countIn: number): Start {
  return {
    type: "start",
    mode: settings.mode,
    bpm: settings.bpm,
    meter: settings.meter,
    human: [{ part: YOU, program: settings.program }],
    machine: machineParts(settings),
    seed: settings.seed,
    temperature: settings.temperature,
    silence_ms: SILENCE_MS,
    trade_bars: settings.trade,
    count_in_bars: countIn,
    prompt,
    key: settings.key,
    chords: settings.chords,
    density: settings.density,
    dynamics: settings.dynamics,
    leave_space: settings.space,
  };
}

const RESTARTS: (keyof Settings)[] = ["bpm", "meter", "trade", "program"];

/** What a running session must begin anew for; all else changes while it plays. */
export function restarts(patch: Partial<Settings>): boolean {
  return RESTARTS.some((name) => name in patch);
}

/** The message for what changed; null where only the page is concerned. */
export function controlMessage(settings: Settings, patch: Partial<Settings>): Control | null {
  const control: Control = { type: "control" };
  if (patch.mode !== undefined) control.mode = patch.mode;
  if (patch.key !== undefined) control.key = patch.key;
  if (patch.chords !== undefined) control.chords = patch.chords;
  if (patch.density !== undefined) control.density = patch.density;
  if (patch.dynamics !== undefined) control.dynamics = patch.dynamics;
  if (patch.space !== undefined) control.leave_space = patch.space;
  if (patch.temperature !== undefined) control.temperature = patch.temperature;
  if (patch.parts !== undefined) Object.assign(control, { machine: machineParts(settings), mute: mutedParts(settings) });
  return Object.keys(control).length > 1 ? control : null;
}
