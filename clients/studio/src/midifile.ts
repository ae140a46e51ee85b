// MIDI files: a take as one, parts apart; and the last bars of one, to go on from.

import { parseMidi, writeMidi, type MidiEvent } from "midi-file";
import { channelOf } from "./channels";
import { notesOf, type Take } from "./take";
import type { Stretch } from "./tempi";
import { DRUMS, TICKS, type PromptNote } from "./wire";

const BARS = 8;
const MOST = 600; // notes of a prompt

type Timed = { at: number } & MidiEvent;

export function midiOf(take: Take): Blob {
  const conductor = take.stretches.flatMap(({ tick, bpm, meter }): Timed[] => {
    const [numerator = 4, denominator = 4] = meter.split("/").map(Number);
    const tempo = { at: tick, deltaTime: 0, meta: true, type: "setTempo", microsecondsPerBeat: Math.round(6e7 / bpm) };
    const signature = { at: tick, deltaTime: 0, meta: true, type: "timeSignature", numerator, denominator, metronome: 24, thirtyseconds: 8 };
    return [tempo as Timed, signature as Timed];
  });
  const notes = notesOf(take);
  const tracks = take.voices.map(({ part, name, program }) => {
    const channel = channelOf(part, program);
    const events: Timed[] = [{ at: 0, deltaTime: 0, meta: true, type: "trackName", text: name }];
    if (program !== DRUMS) events.push({ at: 0, deltaTime: 0, channel, type: "programChange", programNumber: program });
    for (const { tick, end, pitch: noteNumber, velocity } of notes.filter((note) => note.part === part)) {
      events.push({ at: tick, deltaTime: 0, channel, type: "noteOn", noteNumber, velocity });
      events.push({ at: end, deltaTime: 0, channel, type: "noteOff", noteNumber, velocity: 0 });
    }
    return events;
  });
  const header = { format: 1 as const, numTracks: tracks.length + 1, ticksPerBeat: TICKS };
  return new Blob([new Uint8Array(writeMidi({ header, tracks: [conductor, ...tracks].map(track) }))], { type: "audio/midi" });
}

// Ends come before beginnings: what is struck again at once must have ended.
function track(events: Timed[]): MidiEvent[] {
  events.sort((a, b) => a.at - b.at || Number(a.type === "noteOn") - Number(b.type === "noteOn"));
  let last = 0;
  const delta = events.map(({ at, ...event }) => {
    const deltaTime = at - last;
    last = at;
    return { ...event, deltaTime } as MidiEvent;
  });
  return [...delta, { deltaTime: 0, meta: true, type: "endOfTrack" } as MidiEvent];
}

export interface Prompt extends Omit<Stretch, "tick"> {
  notes: PromptNote[];
}

/** The last bars of all but the drums, as if one player had played them. Throws a sentence for people. */
export function readPrompt(bytes: Uint8Array, part: number): Prompt {
  const { tracks, header } = parse(bytes);
  const scale = TICKS / (header.ticksPerBeat ?? TICKS);
  const notes: PromptNote[] = [];
  let bpm = 120;
  let meter = "4/4";
  for (const events of tracks) {
    const down = new Map<number, PromptNote>();
    let ticks = 0;
    for (const event of events) {
      ticks += event.deltaTime;
      const tick = Math.round(ticks * scale);
      if (event.type === "setTempo") bpm = 6e7 / event.microsecondsPerBeat;
      if (event.type === "timeSignature") meter = `${event.numerator}/${event.denominator}`;
      if ((event.type !== "noteOn" && event.type !== "noteOff") || event.channel === 9) continue;
      const key = event.channel * 128 + event.noteNumber;
      const before = down.get(key);
      if (before) before.duration = Math.max(1, tick - before.tick);
      down.delete(key);
      if (event.type === "noteOff" || !event.velocity) continue;
      const note = { tick, duration: TICKS, part, pitch: event.noteNumber, velocity: event.velocity };
      down.set(key, note);
      notes.push(note);
    }
  }
  if (!notes.length) throw new Error("This file has no notes to go on from.");
  return { bpm: Math.min(400, Math.max(20, Math.round(bpm))), meter, notes: lastBars(notes, meter) };
}

function parse(bytes: Uint8Array) {
  try {
    return parseMidi(bytes);
  } catch {
    throw new Error("This is no MIDI file.");
  }
}

/** In ticks from the first of these bars. */
function lastBars(notes: PromptNote[], meter: string): PromptNote[] {
  const [beats = 4, unit = 4] = meter.split("/").map(Number);
  const bar = (beats * TICKS * 4) / unit;
  const last = Math.max(...notes.map((note) => note.tick));
  return promptBefore(notes, (Math.floor(last / bar) + 1) * bar, bar);
}

/** What sounded in the last bars before `tick`, a bar line; its own ticks count from the first of them. */
export function promptBefore(notes: PromptNote[], tick: number, bar: number): PromptNote[] {
  const from = Math.max(0, tick - BARS * bar);
  return notes
    .filter((note) => note.tick >= from && note.tick < tick)
    .sort((a, b) => a.tick - b.tick)
    .slice(-MOST)
    .map((note) => ({ ...note, tick: note.tick - from, duration: Math.min(note.duration, tick - note.tick) }));
}
