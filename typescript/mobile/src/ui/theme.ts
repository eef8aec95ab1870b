/** Colours and sizes, light and dark. Every text has a contrast of at least 4.5 to what is behind. */

import { useMemo } from "react";
import { useColorScheme, useWindowDimensions } from "react-native";
import { textScale } from "../host/scale";

export type Tone = "good" | "busy" | "bad" | "plain";

export interface Colours {
  readonly page: string;
  readonly card: string;
  readonly pressed: string;
  readonly line: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly onAccent: string;
  readonly tones: Readonly<Record<Tone, { readonly text: string; readonly back: string }>>;
}

const LIGHT: Colours = {
  page: "#f3f4f7",
  card: "#ffffff",
  pressed: "#e9ecf2",
  line: "#d9dde5",
  text: "#14171c",
  muted: "#545c69",
  accent: "#2f4fc4",
  onAccent: "#ffffff",
  tones: {
    good: { text: "#11673a", back: "#dff4e7" },
    busy: { text: "#1f46b0", back: "#e1e9fd" },
    bad: { text: "#a31515", back: "#fde5e3" },
    plain: { text: "#4b5360", back: "#e8ebf0" },
  },
};

const DARK: Colours = {
  page: "#0e1014",
  card: "#181b21",
  pressed: "#23272f",
  line: "#2d323c",
  text: "#eef0f4",
  muted: "#a6aebb",
  accent: "#9db0ff",
  onAccent: "#10131c",
  tones: {
    good: { text: "#6fdc9d", back: "#12301f" },
    busy: { text: "#a9bdff", back: "#1b2444" },
    bad: { text: "#ff9d93", back: "#3d1715" },
    plain: { text: "#b4bcc8", back: "#272c35" },
  },
};

export interface Theme {
  readonly colours: Colours;
  readonly isDark: boolean;
  /** What a size of text is to be multiplied by. */
  readonly scale: number;
  /** Text is so large that things stand below each other. */
  readonly isLarge: boolean;
  /** There is room for the list beside a worker. */
  readonly isWide: boolean;
}

const LARGE = 1.4;
const WIDE = 840;

export function useTheme(): Theme {
  const isDark = useColorScheme() === "dark";
  const { width, fontScale } = useWindowDimensions();
  const scale = textScale();
  const isLarge = scale * fontScale >= LARGE;
  const isWide = width >= WIDE * Math.max(1, scale);
  return useMemo(
    () => ({ colours: isDark ? DARK : LIGHT, isDark, scale, isLarge, isWide }),
    [isDark, scale, isLarge, isWide],
  );
}

const TONES: Readonly<Record<string, Tone>> = {
  running: "busy",
  starting: "busy",
  stopping: "busy",
  fresh: "good",
  succeeded: "good",
  failed: "bad",
  stale: "bad",
  lost: "bad",
};

/** How a status or the state of a heartbeat looks. */
export function tone(word: string): Tone {
  return TONES[word] ?? "plain";
}
