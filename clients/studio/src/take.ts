// A set as a plain value that can be kept: what was played, by whom, when, in which tempi, with which settings.

import type { Note, Who } from "./notes";
import type { Session } from "./session";
import { INSTRUMENTS, MODES, type Settings } from "./settings";
import { secondsAt, type Stretch } from "./tempi";

const COLUMNS = 5; // tick, end, part, pitch, velocity
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
  notes: Int32Array; // row after row: a long set is some hundred kilobytes
}

export interface TakenNote {
  tick: number;
  end: number;
  part: number;
  pitch: number;
  velocity: number;
}

/** The set so far; null when nobody has played. */
export function takeOf(session: Session): Take | null {
  const { set, settings, clock, sound } = session;
  const now = Math.round(clock.tickAt(sound?.now ?? 0) ?? Infinity);
  const heard = set.notes.all.filter((note) => note.tick < now).sort((a, b) => a.tick - b.tick);
  if (!heard.length) return null;
  const notes = new Int32Array(heard.length * COLUMNS);
  let last = 0;
  heard.forEach(({ tick, end, part, pitch, velocity }, row) => {
    const until = Math.max(tick + 1, Math.min(end ?? now, now));
    notes.set([tick, until, part, pitch, velocity], row * COLUMNS);
    last = Math.max(last, until);
  });
  return {
    at: set.at,
    name: [MODES[settings.mode].name, settings.key, `${settings.bpm} bpm`].filter(Boolean).join(", "),
    seconds: secondsAt(set.stretches, last),
    settings: structuredClone(settings),
    stretches: [...set.stretches],
    voices: voicesOf(heard, session),
    notes,
  };
}

function voicesOf(notes: Note[], session: Session): Voice[] {
  const players = new Map(notes.map(({ part, who }) => [part, who]));
  return [...players].sort(([a], [b]) => a - b).map(([part, who]) => {
    const program = part === session.room.you ? session.settings.program : session.machine.programOf(part);
    return { part, who, program, name: `${NAMES[who]} ${part + 1}: ${INSTRUMENTS[program] ?? "piano"}` };
  });
}

export function sizeOf({ notes }: Take): number {
  return notes.length / COLUMNS;
}

export function notesOf(take: Take): TakenNote[] {
  const { notes } = take;
  return Array.from({ length: sizeOf(take) }, (_, row): TakenNote => {
    const [tick = 0, end = 0, part = 0, pitch = 0, velocity = 0] = notes.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    return { tick, end, part, pitch, velocity };
  });
}
