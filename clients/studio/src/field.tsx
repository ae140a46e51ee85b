// A field that one types into: what is typed stays until it is entered, whatever is drawn meanwhile.

import { useState } from "preact/hooks";

interface Props {
  label: string;
  value: string;
  isNumber?: boolean;
  placeholder?: string;
  enter(text: string): void;
}

export function Field({ label, value, isNumber, placeholder, enter }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const commit = () => {
    if (draft !== null) enter(draft.trim());
    setDraft(null);
  };
  return (
    <input
      aria-label={label}
      type="text"
      list={undefined}
      inputMode={isNumber ? "numeric" : "text"}
      placeholder={placeholder}
      spellcheck={false}
      value={draft ?? value}
      onInput={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === "Enter" && commit()}
    />
  );
}
