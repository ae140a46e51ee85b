// What was played, as numbers: row after row, the earliest first. A long set is some hundred kilobytes, none of them objects.

import type { Who } from "./notes";

const COLUMNS = 5; // tick, end, part, pitch, velocity
const FIRST_ROWS = 1024; // when they are full there is room for twice as many

export interface PastNote {
  tick: number;
  end: number;
  part: number;
  pitch: number;
  velocity: number;
}

export class Past {
  readonly players = new Map<number, Who>(); // by part
  lastEnd = 0;
  private numbers = new Int32Array(FIRST_ROWS * COLUMNS);
  private used = 0;

  get rows(): Int32Array<ArrayBuffer> {
    return this.numbers.slice(0, this.used);
  }

  get size(): number {
    return this.used / COLUMNS;
  }

  /** Where it belongs by its beginning: among the last, but for who held a key for long. */
  add({ tick, end, part, pitch, velocity }: PastNote, who: Who): void {
    if (this.used === this.numbers.length) this.grow();
    let place = this.used;
    while (place > 0 && (this.numbers[place - COLUMNS] ?? 0) > tick) place -= COLUMNS;
    this.numbers.copyWithin(place + COLUMNS, place, this.used);
    this.numbers.set([tick, end, part, pitch, velocity], place);
    this.used += COLUMNS;
    this.players.set(part, who);
    this.lastEnd = Math.max(this.lastEnd, end);
  }

  copy(): Past {
    const copy = new Past();
    copy.numbers = this.numbers.slice();
    copy.used = this.used;
    copy.lastEnd = this.lastEnd;
    for (const [part, who] of this.players) copy.players.set(part, who);
    return copy;
  }

  private grow(): void {
    const numbers = new Int32Array(2 * this.numbers.length);
    numbers.set(this.numbers);
    this.numbers = numbers;
  }
}

export function countIn(rows: Int32Array): number {
  return rows.length / COLUMNS;
}

export function notesIn(rows: Int32Array): PastNote[] {
  return Array.from({ length: countIn(rows) }, (_, row): PastNote => {
    const [tick = 0, end = 0, part = 0, pitch = 0, velocity = 0] = rows.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    return { tick, end, part, pitch, velocity };
  });
}
