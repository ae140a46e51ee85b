// A take as a .wav file, made on this machine by a worker.

import { channelOf, RATE } from "./channels";
import type { Rendered, Struck } from "./render";
import { notesOf, type Take } from "./take";
import { secondsAt } from "./tempi";
import { DRUMS } from "./wire";

const TAIL_S = 2; // for the last notes to fade
const HEADER = 44;
const FRAME = 4; // bytes: two channels of 16 bits

/** `progress` hears 0 to 1. */
export function wavOf(take: Take, progress: (share: number) => void): Promise<Blob> {
  const strokes = strokesOf(take);
  const seconds = (strokes.at(-1)?.at ?? 0) + TAIL_S;
  const worker = new Worker("built/render.js");
  const done: Int16Array<ArrayBuffer>[] = [];
  return new Promise<Blob>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Rendered>) => {
      if (data.samples) done.push(data.samples);
      if (data.samples) progress(Math.min(1, done.length / seconds));
      else resolve(new Blob([header(done.reduce((sum, each) => sum + each.byteLength, 0)), ...done], { type: "audio/wav" }));
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ strokes, seconds });
  }).finally(() => worker.terminate());
}

const kind = ({ bytes }: Struck) => (bytes[0] ?? 0) & 0xf0; // an end is less than a beginning

// Ends come before beginnings: what is struck again at once must have ended.
function strokesOf(take: Take): Struck[] {
  const channels = new Map(take.voices.map(({ part, program }) => [part, channelOf(part, program)]));
  const programs = take.voices
    .filter(({ program }) => program !== DRUMS)
    .map(({ part, program }): Struck => ({ at: 0, bytes: [0xc0 | (channels.get(part) ?? 0), program] }));
  const notes = notesOf(take).flatMap(({ tick, end, part, pitch, velocity }): Struck[] => {
    const channel = channels.get(part) ?? 0;
    return [
      { at: secondsAt(take.stretches, tick), bytes: [0x90 | channel, pitch, velocity] },
      { at: secondsAt(take.stretches, end), bytes: [0x80 | channel, pitch, 0] },
    ];
  });
  notes.sort((a, b) => a.at - b.at || kind(a) - kind(b));
  const first = notes[0]?.at ?? 0;
  return [...programs, ...notes.map(({ at, bytes }) => ({ at: at - first, bytes }))];
}

function header(bytes: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(HEADER));
  const text = (at: number, word: string) => [...word].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // whole numbers
  view.setUint16(22, 2, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * FRAME, true);
  view.setUint16(32, FRAME, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, bytes, true);
  return view.buffer;
}
