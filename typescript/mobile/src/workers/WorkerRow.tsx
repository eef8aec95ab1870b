/** One worker in the list. */

import { memo } from "react";
import { Pressable, StyleSheet, View } from "react-native";
import type { ServerClock } from "../account/clock";
import { Pill, Words } from "../ui/parts";
import { tone, useTheme } from "../ui/theme";
import { Age, spokenAge } from "../ui/times";
import type { Worker } from "./worker";

interface WorkerRowProps {
  readonly worker: Worker;
  readonly clock: ServerClock;
  readonly isOpen: boolean;
  readonly onPress: (id: string) => void;
}

export const WorkerRow = memo(function WorkerRow(props: WorkerRowProps) {
  const { worker, clock, isOpen, onPress } = props;
  const { colours, isLarge } = useTheme();
  const { id, title, status, activity, workspace, seq } = worker;
  return (
    <Pressable
      accessibilityRole="button"
      accessibilityLabel={spoken(worker, clock)}
      accessibilityHint="Opens the worker"
      testID={`worker-${id}`}
      onPress={() => onPress(id)}
      style={({ pressed }) => [
        styles.row,
        {
          backgroundColor: pressed ? colours.pressed : colours.card,
          borderColor: isOpen ? colours.accent : colours.line,
        },
      ]}
    >
      <View style={isLarge ? styles.stack : styles.top}>
        <Words size="heading" numberOfLines={isLarge ? 3 : 1} style={styles.grow}>
          {title}
        </Words>
        <Pill word={status} tone={tone(status)} />
      </View>
      {activity !== "" && <Words numberOfLines={2}>{activity}</Words>}
      {workspace !== "" && (
        <Words size="small" isMuted isMono numberOfLines={1} ellipsizeMode="head">
          {workspace}
        </Words>
      )}
      <View style={styles.facts}>
        <Heartbeat worker={worker} clock={clock} />
        <Words size="small" isMuted>
          seq {seq}
        </Words>
        <Lag lag={worker.lag} />
        {title !== id && (
          <Words size="small" isMuted isMono numberOfLines={1}>
            {id}
          </Words>
        )}
      </View>
    </Pressable>
  );
});

interface HeartbeatProps {
  readonly worker: Worker;
  readonly clock: ServerClock;
}

/** The state of the heartbeat and its age. */
export function Heartbeat({ worker, clock }: HeartbeatProps) {
  const { colours } = useTheme();
  const { heartbeatState, heartbeatAt } = worker;
  const { text } = colours.tones[tone(heartbeatState)];
  return (
    <View style={styles.pair}>
      <Words size="small" isBold colour={text}>
        ♥ {heartbeatState}
      </Words>
      {heartbeatAt !== null && <Age size="small" isMuted at={heartbeatAt} clock={clock} />}
    </View>
  );
}

/** The number of events that the document does not include. */
export function Lag({ lag }: { readonly lag: number | null }) {
  const { colours } = useTheme();
  return lag !== null && lag > 0 ? (
    <Words size="small" isBold colour={colours.tones.bad.text}>
      lag {lag}
    </Words>
  ) : (
    <Words size="small" isMuted>
      lag {lag ?? "unknown"}
    </Words>
  );
}

/** What a screen reader says of a worker. */
export function spoken(worker: Worker, clock: ServerClock): string {
  const { id, title, status, activity, heartbeatState, heartbeatAt, seq, lag } = worker;
  const heart =
    heartbeatAt === null
      ? `heartbeat ${heartbeatState}`
      : `heartbeat ${heartbeatState}, ${spokenAge(heartbeatAt, clock)}`;
  return [
    title,
    title === id ? "" : id,
    status,
    activity,
    heart,
    `sequence ${seq}`,
    lag === null ? "projection lag unknown" : `projection lag ${lag}`,
  ]
    .filter(Boolean)
    .join(", ");
}

const styles = StyleSheet.create({
  row: {
    borderRadius: 14,
    borderWidth: StyleSheet.hairlineWidth * 2,
    padding: 14,
    gap: 6,
  },
  top: { flexDirection: "row", alignItems: "center", gap: 10 },
  stack: { gap: 6 },
  grow: { flexGrow: 1, flexShrink: 1 },
  facts: { flexDirection: "row", flexWrap: "wrap", columnGap: 14, rowGap: 2 },
  pair: { flexDirection: "row", gap: 6, flexWrap: "wrap" },
});
