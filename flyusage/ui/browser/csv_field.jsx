// A text for a form, typed, pasted, or read from a file that is dropped on it or chosen. Nothing is uploaded but the form's text.
import { useState } from "react";

const TOO_LONG = (most) => `A list is ${most.toLocaleString("en-US")} characters at most. Take a part of it.`;

/** The form sends the text as `name`; what is longer than `most` characters, or no UTF-8 text, is said and not taken. */
export const CsvField = ({ name = "csv", label = "", most = 500000, placeholder = "" }) => {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const take = async (file) => {
    if (!file) return;
    setProblem("");
    if (file.size > most * 4) return setProblem(TOO_LONG(most));
    try {
      const found = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      found.length > most ? setProblem(TOO_LONG(most)) : setText(found);
    } catch {
      setProblem(`${file.name} is not UTF-8 text; save it as CSV UTF-8.`);
    }
  };
  const drop = (event) => {
    if (!event.dataTransfer.files.length) return; // a text that is dragged here goes where it is let go
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  };
  return (
    <div className="csv-field">
      <label className="what-if-field">
        <span>{label}</span>
        <textarea
          name={name}
          className="field mono"
          rows={5}
          required
          spellCheck={false}
          value={text}
          placeholder={placeholder}
          onChange={({ target }) => setText(target.value)}
          onDragOver={(event) => event.dataTransfer.types.includes("Files") && event.preventDefault()}
          onDrop={drop}
        />
      </label>
      <label className="csv-file">
        <span>Or drop a file there, or choose one:</span>
        <input
          type="file"
          accept=".csv,.tsv,.txt,text/csv"
          onChange={({ target }) => {
            take(target.files[0]);
            target.value = ""; // the same file can be chosen again once it is mended
          }}
        />
      </label>
      {problem && (
        <p role="alert" className="up small">
          {problem}
        </p>
      )}
    </div>
  );
};
