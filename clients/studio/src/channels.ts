// How parts lie on the synthesizer's channels, and how loud those are: the same live and in a file.

import { DRUMS } from "./wire";

export const LOUDNESS = 3; // the bank is quiet
export const RATE = 44_100; // of a file
const DRUM_CHANNEL = 9;

/** Part 1 plays on channel 1 and so on; drums on 9, which the others step over. */
export function channelOf(part: number, program: number): number {
  if (program === DRUMS) return DRUM_CHANNEL;
  return part < DRUM_CHANNEL ? part : (part + 1) % 16;
}
