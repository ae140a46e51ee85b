// Takes as files that the browser saves: .mid at once, .wav when its sound is made.

import { midiOf } from "./midifile";
import type { Take } from "./take";
import { wavOf } from "./wav";

export class Files {
  rendering: { at: number; share: number } | null = null; // of which take, and how much is done

  constructor(
    private readonly changed: () => void,
    private readonly failed: (reason: string) => void,
  ) {}

  mid(take: Take): void {
    save(midiOf(take), `${nameOf(take)}.mid`);
  }

  async wav(take: Take): Promise<void> {
    if (this.rendering) return;
    this.show({ at: take.at, share: 0 });
    try {
      save(await wavOf(take, (share) => this.show({ at: take.at, share })), `${nameOf(take)}.wav`);
    } catch (error) {
      this.failed(`The sound could not be made: ${(error as Error).message}.`);
    }
    this.show(null);
  }

  private show(rendering: Files["rendering"]): void {
    this.rendering = rendering;
    this.changed();
  }
}

function nameOf({ at }: Take): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString();
  return `tradefours ${local.slice(0, 10)} ${local.slice(11, 16).replace(":", ".")}`;
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
