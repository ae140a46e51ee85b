// What stands over the roll: the first button, the first phrase, and plain words for whatever is wrong.

import type { Access } from "./access";
import { Icon } from "./icons";
import type { Session } from "./session";
import { MODES } from "./settings";

export type Load = "loading" | "ready" | "failed";

export function Over({ session, load, turnOn }: { session: Session; load: Load; turnOn: () => void }) {
  return (
    <>
      <Banner session={session} />
      {session.access.trouble ? <Locked access={session.access} /> : session.isOn ? <Hint session={session} /> : <Welcome session={session} load={load} turnOn={turnOn} />}
    </>
  );
}

function Locked({ access }: { access: Access }) {
  const enter = (event: SubmitEvent) => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("key") as HTMLInputElement;
    void access.enter(field.value);
  };
  return (
    <form class="welcome" onSubmit={enter}>
      <h2>The door is locked.</h2>
      <p role="alert">{access.trouble}</p>
      <input id="key" name="key" type="password" aria-label="Key" autocomplete="off" required autofocus />
      <button class="primary">Come in</button>
    </form>
  );
}

function Welcome({ session, load, turnOn }: { session: Session; load: Load; turnOn: () => void }) {
  const other = session.room.name || session.room.others[0];
  return (
    <div class="welcome">
      <h2>{session.room.isGuest ? "Somebody waits for you." : "You play. It answers."}</h2>
      <p>A neural network on this machine listens, and plays with you. Take the mouse, the computer's keys, a MIDI keyboard or your fingers.</p>
      <button id="play" class="primary big" disabled={load !== "ready"} onClick={turnOn}>
        <Icon name="play" />
        {load === "ready" ? (session.room.isGuest ? "Join in" : "Play") : load === "loading" ? "Loading sounds …" : "No sound here"}
      </button>
      {load === "failed" && <p class="bad">{isSecureContext ? "The sounds could not be loaded. Reload the page to try again." : "Browsers make sound only on safe pages: open this one at https:// or at 127.0.0.1."}</p>}
      {other && !session.room.isGuest && (
        <p class="quiet">
          Somebody plays now ({MODES[session.watch.sessions.get(other)?.start.mode ?? "duet"].name.toLowerCase()}).{" "}
          <button class="plain" disabled={load !== "ready"} onClick={() => { session.room.name = other; turnOn(); }}>Join them</button>
        </p>
      )}
    </div>
  );
}

function Hint({ session }: { session: Session }) {
  const { phrase, replay } = session;
  if (replay.take) {
    return (
      <p class="hint low">
        You hear <em>{replay.take.name}</em>.
        <button class="plain" onClick={() => replay.stop()}>Stop</button>
      </p>
    );
  }
  if (session.room.isGuest) return <p class="hint">{session.plays ? "You are in: play." : "Waiting for the others …"}</p>;
  if (session.notes.has("machine")) return null;
  if (session.settings.mode === "continue" && !session.plays) {
    return (
      <p class="hint">
        {session.prompt ? "The file is read. Press Start: the machine goes on from it." : "Drop a MIDI file here, or choose one, and press Start: the machine goes on from it."}
        <Choose session={session} />
      </p>
    );
  }
  if (phrase.next === null) return <p class="hint">{session.settings.mode === "answer" ? "Now let go, and listen." : "Go on playing, and listen."}</p>;
  return (
    <p class="hint">
      Play the key that glows, then the next: <b>A S D G D S A</b>. Or play anything.
      <button class="plain" onClick={() => phrase.play(session.hands)}>Play it for me</button>
    </p>
  );
}

function Choose({ session }: { session: Session }) {
  const choose = () => {
    const input = Object.assign(document.createElement("input"), { type: "file", accept: ".mid,.midi,audio/midi" });
    input.onchange = () => input.files?.[0] && void session.drop(input.files[0]);
    input.click();
  };
  return <button class="plain" onClick={choose}>{session.prompt ? "Another" : "Choose"}</button>;
}

function Banner({ session }: { session: Session }) {
  const { connection, sound, notice } = session;
  const again = { word: "Try again", act: () => connection.again() };
  const [text, button] =
    session.access.trouble ? ["", null]
    : connection.link === "refused" ? [full(connection.why), again]
    : connection.link === "lost" ? [connection.why, again]
    : sound && session.isOn && sound.context.state !== "running" ? ["The browser has paused the sound.", { word: "Go on", act: () => void sound.context.resume() }]
    : [notice, null];
  return (
    <div id="banner" role="status" aria-live="polite">
      {text && (
        <p>
          {text} {button && <button class="plain" onClick={button.act}>{button.word}</button>}
        </p>
      )}
    </div>
  );
}

function full(why: string): string {
  return /players/.test(why) ? "The house is full: every place is taken. Try again when somebody has left." : `${why}.`;
}
