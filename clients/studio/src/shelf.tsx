// The takes in the panel: what was played before, to hear, to name, to save, to go on from.

import { useState } from "preact/hooks";
import { Field } from "./field";
import { Icon } from "./icons";
import type { Take } from "./take";
import { MOST_TAKES } from "./takes";
import type { Page } from "./transport";

const SURE_MS = 5000;

export function Shelf({ page }: { page: Page }) {
  const { list } = page.session.takes;
  return (
    <fieldset>
      <legend>Takes</legend>
      {!list.length && <p class="quiet">Every set that you play is kept here when it ends, in this browser alone: the newest {MOST_TAKES}.</p>}
      <ul class="takes">
        {list.map((take) => <Row key={take.at} page={page} take={take} />)}
      </ul>
    </fieldset>
  );
}

function Row({ page, take }: { page: Page; take: Take }) {
  const { takes, replay, plays } = page.session;
  const [isAsked, ask] = useState(false); // a take is gone for good: only the second click deletes
  const sure = () => {
    ask(true);
    setTimeout(() => ask(false), SURE_MS);
  };
  const sounds = replay.take?.at === take.at;
  const { rendering } = page.files;
  return (
    <li class={sounds ? "take sounds" : "take"}>
      <button class="plain" disabled={plays} aria-label={`${sounds ? "Stop" : "Play"} ${take.name}`} onClick={() => page.listen(take)}>
        <Icon name={sounds ? "stop" : "play"} />
      </button>
      <Field label="Name of the take" value={take.name} enter={(name) => void takes.rename(take, name)} />
      <p>
        <time dateTime={new Date(take.at).toISOString()}>{dateOf(take.at)}</time> · {lengthOf(take.seconds)}
      </p>
      <span>
        <button class="plain" aria-label={`Save ${take.name} as a MIDI file`} onClick={() => page.files.mid(take)}>.mid</button>
        <button class="plain" aria-label={`Save ${take.name} as sound`} disabled={rendering !== null} onClick={() => void page.files.wav(take)}>
          {rendering?.at === take.at ? `${Math.floor(rendering.share * 100)} %` : ".wav"}
        </button>
        <button class="plain" aria-label={`Take the settings of ${take.name}`} title="Play with these settings and this seed again" disabled={plays} onClick={() => page.session.change(structuredClone(take.settings))}>
          <Icon name="again" />
        </button>
        <button class="plain danger" aria-label={`Delete ${take.name}`} onClick={() => (isAsked ? page.remove(take) : sure())}>
          {isAsked ? "Delete?" : "×"}
        </button>
      </span>
    </li>
  );
}

function dateOf(at: number): string {
  return new Date(at).toLocaleString(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
}

function lengthOf(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
