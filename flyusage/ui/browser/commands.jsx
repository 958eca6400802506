// The command palette (Ctrl/Cmd-K) and the list of keys (?). Both are native dialogs: focus, Escape and the rest of the
// page being out of reach come with the element. Nothing here is evaluated from text.
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { useNavigate, useParams } from "react-router";

const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
const COMMAND = isMac ? "⌘" : "Ctrl";
const SEARCH_AFTER_MS = 120;
const SLOW_AFTER_MS = 150;
const SECOND_KEY_MS = 1200; // between the two as they were pressed: a page that is busy hears of them later
const NONE = [];

const PAGES = [
  { key: "o", label: "Overview", to: "", words: "home spend month", isPermitted: true },
  { key: "e", label: "Explorer", to: "/usage", words: "usage chart cost", isPermitted: true },
  { key: "f", label: "Saved views", to: "/views", words: "bookmarks favourites pinned shared names", isPermitted: true },
  { key: "m", label: "Machines", to: "/machines", words: "vms list", isPermitted: true },
  { key: "b", label: "Billing", to: "/billing", words: "invoices owe pay draft", isPermitted: true },
  { key: "u", label: "Budgets", to: "/budgets", words: "limit threshold forecast expected", isPermitted: true },
  { key: "l", label: "Alerts", to: "/alerts", words: "anomalies webhook slack chat deliveries endpoints", isPermitted: true },
  { key: "p", label: "Prices", to: "/prices", words: "cost list history versions", isPermitted: true },
  { key: "w", label: "What if", to: "/what-if", words: "simulate re-price reservation move draft", isPermitted: true },
  { key: "n", label: "Members", to: "/members", words: "users people roles invite seats", isPermitted: true },
  { key: "v", label: "Provisioning", to: "/provisioning", words: "scim directory groups okta entra sync users", isPermitted: true },
  { key: "a", label: "Audit", to: "/audit", words: "log history who did sign-ins", isPermitted: true },
  { key: "k", label: "API tokens", to: "/tokens", words: "api key secret program scope revoke", isPermitted: true },
  { key: "s", label: "Settings", to: "/settings", words: "organization name slug address vat billing leave delete", isPermitted: true },
];

/** The pages that the reader may open; `permitted` are those of the ones that need a permission. */
const pagesFor = (permitted) => PAGES.filter(({ to, isPermitted }) => !isPermitted || permitted.includes(to));

const keysFor = (pages) => [
  [[COMMAND, "K"], "Jump to an app, machine, region or page"],
  [["/"], "Filter, or search this page"],
  ...pages.map(({ key, label }) => [["g", key], `Go to ${label}`]),
  [["t"], "Switch between light, dark and the system's theme"],
  [["Esc"], "Close what is open"],
  [["?"], "Show these keys"],
];

const isTyping = ({ target }) =>
  target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName ?? "") || target.closest?.('[role="menu"], [role="listbox"]');

/** Opens and closes a dialog element; a click on the page behind it closes it too. */
const useDialog = (onOpen) => {
  const dialog = useRef(null);
  const open = useCallback(() => {
    if (dialog.current?.open) return;
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    dialog.current?.showModal();
    onOpen?.();
  }, [onOpen]);
  const close = useCallback(() => dialog.current?.close(), []);
  const onClick = useCallback((event) => event.target === dialog.current && dialog.current.close(), []);
  return { dialog, open, close, onClick };
};

const startSearchOfPage = () => {
  const opener = document.getElementById("add-filter");
  if (opener) return opener.click() ?? true;
  const field = document.querySelector("[data-search] input, input[data-search]");
  field?.focus();
  field?.select();
  return Boolean(field);
};

/** Runs the single keys, unless somebody is typing or a dialog is open. They work as soon as the page is to be seen. */
const useKeys = ({ openPalette, openKeys, go, pages }) => {
  const goPressedAt = useRef(-Infinity); // outlives what the page learns between two keys
  useLayoutEffect(() => {
    const onKey = (event) => {
      const { key, ctrlKey, metaKey, altKey } = event;
      if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (ctrlKey || metaKey || altKey || isTyping(event) || document.querySelector("dialog[open], [role=dialog]")) return;
      const page = event.timeStamp - goPressedAt.current < SECOND_KEY_MS && pages.find((each) => each.key === key);
      goPressedAt.current = key === "g" ? event.timeStamp : -Infinity;
      if (page) go(page.to);
      else if (key === "?") openKeys();
      else if (key === "t") document.querySelector(".theme-button")?.click();
      else if (key !== "/" || !startSearchOfPage()) return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [openPalette, openKeys, go, pages]);
};

const Keys = ({ control, pages }) => (
  <dialog ref={control.dialog} className="dialog keys-dialog" aria-labelledby="keys-title" onClick={control.onClick}>
    <div className="dialog-body">
      <header className="card-head">
        <h2 id="keys-title" className="card-title">Keys</h2>
        <button type="button" className="button button-quiet card-actions" onClick={control.close}>Close</button>
      </header>
      <dl className="keys">
        {keysFor(pages).map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>{meaning}</dt>
            <dd>{keys.map((each) => <kbd key={each}>{each}</kbd>)}</dd>
          </div>
        ))}
      </dl>
    </div>
  </dialog>
);

const pagesMatching = (text, base, pages) =>
  pages.filter(({ label, words }) => !text || `${label} ${words}`.toLowerCase().includes(text.toLowerCase())).map(
    ({ label, to }) => ({ kind: "Pages", label, title: label, hint: "", href: base + to }),
  );

/** What the palette lists: pages at once, and the server's finds for the text as it stands. */
const useFinds = ({ text, found, foundFor, onSearch, base, pages }) => {
  const [isSlow, setSlow] = useState(false);
  const wanted = text.trim();
  const isCurrent = foundFor === wanted;
  useEffect(() => {
    setSlow(false);
    if (!wanted || isCurrent) return undefined;
    const ask = setTimeout(() => onSearch?.(wanted), SEARCH_AFTER_MS);
    const slow = setTimeout(() => setSlow(true), SEARCH_AFTER_MS + SLOW_AFTER_MS);
    return () => {
      clearTimeout(ask);
      clearTimeout(slow);
    };
  }, [wanted, isCurrent]);
  const entries = useMemo(
    () => [...pagesMatching(wanted, base, pages), ...(wanted && isCurrent ? found : [])],
    [wanted, isCurrent, found, base, pages],
  );
  return { entries, isSlow, isSettled: !wanted || isCurrent };
};

const groupsOf = (entries) => {
  const groups = [];
  entries.forEach((entry, index) => {
    if (groups.at(-1)?.kind !== entry.kind) groups.push({ kind: entry.kind, members: [] });
    groups.at(-1).members.push({ ...entry, index });
  });
  return groups;
};

const Option = ({ id, entry, isActive, choose, point }) => (
  <li
    id={id}
    role="option"
    aria-selected={isActive}
    title={entry.title}
    className="palette-option"
    onClick={() => choose(entry)}
    onMouseMove={point}
  >
    <bdi className="cut">{entry.label}</bdi>
    <span className="palette-hint">{entry.hint}</span>
  </li>
);

const Palette = ({ control, finds, text, setText, choose }) => {
  const { entries, isSlow, isSettled } = finds;
  const [active, setActive] = useState(0);
  const list = useId();
  const at = Math.min(active, entries.length - 1);
  useEffect(() => setActive(0), [text]);
  useEffect(() => {
    document.getElementById(`${list}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at, list]);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && entries[at]) choose(entries[at]);
    else if (event.key in steps && entries.length) {
      const next = at + steps[event.key];
      setActive(Math.abs(steps[event.key]) === 1 ? (next + entries.length) % entries.length : Math.max(0, Math.min(next, entries.length - 1)));
    } else return;
    event.preventDefault();
  };
  const said = isSettled ? `${entries.length} ${entries.length === 1 ? "result" : "results"}` : "";
  return (
    <dialog ref={control.dialog} className="dialog palette" aria-label="Jump to" onClick={control.onClick}>
      <div className="dialog-body">
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-autocomplete="list"
          aria-activedescendant={entries.length ? `${list}-${at}` : undefined}
          aria-label="Jump to an app, machine, region or page"
          placeholder="Jump to an app, machine, region or page"
          autoComplete="off"
          spellCheck="false"
          maxLength={500}
          autoFocus
          className="palette-input"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="palette-list" id={list} role="listbox" aria-label="Results" aria-busy={isSlow}>
          {groupsOf(entries).map(({ kind, members }) => (
            <ul key={kind} role="group" aria-label={kind}>
              <li role="presentation" className="palette-kind">{kind}</li>
              {members.map((entry) => (
                <Option
                  key={entry.index}
                  id={`${list}-${entry.index}`}
                  entry={entry}
                  isActive={entry.index === at}
                  choose={choose}
                  point={() => setActive(entry.index)}
                />
              ))}
            </ul>
          ))}
        </div>
        <p className="palette-status" role="status">
          {isSlow ? "Searching…" : said}
          {isSettled && !entries.length && (
            <span className="palette-none">Nothing here is called “<bdi>{text.trim()}</bdi>”. Try part of a name.</span>
          )}
        </p>
        <footer className="palette-foot" aria-hidden="true">
          <span><kbd>↑</kbd> <kbd>↓</kbd> choose</span>
          <span><kbd>↵</kbd> open</span>
          <span><kbd>Esc</kbd> close</span>
        </footer>
      </div>
    </dialog>
  );
};

/** The button that opens the palette, the palette, and the keys. Once per page. */
export const Commands = ({ found = [], foundFor = "", permitted = NONE, onSearch }) => {
  const navigate = useNavigate();
  const { slug } = useParams();
  const base = slug ? `/orgs/${encodeURIComponent(slug)}` : "";
  const [text, setText] = useState("");
  const palette = useDialog(useCallback(() => setText(""), []));
  const keys = useDialog();
  const pages = useMemo(() => pagesFor(permitted), [permitted]);
  const finds = useFinds({ text, found, foundFor, onSearch, base, pages });
  const go = useCallback((to) => base && navigate(base + to), [base, navigate]);
  const choose = (entry) => {
    palette.close();
    navigate(entry.href);
  };
  useKeys({ openPalette: palette.open, openKeys: keys.open, go, pages });
  // On a phone the column that holds the button may be hidden: the dialogs stand outside of it.
  const [outside, setOutside] = useState(null);
  useEffect(() => setOutside(document.body), []);
  if (!slug) return null;
  return (
    <div className="commands">
      <button type="button" className="jump" onClick={palette.open} aria-keyshortcuts="Control+K Meta+K">
        <span>Jump to…</span>
        <kbd suppressHydrationWarning>{COMMAND} K</kbd>
      </button>
      <button type="button" className="button-keys" onClick={keys.open} title="Keys" aria-label="Keys" aria-keyshortcuts="?">
        <kbd aria-hidden="true">?</kbd>
      </button>
      {outside && createPortal(<Palette control={palette} finds={finds} text={text} setText={setText} choose={choose} />, outside)}
      {outside && createPortal(<Keys control={keys} pages={pages} />, outside)}
    </div>
  );
};
