// A blind listening test, from a folder and without a server: pairs of clips, for each listener in an order of their own.
// Knows the clips that `test.js` names, and of none who made it.

import { render } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

interface Pair {
  id: string;
  clips: [string, string];
  before: string | null; // the clip with which both begin
  joint: number; // seconds until they differ
}

interface Test {
  id: string;
  title: string;
  questions: string[];
  pairs: Pair[];
}

interface Progress {
  seed: number;
  at: number; // the pair that is heard; -1 before the first
  answers: Record<string, Record<number, string>>; // pair -> question -> the better clip, or NEITHER
  heard: Record<string, boolean>; // by clip
}

const NEITHER = "neither";
const FORMAT = "tradefours listening-test result 1";
const ENOUGH_S = 4; // beyond the joint: who has heard less cannot judge
const STEP_S = 5;

const test = (globalThis as unknown as { TEST: Test }).TEST;
const STORE = `tradefours listening-test ${test.id}`;

/** Pairs in the order of a seed, and each pair's clips in theirs. */
function orderOf(seed: number): Pair[] {
  const random = dice(seed);
  const pairs = test.pairs.map(({ clips: [a, b], ...pair }): Pair => ({ ...pair, clips: random() < 0.5 ? [a, b] : [b, a] }));
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [pairs[i], pairs[j]] = [pairs[j]!, pairs[i]!];
  }
  return pairs;
}

// Mulberry32: small, and the same in every browser.
function dice(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function begin(): Progress {
  return { seed: crypto.getRandomValues(new Uint32Array(1))[0]!, at: -1, answers: {}, heard: {} };
}

function kept(): Progress {
  try {
    return (JSON.parse(localStorage.getItem(STORE) ?? "null") as Progress | null) ?? begin();
  } catch {
    return begin(); // a browser that keeps nothing: then the test is done in one go
  }
}

function keep(progress: Progress): void {
  try {
    localStorage.setItem(STORE, JSON.stringify(progress));
  } catch {
    // as above
  }
}

function save({ seed, answers }: Progress, pairs: Pair[]): void {
  const told = pairs.flatMap(({ id, clips }) =>
    Object.entries(answers[id] ?? {}).map(([question, better]) => {
      return { pair: id, question: test.questions[Number(question)], clips, better: better === NEITHER ? null : better };
    }),
  );
  const result = { format: FORMAT, test: test.id, seed, answers: told };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], { type: "application/json" }));
  link.download = `listening-${test.id}-${seed}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function App() {
  const [progress, change] = useState(kept);
  const [isSaved, setSaved] = useState(false); // before that, nobody else may begin: the answers would be gone
  const pairs = orderOf(progress.seed);
  const pair = pairs[progress.at];
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => keep(progress), [progress]); // before anybody can see it
  useLayoutEffect(() => heading.current?.focus(), [progress.at]);
  const go = (at: number) => {
    setSaved(false);
    change((is) => ({ ...is, at }));
  };
  if (pair) {
    const answers = progress.answers[pair.id] ?? {};
    return (
      <>
        <progress max={pairs.length} value={progress.at} aria-label="Pairs done" />
        <h2 ref={heading} tabIndex={-1}>
          Pair {progress.at + 1} of {pairs.length}
        </h2>
        <Listening
          key={pair.id}
          pair={pair}
          answers={answers}
          heard={progress.heard}
          onHeard={(clip) => change((is) => ({ ...is, heard: { ...is.heard, [clip]: true } }))}
          onAnswer={(question, better) =>
            change((is) => ({ ...is, answers: { ...is.answers, [pair.id]: { ...is.answers[pair.id], [question]: better } } }))
          }
          onBack={progress.at > 0 ? () => go(progress.at - 1) : null}
          onNext={() => go(progress.at + 1)}
        />
      </>
    );
  }
  const isOver = progress.at >= 0;
  return (
    <>
      <h2 ref={heading} tabIndex={-1}>
        {isOver ? "That was all. Thank you!" : "Which one is better?"}
      </h2>
      {isOver ? (
        <>
          <p>Save your answers and send the file to whoever asked you. Until then they are kept in this browser alone.</p>
          <p class="row">
            <button
              class="primary"
              onClick={() => {
                save(progress, pairs);
                setSaved(true);
              }}
            >
              Save my answers
            </button>
            <button onClick={() => go(pairs.length - 1)}>Back</button>
            <button disabled={!isSaved} onClick={() => change(begin())}>
              Another listener
            </button>
          </p>
        </>
      ) : (
        <>
          <p>
            You hear {pairs.length} pairs of clips, each called 1 and 2, and say which one is better. Who or what played them is not told,
            and everybody hears them in another order. Use headphones in a quiet room, set the loudness once, and take your time: you
            may hear each as often as you like, stop, and go on another day in this browser.
          </p>
          <Keys hasBefore={pairs.some((each) => each.before)} />
          <p class="row">
            <button class="primary" onClick={() => go(0)}>Begin</button>
          </p>
        </>
      )}
      <p class="quiet">Your seed is {progress.seed}; it is in your answers, and nothing else about you is.</p>
    </>
  );
}

interface ListeningProps {
  pair: Pair;
  answers: Record<number, string>;
  heard: Record<string, boolean>;
  onHeard: (clip: string) => void;
  onAnswer: (question: number, better: string) => void;
  onBack: (() => void) | null;
  onNext: () => void;
}

function Listening({ pair, answers, heard, onHeard, onAnswer, onBack, onNext }: ListeningProps) {
  const [, look] = useReducer((n: number) => n + 1, 0);
  const deck = useRef<Map<string, HTMLAudioElement> | null>(null);
  deck.current ??= new Map([...pair.clips, ...(pair.before ? [pair.before] : [])].map((clip) => [clip, new Audio(`audio/${clip}.wav`)]));
  const audios = deck.current;
  const failed = [...audios.values()].some((audio) => audio.error);

  useEffect(() => {
    for (const [clip, audio] of audios) {
      const listen = () => {
        if (audio.ended || audio.currentTime >= pair.joint + ENOUGH_S) onHeard(clip);
        look(0);
      };
      for (const event of ["timeupdate", "play", "pause", "ended", "error", "loadedmetadata"]) audio.addEventListener(event, listen);
    }
    return () => audios.forEach((audio) => audio.pause());
  }, []);

  const playing = [...audios.values()].find((audio) => !audio.paused);
  const bothHeard = pair.clips.every((clip) => heard[clip]);
  const isAnswered = test.questions.every((_, question) => answers[question]);
  const last = useRef<HTMLAudioElement | null>(null);
  const play = (clip: string) => {
    audios.forEach((audio) => audio.pause());
    last.current = audios.get(clip)!;
    last.current.currentTime = 0;
    void last.current.play();
  };
  const pause = () => (playing ? playing.pause() : void last.current?.play());
  const answer = (better: string) => {
    const open = test.questions.findIndex((_, question) => !answers[question]);
    if (bothHeard) onAnswer(open < 0 ? test.questions.length - 1 : open, better);
  };
  const [one, two] = pair.clips;
  const keys: Record<string, () => void> = {
    "0": () => pair.before && play(pair.before),
    "1": () => play(one),
    "2": () => play(two),
    " ": pause,
    ArrowLeft: () => playing && (playing.currentTime -= STEP_S),
    ArrowRight: () => playing && (playing.currentTime += STEP_S),
    q: () => answer(one),
    w: () => answer(NEITHER),
    e: () => answer(two),
    Enter: () => isAnswered && onNext(),
  };
  // Before the next key can come: it must find the answer to this one.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      // What has the focus keeps the keys that it has a meaning for itself.
      const own = (event.target as Element).closest("button") ? [" ", "Enter"] : (event.target as Element).closest("input") ? [" ", "ArrowLeft", "ArrowRight"] : [];
      const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action || own.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });

  const clips: [string, string, string][] = [["1", "1", one], ["2", "2", two]];
  if (pair.before) clips.unshift(["0", "the beginning", pair.before]);
  return (
    <>
      {pair.before && <p class="quiet">Both go on from the same beginning, which lasts {pair.joint.toFixed(0)} seconds.</p>}
      <div class="clips">
        {clips.map(([letter, name, clip]) => {
          const audio = audios.get(clip)!;
          return (
            <div class={`clip ${audio.paused ? "" : "sounds"}`}>
              <button aria-keyshortcuts={letter} onClick={() => (audio.paused ? play(clip) : audio.pause())}>
                <kbd aria-hidden="true">{letter}</kbd> {audio.paused ? "Play" : "Stop"} {name}
              </button>
              <progress max={audio.duration || 1} value={audio.currentTime} aria-label={`How far ${name} is`} />
              <small>{clip === pair.before ? "\u00a0" : heard[clip] ? "heard" : "not heard yet"}</small>
            </div>
          );
        })}
      </div>
      {test.questions.map((question, number) => (
        <fieldset disabled={!bothHeard}>
          <legend>{question}</legend>
          {([["q", "1 is better", one], ["w", "I hear no difference that matters", NEITHER], ["e", "2 is better", two]] as const).map(([letter, text, better]) => (
            <label>
              <input type="radio" name={`question ${number}`} checked={answers[number] === better} onChange={() => onAnswer(number, better)} />
              <span>
                <kbd>{letter.toUpperCase()}</kbd> {text}
              </span>
            </label>
          ))}
        </fieldset>
      ))}
      <p role="status">
        {failed ? "A clip cannot be played: is the folder audio beside this page?" : !bothHeard ? "Listen to both first." : isAnswered ? "Enter leads on." : "Which one?"}
      </p>
      <p class="row">
        <button class="primary" disabled={!isAnswered} onClick={onNext}>Next</button>
        {onBack && <button onClick={onBack}>Back</button>}
      </p>
      <Keys hasBefore={pair.before !== null} />
    </>
  );
}

function Keys({ hasBefore }: { hasBefore: boolean }) {
  return (
    <p class="quiet">
      Keys: <kbd>1</kbd> <kbd>2</kbd> play{hasBefore && <>, <kbd>0</kbd> the beginning</>}, <kbd>Space</kbd> stops and goes on, <kbd>←</kbd> <kbd>→</kbd> five
      seconds, <kbd>Q</kbd> <kbd>W</kbd> <kbd>E</kbd> answer, <kbd>Enter</kbd> next.
    </p>
  );
}

Object.assign(globalThis, { orderOf }); // for whoever wants to see that the order is fair
document.title = test.title;
document.querySelector("h1")!.textContent = test.title;
render(<App />, document.querySelector("#test")!);
