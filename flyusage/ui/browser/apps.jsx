// Choosing apps: every one, or some of many, found by a part of their names.
import { useId, useState } from "react";

const SHOWN = 60; // a list of thousands is searched, not scrolled

/**
 * A group of fields. `apps` are [id, name] pairs by name, `chosen` the ids to begin with (null: every app). The form that it
 * stands in sends its choice as `name`: ids with commas between, or nothing at all for every app; `onDone(choice)` is for
 * one without a form.
 */
export const AppChoice = ({ apps = [], chosen = null, name = "apps", legend = "Sees", everyLabel = "every app", doneLabel = "", onDone }) => {
  const [isLimited, setLimited] = useState(chosen !== null);
  const [ids, setIds] = useState(() => new Set(chosen ?? []));
  const [find, setFind] = useState("");
  const group = useId();
  const wanted = find.trim().toLowerCase();
  const found = apps.filter(([id, label]) => (wanted ? label.toLowerCase().includes(wanted) : true));
  const listed = wanted ? found : [...found.filter(([id]) => ids.has(id)), ...found.filter(([id]) => !ids.has(id))];
  const toggle = (id) => {
    const next = new Set(ids);
    next.has(id) ? next.delete(id) : next.add(id);
    setIds(next);
  };
  const choice = isLimited ? [...ids].sort((one, other) => one - other).join(",") || "none" : "";
  const left = listed.length - SHOWN;
  return (
    <fieldset className="app-choice">
      <legend>{legend}</legend>
      <input type="hidden" name={name} value={choice} />
      <div className="app-choice-kinds">
        <label>
          <input type="radio" name={group} checked={!isLimited} onChange={() => setLimited(false)} /> {everyLabel}
        </label>
        <label>
          <input type="radio" name={group} checked={isLimited} onChange={() => setLimited(true)} /> only some apps
        </label>
        {isLimited && (
          <span className="muted small" role="status">
            {ids.size} chosen
          </span>
        )}
      </div>
      {isLimited && (
        <>
          <input
            type="search"
            className="field"
            placeholder="Search apps"
            aria-label="Search apps"
            value={find}
            maxLength={200}
            onChange={({ target }) => setFind(target.value)}
            onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
          />
          <div className="app-choice-list" tabIndex={0} role="group" aria-label="Apps">
            {listed.slice(0, SHOWN).map(([id, label]) => (
              <label key={id}>
                <input type="checkbox" checked={ids.has(id)} onChange={() => toggle(id)} /> <bdi>{label}</bdi>
              </label>
            ))}
            {left > 0 && <p className="muted small">{left.toLocaleString("en-US")} more: search for a part of their names.</p>}
            {!listed.length && (
              <p className="muted small">{wanted ? "No app has that in its name." : "No app yet: one is known from its first event on."}</p>
            )}
          </div>
        </>
      )}
      {doneLabel && (
        <button type="button" className="button button-primary" disabled={choice === "none"} onClick={() => onDone?.(choice)}>
          {doneLabel}
        </button>
      )}
    </fieldset>
  );
};
