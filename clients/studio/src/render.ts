// A worker that makes sound of strokes, faster than they were played, on the page's own synthesizer and sounds.
// Long sets need no memory for it: what is done is handed on, second by second.

import { SoundBankLoader, SpessaSynthProcessor } from "spessasynth_core";
import { LOUDNESS, RATE } from "./channels";

const BLOCK = 128;
const BANK = "../band.sf3";

export interface Struck {
  at: number; // seconds
  bytes: number[]; // a MIDI message
}

/** What one is told: samples of left and right by turns, until there are no more. */
export interface Rendered {
  samples: Int16Array<ArrayBuffer> | null;
}

const pair = (frames: number) => [new Float32Array(frames), new Float32Array(frames)] as const;

async function render(strokes: Struck[], seconds: number): Promise<void> {
  const synth = new SpessaSynthProcessor(RATE, { maxBufferSize: BLOCK, eventsEnabled: false });
  await synth.processorInitialized;
  const bank = await fetch(BANK).then((response) => response.arrayBuffer());
  synth.soundBankManager.addSoundBank(SoundBankLoader.fromArrayBuffer(bank), "band");
  const [dryLeft, dryRight] = pair(BLOCK);
  const [wetLeft, wetRight] = pair(BLOCK);
  let next = 0;
  for (let second = 0; second < seconds; second++) {
    const samples = new Int16Array(2 * Math.min(RATE, Math.ceil((seconds - second) * RATE)));
    for (let frame = 0; frame < samples.length / 2; frame += BLOCK) {
      for (const now = second + frame / RATE; (strokes[next]?.at ?? Infinity) <= now; next++) {
        synth.processMessage(Uint8Array.from(strokes[next]?.bytes ?? []));
      }
      for (const part of [dryLeft, dryRight, wetLeft, wetRight]) part.fill(0);
      synth.processSplit([[dryLeft, dryRight]], wetLeft, wetRight);
      for (let at = 0; at < BLOCK && frame + at < samples.length / 2; at++) {
        samples[2 * (frame + at)] = whole(dryLeft[at], wetLeft[at]);
        samples[2 * (frame + at) + 1] = whole(dryRight[at], wetRight[at]);
      }
    }
    postMessage({ samples } satisfies Rendered, { transfer: [samples.buffer] });
  }
  postMessage({ samples: null } satisfies Rendered);
}

function whole(dry = 0, wet = 0): number {
  return Math.round(32_767 * Math.max(-1, Math.min(1, LOUDNESS * dry + wet)));
}

onmessage = ({ data }: MessageEvent<{ strokes: Struck[]; seconds: number }>) => {
  void render(data.strokes, data.seconds).catch((error: unknown) => setTimeout(() => { throw error; }));
};
