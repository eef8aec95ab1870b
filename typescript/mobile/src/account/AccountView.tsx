/** The account: who is signed in where, how it is connected, and signing out. */

import { useState } from "react";
import { ScrollView, StyleSheet, View } from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";
import type { Lane } from "../lanes/lane";
import { laneWords } from "../lanes/words";
import { Bar } from "../ui/Bar";
import { Facts } from "../ui/Facts";
import { Button, Card, Words } from "../ui/parts";
import { clockTime } from "../ui/times";
import { useObservable } from "../ui/useObservable";
import { mayOperate } from "./account";
import type { Session } from "./session";

interface AccountViewProps {
  readonly lane: Lane;
  readonly session: Session;
  readonly onSignOut: () => Promise<void>;
}

export function AccountView({ lane, session, onSignOut }: AccountViewProps) {
  const status = useObservable(lane.status);
  const { bottom } = useSafeAreaInsets();
  const [isLeaving, setLeaving] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const { account } = session;
  const leave = async () => {
    setLeaving(true);
    try {
      await onSignOut();
    } catch (thrown) {
      setError(`What is stored here could not be deleted: ${thrown}`);
      setLeaving(false);
    }
  };
  return (
    <View style={styles.page}>
      <Bar title="Account" hasBack />
      <ScrollView contentContainerStyle={[styles.content, { paddingBottom: bottom + 24 }]}>
        <Card>
          <Facts
            facts={[
              ["Organisation", account.org],
              ["Signed in as", account.subject],
              ["Server", account.ws],
              ["May send requests", mayOperate(account) ? "yes" : "no"],
            ]}
          />
        </Card>
        <Card>
          <Facts
            facts={[
              ["Connection", laneWords(status).word],
              ["Reads", lane.name === "khala" ? "live, by Khala" : "the lists, every 12 seconds"],
              ["Current as of", status.seenAt === null ? "unknown" : clockTime(status.seenAt)],
            ]}
          />
          {status.detail !== "" && <Words size="small">{status.detail}</Words>}
          <Button label="Connect now" onPress={() => lane.wake()} />
        </Card>
        {error !== null && <Words>{error}</Words>}
        <Button
          kind="danger"
          label="Sign out"
          hint="Deletes the key and the documents from this device"
          isBusy={isLeaving}
          onPress={() => void leave()}
        />
      </ScrollView>
    </View>
  );
}

const styles = StyleSheet.create({
  page: { flex: 1 },
  content: { padding: 14, gap: 14, width: "100%", maxWidth: 760, alignSelf: "center" },
});
