// The panel at the side: how the machine plays, on what, and how well all of it keeps up.

import { percentile } from "./connection";
import { Field } from "./field";
import type { Keys } from "./keys";
import { WORDS } from "./midi";
import type { Session } from "./session";
import { INSTRUMENTS, MOST_PARTS, SCALES, TONICS, type Part, type Settings } from "./settings";
import { Shelf } from "./shelf";
import type { Page } from "./transport";
import { DRUMS } from "./wire";

type Sliding = "density" | "dynamics" | "space" | "temperature";

export function Panel({ page, keys }: { page: Page; keys: Keys }) {
  const { session } = page;
  return (
    <>
      <Taste session={session} />
      <Parts session={session} />
      <Instrument session={session} keys={keys} />
      <Shelf page={page} />
      <Meters session={session} />
    </>
  );
}

function Taste({ session }: { session: Session }) {
  const { settings } = session;
  const [tonic = "", ...words] = settings.key.split(" ");
  const scale = words.join(" ") || "major";
  return (
    <fieldset disabled={session.room.isGuest}>
      <legend>The machine</legend>
      <div class="row">
        <label>
          Key
          <select value={tonic} onChange={({ currentTarget: { value } }) => session.change({ key: TONICS.includes(value) ? `${value} ${scale}` : value })}>
            <option value="follow">as I play</option>
            <option value="">any</option>
            {TONICS.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
        <label>
          Scale
          <select disabled={!TONICS.includes(tonic)} value={scale} onChange={({ currentTarget: { value } }) => session.change({ key: `${tonic} ${value}` })}>
            {SCALES.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
      </div>
      <label>
        Chords
        <Field label="Chords" placeholder="Am7 | D7 G7 | C" value={settings.chords} enter={(chords) => session.change({ chords })} />
      </label>
      <label class="check">
        <input type="checkbox" checked={settings.chords === "follow"} onChange={({ currentTarget: { checked } }) => session.change({ chords: checked ? "follow" : "" })} />
        Follow my chords
      </label>
      <Slider session={session} name="density" label="Density" low={-1} high={1} ends={["sparse", "dense"]} />
      <Slider session={session} name="dynamics" label="Dynamics" low={-1} high={1} ends={["soft", "loud"]} />
      <Slider session={session} name="space" label="Leave space" low={0} high={1} ends={["none", "much"]} />
      <Slider session={session} name="temperature" label="Temperature" low={0.5} high={1.5} ends={["safe", "bold"]} />
    </fieldset>
  );
}

function Slider({ session, name, label, low, high, ends }: { session: Session; name: Sliding; label: string; low: number; high: number; ends: [string, string] }) {
  const value = session.settings[name];
  return (
    <label class="slider">
      <span>{label}<output>{value.toFixed(2)}</output></span>
      <input type="range" min={low} max={high} step="0.05" value={value} onInput={({ currentTarget }) => session.change({ [name]: currentTarget.valueAsNumber } as Partial<Settings>)} />
      <span class="ends"><i>{ends[0]}</i><i>{ends[1]}</i></span>
    </label>
  );
}

function Parts({ session }: { session: Session }) {
  const { parts } = session.settings;
  const change = (index: number, patch: Partial<Part>) => session.change({ parts: parts.map((part, at) => (at === index ? { ...part, ...patch } : part)) });
  return (
    <fieldset disabled={session.room.isGuest}>
      <legend>Its parts</legend>
      {parts.map((part, index) => (
        <div class="part" key={index}>
          <select aria-label={`Instrument of part ${index + 1}`} value={part.program} onChange={({ currentTarget: { value } }) => change(index, { program: Number(value) })}>
            {Object.entries(INSTRUMENTS).map(([program, name]) => <option key={program} value={program}>{name}</option>)}
          </select>
          <Output session={session} part={index + 1} />
          <button class="plain toggle" aria-pressed={part.muted} aria-label={`Mute part ${index + 1}`} onClick={() => change(index, { muted: !part.muted })}>M</button>
          <button class="plain toggle" aria-pressed={part.solo} aria-label={`Solo part ${index + 1}`} onClick={() => change(index, { solo: !part.solo })}>S</button>
          {parts.length > 1 && (
            <button class="plain" aria-label={`Remove part ${index + 1}`} onClick={() => session.change({ parts: parts.filter((_, at) => at !== index) })}>×</button>
          )}
        </div>
      ))}
      {parts.length < MOST_PARTS && (
        <button class="plain" onClick={() => session.change({ parts: [...parts, { program: parts.some((part) => part.program === 33) ? DRUMS : 33, muted: false, solo: false }] })}>+ Add a part</button>
      )}
    </fieldset>
  );
}

function Output({ session, part }: { session: Session; part: number }) {
  const { outputs } = session.midi;
  if (!outputs.length) return null;
  return (
    <select aria-label={`Output of part ${part}`} value={session.machine.band.routes.get(part) ?? ""} onChange={({ currentTarget: { value } }) => session.machine.route(part, value)}>
      <option value="">this page</option>
      {outputs.map((port) => <option key={port.id} value={port.id}>{port.name}</option>)}
    </select>
  );
}

function Instrument({ session, keys }: { session: Session; keys: Keys }) {
  const { midi, settings } = session;
  const melodic = Object.entries(INSTRUMENTS).filter(([program]) => Number(program) !== DRUMS);
  return (
    <fieldset>
      <legend>You</legend>
      <div class="row">
        <label>
          Instrument
          <select value={settings.program} onChange={({ currentTarget: { value } }) => session.change({ program: Number(value) })}>
            {melodic.map(([program, name]) => <option key={program} value={program}>{name}</option>)}
          </select>
        </label>
        <div class="steps">
          <span>Octave <b>{keys.octave}</b></span>
          <button class="plain" aria-label="Octave down (Z)" onClick={() => keys.shift(-1)}>−</button>
          <button class="plain" aria-label="Octave up (X)" onClick={() => keys.shift(1)}>+</button>
        </div>
      </div>
      {midi.permission === "granted" ? (
        <p class="quiet">{midi.inputs.length ? `MIDI in: ${midi.inputs.map((port) => port.name).join(", ")}` : "No MIDI keyboard is plugged in."}</p>
      ) : (
        <>
          <p class="quiet">{WORDS[midi.permission]}</p>
          {midi.permission !== "missing" && <button class="plain" onClick={() => void midi.open()}>Use a MIDI keyboard</button>}
        </>
      )}
    </fieldset>
  );
}

function Meters({ session }: { session: Session }) {
  const { connection, beat, machine, clock, sound, watch } = session;
  const tick = clock.tickAt(session.heardNow);
  const ahead = tick === null ? null : Math.max(0, session.notes.planEnd - tick) / clock.ticksPerSecond;
  const trips = connection.trips;
  const ms = (value: number | null | undefined, digits = 0) => (value === null || value === undefined ? "–" : `${value.toFixed(digits)} ms`);
  const rows: [string, string, string][] = [
    ["Round trip", trips.length ? `${percentile(trips, 0.5).toFixed(1)} / ${percentile(trips, 0.95).toFixed(1)} ms` : "–", "To the server and back: half of the messages, 95 %"],
    ["Clock offset", ms(session.clockOffsetMs, 1), "How far the server believes your clock to be from where it is"],
    ["Tokens / s", beat ? beat.tokens_per_second.toFixed(0) : "–", "What the network drew in the last two seconds, for all players"],
    ["Plan ahead", ms(ahead && ahead * 1000), "So far into the future reaches what the machine means to play"],
    ["Late notes", beat ? `${beat.late + machine.playout.late}` : "–", "Left out because they came too late"],
    ["Rests", beat ? `${beat.rested}` : "–", "Times that the machine rested because it could not keep up"],
    ["Lateness p95", machine.playout.lateness.length ? ms(percentile(machine.playout.lateness, 0.95) * 1000, 1) : "–", "Of the machine's notes, by the audio clock"],
    ["Key to sound", session.hands.keyMs.length ? ms(percentile(session.hands.keyMs, 0.95) + (sound?.context.baseLatency ?? 0) * 1000, 0) : "–", "From your key to the end of the audio graph (95 %); speakers come on top"],
    ["Speakers", ms(sound && sound.context.outputLatency * 1000), "What the system says that its output takes"],
    ["Players", watch.status ? `${watch.status.sessions} of ${watch.status.max_sessions}` : "–", "Sessions that this server plays"],
    ["Busy", watch.status ? `${Math.round(watch.status.busy_share * 100)} %` : "–", "Share of the time that the engine computes"],
    ["Reaction p95", ms(watch.status?.reaction_p95_ms, 0), "From when an answer is owed to its first planned note"],
  ];
  return (
    <fieldset>
      <legend>Keeping up</legend>
      <dl>
        {rows.map(([name, value, title]) => (
          <div key={name} title={title}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">{watch.status && `${watch.status.model} · ${watch.status.backend}`}</p>
    </fieldset>
  );
}
