/** The connection: a pill that leads to the account, and a banner while what is shown may be old. */

import { Pressable, StyleSheet, View } from "react-native";
import { go } from "../place";
import { Button, Notice, Pill, Words } from "../ui/parts";
import { clockTime } from "../ui/times";
import { useObservable } from "../ui/useObservable";
import type { Lane, LaneStatus } from "./lane";
import { bannerTitle, laneWords } from "./words";

export function ConnectionPill({ lane }: { readonly lane: Lane }) {
  const { word, tone } = laneWords(useObservable(lane.status));
  return (
    <Pressable
      accessibilityRole="button"
      accessibilityLabel={`Connection: ${word}`}
      accessibilityHint="Opens the account"
      testID="connection"
      hitSlop={10}
      onPress={() => go({ view: "account", worker: null })}
      style={({ pressed }) => [styles.pill, pressed && styles.faded]}
    >
      <Pill word={word} tone={tone} />
    </Pressable>
  );
}

interface BannerProps {
  readonly lane: Lane;
}

export function Banner({ lane }: BannerProps) {
  const status = useObservable(lane.status);
  const workers = useObservable(lane.workers);
  const title = bannerTitle(status.state);
  if (title === null) {
    return null;
  }
  return (
    <Notice tone="bad" title={title} testID="banner">
      <Words size="small">{bannerText(status, workers !== null)}</Words>
      <View style={styles.row}>
        {status.state === "offline" ? (
          <Button label="Try now" onPress={() => lane.wake()} />
        ) : (
          <Button label="Account" onPress={() => go({ view: "account", worker: null })} />
        )}
      </View>
    </Notice>
  );
}

function bannerText({ state, detail, seenAt }: LaneStatus, hasWorkers: boolean): string {
  const since = seenAt === null ? "in an earlier session" : `at ${clockTime(seenAt)}`;
  const shown = hasWorkers ? `You see what was known ${since}.` : "";
  const next =
    state === "offline"
      ? "It connects again by itself."
      : state === "signed-out"
        ? "The server refuses the key of this device: sign in with another one."
        : detail;
  return [shown, next].filter(Boolean).join(" ");
}

const styles = StyleSheet.create({
  pill: { minHeight: 44, justifyContent: "center" },
  faded: { opacity: 0.6 },
  row: { flexDirection: "row" },
});
