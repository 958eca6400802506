// Which zone a chart tells its hours in: UTC, the reader's own, or the one in the address. The address holds the choice.
import { ViewLink } from "$/flyusage/views";

const signed = (minutes) => {
  if (!minutes) return "UTC";
  const size = Math.abs(minutes);
  const rest = size % 60 ? `:${String(size % 60).padStart(2, "0")}` : "";
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${rest}`;
};

const written = (minutes) => {
  const size = Math.abs(minutes);
  const digits = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, "0"));
  return `${minutes < 0 ? "-" : ""}${digits.join(":")}`;
};

const inZone = (href, minutes) => (minutes ? `${href}${href.includes("?") ? "&" : "?"}zone=${written(minutes)}` : href);

/** `minutes` east of UTC are shown now, `href` is the same in UTC; `at` is a moment of the chart, since clocks change with the season. */
export const ZoneSwitch = ({ minutes, at, href }) => {
  const moment = new Date(at);
  if (Number.isNaN(moment.getTime())) return null;
  const own = -moment.getTimezoneOffset();
  const choices = [...new Set([0, own, minutes])];
  if (choices.length < 2) return null;
  return (
    <nav className="segments zone-switch" aria-label="Hours are told in">
      {choices.map((each) => (
        <ViewLink
          key={each}
          href={inZone(href, each)}
          aria-current={each === minutes ? "true" : undefined}
          title={each === own ? "Hours as your own clock shows them" : undefined}
        >
          {signed(each)}
          {each === own && each !== 0 ? <span className="zone-own"> mine</span> : null}
        </ViewLink>
      ))}
    </nav>
  );
};
