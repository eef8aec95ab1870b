/** Signing in with an API key. */

import { useState } from "react";
import { KeyboardAvoidingView, Platform, ScrollView, StyleSheet } from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";
import { BUILT_HTTP, BUILT_WS } from "../settings";
import { Field } from "../ui/Field";
import { Button, Notice, Words } from "../ui/parts";
import { type Account, readAddresses } from "./account";
import { signIn } from "./session";

export function SignIn({ onSignedIn }: { readonly onSignedIn: (account: Account) => void }) {
  const [ws, setWs] = useState(BUILT_WS);
  const [http, setHttp] = useState(BUILT_HTTP);
  const [key, setKey] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { top, bottom } = useSafeAreaInsets();
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      onSignedIn(await signIn(readAddresses(ws, http), key.trim()));
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : String(thrown));
      setBusy(false);
    }
  };
  return (
    <KeyboardAvoidingView
      behavior={Platform.OS === "ios" ? "padding" : "height"}
      style={styles.page}
    >
      <ScrollView
        keyboardShouldPersistTaps="handled"
        contentContainerStyle={[styles.form, { paddingTop: top + 40, paddingBottom: bottom + 24 }]}
      >
        <Words size="title" level={1}>
          Khala
        </Words>
        <Words isMuted>Your Codex workers, live. Sign in with an API key of your relay.</Words>
        {error !== null && (
          <Notice tone="bad" title="Not signed in" testID="sign-in-error">
            <Words size="small">{error}</Words>
          </Notice>
        )}
        <Field
          label="Address"
          value={ws}
          onChangeText={setWs}
          inputMode="url"
          placeholder="wss://khala.example.com/socket/websocket"
        />
        <Field
          label="HTTP address"
          value={http}
          onChangeText={setHttp}
          inputMode="url"
          placeholder="the same host"
          help="Only where it is another one, as under khala dev."
        />
        <Field
          label="API key"
          value={key}
          onChangeText={setKey}
          secureTextEntry
          autoComplete="off"
          onSubmitEditing={() => void submit()}
          help={
            Platform.OS === "web"
              ? "It is kept until you close this tab."
              : "It is kept in the keychain of this device."
          }
        />
        <Button
          kind="main"
          label="Sign in"
          isBusy={isBusy}
          isDisabled={ws.trim() === "" || key.trim() === ""}
          onPress={() => void submit()}
        />
        <Words size="small" isMuted>
          An operator makes a key with khala key create; its topics are
          runtime.codex_worker_summaries, runtime.run_summaries and, to send requests,
          runtime.operate.
        </Words>
      </ScrollView>
    </KeyboardAvoidingView>
  );
}

const styles = StyleSheet.create({
  page: { flex: 1 },
  form: {
    flexGrow: 1,
    gap: 16,
    paddingHorizontal: 20,
    width: "100%",
    maxWidth: 520,
    alignSelf: "center",
  },
});
