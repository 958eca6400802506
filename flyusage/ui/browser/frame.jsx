// The parts of the page frame that know only the address: links within the open organization, and the phone's menu.
import { useEffect, useState } from "react";
import { Link, useLocation, useParams } from "react-router";

/** A link to a page of the open organization; `to` is what follows /orgs/{slug}. */
export const OrganizationLink = ({ to = "", className, children }) => {
  const { slug } = useParams();
  const { pathname } = useLocation();
  const href = slug ? `/orgs/${encodeURIComponent(slug)}${to}` : "/";
  const isHere = to ? pathname.startsWith(href) : pathname.replace(/\/$/, "") === href;
  return (
    <Link to={href} className={className} aria-current={isHere ? "page" : undefined}>
      {children}
    </Link>
  );
};

/** The side navigation; on a phone it waits behind one button. */
export const Navigation = ({ header, children }) => {
  const [isOpen, setOpen] = useState(false);
  const { pathname } = useLocation();
  useEffect(() => setOpen(false), [pathname]);
  useEffect(() => {
    const close = ({ key }) => key === "Escape" && setOpen(false);
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, []);
  return (
    <div className="side" data-open={isOpen ? "" : undefined}>
      <div className="side-head">
        {header}
        <button
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
        {children}
      </div>
    </div>
  );
};
