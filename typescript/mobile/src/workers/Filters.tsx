/** The choice of workers: all, running, stopped, failed. */

import { Pressable, StyleSheet, View } from "react-native";
import { go } from "../place";
import { Words } from "../ui/parts";
import { useTheme } from "../ui/theme";
import { FILTERS, type Filter, isShown, type Worker } from "./worker";

interface FiltersProps {
  readonly workers: readonly Worker[];
  readonly chosen: Filter;
}

const LABELS: Readonly<Record<Filter, string>> = {
  all: "All",
  running: "Running",
  stopped: "Stopped",
  failed: "Failed",
};

export function Filters({ workers, chosen }: FiltersProps) {
  const { colours } = useTheme();
  return (
    <View accessibilityRole="radiogroup" accessibilityLabel="Filter" style={styles.row}>
      {FILTERS.map((filter) => {
        const count = workers.filter((worker) => isShown(worker, filter)).length;
        const isChosen = filter === chosen;
        const back = isChosen ? colours.accent : colours.card;
        return (
          <Pressable
            key={filter}
            accessibilityRole="radio"
            accessibilityLabel={`${LABELS[filter]}, ${count}`}
            accessibilityState={{ checked: isChosen }}
            aria-checked={isChosen}
            testID={`filter-${filter}`}
            onPress={() => go({ filter })}
            style={({ pressed }) => [
              styles.chip,
              { backgroundColor: pressed && !isChosen ? colours.pressed : back },
              { borderColor: isChosen ? colours.accent : colours.line },
            ]}
          >
            <Words size="small" isBold colour={isChosen ? colours.onAccent : colours.text}>
              {LABELS[filter]} {count}
            </Words>
          </Pressable>
        );
      })}
    </View>
  );
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", flexWrap: "wrap", gap: 7 },
  chip: {
    minHeight: 44,
    paddingHorizontal: 11,
    borderRadius: 999,
    borderWidth: StyleSheet.hairlineWidth * 2,
    justifyContent: "center",
  },
});
