/** The application: signed in or not. */

import { StatusBar } from "expo-status-bar";
import { useEffect, useState } from "react";
import { ActivityIndicator, StyleSheet, View } from "react-native";
import { initialWindowMetrics, SafeAreaProvider } from "react-native-safe-area-context";
import type { Account } from "./account/account";
import { loadAccount, saveAccount } from "./account/keychain";
import { SignIn } from "./account/SignIn";
import { Main } from "./Main";
import { Notice, Words } from "./ui/parts";
import { useTheme } from "./ui/theme";

export function App() {
  const { colours } = useTheme();
  return (
    <SafeAreaProvider initialMetrics={initialWindowMetrics}>
      <StatusBar style="auto" />
      <View role="main" style={[styles.page, { backgroundColor: colours.page }]}>
        <Entrance />
      </View>
    </SafeAreaProvider>
  );
}

function Entrance() {
  const [account, setAccount] = useState<Account | null | undefined>(undefined);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    loadAccount().then(setAccount, (error: unknown) => {
      // The keychain cannot be read, as after a restore to another device: a new key helps.
      setFault(String(error));
      setAccount(null);
    });
  }, []);
  const change = async (next: Account | null) => {
    setAccount(next);
    try {
      await saveAccount(next);
      setFault(null);
    } catch (error) {
      setFault(`The account is not kept on this device: ${error}`);
    }
  };
  return (
    <>
      {fault !== null && (
        <Notice tone="bad" title="Keychain">
          <Words size="small">{fault}</Words>
        </Notice>
      )}
      {account === undefined ? (
        <ActivityIndicator style={styles.page} accessibilityLabel="Starting" />
      ) : account === null ? (
        <SignIn onSignedIn={(next) => void change(next)} />
      ) : (
        <Main account={account} onSignedOut={() => void change(null)} />
      )}
    </>
  );
}

const styles = StyleSheet.create({ page: { flex: 1 } });
