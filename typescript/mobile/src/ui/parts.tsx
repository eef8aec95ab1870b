/** The small parts that every view is made of. */

import type { ReactNode } from "react";
import {
  ActivityIndicator,
  Pressable,
  StyleSheet,
  Text,
  type TextProps,
  type TextStyle,
  View,
} from "react-native";
import { type Tone, useTheme } from "./theme";

const SIZES = { title: 28, heading: 17, body: 16, small: 13.5 } as const;

export interface WordsProps extends TextProps {
  readonly size?: keyof typeof SIZES;
  readonly isMuted?: boolean;
  readonly isBold?: boolean;
  readonly isMono?: boolean;
  readonly colour?: string;
  /** A heading, of this level where a page has levels. */
  readonly level?: 1 | 2;
}

/** A piece of text in one of the sizes. */
export function Words({
  size = "body",
  isMuted = false,
  isBold = size === "title" || size === "heading",
  isMono = false,
  colour,
  level,
  style,
  ...rest
}: WordsProps) {
  const { colours, scale } = useTheme();
  const points = SIZES[size] * scale;
  const own: TextStyle = {
    color: colour ?? (isMuted ? colours.muted : colours.text),
    fontSize: points,
    lineHeight: Math.round(points * 1.35),
    ...(isBold && { fontWeight: "600" as const }),
    ...(isMono && { fontFamily: MONO }),
  };
  const heading =
    level === undefined ? {} : { accessibilityRole: "header" as const, "aria-level": level };
  return <Text {...heading} {...rest} style={[own, style]} />;
}

export const MONO = "Menlo, ui-monospace, 'DejaVu Sans Mono', monospace";

/** A word with a colour. The word says everything; the colour says it again. */
export function Pill({ word, tone }: { readonly word: string; readonly tone: Tone }) {
  const { colours } = useTheme();
  const { text, back } = colours.tones[tone];
  return (
    <View style={[styles.pill, { backgroundColor: back }]}>
      <View style={[styles.dot, { backgroundColor: text }]} />
      <Words size="small" isBold colour={text}>
        {word}
      </Words>
    </View>
  );
}

export interface ButtonProps {
  readonly label: string;
  readonly onPress: () => void;
  /** What it does, for a screen reader, where its label does not say it. */
  readonly hint?: string;
  readonly kind?: "main" | "plain" | "danger";
  readonly isDisabled?: boolean;
  readonly isBusy?: boolean;
  readonly testID?: string;
}

/** A button, at least as large as a finger. */
export function Button({
  label,
  onPress,
  hint,
  kind = "plain",
  isDisabled = false,
  isBusy = false,
  testID,
}: ButtonProps) {
  const { colours } = useTheme();
  const look = {
    main: { text: colours.onAccent, back: colours.accent, line: colours.accent },
    plain: { text: colours.accent, back: colours.card, line: colours.line },
    danger: {
      text: colours.tones.bad.text,
      back: colours.card,
      line: colours.tones.bad.text,
    },
  }[kind];
  const isOff = isDisabled || isBusy;
  return (
    <Pressable
      accessibilityRole="button"
      accessibilityLabel={label}
      accessibilityState={{ disabled: isOff, busy: isBusy }}
      {...(hint !== undefined && { accessibilityHint: hint })}
      {...(testID !== undefined && { testID })}
      disabled={isOff}
      onPress={onPress}
      style={({ pressed }) => [
        styles.button,
        { backgroundColor: look.back, borderColor: look.line },
        (isOff || pressed) && styles.faded,
      ]}
    >
      {isBusy && <ActivityIndicator size="small" color={look.text} />}
      <Words isBold colour={look.text} style={styles.buttonWords}>
        {label}
      </Words>
    </Pressable>
  );
}

/** A place where something stands apart from the page. */
export function Card({ children }: { readonly children: ReactNode }) {
  const { colours } = useTheme();
  return (
    <View style={[styles.card, { backgroundColor: colours.card, borderColor: colours.line }]}>
      {children}
    </View>
  );
}

export interface NoticeProps {
  readonly tone: Tone;
  readonly title: string;
  readonly children?: ReactNode;
  readonly testID?: string;
}

/** Something that the user should know now; screen readers say it when it comes. */
export function Notice({ tone, title, children, testID }: NoticeProps) {
  const { colours } = useTheme();
  const { text, back } = colours.tones[tone];
  return (
    <View
      accessibilityRole="alert"
      accessibilityLiveRegion="polite"
      {...(testID !== undefined && { testID })}
      style={[styles.notice, { backgroundColor: back }]}
    >
      <Words isBold colour={text}>
        {title}
      </Words>
      {children}
    </View>
  );
}

const styles = StyleSheet.create({
  pill: {
    flexDirection: "row",
    alignItems: "center",
    alignSelf: "flex-start",
    gap: 6,
    paddingHorizontal: 9,
    paddingVertical: 2,
    borderRadius: 999,
  },
  dot: { width: 8, height: 8, borderRadius: 4 },
  button: {
    minHeight: 46,
    paddingHorizontal: 16,
    paddingVertical: 8,
    borderRadius: 11,
    borderWidth: StyleSheet.hairlineWidth * 2,
    flexDirection: "row",
    alignItems: "center",
    justifyContent: "center",
    gap: 8,
  },
  buttonWords: { textAlign: "center" },
  faded: { opacity: 0.6 },
  card: {
    borderRadius: 14,
    borderWidth: StyleSheet.hairlineWidth,
    padding: 14,
    gap: 10,
  },
  notice: { borderRadius: 12, padding: 12, gap: 8 },
});
