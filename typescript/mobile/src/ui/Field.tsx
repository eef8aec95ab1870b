/** A line or more of text that the user writes. */

import { useId } from "react";
import { StyleSheet, TextInput, type TextInputProps, View } from "react-native";
import { MONO, Words } from "./parts";
import { useTheme } from "./theme";

export interface FieldProps extends TextInputProps {
  readonly label: string;
  readonly help?: string;
  readonly isMono?: boolean;
}

export function Field({ label, help, isMono = false, ...input }: FieldProps) {
  const { colours, scale } = useTheme();
  const id = useId();
  return (
    <View style={styles.field}>
      <Words nativeID={id} size="small" isBold>
        {label}
      </Words>
      <TextInput
        accessibilityLabel={label}
        accessibilityLabelledBy={id}
        autoCapitalize="none"
        autoCorrect={false}
        placeholderTextColor={colours.muted}
        {...(help !== undefined && { accessibilityHint: help })}
        {...input}
        style={[
          styles.input,
          {
            color: colours.text,
            borderColor: colours.muted,
            backgroundColor: colours.card,
            fontSize: 16 * scale,
          },
          isMono && { fontFamily: MONO },
          input.multiline && styles.tall,
        ]}
      />
      {help !== undefined && (
        <Words size="small" isMuted>
          {help}
        </Words>
      )}
    </View>
  );
}

const styles = StyleSheet.create({
  field: { gap: 6 },
  input: {
    minHeight: 46,
    borderWidth: 1,
    borderRadius: 11,
    paddingHorizontal: 12,
    paddingVertical: 10,
  },
  tall: { minHeight: 92, textAlignVertical: "top" },
});
