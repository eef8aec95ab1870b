/** The list of workers. */

import { useCallback, useMemo, useState } from "react";
import { FlatList, Platform, RefreshControl, StyleSheet, View } from "react-native";
import { useSafeAreaInsets } from "react-native-safe-area-context";
import type { Session } from "../account/session";
import { Banner, ConnectionPill } from "../lanes/Connection";
import type { Lane } from "../lanes/lane";
import { go, place } from "../place";
import { Bar } from "../ui/Bar";
import { Centred } from "../ui/Centred";
import { Button, Words } from "../ui/parts";
import { useTheme } from "../ui/theme";
import { useObservable } from "../ui/useObservable";
import { type Actions, optimistic } from "./actions";
import { Filters } from "./Filters";
import { WorkerRow } from "./WorkerRow";
import { type Filter, isShown, type Worker } from "./worker";

interface WorkerListProps {
  readonly lane: Lane;
  readonly session: Session;
  readonly actions: Actions;
}

const open = (id: string) => go({ view: "workers", worker: id });

export function WorkerList({ lane, session, actions }: WorkerListProps) {
  const { colours } = useTheme();
  const { bottom, left, right } = useSafeAreaInsets();
  const { filter, worker: opened } = useObservable(place);
  const known = useObservable(lane.workers);
  const pending = useObservable(actions.pending);
  const workers = useMemo(
    () => known?.map((worker) => optimistic(worker, pending)) ?? null,
    [known, pending],
  );
  const shown = useMemo(
    () => workers?.filter((worker) => isShown(worker, filter)) ?? [],
    [workers, filter],
  );
  const [isRefreshing, refresh] = useRefresh(lane);
  const { clock } = session;
  const row = useCallback(
    ({ item }: { readonly item: Worker }) => (
      <WorkerRow worker={item} clock={clock} isOpen={item.id === opened} onPress={open} />
    ),
    [clock, opened],
  );
  return (
    <View style={styles.page}>
      <Bar title="Workers">
        {Platform.OS === "web" && (
          // A browser has no gesture for it.
          <Button label="Refresh" isBusy={isRefreshing} onPress={refresh} />
        )}
        <ConnectionPill lane={lane} />
      </Bar>
      <FlatList
        testID="workers"
        accessibilityLabel="Workers"
        data={shown}
        keyExtractor={({ id }) => id}
        renderItem={row}
        ItemSeparatorComponent={Gap}
        contentContainerStyle={[
          styles.content,
          { paddingBottom: bottom + 24, paddingLeft: left + 12, paddingRight: right + 12 },
        ]}
        refreshControl={
          <RefreshControl
            refreshing={isRefreshing}
            onRefresh={refresh}
            tintColor={colours.accent}
            colors={[colours.accent]}
            progressBackgroundColor={colours.card}
          />
        }
        ListHeaderComponent={
          <View style={styles.header}>
            <Banner lane={lane} />
            <Filters workers={workers ?? []} chosen={filter} />
          </View>
        }
        ListEmptyComponent={<Nothing isKnown={workers !== null} lane={lane} filter={filter} />}
      />
    </View>
  );
}

interface NothingProps {
  readonly isKnown: boolean;
  readonly lane: Lane;
  readonly filter: Filter;
}

function Nothing({ isKnown, lane, filter }: NothingProps) {
  const { state } = useObservable(lane.status);
  const isBusy = state === "connecting" || state === "catching-up";
  if (!isKnown) {
    return isBusy ? <Centred title="Reading…" isBusy /> : <Centred title="Nothing is known yet" />;
  }
  if (filter !== "all") {
    return (
      <Centred title={`No worker is ${filter}`}>
        <Button label="Show all" onPress={() => go({ filter: "all" })} />
      </Centred>
    );
  }
  return (
    <Centred title="There are no workers" detail="Start one where khala is installed:">
      <Words isMono size="small" selectable>
        khala worker echo-1 -- cat
      </Words>
    </Centred>
  );
}

const Gap = () => <View style={styles.gap} />;

/** Whether a refresh is under way, and how to begin one. */
export function useRefresh(lane: Lane): readonly [boolean, () => void] {
  const [isRefreshing, setRefreshing] = useState(false);
  const refresh = useCallback(() => {
    setRefreshing(true);
    // It does not fail: the lane's state says what is wrong.
    void lane.refresh().finally(() => setRefreshing(false));
  }, [lane]);
  return [isRefreshing, refresh];
}

const styles = StyleSheet.create({
  page: { flex: 1 },
  content: { paddingTop: 12, flexGrow: 1 },
  header: { gap: 12, paddingBottom: 12 },
  gap: { height: 10 },
});
