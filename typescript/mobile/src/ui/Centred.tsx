/** Words in the middle of an empty place: what is missing, and what to do. */

import type { ReactNode } from "react";
import { ActivityIndicator, StyleSheet, View } from "react-native";
import { Words } from "./parts";
import { useTheme } from "./theme";

interface CentredProps {
  readonly title: string;
  readonly detail?: string;
  readonly isBusy?: boolean;
  readonly children?: ReactNode;
}

export function Centred({ title, detail, isBusy = false, children }: CentredProps) {
  const { colours } = useTheme();
  return (
    <View style={styles.centred}>
      {isBusy && <ActivityIndicator color={colours.accent} />}
      <Words size="heading" style={styles.words}>
        {title}
      </Words>
      {detail !== undefined && (
        <Words isMuted style={styles.words}>
          {detail}
        </Words>
      )}
      {children}
    </View>
  );
}

const styles = StyleSheet.create({
  centred: {
    flexGrow: 1,
    alignItems: "center",
    justifyContent: "center",
    gap: 10,
    padding: 28,
  },
  words: { textAlign: "center" },
});
