// The bar at the top: start and stop, where we are, tempo and meter, and what to do with the set.

import { Field } from "./field";
import type { Files } from "./files";
import { Icon } from "./icons";
import { METERS, MODES, type Settings } from "./settings";
import type { Session } from "./session";
import type { Take } from "./take";
import type { Mode } from "./wire";

const TAPS_MS = 2000; // a longer pause begins anew
const taps: number[] = [];

/** What the page can do beside the session. */
export interface Page {
  session: Session;
  isPanelOpen: boolean;
  togglePanel(): void;
  toggleTheme(): void;
  files: Files;
  /** The set so far. */
  take(): Take | null;
  /** Played back, or no longer. */
  listen(take: Take): void;
  remove(take: Take): void;
  share(): void;
  invite(): void;
}

export function Transport({ page }: { page: Page }) {
  const { session } = page;
  const { plays } = session;
  return (
    <>
      <div class="group">
        <button class="primary" disabled={!session.isOn || session.room.isGuest} onClick={() => (plays ? session.stop() : session.play())}>
          <Icon name={plays ? "stop" : "play"} />
          {plays ? "Stop" : "Start"}
        </button>
        <output id="position" aria-label="Bar and beat">1 · 1</output>
      </div>
      <Tempo session={session} />
      <div class="group end">
        <button disabled={!plays || session.room.isGuest} class="toggle" aria-pressed={session.machine.isFrozen} onClick={() => session.machine.freeze(!session.machine.isFrozen)} title="Its last bar, again and again">
          <Icon name="freeze" />
          <span>Freeze</span>
        </button>
        <button disabled={!plays || session.room.isGuest} onClick={() => session.machine.end()} title="The machine comes to a last chord, within two bars">
          <Icon name="end" />
          <span>End</span>
        </button>
        <button class="danger" onClick={() => session.panic()} title="All notes off (Esc)">
          <Icon name="panic" />
          <span>Panic</span>
        </button>
        <Saving page={page} />
        <button onClick={page.share} title="Copy a link to these settings">
          <Icon name="share" />
          <span>Share</span>
        </button>
        <button disabled={!plays} onClick={page.invite} title="Copy a link with which somebody can play along, now">
          <Icon name="invite" />
          <span>Invite</span>
        </button>
        <button class="plain" aria-label="Light or dark" onClick={page.toggleTheme}>
          <Icon name="light" />
        </button>
        <button class="plain panel-button" aria-label="Controls" aria-expanded={page.isPanelOpen} onClick={page.togglePanel}>
          <Icon name="panel" />
        </button>
      </div>
    </>
  );
}

function Saving({ page }: { page: Page }) {
  const { files, session } = page;
  const isEmpty = !session.notes.size;
  const share = files.rendering && Math.floor(files.rendering.share * 100);
  const save = (how: (take: Take) => void) => {
    const take = page.take();
    if (take) how(take);
  };
  return (
    <>
      <button disabled={isEmpty} onClick={() => save((take) => files.mid(take))} title="Save the set as a MIDI file, the players on tracks apart">
        <Icon name="save" />
        <span>Save .mid</span>
      </button>
      <button disabled={isEmpty || share !== null} onClick={() => save((take) => void files.wav(take))} title="Save the set as sound, a WAV file">
        <Icon name="wave" />
        <span>Save .wav</span>
        {share !== null && <output aria-label="Done">{share} %</output>}
      </button>
    </>
  );
}

function Tempo({ session }: { session: Session }) {
  const { settings } = session;
  const set = (bpm: number) => bpm >= 20 && bpm <= 400 && session.change({ bpm });
  return (
    <fieldset class="group" disabled={session.room.isGuest}>
      <legend>Tempo</legend>
      <button class="plain" aria-label="Slower" onClick={() => set(settings.bpm - 2)}>−</button>
      <Field label="Beats per minute" isNumber value={String(settings.bpm)} enter={(text) => set(Number(text))} />
      <button class="plain" aria-label="Faster" onClick={() => set(settings.bpm + 2)}>+</button>
      <button class="plain tap" onClick={() => set(tap(performance.now()) ?? settings.bpm)}>Tap</button>
      <select aria-label="Meter" value={settings.meter} onChange={(event) => session.change({ meter: event.currentTarget.value })}>
        {[...new Set([...METERS, settings.meter])].map((meter) => <option key={meter}>{meter}</option>)}
      </select>
      <button class="plain toggle" aria-pressed={settings.metronome} onClick={() => session.change({ metronome: !settings.metronome })}>Click</button>
      <select aria-label="Count-in" value={settings.countIn} onChange={(event) => session.change({ countIn: Number(event.currentTarget.value) })}>
        {["No count-in", "1 bar in", "2 bars in"].map((name, bars) => <option key={name} value={bars}>{name}</option>)}
      </select>
    </fieldset>
  );
}

/** Beats per minute of the newest taps, from the second on. */
function tap(at: number): number | null {
  if (at - (taps.at(-1) ?? 0) > TAPS_MS) taps.length = 0;
  taps.push(at);
  const newest = taps.slice(-5);
  return newest.length < 2 ? null : Math.round((60_000 * (newest.length - 1)) / (at - (newest[0] ?? at)));
}

export function Modes({ session }: { session: Session }) {
  const { settings } = session;
  return (
    <fieldset class="modes" disabled={session.room.isGuest}>
      <legend>What the machine does</legend>
      {(Object.keys(MODES) as Mode[]).map((mode) => (
        <label key={mode} title={MODES[mode].tells}>
          <input type="radio" name="mode" value={mode} checked={settings.mode === mode} onChange={() => session.change({ mode })} />
          <span>{MODES[mode].name}</span>
        </label>
      ))}
      <p>
        {MODES[settings.mode].tells}
        {settings.mode === "trade" && <TradeBars settings={settings} session={session} />}
      </p>
    </fieldset>
  );
}

function TradeBars({ settings, session }: { settings: Settings; session: Session }) {
  return (
    <select aria-label="Bars each" value={settings.trade} onChange={(event) => session.change({ trade: Number(event.currentTarget.value) })}>
      {[1, 2, 4, 8].map((bars) => <option key={bars} value={bars}>{bars === 1 ? "1 bar each" : `${bars} bars each`}</option>)}
    </select>
  );
}
