/** The bar at the top of a view: back, title, and what stands at its end. */

import type { ReactNode } from "react";
import { Pressable, StyleSheet, View } from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";
import { goToList } from "../place";
import { Words } from "./parts";
import { useTheme } from "./theme";

interface BarProps {
  readonly title: string;
  readonly hasBack?: boolean;
  readonly children?: ReactNode;
}

export function Bar({ title, hasBack = false, children }: BarProps) {
  const { colours, isLarge, isWide } = useTheme();
  const { top, left, right } = useSafeAreaInsets();
  return (
    <View
      style={[
        styles.bar,
        {
          backgroundColor: colours.card,
          borderColor: colours.line,
          paddingTop: top + 6,
          paddingLeft: left + 12,
          paddingRight: right + 12,
        },
      ]}
    >
      {hasBack && !isWide && (
        <Pressable
          accessibilityRole="button"
          accessibilityLabel="Back to the list"
          onPress={goToList}
          hitSlop={8}
          style={({ pressed }) => [styles.back, pressed && { backgroundColor: colours.pressed }]}
        >
          <Words size="title" colour={colours.accent} style={styles.arrow}>
            ‹
          </Words>
        </Pressable>
      )}
      <Words
        level={1}
        size={hasBack ? "heading" : "title"}
        numberOfLines={isLarge ? 3 : 1}
        style={styles.title}
      >
        {title}
      </Words>
      {children}
    </View>
  );
}

const styles = StyleSheet.create({
  bar: {
    flexDirection: "row",
    flexWrap: "wrap",
    alignItems: "center",
    minHeight: 56,
    gap: 8,
    paddingBottom: 6,
    borderBottomWidth: StyleSheet.hairlineWidth,
  },
  back: {
    minWidth: 44,
    minHeight: 44,
    borderRadius: 11,
    alignItems: "center",
    justifyContent: "center",
  },
  arrow: { marginTop: -4 },
  title: { flexGrow: 1, flexShrink: 1, flexBasis: 120 },
});
