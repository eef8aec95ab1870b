/** One run in the list. */

import { memo } from "react";
import { StyleSheet, View } from "react-native";
import type { ServerClock } from "../account/clock";
import { Pill, Words } from "../ui/parts";
import { tone, useTheme } from "../ui/theme";
import { Age } from "../ui/times";
import type { Run } from "./run";

interface RunRowProps {
  readonly run: Run;
  readonly clock: ServerClock;
}

export const RunRow = memo(function RunRow({ run, clock }: RunRowProps) {
  const { colours, isLarge } = useTheme();
  const { id, title, status, lastLine, reason, startedAt } = run;
  const isBad = tone(status) === "bad";
  return (
    <View
      testID={`run-${id}`}
      style={[styles.row, { backgroundColor: colours.card, borderColor: colours.line }]}
    >
      <View style={isLarge ? styles.stack : styles.top}>
        <Words size="heading" numberOfLines={isLarge ? 3 : 1} style={styles.grow}>
          {title}
        </Words>
        <Pill word={status} tone={tone(status)} />
      </View>
      {reason !== "" && (
        <Words numberOfLines={2} {...(isBad && { colour: colours.tones.bad.text })}>
          {reason}
        </Words>
      )}
      {lastLine !== "" && (
        <Words size="small" isMuted isMono numberOfLines={2}>
          {lastLine}
        </Words>
      )}
      <View style={styles.facts}>
        {startedAt === null ? (
          <Words size="small" isMuted>
            not started
          </Words>
        ) : (
          <View style={styles.pair}>
            <Words size="small" isMuted>
              started
            </Words>
            <Age size="small" isMuted at={startedAt} clock={clock} />
          </View>
        )}
        {title !== id && (
          <Words size="small" isMuted isMono numberOfLines={1} style={styles.id}>
            {id}
          </Words>
        )}
      </View>
    </View>
  );
});

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
  pair: { flexDirection: "row", gap: 4 },
  id: { flexShrink: 1 },
});
