/** The choice between the lists. */

import { Pressable, StyleSheet, View } from "react-native";
import { go, type List, place } from "../place";
import { Words } from "../ui/parts";
import { useTheme } from "../ui/theme";
import { useObservable } from "../ui/useObservable";

const TABS: readonly (readonly [List, string])[] = [
  ["workers", "Workers"],
  ["runs", "Runs"],
];

export function Tabs() {
  const { colours } = useTheme();
  const { list } = useObservable(place);
  return (
    <View
      accessibilityRole="tablist"
      accessibilityLabel="Lists"
      style={[styles.tabs, { backgroundColor: colours.card, borderColor: colours.line }]}
    >
      {TABS.map(([name, label]) => {
        const isChosen = name === list;
        return (
          <Pressable
            key={name}
            accessibilityRole="tab"
            accessibilityLabel={label}
            accessibilityState={{ selected: isChosen }}
            aria-selected={isChosen}
            testID={`tab-${name}`}
            onPress={() => isChosen || go({ view: name, worker: null })}
            style={({ pressed }) => [
              styles.tab,
              { borderColor: isChosen ? colours.accent : "transparent" },
              pressed && { backgroundColor: colours.pressed },
            ]}
          >
            <Words size="small" isBold colour={isChosen ? colours.accent : colours.muted}>
              {label}
            </Words>
          </Pressable>
        );
      })}
    </View>
  );
}

const styles = StyleSheet.create({
  tabs: { flexDirection: "row", borderBottomWidth: StyleSheet.hairlineWidth },
  tab: {
    flex: 1,
    minHeight: 44,
    alignItems: "center",
    justifyContent: "center",
    borderBottomWidth: 2,
  },
});
