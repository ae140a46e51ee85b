// A first phrase for who has just come: which key is next, and when to listen.

import type { Player } from "./keys";

const PHRASE = [60, 62, 64, 67, 64, 62, 60]; // within the computer's keys, from A on
const STEP_MS = 300;
const HOLD_MS = 260;
const VELOCITY = 88;

export class Phrase {
  private at = 0;

  /** The key to light; null when the phrase is played. */
  get next(): number | null {
    return PHRASE[this.at] ?? null;
  }

  heard(pitch: number): void {
    if (pitch === this.next) this.at++;
  }

  done(): void {
    this.at = PHRASE.length;
  }

  /** Played for who has no hand free. */
  play(player: Player): void {
    this.done();
    PHRASE.forEach((pitch, step) => {
      setTimeout(() => player.down(pitch, VELOCITY, performance.now()), step * STEP_MS);
      setTimeout(() => player.up(pitch, performance.now()), step * STEP_MS + HOLD_MS);
    });
  }
}
