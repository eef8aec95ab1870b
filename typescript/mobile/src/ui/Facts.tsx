/** Names and values, one below the other. */

import { StyleSheet, View } from "react-native";
import { Words } from "./parts";
import { useTheme } from "./theme";

export type Fact = readonly [name: string, value: string];

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  const { isLarge } = useTheme();
  return (
    <View style={styles.facts}>
      {facts.map(([name, value]) => (
        <View
          key={name}
          accessible
          role="group"
          accessibilityLabel={`${name}: ${value}`}
          style={isLarge ? styles.below : styles.beside}
        >
          <Words size="small" isMuted style={!isLarge && styles.name}>
            {name}
          </Words>
          <Words size="small" selectable style={styles.value}>
            {value}
          </Words>
        </View>
      ))}
    </View>
  );
}

const styles = StyleSheet.create({
  facts: { gap: 8 },
  beside: { flexDirection: "row", gap: 12 },
  below: { gap: 2 },
  name: { width: 130, flexShrink: 0 },
  value: { flexShrink: 1 },
});
