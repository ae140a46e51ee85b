// The few pictures on buttons.

const PATHS = {
  play: "M7 4l13 8-13 8z",
  stop: "M6 6h12v12H6z",
  end: "M5 5l9 7-9 7zM16 5h3v14h-3z",
  freeze: "M12 4a8 8 0 0 1 7.4 5H22l-4 5-4-5h3.2A6 6 0 0 0 6.8 9H4.6A8 8 0 0 1 12 4zM2 15l4-5 4 5H6.8a6 6 0 0 0 10.4 0h2.2A8 8 0 0 1 4.6 15z",
  panic: "M12 2l10 18H2zM11 9h2v5h-2zM11 16h2v2h-2z",
  save: "M11 3h2v9h4l-5 5-5-5h4zM4 19h16v2H4z",
  wave: "M3 10h2v4H3zM7 6h2v12H7zM11 3h2v18h-2zM15 7h2v10h-2zM19 10h2v4h-2z",
  again: "M12 4V1l5 4-5 4V6a6 6 0 1 0 6 6h2a8 8 0 1 1-8-8z",
  share: "M14 3h7v7h-2V6.4l-8.3 8.3-1.4-1.4L17.6 5H14zM5 5h6v2H7v10h10v-4h2v6H5z",
  invite: "M9 12a4 4 0 1 1 0-8 4 4 0 0 1 0 8zM2 20c0-4 3-6 7-6s7 2 7 6zM18 8V5h2v3h3v2h-3v3h-2v-3h-3V8z",
  light: "M12 7a5 5 0 1 1 0 10 5 5 0 0 1 0-10zM11 1h2v4h-2zM11 19h2v4h-2zM1 11h4v2H1zM19 11h4v2h-4z",
  panel: "M4 6h10v2H4zM17 5h3v4h-3zM4 11h3v2H4zM9 10h3v4H9zM14 11h6v2h-6zM4 16h8v2H4zM14 15h3v4h-3z",
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path fill-rule="evenodd" d={PATHS[name]} />
    </svg>
  );
}
