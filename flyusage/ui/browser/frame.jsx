// The parts of the page frame that know only the address: links within the open organization, and the phone's menu.
import { Children, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { Link, useLocation, useParams } from "react-router";

/** A link to a page of the open organization; `to` is what follows /orgs/{slug}, `also` other beginnings it stands for. */
export const OrganizationLink = ({ to = "", also = [], className, children }) => {
  const { slug } = useParams();
  const { pathname } = useLocation();
  const href = slug ? `/orgs/${encodeURIComponent(slug)}${to}` : "/";
  const isAlso = Boolean(slug) && also.some((each) => pathname.startsWith(`/orgs/${encodeURIComponent(slug)}${each}`));
  const isHere = isAlso || (to ? pathname.startsWith(href) : pathname.replace(/\/$/, "") === href);
  return (
    <Link to={href} replace={false} className={className} aria-current={isHere ? "page" : undefined}>
      {children}
    </Link>
  );
};

/** Moves a keyboard's reader past the navigation. Not a fragment in the address: the address is the view. */
export const SkipLink = ({ className, children }) => {
  const skip = (event) => {
    event.preventDefault();
    document.getElementById("content")?.focus();
  };
  return (
    <a href="#content" className={className} onClick={skip}>
      {children}
    </a>
  );
};

/** The side column. Its first child always shows; on a phone the others wait behind one button. */
export const Navigation = ({ children }) => {
  const [header, ...rest] = Children.toArray(children);
  const [isOpen, setOpen] = useState(false);
  const button = useRef(null);
  const { pathname } = useLocation();
  useEffect(() => setOpen(false), [pathname]);
  useEffect(() => {
    if (!isOpen) return undefined;
    const close = ({ key }) => {
      if (key !== "Escape") return;
      if (document.getElementById("navigation")?.contains(document.activeElement)) button.current?.focus(); // or it would be nowhere
      setOpen(false);
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [isOpen]);
  return (
    <div className="side" data-open={isOpen ? "" : undefined}>
      <div className="side-head">
        {header}
        <button
          ref={button}
          type="button"
          className="menu-button"
          aria-expanded={isOpen}
          aria-controls="navigation"
          onClick={() => setOpen(!isOpen)}
        >
          <span className="menu-bars" aria-hidden="true" />
          Menu
        </button>
      </div>
      <div id="navigation" className="side-body">
        {rest}
      </div>
    </div>
  );
};

const UNITS = [
  ["day", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

const inWords = (seconds) => {
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? UNITS[3];
  const count = Math.max(0, Math.floor(seconds / length));
  return `${count} ${unit === "day" && count !== 1 ? "days" : unit} ago`;
};

/** How long ago `moment` was by the server's clock (`now`), counting on; the exact moment on hover. */
export const Ago = ({ moment, now }) => {
  const [, count] = useReducer((turn) => turn + 1, 0);
  const skew = useMemo(() => Date.now() - Date.parse(now), [now]);
  useEffect(() => {
    const timer = setInterval(count, 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = (Date.now() - skew - Date.parse(moment)) / 1000;
  const exact = new Date(moment).toISOString().replace("T", " ").slice(0, 19);
  return (
    <time dateTime={moment} title={`${exact} UTC`}>
      {inWords(seconds)}
    </time>
  );
};
