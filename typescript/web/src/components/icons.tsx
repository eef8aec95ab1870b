import type { ViewName } from "../place";

/** Strokes of 16 by 16, each a path. */
const PATHS: Readonly<Record<ViewName | "menu" | "keys" | "out", string>> = {
  overview: "M2 2h5v6H2zM9 2h5v3.5H9zM9 8h5v6H9zM2 10.5h5V14H2z",
  topics: "M2 3.5h12M2 8h12M2 12.5h8",
  runs: "M4.5 2.5v11l8.5-5.5z",
  workers: "M2.5 3h11v7.5h-11zM5.5 13.5h5M8 10.5v3",
  lightning: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  relays: "M3 8a5 5 0 0 1 10 0M5.5 8a2.5 2.5 0 0 1 5 0M8 8v6",
  retention: "M8 2a6 6 0 1 0 6 6M8 5v3.5l2.5 1.5M10.5 1.8 14 3l-1 3.4",
  publishers: "M8 10V2M4.5 5.5 8 2l3.5 3.5M2.5 9.5v4h11v-4",
  parity: "M3 6h10M3 10h10M11 2.5 5 13.5",
  flags: "M3.5 14.5v-13M3.5 2.5h8.5l-2 3 2 3H3.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  keys: "M1.5 4h13v8h-13zM4.5 9.5h7M4 6.5h1M7.5 6.5h1M11 6.5h1",
  out: "M6 2H2.5v12H6M6.5 8h7.5M11 4.8 14 8l-3 3.2",
};

export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
