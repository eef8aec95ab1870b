/** One worker: what it is, what it does, its events, and requests to it. */

import { useEffect, useState } from "react";
import { RefreshControl, ScrollView, StyleSheet, View } from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";
import { mayOperate } from "../account/account";
import type { Session } from "../account/session";
import { Banner, ConnectionPill } from "../lanes/Connection";
import type { Lane } from "../lanes/lane";
import { useRefresh } from "../lanes/useRefresh";
import { goToList } from "../place";
import { Bar } from "../ui/Bar";
import { Centred } from "../ui/Centred";
import { Facts } from "../ui/Facts";
import { Button, Card, Pill, Words } from "../ui/parts";
import { tone, useTheme } from "../ui/theme";
import { clockTime } from "../ui/times";
import { useObservable } from "../ui/useObservable";
import { ActionPanel } from "./ActionPanel";
import { type Actions, optimistic } from "./actions";
import { EventList } from "./EventList";
import { EventFeed } from "./events";
import { Heartbeat, Lag } from "./WorkerRow";
import type { Worker } from "./worker";

interface WorkerViewProps {
  readonly id: string;
  readonly lane: Lane;
  readonly session: Session;
  readonly actions: Actions;
}

export function WorkerView({ id, lane, session, actions }: WorkerViewProps) {
  const known = useObservable(lane.workers);
  const pending = useObservable(actions.pending);
  const { colours } = useTheme();
  const { bottom, left, right } = useSafeAreaInsets();
  const [isRefreshing, refresh] = useRefresh(lane);
  const found = known?.find((each) => each.id === id);
  const feed = useFeed(session, lane, id, found?.seq ?? null);
  if (found === undefined) {
    return (
      <View style={styles.page}>
        <Bar title={id} hasBack />
        {known === null ? (
          <Centred title="Reading…" isBusy />
        ) : (
          <Centred title="There is no such worker" detail="It was removed, or is not yours.">
            <Button label="All workers" onPress={goToList} />
          </Centred>
        )}
      </View>
    );
  }
  const own = pending.filter((each) => each.worker === id);
  const worker = optimistic(found, own);
  return (
    <View style={styles.page}>
      <Bar title={worker.title} hasBack>
        <ConnectionPill lane={lane} />
      </Bar>
      <ScrollView
        testID="worker"
        keyboardShouldPersistTaps="handled"
        refreshControl={
          <RefreshControl
            refreshing={isRefreshing}
            onRefresh={refresh}
            tintColor={colours.accent}
            colors={[colours.accent]}
            progressBackgroundColor={colours.card}
          />
        }
        contentContainerStyle={[
          styles.content,
          { paddingBottom: bottom + 32, paddingLeft: left + 12, paddingRight: right + 12 },
        ]}
      >
        <Banner lane={lane} />
        <Overview worker={worker} session={session} />
        <ActionPanel
          worker={worker}
          actions={actions}
          pending={own}
          mayOperate={mayOperate(session.account)}
        />
        <EventList feed={feed} />
        <Snapshot worker={worker} />
      </ScrollView>
    </View>
  );
}

/** The feed of the worker's events, read on with each of its documents. */
function useFeed(session: Session, lane: Lane, id: string, seq: number | null): EventFeed {
  const [feed] = useState(() => new EventFeed(session, id));
  useEffect(() => {
    feed.open();
    return () => feed.close();
  }, [feed]);
  useEffect(() => {
    if (seq !== null) {
      feed.follow(seq);
    }
  }, [feed, seq]);
  useEffect(
    () =>
      lane.status.subscribe(({ state }) => {
        if (state === "live" || state === "polling") {
          feed.again();
        }
      }),
    [lane, feed],
  );
  return feed;
}

interface OverviewProps {
  readonly worker: Worker;
  readonly session: Session;
}

function Overview({ worker, session }: OverviewProps) {
  const { id, status, activity, workspace, adapter, seq, lag, updatedAt } = worker;
  return (
    <Card>
      <View style={styles.row}>
        <Pill word={status} tone={tone(status)} />
        <Heartbeat worker={worker} clock={session.clock} />
      </View>
      {activity !== "" && <Words>{activity}</Words>}
      <View style={styles.row}>
        <Words size="small" isMuted testID="seq">
          seq {seq}
        </Words>
        <Lag lag={lag} />
      </View>
      <Facts
        facts={[
          ["Worker", id],
          ["Workspace", workspace || "unknown"],
          ["Adapter", adapter || "unknown"],
          ["Last event", updatedAt === null ? "unknown" : clockTime(updatedAt)],
        ]}
      />
    </Card>
  );
}

function Snapshot({ worker }: { readonly worker: Worker }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Card>
      <Words size="heading" level={2}>
        Snapshot
      </Words>
      <Button
        label={isOpen ? "Hide the document" : "Show the document"}
        onPress={() => setOpen(!isOpen)}
      />
      {isOpen && (
        <Words size="small" isMono selectable testID="snapshot">
          {JSON.stringify(worker.snapshot, null, 2)}
        </Words>
      )}
    </Card>
  );
}

const styles = StyleSheet.create({
  page: { flex: 1 },
  content: { paddingTop: 12, gap: 12, width: "100%", maxWidth: 760, alignSelf: "center" },
  row: { flexDirection: "row", flexWrap: "wrap", alignItems: "center", columnGap: 14, rowGap: 6 },
});
