// At the foot of a page: the same numbers as a command and as a request to the API. Made of the address, which holds the whole view.
import { useEffect, useState } from "react";
import { useLocation } from "react-router";
import { CopyButton } from "$/flyusage/copy";

const quoted = (text) => (/^[\w.,:@/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const chosen = (query, names) => names.filter((name) => query.get(name)).map((name) => [name, query.get(name)]);
const options = (query, names) => chosen(query, names).map(([name, value]) => ` --${name} ${quoted(value)}`).join("");
const asked = (path, pairs) => (pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path);

/** What the page itself says of its numbers: which month they are of, and the moment they are complete to, so that they come again. */
const told = (name) => document.querySelector(`main [data-${name}]`)?.getAttribute(`data-${name}`) ?? "";
const pinned = (pairs) => pairs.filter(([, value]) => value);
const asOptions = (pairs) => pairs.map(([name, value]) => ` --${name.replace("_", "-")} ${quoted(value)}`).join("");

const listed = (query, name) => (query.get(name) ?? "").split(",").filter(Boolean).map((one) => one.split(":"));

/** What the page of what-ifs asks, as the API's body. */
const supposed = (query) => ({
  ...Object.fromEntries(chosen(query, query.get("from") ? ["from", "to"] : ["range"])),
  ...(query.get("from") || query.get("range") ? {} : { range: "last-month" }),
  ...Object.fromEntries(chosen(query, ["version"])),
  moves: Object.fromEntries(listed(query, "move")),
  resizes: Object.fromEntries(listed(query, "resize")),
  reservations: listed(query, "reserve").map(([region, cpu_kind, upfront, monthly_credit]) => ({ region, cpu_kind, upfront, monthly_credit })),
});

/** By what follows /orgs/{slug}: what of (slug, the address's query, the name behind the page's) is a command, and what a path of the API, with the body that is sent there. */
const PAGES = {
  "": (slug) => {
    const of = pinned([["by", "region"], ["range", told("month")], ["as_of", told("as-of")]]);
    return [`usage --org ${slug}${asOptions(of)}`, asked("/usage", of)];
  },
  machines: (slug, query, name, month) => {
    if (name === "")
      return [`machines --org ${slug}${options(query, ["find", "state"])}`, asked("/machines", chosen(query, ["find", "state"]))];
    const asOf = told("as-of");
    const of = pinned([["by", "sku"], ["machine", name], ["range", month], ["as_of", asOf]]);
    return [
      `usage --org ${slug}${asOptions(of)}`,
      name.includes("/")
        ? asked("/usage", of)
        : asked(`/machines/${encodeURIComponent(name)}/costs`, pinned([["month", month], ["as_of", asOf]])),
    ];
  },
  billing: (slug, query, name, month) => ["", asked("/costs", pinned([["month", month || told("month")], ["as_of", told("as-of")]]))],
  prices: (slug, query) => ["", asked("/prices", chosen(query, ["region", "on"]))],
  invoices: (slug, query, name) => [`invoices show ${quoted(name)}`, `/invoices/${encodeURIComponent(name)}`],
  budgets: (slug) => [`budgets list --org ${slug}`, "/budgets"],
  alerts: (slug) => [`anomalies --org ${slug}`, "/anomalies"],
  members: (slug, query) => [
    `members list ${slug}${options(query, ["find", "role"])}`,
    asked("/members", chosen(query, ["find", "role"])),
  ],
  audit: (slug, query) => [`audit list ${slug}${options(query, ["actor", "action", "from", "to"])}`, asked("/audit", chosen(query, ["actor", "action", "from", "to"]))],
  tokens: (slug) => [`tokens list ${slug}`, "/tokens"],
  views: (slug) => [`views list --org ${slug}`, "/views"],
  settings: (slug) => [`orgs show ${slug}`, "/organization"],
  "what-if": (slug, query) => ["", "/prices/simulate", supposed(query)], // its command stands at the page's head
  sso: (slug) => [`sso show ${slug}`, ""], // who comes in, and how, is told to no token
};

/** Staff's pages, by what follows /staff: commands for whoever runs the installation. A token opens one organization, so none of them is the API's. */
const STAFF = {
  prices: () => "prices books",
  experiments: () => "prices experiment list",
  terms: (query) => (query.get("org") ? `terms show ${quoted(query.get("org"))}` : "orgs list"),
  payments: () => "payments queue",
  bank: (query) => (query.get("invoice") ? `invoices show ${quoted(query.get("invoice"))}` : "invoices list --state open"),
  invoices: (query) => (query.get("invoice") ? `invoices show ${quoted(query.get("invoice"))}` : "invoices list"),
  revenue: (query) => (query.get("experiment") ? `prices experiment revenue ${quoted(query.get("experiment"))}` : "bill revenue"),
  questions: () => "invoices questions",
  seller: () => "seller show",
};

/** The month that is shown where a page offers several. */
const monthShown = (query) =>
  query.get("month") ?? new URLSearchParams(document.querySelector(".months [aria-current]")?.search ?? "").get("month");

const linesOf = ({ pathname, search }) => {
  const [, orgs, slug, page = "", name = ""] = pathname.replace(/\/$/, "").split("/").map(decodeURIComponent);
  const query = new URLSearchParams(search);
  if (orgs === "staff") return [STAFF[slug] ? `flyusage ${STAFF[slug](query)}` : "", ""];
  const made = orgs === "orgs" && slug && PAGES[page]?.(quoted(slug), query, name, monthShown(query));
  if (!made) return ["", ""];
  const [command, path, body] = made;
  const sent = body ? ` -H "Content-Type: application/json" -d ${quoted(JSON.stringify(body))}` : "";
  const curl = `curl -H "Authorization: Bearer $FLYUSAGE_TOKEN"${sent} ${quoted(`${window.location.origin}/api/v1${path}`)}`;
  return [command && `flyusage ${command}`, path && curl];
};

export const CopyAs = ({ className }) => {
  const location = useLocation();
  const [isShown, setShown] = useState(false); // a page that is prepared on the server knows no address
  useEffect(() => setShown(true), []);
  const [command, curl] = isShown ? linesOf(location) : ["", ""];
  if (!command && !curl) return null;
  const label = "This page in a terminal";
  return (
    <aside className={className} aria-label={label}>
      <span>{label}</span>
      {command && <CopyButton textOf={() => linesOf(location)[0]} label="Copy as command" className="button button-quiet" />}
      {curl && <CopyButton textOf={() => linesOf(location)[1]} label="Copy as curl" className="button button-quiet" />}
    </aside>
  );
};
