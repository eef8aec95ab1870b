/** A view under another one: it keeps its place, and nobody reaches it. */

import type { ReactNode } from "react";
import { Platform, StyleSheet, View, type ViewStyle } from "react-native";

interface CoveredProps {
  readonly isCovered: boolean;
  readonly isWide: boolean;
  readonly children: ReactNode;
}

// Browsers take an invisible element out of the order of the Tab key, too.
const INVISIBLE = { visibility: "hidden" } as unknown as ViewStyle;

export function Covered({ isCovered, isWide, children }: CoveredProps) {
  return (
    <View
      accessibilityElementsHidden={isCovered}
      importantForAccessibility={isCovered ? "no-hide-descendants" : "auto"}
      style={[isWide ? styles.side : styles.full, isCovered && Platform.OS === "web" && INVISIBLE]}
    >
      {children}
    </View>
  );
}

const styles = StyleSheet.create({ full: { flex: 1 }, side: { width: 400 } });
