// A set as a plain value that can be kept: what was played, by whom, when, in which tempi, with which settings.

import type { Who } from "./notes";
import { countIn, notesIn, type PastNote } from "./past";
import type { Session } from "./session";
import { INSTRUMENTS, MODES, type Settings } from "./settings";
import { secondsAt, type Stretch } from "./tempi";

const NAMES: Record<Who, string> = { you: "Human", guest: "Guest", machine: "Machine" };

export interface Voice {
  part: number;
  who: Who;
  name: string;
  program: number;
}

export interface Take {
  at: number; // when it began, in milliseconds of the calendar: its name for programs
  name: string;
  seconds: number;
  settings: Settings;
  stretches: Stretch[];
  voices: Voice[];
  notes: Int32Array; // row after row
}

/** The set so far; null when nobody has played. */
export function takeOf(session: Session): Take | null {
  const { set, settings, clock, sound } = session;
  const now = Math.round(clock.tickAt(sound?.now ?? 0) ?? Infinity);
  const heard = set.notes.past.copy();
  for (const { who, ...note } of set.notes.near) {
    if (note.tick < now) heard.add({ ...note, end: Math.max(note.tick + 1, Math.min(note.end ?? now, now)) }, who);
  }
  if (!heard.size) return null;
  return {
    at: set.at,
    name: [MODES[settings.mode].name, settings.key, `${settings.bpm} bpm`].filter(Boolean).join(", "),
    seconds: secondsAt(set.stretches, heard.lastEnd),
    settings: structuredClone(settings),
    stretches: [...set.stretches],
    voices: voicesOf(heard.players, session),
    notes: heard.rows,
  };
}

function voicesOf(players: ReadonlyMap<number, Who>, session: Session): Voice[] {
  return [...players].sort(([a], [b]) => a - b).map(([part, who]) => {
    const program = part === session.room.you ? session.settings.program : session.machine.programOf(part);
    return { part, who, program, name: `${NAMES[who]} ${part + 1}: ${INSTRUMENTS[program] ?? "piano"}` };
  });
}

export function sizeOf({ notes }: Take): number {
  return countIn(notes);
}

export function notesOf({ notes }: Take): PastNote[] {
  return notesIn(notes);
}
