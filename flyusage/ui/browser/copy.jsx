// Puts a text (or that of the element `textOf`, or what `textOf` makes) on the clipboard and says so in its own place, aloud too.
import { useEffect, useState } from "react";

const SAID_MS = 2000;

export const CopyButton = ({ text, textOf, label = "Copy", className = "button" }) => {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const made = () => (typeof textOf === "function" ? textOf() : textOf ? document.getElementById(textOf).textContent : text);
  const copy = () =>
    navigator.clipboard.writeText(made()).then(
      () => setSaid("Copied"),
      () => setSaid("The browser refused"),
    );
  return (
    <button type="button" className={className} onClick={copy}>
      <span aria-live="polite">{said || label}</span>
    </button>
  );
};

const LONGEST_WORD = 32; // what is longer than that breaks wherever it must

export const CommandText = ({ text }) => (
  <code>
    {text.split(/(\s+)/).map((part, place) => (place % 2 || part.length > LONGEST_WORD ? part : <span className="word" key={place}>{part}</span>))}
  </code>
);
