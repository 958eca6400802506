// Where a page could not be shown since the database was away: loads it anew as soon as the server says that it can answer.
import { useEffect } from "react";

const FIRST_MS = 3000;
const LONGEST_MS = 15000;

export const ComesBack = ({ children }) => {
  useEffect(() => {
    let pause = FIRST_MS;
    let timer;
    const ask = async () => {
      const answer = document.hidden ? null : await fetch("/readyz", { cache: "no-store" }).catch(() => null);
      if (answer?.ok) return window.location.reload();
      pause = Math.min(pause * 1.5, LONGEST_MS);
      return wait();
    };
    const wait = () => {
      timer = setTimeout(ask, pause * (0.75 + Math.random() / 2)); // not all open pages at once
    };
    wait();
    return () => clearTimeout(timer);
  }, []);
  return children;
};
